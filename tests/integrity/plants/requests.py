"""Damage to requests."""

from tests.integrity.planting import OFF, Plant, asks

PLANTS = {
    "stuck_request": [
        Plant(
            "holds one too few",
            "UPDATE {records} SET status = 'available', request_id = NULL WHERE id = {held}",
            "stuck_request: request",
            fits=asks,
        ),
        Plant(
            "holds one too many",
            "UPDATE {records} SET status = 'requested', request_id = {request} WHERE id = {pool}",
            "stuck_request: request",
            fits=asks,
        ),
        Plant(
            "held for one that was rejected, past the triggers",
            "UPDATE {records} SET request_id = {rejected} WHERE id = {held}",
            "stuck_request: held request; history_mismatch: held",
            OFF,
            fits=asks,
        ),
        Plant(
            "held for nothing",
            "UPDATE {records} SET request_id = NULL WHERE id = {held}",
            "stuck_request: held request",
            drops="record_requested_by_somebody",
            fits=asks,
        ),
        Plant(
            "closed by hand",
            "UPDATE {requests} SET state = 'cancelled', decided_at = now() WHERE id = {request}",
            "stuck_request: held held2; alert_stale: SELECT 'notices.notice', id FROM {notices} WHERE about ="
            " 'request/{request}/'",
            fits=asks,
        ),
        Plant(
            "asks for more",
            "UPDATE {requests} SET quantity = 4 WHERE id = {request}",
            "stuck_request: request",
            fits=asks,
        ),
        Plant(
            "asks for more than there is",
            "UPDATE {requests} SET quantity = 400 WHERE id = {request}",
            "stuck_request: request",
            fits=asks,
            waits="stuck_request",
        ),
        Plant(
            "a record of another list",
            "UPDATE {records} SET request_id = {small_request} WHERE id = {held}",
            "stuck_request: held request small_request",
            drops="record_requested_of_own_database",
            fits=asks,
        ),
    ],
    "request_without_batch": [
        Plant(
            "its batch is forgotten",
            "UPDATE {requests} SET batch_id = NULL WHERE id = {approved}",
            "request_without_batch: approved",
            drops="request_decided_once",
            fits=asks,
        ),
        Plant(
            "its batch is forgotten, past the triggers",
            "UPDATE {requests} SET batch_id = NULL WHERE id = {approved}",
            "request_without_batch: approved; history_mismatch: approved",
            OFF,
            drops="request_decided_once",
            fits=asks,
        ),
        Plant(
            "a rejected one has a batch",
            "UPDATE {requests} SET batch_id = {batch_of_tono} WHERE id = {rejected}",
            "request_without_batch: rejected",
            drops="request_decided_once request_given_own_batch",
            fits=asks,
        ),
        Plant(
            "the batch of somebody else",
            "UPDATE {requests} SET batch_id = {batch_of_tono} WHERE id = {approved}",
            "request_without_batch: approved",
            drops="request_given_own_batch",
            fits=asks,
        ),
        Plant(
            "a batch of another list",
            "UPDATE {requests} SET batch_id = {batch_elsewhere} WHERE id = {approved}",
            "request_without_batch: approved; history_mismatch: approved",
            OFF,
            fits=asks,
        ),
        Plant(
            "approved by hand",
            "UPDATE {requests} SET state = 'approved', batch_id = NULL, decided_at = now() WHERE id = {cancelled}",
            "request_without_batch: cancelled",
            drops="request_decided_once",
            fits=asks,
            waits="guard_missing request_without_batch",
        ),
        Plant(
            "a request that came approved",
            "INSERT INTO {requests} (id, database_id, staff_id, quantity, state, decided_at) VALUES ({new}, "
            "{database}, {budi}, 1, 'approved', now())",
            "request_without_batch: new_request",
            drops="request_decided_once",
            fits=asks,
            waits="guard_missing request_without_batch",
        ),
    ],
}
