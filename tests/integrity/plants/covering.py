"""Damage to what reservations do to records."""

from tests.integrity.planting import GUARDS_OFF, OFF, Plant

PLANTS = {
    "missing_reserved": [
        Plant(
            "set free",
            "UPDATE {records} SET status = 'available', reservation_id = NULL WHERE id = {reserved}",
            "missing_reserved: reserved",
        ),
        Plant(
            "set free past the triggers",
            "UPDATE {records} SET status = 'available', reservation_id = NULL WHERE id IN ({reserved}, {by_phone})",
            "missing_reserved: by_phone reserved; history_mismatch: by_phone reserved; "
            "database_count_mismatch: database",
            OFF,
        ),
        Plant(
            "reserved past the services",
            "INSERT INTO {reservations} (product_id, staff_id, customer_id, status) SELECT {product}, {dewi},"
            " customer_id, 'active' FROM {records} WHERE id = {pool}",
            "missing_reserved: pool",
        ),
        Plant(
            "reserved by the phone past the services",
            "INSERT INTO {reservations} (product_id, staff_id, customer_id, status, phone, phone_key) SELECT "
            "{product}, {dewi}, 'new {module}', 'active', phone, phone_key FROM {records} WHERE id = {pool}",
            "missing_reserved: pool",
        ),
        Plant(
            "a row that came after its reservation",
            "INSERT INTO {records} (id, database_id, row_number, customer_id) VALUES ({new}, {handmade}, 900,"
            " ' ALONE')",
            "missing_reserved: new",
        ),
        Plant(
            "its names changed",
            "UPDATE {records} SET customer_id = 'Alone' WHERE id = {pool}",
            "missing_reserved: pool; history_mismatch: pool",
            GUARDS_OFF,
            waits="history_mismatch",
        ),
    ],
    "stale_reserved": [
        Plant(
            "its reservation was ended by hand",
            "UPDATE {reservations} SET status = 'released' WHERE id = {reservation_of_reserved}",
            "stale_reserved: reserved",
        ),
        Plant(
            "it names another",
            "UPDATE {records} SET reservation_id = {active} WHERE id IN ({reserved}, {by_phone})",
            "stale_reserved: by_phone reserved",
        ),
        Plant(
            "nobody has reserved it",
            "UPDATE {records} SET status = 'reserved', reservation_id = {active} WHERE id = {pool}",
            "stale_reserved: pool",
        ),
        Plant(
            "it names none",
            "UPDATE {records} SET reservation_id = NULL WHERE id = {reserved}",
            "stale_reserved: reserved",
            drops="record_names_its_reservation",
        ),
        Plant(
            "with somebody, and it names one",
            "UPDATE {records} SET reservation_id = {active} WHERE id = {fresh}",
            "stale_reserved: fresh",
            drops="record_names_its_reservation",
        ),
        Plant(
            "past the triggers",
            "UPDATE {records} SET status = 'reserved', reservation_id = {active} WHERE id IN ({pool}, {recalled})",
            "stale_reserved: pool recalled; history_mismatch: pool recalled; database_count_mismatch: database",
            OFF,
        ),
    ],
    "missing_conflict": [
        Plant(
            "the flag was cleared",
            "UPDATE {records} SET is_reservation_conflict = false, reservation_id = NULL, invalid_reason = ''"
            " WHERE id = {conflict}",
            "missing_conflict: conflict",
        ),
        Plant(
            "the flag was cleared past the triggers",
            "UPDATE {records} SET is_reservation_conflict = false, reservation_id = NULL, invalid_reason = ''"
            " WHERE is_reservation_conflict",
            "missing_conflict: both conflict; history_mismatch: both conflict; conflict_log_mismatch: both "
            "conflict; database_count_mismatch: database",
            OFF,
        ),
        Plant(
            "reserved past the services",
            "INSERT INTO {reservations} (product_id, staff_id, customer_id, status) SELECT {product}, {dewi},"
            " upper(customer_id), 'active' FROM {records} WHERE id = {fresh}",
            "missing_conflict: fresh",
        ),
        Plant(
            "the phone reserved past the services",
            "INSERT INTO {reservations} (product_id, staff_id, customer_id, status, phone, phone_key) SELECT "
            "{product}, {dewi}, 'new {module}', 'active', phone, phone_key FROM {records} WHERE id = {worked}",
            "missing_conflict: worked",
        ),
        Plant(
            "kept no more",
            "UPDATE {records} SET kept_despite = '{{}}', kept_note = '' WHERE id = {kept}",
            "missing_conflict: kept",
        ),
        Plant(
            "handed out in spite of it",
            "UPDATE {records} SET status = 'assigned', reservation_id = NULL, assignee_id = {sari}, batch_id "
            "= {batch}, assigned_at = now(), assigned_by_id = {admin} WHERE id = {reserved}",
            "missing_conflict: reserved",
        ),
    ],
    "stale_conflict": [
        Plant(
            "its reservation was ended by hand",
            "UPDATE {reservations} SET status = 'released' WHERE id = {reservation_of_conflict}",
            "stale_conflict: conflict",
        ),
        Plant(
            "it names another",
            "UPDATE {records} SET reservation_id = {active} WHERE id = {conflict}",
            "stale_conflict: conflict",
        ),
        Plant(
            "flagged for nothing",
            "UPDATE {records} SET is_reservation_conflict = true, reservation_id = {active}, invalid_reason ="
            " 'Reserved by dewi' WHERE id = {fresh}",
            "stale_conflict: fresh",
        ),
        Plant(
            "a reason is left",
            "UPDATE {records} SET invalid_reason = 'Reserved by dewi' WHERE id = {fresh}",
            "stale_conflict: fresh",
        ),
        Plant(
            "past the triggers",
            "UPDATE {records} SET is_reservation_conflict = true, reservation_id = {active}, invalid_reason ="
            " 'Reserved by dewi' WHERE id IN ({fresh}, {worked})",
            "stale_conflict: fresh worked; history_mismatch: fresh worked; conflict_log_mismatch: fresh "
            "worked; database_count_mismatch: database",
            OFF,
        ),
    ],
    "conflict_reason_stale": [
        Plant(
            "another owner",
            "UPDATE {records} SET invalid_reason = 'Reserved by tono' WHERE id IN ({conflict}, {both})",
            "conflict_reason_stale: conflict both",
        ),
        Plant(
            "the owner is called otherwise today",
            "UPDATE accounts_user SET username = 'dewi.s' WHERE id = {dewi}",
            "conflict_reason_stale:"
            " SELECT 'records.record', id FROM records_record WHERE invalid_reason = 'Reserved by dewi'"
            " UNION ALL SELECT 'bonanza.record', id FROM bonanza_record WHERE invalid_reason = 'Reserved by dewi'"
            " UNION ALL SELECT 'memberwd.record', id FROM memberwd_record WHERE invalid_reason = 'Reserved by dewi';"
            " history_mismatch: dewi",
            OFF,
            alone=True,
        ),
        Plant(
            "nothing but spaces",
            "UPDATE {records} SET invalid_reason = ' ' WHERE id = {conflict}",
            "conflict_reason_stale: conflict",
        ),
        Plant(
            "past the triggers",
            "UPDATE {records} SET invalid_reason = 'X' WHERE id = {both}",
            "conflict_reason_stale: both; history_mismatch: both",
            OFF,
        ),
        Plant(
            "the reservation has another owner",
            "UPDATE {reservations} SET staff_id = {budi} WHERE id = {reservation_of_conflict}",
            "conflict_reason_stale: conflict; conflict_log_mismatch: log_of_conflict",
        ),
    ],
    "kept_despite_broken": [
        Plant(
            "in spite of what does not cover it",
            "UPDATE {records} SET kept_despite = kept_despite || {active}::bigint WHERE id = {kept}",
            "kept_despite_broken: kept",
        ),
        Plant(
            "in spite of one that has ended",
            "UPDATE {reservations} SET status = 'released' WHERE id = {reservation_of_kept}",
            "kept_despite_broken: kept",
        ),
        Plant(
            "in spite of one that there never was",
            "UPDATE {records} SET kept_despite = '{{999999}}' WHERE id = {kept}",
            "kept_despite_broken: kept; history_mismatch: kept; missing_conflict: kept",
            OFF,
        ),
        Plant(
            "in spite of its own staff member's",
            "UPDATE {reservations} SET staff_id = {sari} WHERE id = {reservation_of_kept}",
            "kept_despite_broken: kept",
        ),
        Plant(
            "and nobody says why",
            "UPDATE {records} SET kept_note = '' WHERE id = {kept}",
            "kept_despite_broken: kept; rule_broken: kept",
            drops="record_kept_with_note",
        ),
        Plant(
            "a note, and nothing in spite of which",
            "UPDATE {records} SET kept_note = 'x' WHERE id = {fresh}",
            "kept_despite_broken: fresh; rule_broken: fresh",
            drops="record_kept_with_note",
        ),
    ],
    "conflict_log_mismatch": [
        Plant(
            "of a module that there is not",
            "UPDATE {conflicts} SET module = 'no {module}' WHERE id = {log_of_conflict}",
            "conflict_log_mismatch: log_of_conflict conflict",
            GUARDS_OFF,
            waits="conflict_log_mismatch",
        ),
        Plant(
            "torn out",
            "DELETE FROM {conflicts} WHERE id = {log_of_conflict}",
            "conflict_log_mismatch: conflict",
            GUARDS_OFF,
        ),
        Plant(
            "a conflict that there was not",
            "INSERT INTO {conflicts} (module, record_id, database_id, product_id, customer_id, staff_id, "
            "reservation_id, reserved_by_id) VALUES ('{module}', {fresh}, {database}, {product}, 'x', {sari},"
            " {active}, {dewi})",
            "conflict_log_mismatch: fresh",
            GUARDS_OFF,
        ),
        Plant(
            "closed",
            "UPDATE {conflicts} SET closed_at = now(), resolution = 'by hand' WHERE id IN ({log_of_conflict},"
            " {log_of_both})",
            "conflict_log_mismatch: both conflict",
            GUARDS_OFF,
        ),
        Plant(
            "another holder",
            "UPDATE {conflicts} SET staff_id = {tono} WHERE id = {log_of_both}",
            "conflict_log_mismatch: log_of_both",
            OFF,
        ),
        Plant(
            "another owner",
            "UPDATE {conflicts} SET reserved_by_id = {budi} WHERE id = {log_of_both}",
            "conflict_log_mismatch: log_of_both",
            GUARDS_OFF,
        ),
        Plant(
            "of a record that is gone",
            "INSERT INTO {conflicts} (module, record_id, database_id, product_id, customer_id, staff_id, "
            "reservation_id, reserved_by_id) VALUES ('{module}', {new}, {database}, {product}, 'x', {sari}, "
            "{active}, {dewi})",
            "conflict_log_mismatch: new",
            OFF,
        ),
    ],
}
