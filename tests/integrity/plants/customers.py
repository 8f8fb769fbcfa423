"""Damage to who is the same customer."""

from tests.integrity.planting import GUARDS_OFF, OFF, Plant, asks, once

PLANTS = {
    "key_drift": [
        Plant(
            "what is no phone key",
            "UPDATE {records} SET phone_key = 'none' WHERE id = {fresh}",
            "key_drift: fresh",
            drops="record_phone_key_is_e164",
        ),
        Plant(
            "the phone key of another",
            "UPDATE {records} SET phone_key = '+6281111111' WHERE id = {fresh}",
            "key_drift: fresh",
        ),
        Plant(
            "no phone key",
            "UPDATE {records} SET phone_key = NULL WHERE id IN ({pool}, {pool2})",
            "key_drift: pool pool2",
        ),
        Plant(
            "another phone key, past the triggers",
            "UPDATE {records} SET phone_key = '+6281111111' WHERE id IN ({worked}, {pool})",
            "key_drift: pool worked; history_mismatch: worked",
            OFF,
        ),
        Plant(
            "a key and no phone",
            "INSERT INTO {records} (id, database_id, row_number, customer_id, phone_key) VALUES ({new}, "
            "{handmade}, 900, 'new one', '+6281111111')",
            "key_drift: new",
        ),
        Plant(
            "a key that an old rule gave",
            "ALTER TABLE {records} ALTER customer_key DROP EXPRESSION; UPDATE {records} SET customer_key = "
            "'old ' || id WHERE id = {worked}",
            "key_drift: worked; guard_missing: SELECT '{module}.record', 0::bigint",
        ),
        Plant(
            "a reservation's phone key",
            "UPDATE {reservations} SET phone_key = '+6281111111' WHERE id = {of_tea}",
            "key_drift: of_tea",
            fits=once,
        ),
    ],
    "duplicate_customer": [
        Plant(
            "a row that came twice",
            "INSERT INTO {records} (id, database_id, row_number, customer_id) SELECT {new}, database_id, 900,"
            " upper(customer_id) FROM {records} WHERE id = (SELECT min(id) FROM {records} WHERE database_id ="
            " {handmade})",
            "duplicate_customer: new",
            drops="record_customer_once",
            waits="duplicate_customer guard_missing",
        ),
        Plant(
            "renamed to another",
            "UPDATE {records} SET customer_id = (SELECT o.customer_id FROM {records} o WHERE o.id = {pool}) "
            "WHERE id = {pool2}",
            "duplicate_customer: pool2; history_mismatch: pool2",
            GUARDS_OFF,
            drops="record_customer_once",
            waits="duplicate_customer guard_missing history_mismatch",
        ),
        Plant(
            "the later one is with somebody",
            "INSERT INTO {records} (id, database_id, row_number, customer_id, status, assignee_id, "
            "assigned_at, assigned_by_id, batch_id) SELECT {new}, database_id, 900, customer_id || ' ', "
            "'assigned', {sari}, now(), {admin}, {batch5} FROM {records} WHERE id = (SELECT max(id) FROM "
            "{records} WHERE database_id = {handmade})",
            "duplicate_customer: new",
            drops="record_customer_once",
            waits="duplicate_customer guard_missing",
        ),
        Plant(
            "many at once",
            "INSERT INTO {records} (id, database_id, row_number, customer_id) SELECT id + {new}, database_id,"
            " row_number + 900, customer_id FROM {records} WHERE database_id = {handmade} ORDER BY id",
            "duplicate_customer: SELECT '{module}.record', id FROM {records} WHERE id > {new}",
            drops="record_customer_once",
            waits="duplicate_customer guard_missing",
        ),
        Plant(
            "by a new rule for keys",
            "ALTER TABLE {records} DROP customer_key CASCADE; ALTER TABLE {records} ADD customer_key text COLLATE"
            ' "C" GENERATED ALWAYS AS (upper(customer_id)) STORED; ALTER TABLE {records} ADD CONSTRAINT'
            " {module}_record_customer_once UNIQUE (customer_key, database_id); ALTER TABLE {records} ADD CONSTRAINT"
            " {module}_record_names_a_customer CHECK (customer_key <> ''); INSERT INTO {records} (id, database_id,"
            " row_number, customer_id) SELECT {new}, database_id, 900, customer_id || U&'\\200B' FROM {records} WHERE"
            " id = (SELECT min(id) FROM {records} WHERE database_id = {handmade})",
            "duplicate_customer: new; key_drift: new; guard_missing: SELECT '{module}.record', 0::bigint",
            waits="duplicate_customer guard_missing key_drift",
        ),
        Plant(
            "past the triggers",
            "INSERT INTO {records} (id, database_id, row_number, customer_id, seal) SELECT {new}, "
            "database_id, 900, customer_id, NULL FROM {records} WHERE id = (SELECT min(id) FROM {records} "
            "WHERE database_id = {handmade})",
            "duplicate_customer: new; history_mismatch: new; database_count_mismatch: handmade; "
            "import_conservation: handmade",
            OFF,
            drops="record_customer_once",
            waits="duplicate_customer guard_missing history_mismatch",
        ),
    ],
    "double_worked": [
        Plant(
            "in another list",
            "INSERT INTO {batches} (id, database_id, staff_id) VALUES ({new}, {handmade}, {tono}); INSERT "
            "INTO {records} (id, database_id, row_number, customer_id, status, assignee_id, assigned_at, "
            "assigned_by_id, batch_id) SELECT {new}, {handmade}, 900, upper(customer_id), 'assigned', {tono},"
            " now(), {admin}, {new} FROM {records} WHERE id = {fresh}",
            "double_worked: fresh new",
            fits=once,
            waits="double_worked",
        ),
        Plant(
            "in another module",
            'INSERT INTO "memberwd_record" (id, database_id, row_number, customer_id) SELECT {new}, d.id, '
            '900, r.customer_id FROM {records} r, "memberwd_database" d WHERE r.id = {fresh} AND d.name = \'By'
            ' hand\'; INSERT INTO "memberwd_batch" (id, database_id, staff_id) SELECT {new}, id, {tono} FROM '
            "\"memberwd_database\" WHERE name = 'By hand'; UPDATE \"memberwd_record\" SET status = 'assigned', "
            "assignee_id = {tono}, assigned_at = now(), assigned_by_id = {admin}, batch_id = {new} WHERE id ="
            " {new}",
            "double_worked: fresh new_of_memberwd",
            fits=asks,
            waits="double_worked",
        ),
        Plant(
            "renamed",
            "UPDATE {records} SET customer_id = (SELECT upper(o.customer_id) FROM {records} o WHERE o.id = "
            "{elsewhere}) WHERE id = {tonos}",
            "double_worked: elsewhere tonos; history_mismatch: tonos",
            GUARDS_OFF,
            fits=once,
        ),
        Plant(
            "given to two",
            "INSERT INTO {batches} (id, database_id, staff_id) VALUES ({new}, {database}, {tono}), ({new} + "
            "1, {database}, {budi}); INSERT INTO {records} (id, database_id, row_number, customer_id, status,"
            " assignee_id, assigned_at, assigned_by_id, batch_id) SELECT {new} + n, {database}, 900 + n, "
            "upper(r.customer_id), 'assigned', b.staff_id, now(), {admin}, b.id FROM {records} r, "
            "generate_series(0, 1) n JOIN {batches} b ON b.id = {new} + n WHERE r.id = {fresh}",
            "double_worked: fresh new new2; duplicate_customer: new new2; import_conservation: database",
            drops="record_customer_once",
            fits=once,
            waits="double_worked duplicate_customer guard_missing import_conservation",
        ),
        Plant(
            "handed out from a list of the same customers",
            "INSERT INTO {records} (id, database_id, row_number, customer_id) SELECT {new}, {handmade}, 900, "
            "customer_id FROM {records} WHERE id = {third}; INSERT INTO {batches} (id, database_id, staff_id)"
            " VALUES ({new}, {handmade}, {dewi}); UPDATE {records} SET status = 'assigned', assignee_id = "
            "{dewi}, assigned_at = now(), assigned_by_id = {admin}, batch_id = {new} WHERE id = {new}",
            "double_worked: new third",
            fits=once,
            waits="double_worked",
        ),
    ],
}
