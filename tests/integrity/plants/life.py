"""Damage to a record's life."""

from tests.integrity.planting import OFF, Plant, asks, once, validates

PLANTS = {
    "legacy_invalid_status": [
        Plant(
            "to do",
            "UPDATE {records} SET status = 'invalid' WHERE id = {fresh}",
            "legacy_invalid_status: fresh",
        ),
        Plant(
            "worked, past the triggers",
            "UPDATE {records} SET status = 'invalid' WHERE id = {worked}",
            "legacy_invalid_status: worked; history_mismatch: worked; batch_count_mismatch: batch; "
            "database_count_mismatch: database",
            OFF,
        ),
        Plant(
            "as the earlier CRM wrote a conflict",
            "UPDATE {records} SET status = 'invalid', is_reservation_conflict = false, reservation_id = NULL "
            "WHERE id = {conflict}",
            "legacy_invalid_status: conflict",
        ),
        Plant(
            "never handed out",
            "UPDATE {records} SET status = 'invalid' WHERE id IN ({pool}, {pool2})",
            "legacy_invalid_status: pool pool2",
        ),
        Plant(
            "all of a batch",
            "UPDATE {records} SET status = 'invalid' WHERE batch_id = {batch3} AND status = 'assigned'",
            "legacy_invalid_status: third third2",
        ),
        Plant(
            "imported so",
            "INSERT INTO {records} (id, database_id, row_number, customer_id, status) VALUES ({new}, "
            "{handmade}, 900, 'new one', 'invalid')",
            "legacy_invalid_status: new",
        ),
        Plant(
            "imported so, with somebody",
            "INSERT INTO {records} (id, database_id, row_number, customer_id, status, assignee_id, "
            "assigned_at, assigned_by_id, batch_id) VALUES ({new}, {handmade}, 900, 'new one', 'invalid', "
            "{sari}, now(), {admin}, {batch5})",
            "legacy_invalid_status: new",
        ),
    ],
    "unknown_status": [
        Plant(
            "to do",
            "UPDATE {records} SET status = 'lost' WHERE id = {fresh}",
            "unknown_status: fresh",
            drops="record_status_known database_every_record_has_a_status batch_received_is_here_or_left",
        ),
        Plant(
            "in the pool, past the triggers",
            "UPDATE {records} SET status = 'free' WHERE id = {pool}",
            "unknown_status: pool; history_mismatch: pool; database_count_mismatch: database",
            OFF,
            drops="record_status_known",
        ),
        Plant(
            "another spelling",
            "UPDATE {records} SET status = 'Assigned' WHERE id IN ({worked}, {third})",
            "unknown_status: third worked",
            drops="record_status_known database_every_record_has_a_status batch_received_is_here_or_left",
        ),
        Plant(
            "empty",
            "UPDATE {records} SET status = '' WHERE id = {recalled}",
            "unknown_status: recalled",
            drops="record_status_known database_every_record_has_a_status",
        ),
        Plant(
            "none",
            "UPDATE {records} SET status = NULL WHERE id = {tonos}",
            "unknown_status: tonos; history_mismatch: tonos; batch_count_mismatch: batch_of_tono; "
            "database_count_mismatch: database",
            OFF,
            drops="null:status",
        ),
        Plant(
            "all of a batch",
            "UPDATE {records} SET status = '?' WHERE batch_id = {batch3}",
            "unknown_status: third third2",
            drops="record_status_known database_every_record_has_a_status batch_received_is_here_or_left",
        ),
        Plant(
            "a row that came so",
            "INSERT INTO {records} (id, database_id, row_number, customer_id, status) VALUES ({new}, "
            "{handmade}, 900, 'new one', 'new')",
            "unknown_status: new",
            drops="record_status_known database_every_record_has_a_status",
        ),
    ],
    "orphaned_assignment": [
        Plant(
            "no staff member",
            "UPDATE {records} SET assignee_id = NULL WHERE id = {fresh}",
            "orphaned_assignment: fresh; rule_broken: fresh",
            drops="record_assigned_to_somebody record_batch_of_somebody",
        ),
        Plant(
            "no batch",
            "UPDATE {records} SET batch_id = NULL WHERE id = {worked}",
            "orphaned_assignment: worked",
            drops="record_assigned_to_somebody",
        ),
        Plant(
            "no time, and nobody who did it, past the triggers",
            "UPDATE {records} SET assigned_at = NULL, assigned_by_id = NULL WHERE id = {third}",
            "orphaned_assignment: third; history_mismatch: third",
            OFF,
            drops="record_assigned_to_somebody",
        ),
        Plant(
            "nothing at all",
            "UPDATE {records} SET assignee_id = NULL, batch_id = NULL, assigned_at = NULL, assigned_by_id = "
            "NULL WHERE id IN ({third}, {third2})",
            "orphaned_assignment: third third2",
            drops="record_assigned_to_somebody",
        ),
        Plant(
            "from the pool",
            "UPDATE {records} SET status = 'assigned' WHERE id = {pool}",
            "orphaned_assignment: pool",
            drops="record_assigned_to_somebody",
        ),
        Plant(
            "archived, and nobody's",
            "UPDATE {records} SET assignee_id = NULL WHERE id = {archived}",
            "orphaned_assignment: archived; rule_broken: archived",
            drops="record_assigned_to_somebody record_batch_of_somebody record_archived_with_reason",
            fits=validates,
        ),
        Plant(
            "a row that came so",
            "INSERT INTO {records} (id, database_id, row_number, customer_id, status, batch_id) VALUES "
            "({new}, {handmade}, 900, 'new one', 'assigned', {batch5})",
            "orphaned_assignment: new; rule_broken: new",
            drops="record_assigned_to_somebody record_batch_of_somebody",
        ),
    ],
    "unassigned_leftovers": [
        Plant(
            "taken back by hand",
            "UPDATE {records} SET status = 'available' WHERE id = {fresh}",
            "unassigned_leftovers: fresh",
            drops="record_with_nobody_is_clean batch_received_is_here_or_left",
        ),
        Plant(
            "a note",
            "UPDATE {records} SET note = 'x', worked_at = now() WHERE id = {recalled}",
            "unassigned_leftovers: recalled",
            drops="record_with_nobody_is_clean",
        ),
        Plant(
            "a staff member, past the triggers",
            "UPDATE {records} SET assignee_id = {sari} WHERE id = {pool}",
            "unassigned_leftovers: pool; history_mismatch: pool",
            OFF,
            drops="record_with_nobody_is_clean",
        ),
        Plant(
            "of several",
            "UPDATE {records} SET reach = 'reachable', worked_at = now() WHERE id IN ({pool}, {reserved})",
            "unassigned_leftovers: pool reserved",
            drops="record_with_nobody_is_clean",
        ),
        Plant(
            "a validation",
            "UPDATE {records} SET validation = 'valid', validated_at = now(), validated_by_id = {sari}, "
            "worked_at = now() WHERE id = {recalled}",
            "unassigned_leftovers: recalled; validation_leftover: recalled",
            drops="record_with_nobody_is_clean record_validated_by_somebody",
        ),
        Plant(
            "a row that came so",
            "INSERT INTO {records} (id, database_id, row_number, customer_id, assigned_at) VALUES ({new}, "
            "{handmade}, 900, 'new one', now())",
            "unassigned_leftovers: new; history_mismatch: new",
            drops="record_with_nobody_is_clean",
        ),
    ],
    "conflict_on_unassigned": [
        Plant(
            "in the pool",
            "UPDATE {records} SET is_reservation_conflict = true, reservation_id = {active}, invalid_reason ="
            " 'Reserved by dewi' WHERE id = {pool}",
            "conflict_on_unassigned: pool; history_mismatch: pool; unassigned_leftovers: pool; "
            "stale_conflict: pool; conflict_log_mismatch: pool; database_count_mismatch: database",
            OFF,
            drops="record_conflict_on_assigned record_with_nobody_is_clean",
        ),
        Plant(
            "back in the pool with the flag",
            "UPDATE {records} SET status = 'available' WHERE id = {conflict}",
            "conflict_on_unassigned: conflict; unassigned_leftovers: conflict; missing_reserved: conflict",
            drops="record_conflict_on_assigned record_with_nobody_is_clean batch_received_is_here_or_left",
        ),
        Plant(
            "reserved and flagged, past the triggers",
            "UPDATE {records} SET is_reservation_conflict = true WHERE id IN ({reserved}, {by_phone})",
            "conflict_on_unassigned: by_phone reserved; history_mismatch: by_phone reserved; "
            "unassigned_leftovers: by_phone reserved; stale_conflict: by_phone reserved; "
            "conflict_reason_stale: by_phone reserved; conflict_log_mismatch: by_phone reserved; "
            "database_count_mismatch: database",
            OFF,
            drops="record_conflict_on_assigned",
        ),
        Plant(
            "archived with the flag",
            "UPDATE {records} SET is_reservation_conflict = true, reservation_id = {active}, invalid_reason ="
            " 'Reserved by dewi' WHERE id = {archived}",
            "conflict_on_unassigned: archived; stale_conflict: archived",
            drops="record_conflict_on_assigned",
            fits=validates,
        ),
        Plant(
            "held for a request, and flagged",
            "UPDATE {records} SET is_reservation_conflict = true WHERE id IN ({held}, {held2})",
            "conflict_on_unassigned: held held2; unassigned_leftovers: held held2; stale_conflict: held "
            "held2; conflict_log_mismatch: held held2",
            drops="record_conflict_on_assigned record_names_its_reservation",
            fits=asks,
        ),
        Plant(
            "a row that came so",
            "INSERT INTO {records} (id, database_id, row_number, customer_id, is_reservation_conflict, "
            "reservation_id, invalid_reason) VALUES ({new}, {handmade}, 900, 'new one', true, {active}, "
            "'Reserved by dewi')",
            "conflict_on_unassigned: new; history_mismatch: new; unassigned_leftovers: new; stale_conflict: "
            "new; conflict_log_mismatch: new",
            drops="record_conflict_on_assigned record_with_nobody_is_clean",
        ),
    ],
    "validation_leftover": [
        Plant(
            "in the pool",
            "UPDATE {records} SET validation = 'valid', validated_at = now(), validated_by_id = {sari}, "
            "worked_at = now() WHERE id = {pool}",
            "validation_leftover: pool; unassigned_leftovers: pool",
            drops="record_validated_by_somebody record_with_nobody_is_clean",
        ),
        Plant(
            "invalid without a reason",
            "UPDATE {records} SET validation_reason = '' WHERE id = {invalid}",
            "validation_leftover: invalid",
            drops="record_invalid_with_reason",
            fits=validates,
        ),
        Plant(
            "valid, nobody knows since when",
            "UPDATE {records} SET validated_at = NULL WHERE id = {valid}",
            "validation_leftover: valid",
            drops="record_validated_by_somebody",
            fits=validates,
        ),
        Plant(
            "by nobody, past the triggers",
            "UPDATE {records} SET validated_by_id = NULL WHERE id IN ({invalid}, {archived})",
            "validation_leftover: archived invalid; history_mismatch: archived invalid",
            OFF,
            drops="record_validated_by_somebody",
            fits=validates,
        ),
        Plant(
            "neither valid nor invalid",
            "UPDATE {records} SET validation = 'maybe', validated_at = now(), validated_by_id = {sari}, "
            "worked_at = now() WHERE id = {third}",
            "validation_leftover: third",
            drops="record_validated_by_somebody",
        ),
        Plant(
            "a reason and nothing else",
            "UPDATE {records} SET validation_reason = 'wrong number' WHERE id IN ({fresh}, {third})",
            "validation_leftover: fresh third",
            drops="record_validated_by_somebody",
        ),
        Plant(
            "a row that came so",
            "INSERT INTO {records} (id, database_id, row_number, customer_id, status, assignee_id, "
            "assigned_at, assigned_by_id, batch_id, validation_reason) VALUES ({new}, {handmade}, 900, 'new "
            "one', 'assigned', {sari}, now(), {admin}, {batch5}, 'x')",
            "validation_leftover: new",
            drops="record_validated_by_somebody",
        ),
    ],
    "rule_broken": [
        Plant(
            "an outcome that is none",
            "UPDATE {records} SET reach = 'maybe' WHERE id = {worked}",
            "rule_broken: worked",
            drops="record_outcome_known",
        ),
        Plant(
            "a response without its time, past the triggers",
            "UPDATE {records} SET responded_at = NULL WHERE id = {worked}",
            "rule_broken: worked; history_mismatch: worked",
            OFF,
            drops="record_response_has_time",
        ),
        Plant(
            "noted at no time",
            "UPDATE {records} SET worked_at = NULL WHERE id = {worked}",
            "rule_broken: worked",
            drops="record_outcome_has_time",
        ),
        Plant(
            "never to be drawn",
            "UPDATE {records} SET lottery = -1 WHERE id IN ({pool}, {recalled})",
            "rule_broken: pool recalled",
            drops="record_lottery_is_a_number",
        ),
        Plant(
            "kept, and nobody says why",
            "UPDATE {records} SET kept_note = '' WHERE id = {kept}",
            "rule_broken: kept; kept_despite_broken: kept",
            drops="record_kept_with_note",
        ),
        Plant(
            "archived without a reason",
            "UPDATE {records} SET archive_reason = '' WHERE id = {archived}",
            "rule_broken: archived",
            drops="record_archived_with_reason",
            fits=validates,
        ),
        Plant(
            "a list without a name",
            "UPDATE {databases} SET name = '' WHERE id = {database}",
            "rule_broken: database",
            drops="database_has_name",
        ),
        Plant(
            "a reservation in a state that is none",
            "UPDATE {reservations} SET status = 'odd' WHERE id = {active}",
            "rule_broken: active",
            drops="reservation_status_known",
            fits=once,
        ),
        Plant(
            "an empty name",
            "UPDATE {records} SET customer_name = NULL WHERE id = {fresh}",
            "rule_broken: fresh; history_mismatch: fresh",
            OFF,
            drops="null:customer_name",
        ),
        Plant(
            "a list that never had a name",
            "INSERT INTO {databases} (id, product_id, name) VALUES ({new}, {product}, '')",
            "rule_broken: new_list",
            drops="database_has_name",
            waits="guard_missing rule_broken",
        ),
    ],
}
