"""The admins' first page."""

import re
from datetime import timedelta

import pgtrigger
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from crm.accounts.services import deactivate_person
from crm.distribution.assignment import assign_random, recall_records, transfer_records
from crm.distribution.databases import archive_database
from crm.distribution.imports.uploads import import_upload, receive_upload
from crm.distribution.models import OutcomeLine, Validation
from crm.distribution.undo import undo
from crm.distribution.validation import replace_invalid, validate_records
from crm.distribution.work import note_outcome
from crm.home.changes import LATEST, latest_changes
from crm.registry import get_module, modules
from records.models import AutoApprove, Request
from records.requests import approve_requests, change_auto_approve, reject_requests, request_records
from tests.distribution.sql import ask, run
from tests.factories.accounts import UserFactory
from tests.factories.distribution import UploadFactory, factories_of, fill
from tests.factories.products import ProductFactory
from tests.factories.reservations import take

pytestmark = pytest.mark.django_db

FIGURE = re.compile(r'data-figure="([^"]+)" data-object="([^"]*)" data-value="(\d+)"[^>]*?(?: href="([^"]*)")?>')
MODULES = list(modules())


def database_of(module, count=20):
    database = factories_of(module).database()
    fill(database, count)
    return database


def hand_over(module, staff, admin, count=5):
    return assign_random(module=module, database=database_of(module), staff=staff, count=count, by=admin).batch


def held(module, staff, count):
    records = module.Record.objects.held_by(staff).in_state("to_do").order_by("pk")
    return module.Record.objects.with_ids(list(records.values_list("pk", flat=True)[:count]))


def page(client) -> str:
    answer = client.get(reverse("overview"))
    assert answer.status_code == 200
    return answer.content.decode()


def part(text: str, heading: str) -> str:
    found = re.search(rf'<section[^>]*aria-labelledby="{heading}".*?</section>', text, re.DOTALL)
    return found[0] if found else ""


def figures_on(text: str) -> dict[tuple[str, str], int]:
    return {(name, subject): int(value) for name, subject, value, _href in FIGURE.findall(text)}


def told() -> list[tuple]:
    """What changed, the newest first: what, who, how many, and who has them."""
    return [
        (str(change.what), str(change.who), change.count, str(change.staff) if change.staff else None)
        for change in latest_changes()
    ]


def test_nothing_to_do_is_said(desk):
    text = page(desk)
    assert "Nothing waits for you." in text
    assert part(text, "to-do-title") == ""


def test_only_what_waits_is_to_be_done(desk, admin, staff):
    request_records(database=database_of(get_module("records")), quantity=2, by=staff)
    assert figures_on(part(page(desk), "to-do-title")) == {("records.requests.pending", "records"): 1}
    bonanza = get_module("bonanza")
    hand_over(bonanza, staff, admin)
    validate_records(records=held(bonanza, staff, 3), by=staff, validation=Validation.INVALID, reason="Wrong number")
    for module in MODULES[:2]:
        batch = hand_over(module, staff, admin)
        take(batch.records.first())
    assert figures_on(part(page(desk), "to-do-title")) == {
        ("records.requests.pending", "records"): 1,
        ("bonanza.module.marked_invalid", "bonanza"): 3,
        ("conflicts.open", "all"): 2,
    }


@pytest.mark.parametrize(
    ("state", "waits"), [("failed", True), ("ready", True), ("imported", False), ("undone", False)]
)
def test_files_that_failed_or_were_only_read_wait_for_somebody(desk, state, waits):
    upload = UploadFactory(state=state, file_name="list.csv")
    assert (upload.get_absolute_url() in part(page(desk), "to-do-title")) == waits


def test_each_module_shows_what_waits_in_it(desk, admin, staff):
    shown = figures_on(page(desk))
    for module in MODULES:
        assert (f"{module.key}.module.conflict", module.key) in shown
        assert ((f"{module.key}.requests.pending", module.key) in shown) == module.policy.staff_request
        assert ((f"{module.key}.module.marked_invalid", module.key) in shown) == module.policy.validates


def test_the_statuses_that_a_card_shows_add_up_to_its_records(desk, admin, staff):
    for module in MODULES:
        hand_over(module, staff, admin, 3)
        take(module.Record.objects.in_pool().first())
    shown = figures_on(page(desk))
    statuses = ("available", "assigned", "reserved", "requested", "archived", "invalid")
    for module in MODULES:
        parts = [shown.get((f"{module.key}.module.{status}", module.key), 0) for status in statuses]
        assert parts[1] == 3
        assert parts[2] == 1
        assert sum(parts) == shown[f"{module.key}.module.records", module.key] == module.Record.objects.count()


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_the_team_table_says_what_a_count_of_the_rows_says(desk, admin, staff, other_staff, module):
    for person, count in ((staff, 8), (other_staff, 3)):
        hand_over(module, person, admin, count)
    note_outcome(records=held(module, staff, 3), by=staff, reach="reachable", response="yes")
    note_outcome(records=held(module, staff, 1), by=staff, reach="one_tick")
    if module.policy.validates:
        validate_records(records=held(module, staff, 2), by=staff, validation=Validation.INVALID, reason="Wrong number")
    old = OutcomeLine.objects.filter(what="response").order_by("pk").first().record_id
    with pgtrigger.ignore():
        OutcomeLine.objects.filter(record_id=old).update(at=timezone.now() - timedelta(hours=25))
    yes = module.Record.objects.filter(response="yes").exclude(pk=old)
    transfer_records(records=yes, to=other_staff, by=admin)
    text = part(page(desk), "team-title")
    shown = figures_on(text)
    count = "SELECT count(*) FROM {} WHERE assignee_id = %s AND status = 'assigned' AND {}"
    conditions = {
        "assigned": "true",
        "to_do": "reach = '' AND response = '' AND validation = ''",
    }
    if module.policy.validates:
        conditions["marked_invalid"] = "validation = 'invalid'"
    for person in (staff, other_staff):
        for name, condition in conditions.items():
            [(expected,)] = ask(count.format(module.Record._meta.db_table, condition), person.pk)
            assert shown[f"{module.key}.staff.{name}", str(person.pk)] == expected, name
    done = f"{{}}/{timezone.localdate()}".format
    noted = 5 if module.policy.validates else 3
    assert shown[f"{module.key}.done.worked", done(staff.pk)] == noted
    assert shown[f"{module.key}.done.said_yes", done(staff.pk)] == 2
    assert shown[f"{module.key}.done.worked", done(other_staff.pk)] == 0
    for name, subject, value, href in FIGURE.findall(text):
        rows = desk.get(href.replace("&amp;", "&")).content.decode()
        listed = rows.split('id="list"', 1)[1].split("</table>", 1)[0]
        assert listed.count("<tr") - listed.count("<thead") == int(value) or not int(value), (name, subject)


def test_somebody_without_records_is_in_the_table_and_who_left_is_not(desk, admin, staff, other_staff):
    deactivate_person(person=other_staff, by=admin)
    table = part(page(desk), "team-title")
    assert str(staff) in table
    assert "Nothing with them" in table
    assert str(other_staff) not in table


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_what_changed_names_each_operation_with_its_records_and_people(module, admin, staff, other_staff):
    batch = hand_over(module, staff, admin, 5)
    recall_records(
        records=module.Record.objects.with_ids(list(batch.records.values_list("pk", flat=True)[:2])), by=admin
    )
    transfer_records(records=module.Record.objects.filter(batch=batch), to=other_staff, by=admin)
    assert set(told()) == {
        ("Assigned", "Adam Admin", 5, "Sari Staff"),
        ("Recalled", "Adam Admin", 2, None),
        ("Transferred", "Adam Admin", 3, "Tono Staff"),
    }
    assert {change.database for change in latest_changes()} == {batch.database}
    assert {change.module for change in latest_changes()} == {module}


def test_imports_and_what_became_of_databases_are_told(admin):
    product, module = ProductFactory(), get_module("bonanza")
    upload = receive_upload(
        module=module, product=product, name="April", file_name="a.csv", content=[b"user\na\nb\nb\n"], by=admin
    )
    database = import_upload(upload, admin)
    archive_database(database=database, by=admin)
    assert set(told()) == {("Imported", "Adam Admin", 2, None), ("Database archived", "Adam Admin", None, None)}


def test_decided_requests_and_replaced_records_are_told(admin, staff):
    database = database_of(get_module("records"))
    for quantity, decide in ((3, approve_requests), (2, reject_requests)):
        request_records(database=database, quantity=quantity, by=staff)
        decide(requests=Request.objects.pending(), by=admin)
    bonanza = get_module("bonanza")
    hand_over(bonanza, staff, admin, 4)
    validate_records(records=held(bonanza, staff, 2), by=staff, validation=Validation.INVALID, reason="Wrong number")
    replace_invalid(records=bonanza.Record.objects.all(), by=admin)
    assert set(told()) == {
        ("Requested", "Sari Staff", 3, None),
        ("Requested", "Sari Staff", 2, None),
        ("Request approved", "Adam Admin", 3, "Sari Staff"),
        ("Request rejected", "Adam Admin", 2, None),
        ("Assigned", "Adam Admin", 4, "Sari Staff"),
        ("Replaced", "Adam Admin", 2, None),
    }


def test_a_request_that_is_approved_at_once_is_told_with_its_records_once(owner, staff):
    database = database_of(get_module("records"))
    change_auto_approve(database=database, auto_approve=AutoApprove.AUTO, by=owner)
    database.refresh_from_db()
    assert request_records(database=database, quantity=7, by=staff).batch
    assert [(str(change.what), change.count) for change in latest_changes() if change.count] == [("Requested", 7)]


def test_the_clicks_of_staff_are_not_told_and_what_an_admin_takes_back_is(admin, staff):
    module = MODULES[0]
    batch = hand_over(module, staff, admin)
    noted = note_outcome(records=held(module, staff, 2), by=staff, reach="reachable")
    undo(key=noted.undo, by=staff)
    assert [what for what, *_rest in told()] == ["Assigned"]
    back = recall_records(records=module.Record.objects.filter(batch=batch), by=admin)
    undo(key=back.undo, by=admin)
    assert ("Undone", "Adam Admin", 5, "Sari Staff") in told()


def test_the_latest_operations_are_found_by_their_index():
    run("SET LOCAL enable_seqscan = off")
    run("SET LOCAL enable_sort = off")
    wanted = {"operations": ["records.assign"], "admins": [1], "most": 12}
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + LATEST, wanted)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "home_latest_operations" in plan


def test_the_number_of_queries_does_not_grow_with_what_is_there(desk, admin, staff):
    def grow(times):
        for person in [staff, *UserFactory.create_batch(times)]:
            for module in MODULES:
                hand_over(module, person, admin, 4)
                note_outcome(records=held(module, person, 2), by=person, reach="reachable", response="yes")
                # A test is one transaction, all of one time: which are the latest would be left to chance.
                run("UPDATE pghistory_context SET created_at = clock_timestamp() WHERE created_at = now()")
        UploadFactory.create_batch(times, state="failed")

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            page(desk)
        return len(captured)

    grow(1)
    page(desk)
    few = queries()
    grow(6)
    assert queries() == few
    assert few < 50
