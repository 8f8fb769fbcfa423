"""What an admin has decided is done as it was said, proved, kept with who it was, and undone."""

import json
from typing import Any

import pytest
from django.core.management import call_command

from crm.registry import modules
from integrity.checks import checks
from integrity.decisions import CHOICES, advice_for, choices_of, decision
from integrity.models import Run
from integrity.reports import not_undone
from integrity.runs import make_run, work_run
from tests.distribution.sql import ask, run
from tests.integrity.planting import place
from tests.integrity.plants import PLANTS
from tests.integrity.test_contract import dump, found_by
from tests.integrity.test_repair import changed, images, said
from tests.integrity.world import World

FIRST, SECOND, THIRD = modules()

pytestmark = pytest.mark.django_db

# The check and the name of a plant, what is decided, and what is there afterwards of a place that the plant names.
DECIDED = [
    ("assignee_not_working", "given to an admin", ["assignee_not_working=recall"], "fresh.status", "available"),
    ("assignee_not_working", "given to an admin", ["assignee_not_working=transfer:budi"], "fresh.assignee_id", "budi"),
    ("assignee_not_working", "deactivated by hand",
     ["assignee_not_working=recall", "reservation_owner_not_working=move:budi"], "fresh.status", "available"),
    ("assignee_not_working", "became an admin",
     ["assignee_not_working=recall", "reservation_owner_not_working=release"], "tonos.status", "available"),
    ("duplicate_customer", "a row that came twice", ["duplicate_customer=delete_later"], "new.status", None),
    ("duplicate_customer", "many at once", ["duplicate_customer=delete_later"], "new.status", None),
    ("duplicate_customer", "by a new rule for keys", ["duplicate_customer=delete_later"], "new.status", None),
    ("reservation_owner_not_working", "the owner left", ["reservation_owner_not_working=release"],
     "active.status", "released"),
    ("reservation_owner_not_working", "the owner became an admin", ["reservation_owner_not_working=move:budi"],
     "active.staff_id", "budi"),
    ("reservation_owner_not_working", "asked for by somebody who left", ["reservation_owner_not_working=release"],
     "pending.status", "rejected"),
    ("reservation_duplicate", "of two people", ["reservation_duplicate=keep_first"],
     "new_reservation.status", "released"),
    ("reservation_duplicate", "of two people", ["reservation_duplicate=keep_later"],
     "new_reservation.status", "active"),
    ("reservation_duplicate", "of two people, by a new rule for keys", ["reservation_duplicate=keep_first"],
     "new_reservation.status", "released"),
    ("stuck_request", "asks for more than there is", ["stuck_request=set_quantity"], "request.state", "pending"),
    ("stuck_request", "asks for more than there is", ["stuck_request=reject"], "request.state", "rejected"),
    ("request_without_batch", "approved by hand", ["request_without_batch=cancel"], "cancelled.state", "cancelled"),
    ("import_conservation", "the file had more rows", ["import_conservation=take_as_it_is"], None, None),
    ("import_conservation", "a record of the pool is gone without a trace", ["import_conservation=take_as_it_is"],
     None, None),
    ("import_conservation", "duplicates", ["import_conservation=take_as_it_is"], None, None),
    ("upload_stuck", "being imported for hours", ["upload_stuck=end"], "upload.state", "imported"),
    ("upload_stuck", "its content is gone", ["upload_stuck=end"], "new_upload.state", "failed"),
    ("upload_stuck", "never imported, and its database is there", ["upload_stuck=end"], "upload.state", "imported"),
    ("upload_stuck", "received, and nobody has read it", ["upload_stuck=end"], "new_upload.state", "failed"),
    ("history_mismatch", "what was imported", ["history_mismatch=take_as_it_is"], None, None),
    ("history_mismatch", "a batch that came without a trace", ["history_mismatch=take_as_it_is"], None, None),
]  # fmt: skip
ONLY_THE_HISTORY = {"a batch that came without a trace"}


def read(text: str, world: World) -> dict[str, Any]:
    code, _, choice = text.partition("=")
    key, _, name = choice.partition(":")
    return decision(code, key, staff=getattr(world, name) if name else None)


def decided(world: World, chosen: list[str], kind: str = Run.Kind.REPAIR, **scope: Any) -> Run:
    run("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    decisions = [read(each, world) for each in chosen]
    return work_run(make_run(by=world.admin, origin="page", kind=kind, decisions=decisions, **scope))


# `make test` decides about each check once, `make proof` in all other ways.
EACH = [
    pytest.param(
        *case,
        id=f"{name}-{'+'.join(chosen)}",
        marks=[pytest.mark.proof] if code in {earlier[0] for earlier in DECIDED[:number]} else [],
    )
    for number, case in enumerate(DECIDED)
    for code, name, chosen, *_rest in [case]
]


@pytest.mark.parametrize(("code", "name", "chosen", "where", "becomes"), EACH)
def test_what_is_decided_is_done_proved_and_undone(world: World, code, name, chosen, where, becomes):
    plant = next(each for each in PLANTS[code] if each.name == name)
    fitting = [module for module in modules() if plant.fits(module)]
    module = fitting[len(name) % len(fitting)]
    plant.sow(world, module)
    damaged, whole = images(), dump()

    preview = decided(world, chosen, Run.Kind.PREVIEW)
    assert (preview.state, preview.error) == ("finished", "")
    assert dump() == whole

    done = decided(world, chosen)
    assert (done.state, done.error, done.verified, done.remaining) == ("finished", "", True, 0)
    assert (done.needs_decision, found_by(done.proof)) == (0, set())
    assert but_for_messages(damaged) == said(done)
    assert done.changes.count() == preview.changes.count()
    if where:
        label, pk = place(world, module, where.partition(".")[0])
        column = where.partition(".")[2]
        rows = ask(f'SELECT {column}::text FROM "{label.replace(".", "_")}" WHERE id = {pk}')
        wanted = str(world.budi.pk) if becomes == "budi" else becomes
        assert rows == ([(wanted,)] if wanted else [])

    if name in ONLY_THE_HISTORY:
        return
    undone = work_run(make_run(by=world.admin, origin="page", kind=Run.Kind.UNDO, of=done))
    assert (undone.state, undone.error, list(not_undone(undone))) == ("finished", "", [])
    assert but_for_messages(damaged) == set()
    assert found_by(undone.proof) <= found_by(done)

    # What was undone can be decided again: neither the books nor the history stand against it.
    again = decided(world, chosen)
    assert (again.state, again.error, again.needs_decision, again.remaining) == ("finished", "", 0, 0)


def but_for_messages(before: dict[tuple[str, int], str]) -> set[tuple[str, int]]:
    """The rows that are not as they were. Whoever is told of a decision goes on knowing."""
    return {place for place in changed(before, images()) if place in before or place[0] != "notices.notice"}


@pytest.mark.parametrize(("choice", "stays", "goes"), [("keep_first", "fresh", "new"), ("keep_last", "new", "fresh")])
@pytest.mark.parametrize("name", ["in another list", "handed out from a list of the same customers"])
def test_a_customer_of_two_stays_with_one(world: World, name, choice, stays, goes):
    plant = next(each for each in PLANTS["double_worked"] if each.name == name)
    places = {"fresh": "fresh" if name == "in another list" else "third", "new": "new"}
    plant.sow(world, FIRST)
    earlier = place(world, FIRST, places["fresh"])[1]
    run(f"UPDATE {FIRST.key}_record SET assigned_at = assigned_at - interval '9 days' WHERE id = {earlier}")
    damaged = images()
    done = decided(world, [f"double_worked={choice}"])
    assert (done.state, done.error, done.needs_decision, found_by(done.proof)) == ("finished", "", 0, set())
    for which, status in ((stays, "assigned"), (goes, "available")):
        pk = place(world, FIRST, places[which])[1]
        assert ask(f"SELECT status FROM {FIRST.key}_record WHERE id = {pk}") == [(status,)]
    work_run(make_run(by=world.admin, origin="page", kind=Run.Kind.UNDO, of=done))
    assert but_for_messages(damaged) == set()


def test_what_nobody_has_declared_is_removed_and_comes_back(world: World):
    run("CREATE FUNCTION mine() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
        " CREATE TRIGGER mine BEFORE UPDATE ON memberwd_record FOR EACH ROW EXECUTE FUNCTION mine()")  # fmt: skip
    done = decided(world, ["guard_missing=remove"])
    assert (done.state, done.error, done.needs_decision) == ("finished", "", 0)
    assert ask("SELECT 1 FROM pg_trigger WHERE tgname = 'mine'") == []
    work_run(make_run(by=None, origin="page", kind=Run.Kind.UNDO, of=done))
    assert ask("SELECT tgenabled FROM pg_trigger WHERE tgname = 'mine'") == [("O",)]


UNDECLARED = """
    CREATE FUNCTION mine() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER mine BEFORE UPDATE ON memberwd_record FOR EACH ROW EXECUTE FUNCTION mine();
    CREATE RULE yours AS ON INSERT TO memberwd_record WHERE false DO NOTHING;
    ALTER TABLE memberwd_record ENABLE ROW LEVEL SECURITY
"""


def test_of_several_that_nobody_has_declared_one_is_removed(world: World):
    run(UNDECLARED)
    chosen = decision("guard_missing", "remove", only=[("memberwd.record", 0, "yours")])
    done = work_run(make_run(by=None, origin="page", kind=Run.Kind.REPAIR, decisions=[chosen]))
    assert (done.state, done.error, done.needs_decision) == ("finished", "", 2)
    assert ask("SELECT 1 FROM pg_rules WHERE rulename = 'yours'") == []
    assert ask("SELECT tgenabled FROM pg_trigger WHERE tgname = 'mine'") == [("O",)]

    # Row security nobody could make again as it was: it is left, and the others are removed all the same.
    done = decided(world, ["guard_missing=remove"])
    assert (done.state, done.error, done.needs_decision) == ("finished", "", 1)
    undone = work_run(make_run(by=None, origin="page", kind=Run.Kind.UNDO, of=done))
    assert (undone.state, ask("SELECT tgenabled FROM pg_trigger WHERE tgname = 'mine'")) == ("finished", [("O",)])


WITHOUT_NOTE = "ALTER TABLE memberwd_record DROP CONSTRAINT memberwd_record_kept_with_note"


def test_a_guard_that_was_changed_since_is_left_and_the_rows_are_undone(world: World):
    [(pk,)] = ask("SELECT min(id) FROM memberwd_record WHERE status = 'assigned'")
    run(f"{WITHOUT_NOTE}; SET LOCAL session_replication_role = replica;"
        f" UPDATE memberwd_record SET status = 'invalid' WHERE id = {pk};"
        " SET LOCAL session_replication_role = origin")  # fmt: skip
    done = decided(world, [])
    assert (done.state, done.error, done.needs_decision) == ("finished", "", 0)
    run(f"{WITHOUT_NOTE};"
        " ALTER TABLE memberwd_record ADD CONSTRAINT memberwd_record_kept_with_note CHECK (id > 0)")  # fmt: skip
    undone = work_run(make_run(by=None, origin="page", kind=Run.Kind.UNDO, of=done))
    assert (undone.state, undone.error, undone.remaining) == ("finished", "", 1)
    assert [(label, which) for label, which, _why in not_undone(undone)] == [("memberwd.record", 0)]
    assert ask(f"SELECT status FROM memberwd_record WHERE id = {pk}") == [("invalid",)]


def test_of_two_reservations_one_ends_only_while_the_other_is_there(world: World):
    next(each for each in PLANTS["reservation_duplicate"] if each.name == "of two people").sow(world, FIRST)
    [later] = place(world, FIRST, "new_reservation")[1:]
    [(first, owner)] = ask(
        "SELECT o.id, o.staff_id FROM reservations_reservation o JOIN reservations_reservation n"
        f" ON n.id = {later} AND (o.product_id, o.customer_key) = (n.product_id, n.customer_key) AND o.id < n.id"
    )
    run(f"UPDATE accounts_user SET is_active = false, deactivated_at = now() WHERE id = {owner}")
    chosen = ["reservation_owner_not_working=release", "reservation_duplicate=keep_first",
              "assignee_not_working=recall"]  # fmt: skip
    done = decided(world, chosen)
    assert (done.state, done.error) == ("finished", "")
    rows = ask(f"SELECT id, status FROM reservations_reservation WHERE id IN ({first}, {later})")
    assert dict(rows) == {first: "released", later: "active"}


def test_a_customer_of_whom_a_record_is_left_out_waits_and_the_others_do_not(world: World):
    plant = next(each for each in PLANTS["double_worked"] if each.name == "in another list")
    for module in (FIRST, SECOND):
        plant.sow(world, module)
        earlier = place(world, module, "fresh")[1]
        run(f"UPDATE {module.key}_record SET assigned_at = assigned_at - interval '9 days' WHERE id = {earlier}")
    run("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    chosen = [decision("double_worked", "keep_first")]
    waiting = make_run(by=None, origin="page", kind=Run.Kind.REPAIR, decisions=chosen)
    Run.objects.filter(pk=waiting.pk).update(left_out=[list(place(world, SECOND, "new"))])
    done = work_run(waiting)
    assert (done.state, done.error) == ("finished", "")
    for module, status in ((FIRST, "available"), (SECOND, "assigned")):
        pk = place(world, module, "new")[1]
        assert ask(f"SELECT status FROM {module.key}_record WHERE id = {pk}") == [(status,)]


def test_one_row_is_decided_and_the_others_wait(world: World):
    plant = next(each for each in PLANTS["assignee_not_working"] if each.name == "given to an admin")
    module = FIRST
    plant.sow(world, module)
    fresh, third = place(world, module, "fresh"), place(world, module, "third")
    chosen = decision("assignee_not_working", "recall", only=[fresh])
    done = work_run(make_run(by=world.admin, origin="page", kind=Run.Kind.REPAIR, decisions=[chosen]))
    assert (done.state, done.needs_decision) == ("finished", 1)
    assert found_by(done.proof) == {("assignee_not_working", *third)}


def test_of_two_decisions_the_one_about_a_row_goes_before_the_one_about_all(world: World):
    plant = next(each for each in PLANTS["assignee_not_working"] if each.name == "given to an admin")
    module = SECOND
    plant.sow(world, module)
    fresh, third = place(world, module, "fresh"), place(world, module, "third")
    chosen = [
        decision("assignee_not_working", "recall"),
        decision("assignee_not_working", "transfer", staff=world.budi, only=[third]),
    ]
    done = work_run(make_run(by=world.admin, origin="page", kind=Run.Kind.REPAIR, decisions=chosen))
    assert (done.state, done.needs_decision) == ("finished", 0)
    rows = ask(f"SELECT id, status, assignee_id FROM {module.key}_record WHERE id IN ({fresh[1]}, {third[1]})")
    assert set(rows) == {(fresh[1], "available", None), (third[1], "assigned", world.budi.pk)}


def test_what_somebody_has_is_not_deleted_and_waits(world: World):
    plant = next(each for each in PLANTS["duplicate_customer"] if each.name == "the later one is with somebody")
    plant.sow(world, THIRD)
    done = decided(world, ["duplicate_customer=delete_later"])
    assert (done.state, done.needs_decision) == ("finished", 2)  # the record, and the guard that it stands against


OF_ASSIGNEES = ("x", "transfer", "transfer:adam", "transfer:x", "recall:budi")


@pytest.mark.parametrize(
    "text",
    ["nothing=x", *(f"assignee_not_working={each}" for each in OF_ASSIGNEES)],
)
def test_what_cannot_be_decided_so_is_refused_and_nothing_is_looked_at(world: World, text, capsys):
    with pytest.raises(SystemExit) as ended:
        call_command("repair", "--decide", text, "--json")
    assert ended.value.code == 2
    assert json.loads(capsys.readouterr().out)["error"]
    assert not Run.objects.exists()


def test_the_command_decides(world: World, capsys):
    plant = next(each for each in PLANTS["assignee_not_working"] if each.name == "given to an admin")
    plant.sow(world, FIRST)
    run("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    with pytest.raises(SystemExit) as ended:
        call_command("repair", "--json")
    assert ended.value.code == 3
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        call_command("repair", "--decide", "assignee_not_working=transfer:budi", "--json")
    report = json.loads(capsys.readouterr().out)
    assert (ended.value.code, report["needs_decision"], report["remaining"]) == (0, 0, 0)
    assert {each["reason"] for each in report["changes"] if each["field"] == "assignee_id"} == {"Decided: Hand them on"}


def test_whatever_needs_a_decision_has_a_choice_or_an_advice():
    for check in checks().values():
        for hint in check.decisions:
            assert choices_of(check.code, hint, one=True) or advice_for(check.code, hint), (check.code, hint)


def test_every_choice_is_of_a_finding_that_there_is():
    for choice in CHOICES:
        assert set(choice.hints) <= set(checks()[choice.code].reasons), choice.key
