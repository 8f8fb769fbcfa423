"""Changes past the triggers."""

from tests.integrity.planting import OFF, Plant, once

PLANTS = {
    "history_mismatch": [
        Plant(
            "a name",
            "UPDATE {records} SET customer_name = 'X' WHERE id = {fresh}",
            "history_mismatch: fresh",
            OFF,
        ),
        Plant(
            "the notes of all",
            "UPDATE {records} SET note = 'X' WHERE note <> ''",
            "history_mismatch: valid worked",
            OFF,
        ),
        Plant(
            "a record is gone",
            "DELETE FROM {records} WHERE id IN ({fresh}, {recalled})",
            "history_mismatch: fresh recalled; batch_count_mismatch: batch; batch_conservation: batch; "
            "database_count_mismatch: database; import_conservation: database",
            OFF,
        ),
        Plant(
            "handed out without a trace",
            "UPDATE {records} SET status = 'assigned', assignee_id = {sari}, assigned_at = now(), "
            "assigned_by_id = {admin}, batch_id = {batch} WHERE id = {pool}",
            "history_mismatch: pool; batch_count_mismatch: batch; batch_conservation: batch; "
            "database_count_mismatch: database",
            OFF,
        ),
        Plant(
            "the name of a batch",
            "UPDATE {batches} SET name = 'X', is_pinned = true WHERE id = {batch}",
            "history_mismatch: batch",
            OFF,
        ),
        Plant(
            "the list of a batch is renamed",
            "UPDATE {databases} SET name = 'X' WHERE id = {other}",
            "history_mismatch: other",
            OFF,
        ),
        Plant(
            "two lists change their products",
            "UPDATE {databases} SET product_id = {tea} WHERE id = {handmade}",
            "history_mismatch: handmade",
            OFF,
        ),
        Plant(
            "a reservation",
            "UPDATE {reservations} SET note = 'X' WHERE id = {active}",
            "history_mismatch: active",
            OFF,
            fits=once,
        ),
        Plant(
            "a reservation is gone",
            "DELETE FROM {reservations} WHERE id = {active2}",
            "history_mismatch: active2",
            OFF,
            fits=once,
        ),
        Plant(
            "what was imported",
            "UPDATE {records} SET customer_name = 'X' WHERE id IN ({pool}, {pool2})",
            "history_mismatch: pool pool2",
            OFF,
            waits="history_mismatch",
        ),
        Plant(
            "a batch that came without a trace",
            "INSERT INTO {batches} (id, database_id, staff_id) VALUES ({new}, {database}, {sari})",
            "history_mismatch: new_batch",
            OFF,
            waits="history_mismatch",
        ),
        Plant(
            "the settings of reservations",
            "UPDATE reservations_reservationsettings SET warning_days = 7",
            "history_mismatch: SELECT 'reservations.reservationsettings', 1::bigint",
            OFF,
            fits=once,
        ),
    ],
}
