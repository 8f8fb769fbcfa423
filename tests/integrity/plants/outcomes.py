"""Damage to the lines of work done."""

from tests.integrity.planting import GUARDS_OFF, OFF, Plant

OF_WORKED = (
    "outcome_log_mismatch: SELECT 'distribution.outcomeline', id FROM {lines} WHERE module = '{module}' AND record_id ="
    " {worked}"
)

PLANTS = {
    "outcome_log_mismatch": [
        Plant(
            "torn out",
            "DELETE FROM {lines} WHERE module = '{module}' AND record_id = {worked}",
            "outcome_log_mismatch: worked",
        ),
        Plant(
            "one of several is torn out",
            "DELETE FROM {lines} WHERE id = (SELECT max(id) FROM {lines} WHERE module = '{module}' AND record_id ="
            " {worked})",
            "outcome_log_mismatch: worked",
        ),
        Plant(
            "work that nobody did",
            "INSERT INTO {lines} (id, module, record_id, staff_id, what, value, operation) VALUES ({new}, '{module}',"
            " {fresh}, {sari}, 'response', 'yes', gen_random_uuid())",
            "outcome_log_mismatch: new_line",
        ),
        Plant(
            "of a record that is gone",
            "INSERT INTO {lines} (id, module, record_id, staff_id, what, value, operation) VALUES ({new}, '{module}',"
            " {new}, {sari}, 'note', 'noted', gen_random_uuid())",
            "outcome_log_mismatch: new_line",
        ),
        Plant(
            "credited to somebody else",
            "UPDATE {lines} SET staff_id = {tono} WHERE module = '{module}' AND record_id = {worked}",
            OF_WORKED,
            GUARDS_OFF,
        ),
        Plant(
            "on another day",
            "UPDATE {lines} SET at = at - interval '1 day' WHERE module = '{module}' AND record_id = {worked}",
            OF_WORKED,
            OFF,
        ),
        Plant(
            "another answer",
            "UPDATE {lines} SET value = 'odd' WHERE module = '{module}' AND record_id = {worked}",
            OF_WORKED,
            GUARDS_OFF,
        ),
        Plant(
            "of a module that there is not",
            "INSERT INTO {lines} (id, module, record_id, staff_id, what, value, operation) VALUES ({new}, 'no one',"
            " {fresh}, {sari}, 'response', 'yes', gen_random_uuid())",
            "outcome_log_mismatch: new_line",
            waits="outcome_log_mismatch",
        ),
    ],
}
