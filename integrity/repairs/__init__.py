"""What Repair does, in its order: facts before flags before counts, so that one pass reaches the end."""

from integrity import decisions
from integrity.ground import Step
from integrity.repairs import (
    alerts,
    counts,
    covering,
    customers,
    guards,
    history,
    outcomes,
    place,
    requests,
    reservations,
    rows,
    schedules,
)

STEPS: list[Step] = [
    *guards.STEPS_BEFORE,
    *history.STEPS,
    *place.STEPS,
    *rows.STEPS,
    *requests.STEPS,
    *customers.STEPS,
    *reservations.STEPS,
    *decisions.STEPS,
    *covering.STEPS,
    *outcomes.STEPS,
    *counts.STEPS,
    *alerts.STEPS,
    *schedules.STEPS,
    *guards.STEPS_AFTER,
]
