"""Damage to the books."""

from tests.integrity.planting import GUARDS_OFF, OFF, Plant

PLANTS = {
    "batch_count_mismatch": [
        Plant(
            "says nothing at all",
            "UPDATE {batches} SET current_count = NULL WHERE id = {batch3}",
            "batch_count_mismatch: batch3; rule_broken: batch3; history_mismatch: batch3",
            OFF,
            drops="null:{module}_batch.current_count",
        ),
        Plant(
            "one too many",
            "UPDATE {batches} SET current_count = current_count + 1 WHERE id = {batch3}",
            "batch_count_mismatch: batch3",
            GUARDS_OFF,
            drops="batch_received_is_here_or_left",
        ),
        Plant(
            "archived instead of current",
            "UPDATE {batches} SET current_count = current_count - 1, archived_count = archived_count + 1 "
            "WHERE id = {batch}",
            "batch_count_mismatch: batch",
            GUARDS_OFF,
        ),
        Plant(
            "old status, past the triggers",
            "UPDATE {batches} SET current_count = current_count - 1, invalid_count = invalid_count + 1 WHERE "
            "id IN ({batch}, {batch3})",
            "batch_count_mismatch: batch batch3; history_mismatch: batch batch3",
            OFF,
        ),
        Plant(
            "nothing left of it",
            "UPDATE {batches} SET current_count = 0, archived_count = 0, received_count = left_count WHERE id"
            " = {batch3}",
            "batch_count_mismatch: batch3; history_mismatch: batch3; batch_conservation: batch3",
            OFF,
        ),
        Plant(
            "the records changed and were not counted",
            "UPDATE {records} SET status = 'available', assignee_id = NULL, assigned_at = NULL, "
            "assigned_by_id = NULL, batch_id = NULL WHERE id = {third}",
            "batch_count_mismatch: batch3; history_mismatch: third; batch_conservation: batch3; "
            "database_count_mismatch: database",
            OFF,
        ),
    ],
    "batch_conservation": [
        Plant(
            "received and left too many",
            "UPDATE {batches} SET received_count = received_count + 1, left_count = left_count + 1 WHERE id = {batch}",
            "batch_conservation: batch",
            GUARDS_OFF,
        ),
        Plant(
            "began with more",
            "UPDATE {batches} SET initial_count = 50 WHERE id = {batch3}",
            "batch_conservation: batch3",
            GUARDS_OFF,
        ),
        Plant(
            "received more than there is",
            "UPDATE {batches} SET received_count = received_count + 3 WHERE id IN ({batch}, {batch_of_tono})",
            "batch_conservation: batch batch_of_tono",
            GUARDS_OFF,
            drops="batch_received_is_here_or_left",
        ),
        Plant(
            "left, and nobody knows who",
            "UPDATE {batches} SET left_count = left_count + 1, current_count = current_count - 1 WHERE id = {batch3}",
            "batch_conservation: batch3; history_mismatch: batch3; batch_count_mismatch: batch3",
            OFF,
        ),
        Plant(
            "a record vanished",
            "DELETE FROM {records} WHERE id = {third}",
            "batch_conservation: batch3; history_mismatch: third; batch_count_mismatch: batch3; "
            "database_count_mismatch: database; import_conservation: database",
            OFF,
        ),
        Plant(
            "a record moved without a trace",
            "UPDATE {records} SET batch_id = {batch3} WHERE id = {fresh}",
            "batch_conservation: batch batch3; history_mismatch: fresh; batch_count_mismatch: batch batch3",
            OFF,
        ),
    ],
    "database_count_mismatch": [
        Plant(
            "assigned instead of available",
            "UPDATE {databases} SET available_count = available_count - 1, assigned_count = assigned_count + "
            "1 WHERE id = {database}",
            "database_count_mismatch: database",
            GUARDS_OFF,
        ),
        Plant(
            "more conflicts",
            "UPDATE {databases} SET conflict_count = 7 WHERE id = {database}",
            "database_count_mismatch: database",
            GUARDS_OFF,
        ),
        Plant(
            "one more, in all",
            "UPDATE {databases} SET record_count = record_count + 1, available_count = available_count + 1 "
            "WHERE id = {other}",
            "database_count_mismatch: other",
            GUARDS_OFF,
            drops="database_imported_is_here_or_purged",
        ),
        Plant(
            "all of them, past the triggers",
            "UPDATE {databases} SET reserved_count = reserved_count + 1, available_count = available_count - 1",
            "database_count_mismatch: database handmade other; history_mismatch: database handmade other",
            OFF,
        ),
        Plant(
            "does not add up",
            "UPDATE {databases} SET archived_count = archived_count + 2 WHERE id = {handmade}",
            "database_count_mismatch: handmade",
            GUARDS_OFF,
            drops="database_every_record_has_a_status",
        ),
        Plant(
            "the records changed and were not counted",
            "UPDATE {records} SET status = 'assigned', assignee_id = {sari}, assigned_at = now(), "
            "assigned_by_id = {admin}, batch_id = {batch} WHERE id = {pool}",
            "database_count_mismatch: database; history_mismatch: pool; batch_count_mismatch: batch; "
            "batch_conservation: batch",
            OFF,
        ),
    ],
    "import_conservation": [
        Plant(
            "the file had more rows",
            "UPDATE {databases} SET file_rows = file_rows + 1 WHERE id = {other}",
            "import_conservation: other",
            waits="import_conservation",
        ),
        Plant(
            "more were imported, it says",
            "UPDATE {databases} SET imported_count = imported_count + 1 WHERE id = {handmade}",
            "import_conservation: handmade",
            GUARDS_OFF,
            drops="database_imported_is_here_or_purged",
            waits="guard_missing import_conservation",
        ),
        Plant(
            "more were purged, it says",
            "UPDATE {databases} SET purged_count = purged_count + 1 WHERE id = {handmade}",
            "import_conservation: handmade",
            GUARDS_OFF,
            drops="database_imported_is_here_or_purged",
        ),
        Plant(
            "a record of the pool is gone without a trace",
            "DELETE FROM {records} WHERE id = {pool}",
            "import_conservation: database; database_count_mismatch: database",
            OFF,
            waits="database_count_mismatch import_conservation",
        ),
        Plant(
            "a record came past the triggers",
            "INSERT INTO {records} (id, database_id, row_number, customer_id, seal) VALUES ({new}, "
            "{handmade}, 900, 'new one', NULL)",
            "import_conservation: handmade; history_mismatch: new; database_count_mismatch: handmade",
            OFF,
            waits="history_mismatch",
        ),
        Plant(
            "duplicates",
            "UPDATE {databases} SET duplicate_count = duplicate_count + 5 WHERE id IN ({database}, {other})",
            "import_conservation: database other",
            waits="import_conservation",
        ),
        Plant(
            "past the triggers",
            "UPDATE {databases} SET rejected_count = 9, imported_count = imported_count + 1, purged_count = "
            "purged_count + 1 WHERE id = {database}",
            "import_conservation: database; history_mismatch: database",
            OFF,
        ),
    ],
}
