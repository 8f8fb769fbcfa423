"""Damage to what runs by itself: alerts, imports, schedules."""

from tests.integrity.planting import Plant, asks, once

PLANTS = {
    "alert_stale": [
        Plant(
            "of a request that does not wait",
            "INSERT INTO {notices} (id, user_id, kind, text, url, about, created_at) VALUES ({new}, {admin}, "
            "'request_made', 'x', '', 'request/{rejected}/', now())",
            "alert_stale: new_notice",
            fits=asks,
        ),
        Plant(
            "of a reservation that is active",
            "INSERT INTO {notices} (id, user_id, kind, text, url, about, created_at) VALUES ({new}, {admin}, "
            "'reservation_asked', 'x', '', 'reservation/{active}/', now())",
            "alert_stale: new_notice",
            fits=once,
        ),
        Plant(
            "of what there never was",
            "INSERT INTO {notices} (id, user_id, kind, text, url, about, created_at) VALUES ({new}, {admin}, "
            "'request_made', 'x', '', 'anything/{module}', now())",
            "alert_stale: new_notice",
        ),
        Plant(
            "of somebody without invalid records",
            "INSERT INTO {notices} (id, user_id, kind, text, url, about, created_at) VALUES ({new}, {owner}, "
            "'invalid_waiting', 'x', '', 'invalid/{module}/{tono}/', now())",
            "alert_stale: new_notice",
        ),
        Plant(
            "the request was answered past the services",
            "UPDATE {requests} SET state = 'cancelled', decided_at = now() WHERE id = {request}",
            "alert_stale: SELECT 'notices.notice', id FROM {notices} WHERE about = 'request/{request}/';"
            " stuck_request: held held2",
            fits=asks,
        ),
    ],
    "upload_stuck": [
        Plant(
            "being imported for hours",
            "UPDATE {uploads} SET state = 'importing', state_at = now() - interval '2 hours' WHERE id = {upload}",
            "upload_stuck: upload",
            waits="upload_stuck",
        ),
        Plant(
            "imported, and no database came of it",
            "UPDATE {databases} SET upload_id = NULL WHERE id = {database}",
            "upload_stuck: upload",
            waits="upload_stuck",
        ),
        Plant(
            "never imported, and its database is there",
            "UPDATE {uploads} SET state = 'failed' WHERE id = {upload}",
            "upload_stuck: upload",
            waits="upload_stuck",
        ),
        Plant(
            "received, and nobody has read it",
            "INSERT INTO {uploads} (id, module, product_id, name, file_name, file_size, content_hash, "
            "created_at, state, state_at, attempts, error, progress) VALUES ({new}, '{module}', {product}, "
            "'x', 'x.csv', 0, '', now(), 'received', now() - interval '3 days', 0, '', 0)",
            "upload_stuck: new_upload",
            waits="upload_stuck",
        ),
        Plant(
            "its content is gone",
            "INSERT INTO {uploads} (id, module, product_id, name, file_name, file_size, content_hash, "
            "created_at, state, state_at, attempts, error, progress) VALUES ({new}, '{module}', {product}, "
            "'x', 'x.csv', 9, '', now(), 'ready', now(), 0, '', 0)",
            "upload_stuck: new_upload",
            waits="upload_stuck",
        ),
        Plant(
            "its content was left behind",
            "UPDATE {uploads} SET state = 'undone', state_at = now() - interval '40 days' WHERE id = {upload}",
            "upload_stuck: upload",
            waits="upload_stuck",
        ),
        Plant(
            "for a module that there is not",
            "UPDATE {uploads} SET module = 'no_module' WHERE id = {upload}",
            "upload_stuck: upload",
            waits="upload_stuck",
        ),
    ],
    "schedule_missing": [
        Plant(
            "gone",
            "DELETE FROM django_q_schedule WHERE name = 'clean up'",
            "schedule_missing: SELECT 'django_q.schedule', 0::bigint",
            fits=once,
        ),
        Plant(
            "twice",
            "INSERT INTO django_q_schedule (id, name, func, schedule_type, minutes, repeats, next_run, "
            "cluster) SELECT {new}, name, func, schedule_type, minutes, repeats, next_run, cluster FROM "
            "django_q_schedule WHERE name = 'health check'",
            "schedule_missing: SELECT 'django_q.schedule', min(id) FROM django_q_schedule WHERE name = "
            "'health check' GROUP BY name",
            fits=once,
        ),
        Plant(
            "does something else",
            "UPDATE django_q_schedule SET func = 'os.getcwd' WHERE name = 'clean up'",
            "schedule_missing: SELECT 'django_q.schedule', min(id) FROM django_q_schedule WHERE name = 'clean"
            " up' GROUP BY name",
            fits=once,
        ),
        Plant(
            "does not run",
            "UPDATE django_q_schedule SET next_run = now() - interval '3 days' WHERE name IN ('clean up', "
            "'health check')",
            "schedule_missing: SELECT 'django_q.schedule', min(id) FROM django_q_schedule WHERE name IN "
            "('clean up', 'health check') GROUP BY name",
            fits=once,
        ),
        Plant(
            "something that nobody has declared",
            "INSERT INTO django_q_schedule (id, name, func, schedule_type, repeats, next_run) VALUES ({new}, "
            "'mine', 'os.getcwd', 'D', -1, now())",
            "schedule_missing: new_schedule",
            fits=once,
        ),
        Plant(
            "only so many times more",
            "UPDATE django_q_schedule SET repeats = 3 WHERE name = 'clean up'",
            "schedule_missing: SELECT 'django_q.schedule', min(id) FROM django_q_schedule WHERE name = 'clean"
            " up' GROUP BY name",
            fits=once,
        ),
        Plant(
            "it ran, and failed",
            "INSERT INTO django_q_task (id, name, func, started, stopped, success, attempt_count) VALUES "
            "('x', 'x', 'crm.home.housekeeping.clean_up', now(), now(), false, 1)",
            "schedule_missing: SELECT 'django_q.schedule', min(id) FROM django_q_schedule WHERE name = 'clean"
            " up' GROUP BY name",
            fits=once,
            waits="schedule_missing",
        ),
    ],
}
