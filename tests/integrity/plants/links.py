"""Damage to what refers to what."""

from tests.integrity.planting import OFF, Plant, asks, once, validates

PLANTS = {
    "missing_reference": [
        Plant(
            "a staff member that there never was",
            "UPDATE {records} SET assignee_id = 999999 WHERE id = {fresh}",
            "missing_reference: fresh; batch_owner_mismatch: fresh",
            drops="fk:assignee_id record_in_own_batch",
        ),
        Plant(
            "a reservation that there never was",
            "UPDATE {records} SET reservation_id = 999999 WHERE id IN ({conflict}, {reserved})",
            "missing_reference: conflict reserved; stale_reserved: reserved; stale_conflict: conflict; "
            "conflict_log_mismatch: conflict",
            drops="fk:reservation_id",
        ),
        Plant(
            "a batch that is gone",
            "DELETE FROM {batches} WHERE id = {batch3}",
            "missing_reference: third third2; history_mismatch: batch3",
            OFF,
        ),
        Plant(
            "a list that is gone",
            "DELETE FROM {databases} WHERE id = {handmade}",
            "missing_reference: batch5 by_hand by_hand2 by_hand3 by_hand4; history_mismatch: handmade",
            OFF,
        ),
        Plant(
            "whoever assigned it, past the triggers",
            "UPDATE {records} SET assigned_by_id = 999999 WHERE batch_id = {batch3}",
            "missing_reference: third third2; history_mismatch: third third2",
            OFF,
        ),
        Plant(
            "the one that it replaces is gone",
            "DELETE FROM {records} WHERE id = {replaced}",
            "missing_reference: replacement; history_mismatch: replaced; replacement_broken: replacement; "
            "batch_count_mismatch: batch; batch_conservation: batch; database_count_mismatch: database; "
            "import_conservation: database",
            OFF,
            fits=validates,
        ),
        Plant(
            "whoever answered a request",
            "UPDATE {requests} SET decided_by_id = 999999 WHERE id = {approved}",
            "missing_reference: approved",
            drops="fk:{module}_request.decided_by_id",
            fits=asks,
        ),
        Plant(
            "the product of a reservation",
            "UPDATE {reservations} SET product_id = 999999 WHERE id = {active}",
            "missing_reference: active; history_mismatch: active",
            OFF,
            fits=once,
        ),
        Plant(
            "whoever decided about a reservation",
            "UPDATE {reservations} SET decided_by_id = 999999 WHERE id = {active}",
            "missing_reference: active",
            drops="fk:reservations_reservation.decided_by_id",
            fits=once,
        ),
        Plant(
            "a reservation of a product that there never was",
            "INSERT INTO {reservations} (id, product_id, staff_id, customer_id, status) VALUES ({new}, "
            "999999, {dewi}, 'brand new', 'active')",
            "missing_reference: new_reservation",
            drops="fk:reservations_reservation.product_id",
            fits=once,
            waits="guard_missing missing_reference",
        ),
    ],
    "batch_owner_mismatch": [
        Plant(
            "somebody else",
            "UPDATE {records} SET assignee_id = {tono} WHERE id = {fresh}",
            "batch_owner_mismatch: fresh",
            drops="record_in_own_batch",
        ),
        Plant(
            "another batch, past the triggers",
            "UPDATE {records} SET batch_id = {batch_of_tono} WHERE id IN ({worked}, {third})",
            "batch_owner_mismatch: third worked; history_mismatch: third worked; batch_count_mismatch: batch "
            "batch3 batch_of_tono; batch_conservation: batch batch3 batch_of_tono",
            OFF,
        ),
        Plant(
            "a batch of another list",
            "UPDATE {records} SET batch_id = {batch_elsewhere} WHERE id = {third}",
            "batch_owner_mismatch: third",
            drops="record_in_own_batch",
        ),
        Plant(
            "the batch has another owner",
            "UPDATE {batches} SET staff_id = {tono} WHERE id = {batch3}",
            "batch_owner_mismatch: third third2; history_mismatch: batch3",
            OFF,
        ),
        Plant(
            "all of a batch",
            "UPDATE {records} SET assignee_id = {dewi} WHERE batch_id = {batch3}",
            "batch_owner_mismatch: third third2",
            drops="record_in_own_batch",
        ),
        Plant(
            "another list, past the triggers",
            "UPDATE {records} SET database_id = {other}, row_number = 901 WHERE id = {fresh}",
            "batch_owner_mismatch: fresh; history_mismatch: fresh; database_count_mismatch: database other; "
            "import_conservation: database other",
            OFF,
        ),
    ],
    "replacement_broken": [
        Plant(
            "of one that is not archived",
            "UPDATE {records} SET replaces_id = {fresh} WHERE id = {replacement}",
            "replacement_broken: replacement",
            fits=validates,
        ),
        Plant(
            "the replaced one is back with its staff member",
            "UPDATE {records} SET status = 'assigned', archived_at = NULL, archived_by_id = NULL, "
            "archive_reason = '' WHERE id = {replaced}",
            "replacement_broken: replacement",
            fits=validates,
        ),
        Plant(
            "the replaced one is in another batch",
            "UPDATE {records} SET batch_id = {batch3} WHERE id = {replaced}",
            "replacement_broken: replacement; history_mismatch: replaced; batch_count_mismatch: batch batch3;"
            " batch_conservation: batch batch3",
            OFF,
            fits=validates,
        ),
        Plant(
            "replaced twice",
            "UPDATE {records} SET replaces_id = {replaced} WHERE id IN ({fresh})",
            "replacement_broken: fresh replacement",
            drops="record_replaced_once",
            fits=validates,
        ),
        Plant(
            "replaced twice, past the triggers",
            "UPDATE {records} SET replaces_id = {replaced} WHERE id IN ({fresh}, {worked})",
            "replacement_broken: fresh worked replacement; history_mismatch: fresh worked",
            OFF,
            drops="record_replaced_once",
            fits=validates,
        ),
        Plant(
            "replaces itself",
            "UPDATE {records} SET replaces_id = id WHERE id = {fresh}",
            "replacement_broken: fresh; rule_broken: fresh",
            drops="record_replaces_another",
        ),
    ],
    "assignee_not_working": [
        Plant(
            "deactivated by hand",
            "UPDATE accounts_user SET is_active = false, deactivated_at = now() WHERE id = {sari}",
            "assignee_not_working: SELECT 'records.record', id FROM records_record WHERE assignee_id = {sari}"
            " AND status = 'assigned' UNION ALL SELECT 'bonanza.record', id FROM bonanza_record WHERE "
            "assignee_id = {sari} AND status = 'assigned' UNION ALL SELECT 'memberwd.record', id FROM "
            "memberwd_record WHERE assignee_id = {sari} AND status = 'assigned'; "
            "reservation_owner_not_working: pending",
            waits="assignee_not_working reservation_owner_not_working",
        ),
        Plant(
            "became an admin",
            "UPDATE accounts_user SET role = 'admin' WHERE id = {tono}",
            "assignee_not_working: SELECT 'records.record', id FROM records_record WHERE assignee_id = {tono}"
            " AND status = 'assigned' UNION ALL SELECT 'bonanza.record', id FROM bonanza_record WHERE "
            "assignee_id = {tono} AND status = 'assigned' UNION ALL SELECT 'memberwd.record', id FROM "
            "memberwd_record WHERE assignee_id = {tono} AND status = 'assigned'; "
            "reservation_owner_not_working: SELECT 'reservations.reservation', id FROM {reservations} WHERE "
            "staff_id = {tono} AND status IN ('pending', 'active')",
            waits="assignee_not_working reservation_owner_not_working",
        ),
        Plant(
            "given to an admin",
            "INSERT INTO {batches} (id, database_id, staff_id) VALUES ({new}, {database}, {admin}); UPDATE "
            "{records} SET assignee_id = {admin}, batch_id = {new} WHERE id IN ({fresh}, {third})",
            "assignee_not_working: fresh third",
            waits="assignee_not_working",
        ),
        Plant(
            "from the pool to somebody who left",
            "UPDATE accounts_user SET is_active = false, deactivated_at = now() WHERE id = {budi}; INSERT "
            "INTO {batches} (id, database_id, staff_id) VALUES ({new}, {database}, {budi}); UPDATE {records} "
            "SET status = 'assigned', assignee_id = {budi}, batch_id = {new}, assigned_at = now(), "
            "assigned_by_id = {admin} WHERE id = {pool}",
            "assignee_not_working: pool",
            waits="assignee_not_working",
        ),
        Plant(
            "a row that came so",
            "INSERT INTO {batches} (id, database_id, staff_id) VALUES ({new}, {handmade}, {owner}); INSERT "
            "INTO {records} (id, database_id, row_number, customer_id, status, assignee_id, assigned_at, "
            "assigned_by_id, batch_id) VALUES ({new}, {handmade}, 900, 'new one', 'assigned', {owner}, now(),"
            " {owner}, {new})",
            "assignee_not_working: new",
            waits="assignee_not_working",
        ),
    ],
}
