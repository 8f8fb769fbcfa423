"""Whatever the team does, in whatever order, everything that docs/domain.md promises holds after each step.

In the suite always the same examples: few and short ones in `make test`, more and longer ones in `make proof`.
`make soak MINUTES=10` tries new ones for as long as asked; what it finds it shows as the steps that lead there.
"""

import os
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from crm.distribution.models import Validation
from crm.figures import figures
from crm.registry import modules
from records.models import AutoApprove
from tests.properties.invariants import is_compared
from tests.properties.life import Life, World

pytestmark = pytest.mark.django_db(transaction=True)

INVALID = Validation.INVALID
SOAK_SECONDS = 60 * float(os.environ.get("SOAK_MINUTES", "0"))
FIXED = settings(
    max_examples=int(os.environ.get("LIVES", "10")),
    stateful_step_count=25,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
SHORT = settings(FIXED, max_examples=1, stateful_step_count=10)
SOAK = settings(FIXED, max_examples=50, derandomize=False, print_blob=True)

# Rules of Life with their arguments, in an order in which each operation takes effect at least once.
A_DAY: list[tuple[str, dict[str, Any]]] = [
    ("imports", {"key": "bonanza", "good": 6, "twice": 1, "blank": 1, "nameless": 1}),
    ("undoes_an_import", {"key": "bonanza", "n": 1}),
    ("imports", {"key": "memberwd", "good": 3, "twice": 2, "blank": 1, "nameless": 2}),
    ("changes_settings", {"key": "bonanza", "values": {"auto_replace": True, "most_replacements": 1}}),
    ("assigns_at_random", {"key": "memberwd", "n": 0, "person": 5, "count": 2, "grow": False}),
    ("assigns_at_random", {"key": "memberwd", "n": 0, "person": 5, "count": 1, "grow": True}),
    ("assigns_picked", {"key": "records", "n": 0, "person": 2, "how": "one"}),
    ("notes", {"key": "records", "how": "few", "n": 1, "person": 1, "outcome": {"response": "yes", "note": "called"}}),
    ("takes_back", {"n": 0, "somebody_else": False}),
    ("validates", {"key": "bonanza", "how": "one", "n": 1, "person": 1, "validation": INVALID, "reason": "other"}),
    ("validates", {"key": "bonanza", "how": "few", "n": 2, "person": 1, "validation": INVALID, "reason": "other"}),
    ("takes_back", {"n": 0, "somebody_else": True}),
    ("takes_back", {"n": 0, "somebody_else": False}),
    ("replaces", {"how": "one", "n": 0}),
    ("archives", {"how": "one", "n": 1}),
    ("restores_or_purges", {"how": "one", "n": 0, "purge": False}),
    ("restores_or_purges", {"how": "one", "n": 1, "purge": True}),
    ("requests", {"n": 0, "person": 3, "quantity": 1}),
    ("cancels_a_request", {"n": 1}),
    ("requests", {"n": 0, "person": 4, "quantity": 1}),
    ("decides_requests", {"n": 1, "many": False, "by": 0, "approve": False}),
    ("decides_requests", {"n": 0, "many": True, "by": 1, "approve": True}),
    ("sets_auto_approve_of_a_database", {"n": 0, "value": AutoApprove.AUTO}),
    ("requests", {"n": 0, "person": 4, "quantity": 1}),
    ("recalls", {"key": "records", "how": "batch", "n": 0}),
    ("takes_back", {"n": 0, "somebody_else": False}),
    ("transfers", {"key": "memberwd", "how": "few", "n": 1, "person": 6}),
    ("takes_back", {"n": 0, "somebody_else": False}),
    ("hides_or_shows_a_database", {"key": "records", "n": 0, "archived": True}),
    ("hides_or_shows_a_database", {"key": "records", "n": 0, "archived": False}),
    ("arranges_a_card", {"key": "memberwd", "n": 0, "name": "Monday", "pinned": True}),
    ("arranges_a_card", {"key": "memberwd", "n": 1, "name": "Monday", "pinned": True}),
    ("reserves", {"key": "records", "n": 3, "person": 5, "spelled": str, "phone": False}),
    ("decides_reservations", {"n": 0, "many": False, "approve": False}),
    ("reserves", {"key": "records", "n": 3, "person": 5, "spelled": str, "phone": False}),
    ("decides_reservations", {"n": 0, "many": True, "approve": True}),
    ("reserves", {"key": "bonanza", "n": 1, "person": 5, "spelled": str.upper, "phone": False}),
    ("reserves", {"key": "memberwd", "n": 4, "person": 6, "spelled": str, "phone": True}),
    ("moves_reservations", {"n": 0, "person": 6, "many": False}),
    ("changes_permanence", {"n": 0, "permanent": True}),
    ("reserves_many", {"key": "memberwd", "n": 4, "person": 6, "bad": True}),
    ("hands_to_owners", {"how": "one", "n": 2}),
    ("takes_back", {"n": 0, "somebody_else": False}),
    ("keeps_records", {"how": "one", "n": 1}),
    ("hands_to_owners", {"how": "one", "n": 1}),
    ("releases", {"n": 1, "many": False}),
    ("restores_reservations", {"n": 0, "many": False}),
    ("a_night_passes", {"days": 27}),
    ("a_night_passes", {"days": 31}),
    ("restores_reservations", {"n": 0, "many": True}),
    ("leaves_with_what_happens_to_the_records", {"n": 0, "receivers": [1, 2]}),
    ("leaves_with_what_happens_to_the_records", {"n": 0, "receivers": []}),
    ("releases", {"n": 0, "many": True}),
    ("comes_back", {"n": 0}),
    ("deactivates_or_changes_the_role", {"n": 3, "role": "admin"}),
    ("deactivates_or_changes_the_role", {"n": 3, "role": None}),
]

EFFECTS = {
    "import_upload", "undo_import", "archive_database", "restore_database", "assign_random", "assign_picked",
    "recall_records", "transfer_records", "request_records", "approve_requests", "reject_requests",
    "decided requests", "cancel_request", "change_auto_approve", "change_settings", "note_outcome",
    "validate_records", "replaced at once", "waits in spite of auto-replace", "replace_invalid", "archive_invalid",
    "restore_archived", "purge_archived", "undo", "rename_batch", "pin_batch", "deactivate_with_records",
    "deactivate_person", "change_role", "reactivate_person", "ask_reservation", "add_reservation", "add_reservations",
    "approve_reservations", "reject_reservations", "decided reservations", "release_reservations", "released",
    "restore_reservations", "restored", "move_reservations", "moved", "change_permanence", "run_expiry", "expired",
    "warned", "hand_to_owners", "handed over", "keep_records", "kept", "reserved records", "conflicts",
}  # fmt: skip


@pytest.fixture(autouse=True)
def world():
    Life.world = World()
    Life.effects.clear()


@pytest.mark.proof
def test_in_a_day_every_operation_takes_effect_and_every_figure_is_compared():
    life = Life()
    life.begin(limits=[None, None, None], automatic=False)
    life.everything_holds()
    try:
        for operation, arguments in A_DAY:
            getattr(life, operation)(**arguments)
            life.everything_holds()
        compared = life.compare_figures(list(modules()), lists=True)
    finally:
        life.teardown()
    assert EFFECTS - {name for name, number in life.effects.items() if number} == set()
    assert {figure.name for figure in figures() if is_compared(figure.name)} - compared == set()


def test_in_a_short_life_everything_holds():
    run_state_machine_as_test(Life, settings=SHORT)


@pytest.mark.proof
def test_whatever_the_team_does_everything_holds():
    if SOAK_SECONDS:
        soak()
    else:
        run_state_machine_as_test(Life, settings=FIXED)


def soak() -> None:
    until = time.monotonic() + SOAK_SECONDS
    while time.monotonic() < until:
        run_state_machine_as_test(Life, settings=SOAK)
        print(f"\n{Life.lives} lives, {Life.effects.total()} operations took effect:")
        print(*(f"{number:7} {name}" for name, number in Life.effects.most_common()), sep="\n")
