"""Working records: what a click does, what it answers, and the batch cards. Through the pages alone."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from crm.distribution.assignment import assign_random, recall_records, transfer_records
from crm.distribution.batches import rename_batch
from crm.distribution.settings import change_settings
from crm.distribution.validation import validate_records
from crm.distribution.work import note_outcome
from crm.registry import modules
from tests.distribution.sql import ask
from tests.distribution.test_pages import figures_on, rows_on
from tests.factories.distribution import fill
from tests.factories.products import ProductFactory

pytestmark = pytest.mark.django_db

CLICK = {"HX-Request": "true", "HX-Target": "row"}
FRAGMENT = {"HX-Request": "true", "HX-Target": "list"}
VALIDATING = [module for module in modules() if module.policy.validates]


@pytest.fixture
def batch(make, module, admin, staff):
    """Ten of twenty records, with Sari."""
    product = ProductFactory(name="Kopi", message_template="Halo {name} ({id}), {staff} dari {product}? 100% & {x}")
    database = make.database(name="One", product=product)
    fill(database, 20)
    return assign_random(module=module, database=database, staff=staff, count=10, by=admin).batch


@pytest.fixture
def record(batch):
    return batch.records.order_by("row_number").first()


@pytest.fixture
def phone(batch, staff) -> Client:
    """The staff member's browser."""
    client = Client()
    client.force_login(staff)
    return client


def outcome_url(record) -> str:
    return reverse("record_outcome", args=[record.module, record.pk])


def validate_url(record) -> str:
    return reverse("record_validate", args=[record.module, record.pk])


def noted(record) -> tuple:
    record.refresh_from_db()
    return record.reach, record.response, record.note, record.follow_up_on


def state(record) -> dict:
    """The whole row as it is now."""
    return type(record).objects.filter(pk=record.pk).values().get()


# --- One click ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "expected", "words"),
    [
        ({"reach": "reachable"}, ("reachable", "", "", None), "Reachable (ada)."),
        ({"reach": "one_tick"}, ("one_tick", "", "", None), "One tick (ceklis 1)."),
        ({"reach": "unreachable"}, ("unreachable", "", "", None), "Unreachable (tidak)."),
        ({"response": "yes"}, ("", "yes", "", None), "Said yes."),
        ({"response": "no"}, ("", "no", "", None), "Said no."),
        ({"note": " call\r\nagain "}, ("", "", "call\nagain", None), "Note saved."),
    ],
)
def test_a_click_notes_one_thing_and_answers_with_the_row_and_undo(phone, record, sent, expected, words):
    answer = phone.post(outcome_url(record), sent, headers=CLICK)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert noted(record) == expected
    assert f'<tr id="record-{record.module.key}-{record.pk}"' in text
    assert f"{record}: {words}" in text
    assert "/undo/" in text
    assert "<html" not in text


def test_the_answer_has_the_figures_as_a_recount_of_the_rows_says(phone, batch, record, module, staff):
    phone.post(outcome_url(record), {"reach": "reachable"}, headers=CLICK)
    figures = figures_on(phone.post(outcome_url(record), {"response": "yes"}, headers=CLICK))
    [recount] = ask(
        f"""SELECT count(*), count(*) FILTER (WHERE reach = '' AND response = '' AND validation = ''),
            count(*) FILTER (WHERE reach = 'reachable'), count(*) FILTER (WHERE response = 'yes')
            FROM "{module.Record._meta.db_table}" WHERE status = 'assigned' AND batch_id = %s""",
        batch.pk,
    )
    assert recount == (10, 9, 1, 1)
    for kind, key, whole in (("batch", batch.pk, "current"), ("mine", staff.pk, "assigned")):
        names = (whole, "to_do", "reached", "said_yes")
        assert tuple(figures[f"{module.key}.{kind}.{name}", str(key)] for name in names) == recount


def test_the_pressed_button_clears_what_it_set(phone, record):
    row = phone.post(outcome_url(record), {"reach": "reachable"}, headers=CLICK).content.decode()
    [pressed] = re.findall(r'<button form="[^"]*" name="reach" value="([^"]*)"[^>]*aria-pressed="true"', row)
    assert pressed == ""
    phone.post(outcome_url(record), {"reach": pressed}, headers=CLICK)
    assert noted(record)[0] == ""


def test_a_second_click_on_a_page_that_does_not_know_of_the_first_changes_nothing(phone, record):
    phone.post(outcome_url(record), {"reach": "reachable"}, headers=CLICK)
    before = state(record)
    answer = phone.post(outcome_url(record), {"reach": "reachable"}, headers=CLICK)
    assert answer.status_code == 200
    assert "undo" not in answer.content.decode()
    assert state(record) == before


def test_a_follow_up_is_today_or_later_and_can_be_cleared(phone, record):
    today = timezone.localdate()
    assert phone.post(outcome_url(record), {"follow_up_on": today.isoformat()}, headers=CLICK).status_code == 200
    assert noted(record)[3] == today
    refused = phone.post(outcome_url(record), {"follow_up_on": (today - timedelta(days=1)).isoformat()}, headers=CLICK)
    assert refused.status_code == 422
    assert "A follow-up is today or later." in refused.content.decode()
    assert noted(record)[3] == today
    phone.post(outcome_url(record), {"follow_up_on": ""}, headers=CLICK)
    assert noted(record)[3] is None


@pytest.mark.parametrize(
    "sent",
    [{"reach": "nonsense"}, {"response": "maybe"}, {"follow_up_on": "tomorrow"}, {"note": "x" * 2001}, {"note": "a\0"}],
)
def test_what_makes_no_sense_is_422_and_changes_nothing(phone, record, sent):
    before = state(record)
    answer = phone.post(outcome_url(record), sent, headers=CLICK)
    assert answer.status_code == 422
    assert f'<tr id="record-{record.module.key}-{record.pk}"' in answer.content.decode()
    assert state(record) == before


def test_without_javascript_a_click_saves_all_that_was_typed_and_returns_to_the_row(phone, record):
    sent = {"reach": "reachable", "note": "call again", "follow_up_on": "", "next": record.batch.get_absolute_url()}
    answer = phone.post(outcome_url(record), sent)
    assert answer.status_code == 303
    assert answer["Location"] == f"{record.batch.get_absolute_url()}#record-{record.module.key}-{record.pk}"
    assert noted(record) == ("reachable", "", "call again", None)


@pytest.mark.parametrize("next_page", ["https://elsewhere.example/", "//elsewhere.example/", ""])
def test_a_click_never_leads_to_another_site(phone, record, next_page):
    answer = phone.post(outcome_url(record), {"reach": "reachable", "next": next_page})
    assert answer["Location"].startswith(f"/{record.module.key}/mine/#")


# --- Not theirs --------------------------------------------------------------------------------------------


def test_a_record_that_was_taken_back_meanwhile_says_so_and_changes_nothing(phone, record, admin):
    recall_records(records=type(record).objects.filter(pk=record.pk), by=admin)
    before = state(record)
    answer = phone.post(outcome_url(record), {"reach": "reachable"}, headers=CLICK)
    text = answer.content.decode()
    assert answer.status_code == 409
    assert "No longer with you." in text
    assert f"{record} is no longer with you. Nothing was changed." in text
    assert "data-work-row" not in text
    assert figures_on(answer)[f"{record.module.key}.batch.current", str(record.batch_id)] == 9
    assert state(record) == before
    assert phone.post(outcome_url(record), {"reach": "reachable"}).status_code == 303
    assert state(record) == before


def test_a_record_that_was_never_theirs_is_404(phone, record, admin, other_staff):
    free = record.database.records.in_pool().first()
    for url in (outcome_url(free), validate_url(free)):
        assert phone.post(url, {"reach": "reachable"}, headers=CLICK).status_code == 404
    other = Client()
    for person in (admin, other_staff):
        other.force_login(person)
        before = state(record)
        assert other.post(outcome_url(record), {"reach": "reachable"}, headers=CLICK).status_code == 404
        assert state(record) == before


def test_a_record_that_went_away_and_came_back_can_be_worked(phone, record, admin, staff, other_staff):
    rows = type(record).objects.filter(pk=record.pk)
    transfer_records(records=rows, to=other_staff, by=admin)
    transfer_records(records=rows, to=staff, by=admin)
    assert phone.post(outcome_url(record), {"reach": "reachable"}, headers=CLICK).status_code == 200


# --- Valid or invalid --------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", VALIDATING, ids=lambda module: module.key, indirect=True)
class TestValidation:
    def test_invalid_takes_a_reason(self, phone, record):
        for sent in ({"validation": "invalid"}, {"validation": "invalid", "reason": "  "}, {"validation": "nonsense"}):
            assert phone.post(validate_url(record), sent, headers=CLICK).status_code == 422
        record.refresh_from_db()
        assert record.validation == ""
        sent = {"validation": "invalid", "reason": "Wrong number"}
        answer = phone.post(validate_url(record), sent, headers=CLICK)
        record.refresh_from_db()
        assert (record.validation, record.validation_reason) == ("invalid", "Wrong number")
        assert figures_on(answer)[f"{record.module.key}.batch.marked_invalid", str(record.batch_id)] == 1

    def test_valid_and_neither(self, phone, record):
        phone.post(validate_url(record), {"validation": "valid"}, headers=CLICK)
        record.refresh_from_db()
        assert record.validation == "valid"
        phone.post(validate_url(record), {"validation": ""}, headers=CLICK)
        record.refresh_from_db()
        assert (record.validation, record.validated_at) == ("", None)

    def test_a_record_that_is_replaced_at_once_shows_what_took_its_place(self, phone, record, owner):
        change_settings(module=record.module, by=owner, auto_replace=True)
        answer = phone.post(validate_url(record), {"validation": "invalid", "reason": "Wrong"}, headers=CLICK)
        new = type(record).objects.get(replaces=record)
        text = answer.content.decode()
        assert answer.status_code == 200
        assert "Another record took its place." in text
        assert f'<tr id="record-{record.module.key}-{new.pk}" data-work-row' in text
        assert f'<tr id="record-{record.module.key}-{record.pk}" class="work-left"' in text
        assert figures_on(answer)[f"{record.module.key}.batch.archived", str(record.batch_id)] == 1

    def test_many_are_marked_at_once_and_it_is_said_what_was_replaced(self, phone, batch, owner):
        change_settings(module=batch.module, by=owner, auto_replace=True, most_replacements=6)
        mark = reverse("mark_records", args=[batch.module])
        first = phone.post(f"{mark}?batch={batch.pk}", {"everything": "1"}, headers={**CLICK, "HX-Target": "dialog"})
        assert "10</strong> records are chosen" in first.content.decode()
        sent = {**second_step(first), "everything": "1", "validation": "invalid", "reason": "Wrong"}
        done = phone.post(f"{mark}?batch={batch.pk}", sent, follow=True)
        assert "10 records marked invalid. 6 replaced at once, 4 wait for an admin." in done.content.decode()
        batch.refresh_from_db()
        assert (batch.current_count, batch.archived_count) == (10, 6)


@pytest.mark.parametrize("module", [m for m in modules() if not m.policy.validates], ids=lambda m: m.key, indirect=True)
def test_where_nothing_is_validated_a_mark_is_refused(phone, record):
    before = state(record)
    assert phone.post(validate_url(record), {"validation": "valid"}, headers=CLICK).status_code == 409
    assert state(record) == before
    assert "Validity" not in phone.get(record.batch.get_absolute_url()).content.decode()


# --- Undo --------------------------------------------------------------------------------------------------


def undo_url(answer) -> str:
    [url] = re.findall(r'action="(/undo/[^"]+)"', answer.content.decode())
    return url


def test_undo_puts_the_record_back_and_returns_to_where_it_was_clicked(phone, record):
    url = undo_url(phone.post(outcome_url(record), {"response": "yes"}, headers=CLICK))
    came_from = {"Referer": f"http://testserver{record.batch.get_absolute_url()}?state=to_do"}
    answer = phone.post(url, headers=came_from)
    assert (answer.status_code, answer["Location"]) == (303, f"{record.batch.get_absolute_url()}?state=to_do")
    assert noted(record) == ("", "", "", None)
    again = phone.post(url, follow=True)
    assert "cannot be undone" in again.content.decode()


def test_undo_from_the_table_answers_with_the_message_alone(phone, record):
    url = undo_url(phone.post(outcome_url(record), {"response": "yes"}, headers=CLICK))
    text = phone.post(url, headers={"HX-Request": "true"}).content.decode()
    assert "1 record is as it was before." in text
    assert "<tr" not in text


def test_nobody_undoes_what_somebody_else_did(phone, record, admin, other_staff):
    url = undo_url(phone.post(outcome_url(record), {"response": "yes"}, headers=CLICK))
    for person in (admin, other_staff):
        other = Client()
        other.force_login(person)
        other.post(url)
        assert noted(record)[1] == "yes"
    phone.post(reverse("undo", args=[uuid4()]))
    assert noted(record)[1] == "yes"


def test_undo_never_leads_to_another_site(phone, record):
    url = undo_url(phone.post(outcome_url(record), {"response": "yes"}, headers=CLICK))
    assert phone.post(url, headers={"Referer": "https://elsewhere.example/x"})["Location"] == "/"


# --- Many at once ------------------------------------------------------------------------------------------


def second_step(first) -> dict[str, str]:
    """The token and what was shown, as the form of the first step has them."""
    fields = re.findall(r'<input type="hidden" name="(token|expected)" value="([^"]*)"', first.content.decode())
    return dict(fields)


KEPT = {"reach": "keep", "response": "keep", "follow_up": "keep"}


def test_an_outcome_is_noted_on_the_chosen_records_and_no_others(phone, batch, module):
    ids = list(batch.records.order_by("pk").values_list("pk", flat=True)[:3])
    url = f"{reverse('note_records', args=[module])}?batch={batch.pk}"
    first = phone.post(url, {"ids": ids}, headers={**CLICK, "HX-Target": "dialog"})
    assert "3</strong> records are chosen" in first.content.decode()
    done = phone.post(url, {**second_step(first), **KEPT, "ids": ids, "reach": "one_tick"}, follow=True)
    assert "3 records noted: one tick (ceklis 1)." in done.content.decode()
    assert set(batch.records.filter(reach="one_tick").values_list("pk", flat=True)) == set(ids)
    assert phone.post(undo_url(done), follow=True).status_code == 200
    assert not batch.records.exclude(reach="").exists()


def test_all_that_match_are_those_that_the_list_shows(phone, batch, module, staff):
    some = list(batch.records.order_by("pk").values_list("pk", flat=True)[:4])
    note_outcome(records=module.Record.objects.with_ids(some), by=staff, reach="reachable")
    url = f"{reverse('note_records', args=[module])}?batch={batch.pk}&state=to_do"
    first = phone.post(url, {"everything": "1"}, headers={**CLICK, "HX-Target": "dialog"})
    assert "6</strong> records are chosen" in first.content.decode()
    phone.post(url, {**second_step(first), **KEPT, "everything": "1", "response": "no"})
    assert batch.records.filter(response="no").count() == 6
    assert not batch.records.filter(response="no", pk__in=some).exists()


def test_what_was_confirmed_is_what_happens(phone, batch, module, admin):
    url = f"{reverse('note_records', args=[module])}?batch={batch.pk}"
    first = phone.post(url, {"everything": "1"}, headers={**CLICK, "HX-Target": "dialog"})
    recall_records(records=module.Record.objects.filter(pk=batch.records.first().pk), by=admin)
    answer = phone.post(url, {**second_step(first), **KEPT, "everything": "1", "response": "no"})
    assert answer.status_code == 422
    assert "have changed since they were shown" in answer.content.decode()
    assert not batch.records.exclude(response="").exists()


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({}, "Choose what to set."),
        ({"reach": "nonsense"}, "valid choice"),
        ({"follow_up": "set"}, "Say on which day."),
        ({"follow_up": "set", "follow_up_on": "2020-01-01"}, "today or later"),
    ],
)
def test_a_bulk_form_that_makes_no_sense_comes_back_and_changes_nothing(phone, batch, module, answers, message):
    url = f"{reverse('note_records', args=[module])}?batch={batch.pk}"
    first = phone.post(url, {"everything": "1"}, headers={**CLICK, "HX-Target": "dialog"})
    answer = phone.post(url, {**second_step(first), **KEPT, "everything": "1", **answers})
    assert answer.status_code == 422
    assert message in answer.content.decode()
    assert not batch.records.exclude(worked_at=None).exists()


def test_what_is_with_somebody_else_cannot_be_chosen(phone, batch, module, admin, other_staff):
    theirs = assign_random(module=module, database=batch.database, staff=other_staff, count=2, by=admin).batch
    ids = list(theirs.records.values_list("pk", flat=True))
    note = reverse("note_records", args=[module])
    assert phone.post(f"{note}?batch={theirs.pk}", {"ids": ids}).status_code == 404
    assert "No records are chosen" in phone.post(note, {"ids": ids}).content.decode()
    sent = {**KEPT, "reach": "reachable", "ids": ids, "token": uuid4(), "expected": "0"}
    assert phone.post(note, sent).status_code == 422
    assert not theirs.records.exclude(reach="").exists()


# --- The list ----------------------------------------------------------------------------------------------


@pytest.fixture
def worked(batch, module, staff) -> dict[str, int]:
    """Some of the batch's records are worked; how many each state has."""
    ids = list(batch.records.order_by("row_number").values_list("pk", flat=True))
    rows = module.Record.objects
    note_outcome(records=rows.with_ids(ids[:4]), by=staff, reach="reachable")
    note_outcome(records=rows.with_ids(ids[:2]), by=staff, response="yes")
    note_outcome(records=rows.with_ids(ids[2:3]), by=staff, response="no")
    note_outcome(records=rows.with_ids(ids[:1]), by=staff, follow_up_on=timezone.localdate() + timedelta(days=3))
    note_outcome(records=rows.with_ids(ids[1:2]), by=staff, follow_up_on=timezone.localdate() + timedelta(days=1))
    counts = {"": 10, "to_do": 6, "reached": 4, "responded": 3, "said_yes": 2, "conflict": 0, "upcoming": 2}
    if module.policy.validates:
        validate_records(records=rows.with_ids(ids[4:5]), by=staff, validation="valid")
        counts |= {"to_do": 5, "marked_valid": 1, "marked_invalid": 0}
    return counts


def test_each_state_lists_as_many_rows_as_its_figure_says(phone, batch, module, staff, worked):
    for page, kind, key, whole in (
        (batch.get_absolute_url(), "batch", batch.pk, "current"),
        (reverse("my_records", args=[module]), "mine", staff.pk, "assigned"),
    ):
        for name, count in worked.items():
            answer = phone.get(page, {"state": name}, headers=FRAGMENT)
            assert rows_on(answer) == count, (kind, name)
            if name != "conflict":
                assert figures_on(answer)[f"{module.key}.{kind}.{name or whole}", str(key)] == count
    assert rows_on(phone.get(batch.get_absolute_url(), {"state": "nonsense"}, headers=FRAGMENT)) == 0


def order_on(page) -> list[int]:
    return [int(pk) for pk in re.findall(r'<tr id="record-[a-z]+-(\d+)"', page.content.decode())]


def test_the_list_is_sorted_as_the_url_says(phone, batch, worked):
    rows = list(batch.records.order_by("row_number").values_list("pk", flat=True))
    assert order_on(phone.get(batch.get_absolute_url(), headers=FRAGMENT)) == rows
    assert order_on(phone.get(batch.get_absolute_url(), {"sort": "nonsense"}, headers=FRAGMENT)) == rows
    by_day = order_on(phone.get(batch.get_absolute_url(), {"sort": "follow_up"}, headers=FRAGMENT))
    assert by_day[:2] == [rows[1], rows[0]]
    by_work = order_on(phone.get(batch.get_absolute_url(), {"sort": "worked"}, headers=FRAGMENT))
    noted_last = batch.records.exclude(worked_at=None).order_by("-worked_at").first().pk
    assert by_work[0] == noted_last
    assert sorted(by_work) == sorted(rows)


def test_the_page_with_a_record_is_shown_and_begins_there(make, module, admin, staff, phone):
    database = make.database()
    fill(database, 120)
    batch = assign_random(module=module, database=database, staff=staff, count=120, by=admin).batch
    rows = list(batch.records.order_by("row_number").values_list("pk", flat=True))
    page = phone.get(batch.get_absolute_url(), {"at": rows[70]}, headers=FRAGMENT)
    assert order_on(page) == rows[50:100]
    assert f'data-at="record-{module.key}-{rows[70]}"' in page.content.decode()
    for nonsense in ("0", "x", "9" * 30):
        assert order_on(phone.get(batch.get_absolute_url(), {"at": nonsense}, headers=FRAGMENT)) == rows[:50]


def test_the_next_page_misses_no_record_when_some_have_left_the_list(make, module, admin, staff, phone):
    database = make.database()
    fill(database, 120)
    batch = assign_random(module=module, database=database, staff=staff, count=120, by=admin).batch
    url = batch.get_absolute_url()
    first = phone.get(url, {"state": "to_do"}, headers=FRAGMENT)
    seen = order_on(first)
    note_outcome(records=module.Record.objects.with_ids(seen[:20]), by=staff, reach="reachable")
    [query] = re.findall(r'href="(\?[^"]*)"[^>]*rel="next"|rel="next" href="(\?[^"]*)"', first.content.decode())
    after = order_on(phone.get(url + "".join(query).replace("&amp;", "&"), headers=FRAGMENT))
    rows = list(batch.records.order_by("row_number").values_list("pk", flat=True))
    assert rows[50] in after


def test_admins_see_the_work_but_have_no_buttons_for_it(batch, admin, worked):
    client = Client()
    client.force_login(admin)
    text = client.get(batch.get_absolute_url()).content.decode()
    assert "Reachable (ada)" in text
    assert "data-work-form" not in text
    assert 'name="ids"' not in text


def test_the_chat_opens_with_the_message_filled_in(phone, batch, make):
    record = make.record(
        assigned=True,
        database=batch.database,
        batch=batch,
        customer_name="Budi & <b>",
        phone="0812-3456-7890",
        phone_key="+6281234567890",
    )
    text = phone.get(batch.get_absolute_url()).content.decode()
    message = f"Halo%20Budi%20%26%20%3Cb%3E%20%28{record.customer_id}%29%2C%20Sari%20Staff%20dari%20Kopi%3F"
    assert f'href="https://wa.me/6281234567890?text={message}%20100%25%20%26%20%7Bx%7D"' in text
    assert "+62 812-3456-7890" in text


def test_a_phone_that_cannot_be_called_is_shown_as_it_was_typed_and_opens_no_chat(phone, batch, make):
    make.record(assigned=True, database=batch.database, batch=batch, phone="kantor, ext. 5")
    text = phone.get(batch.get_absolute_url()).content.decode()
    assert "kantor, ext. 5" in text
    assert "wa.me" not in text


@pytest.mark.parametrize("where", ["batch", "mine"])
def test_the_number_of_queries_does_not_grow_with_the_rows_or_the_batches(make, module, admin, staff, phone, where):
    def queries() -> int:
        batch = module.Batch.objects.of(staff).first()
        url = batch.get_absolute_url() if where == "batch" else reverse("my_records", args=[module])
        phone.get(url)
        with CaptureQueriesContext(connection) as captured:
            assert phone.get(url).status_code == 200
        return len(captured)

    before = queries()
    for count in (30, 5):
        database = make.database()
        fill(database, 40)
        assign_random(module=module, database=database, staff=staff, count=count, by=admin)
    assert queries() <= before


# --- Batch cards -------------------------------------------------------------------------------------------


def test_a_card_shows_its_counts_as_a_recount_of_the_rows_says(phone, batch, module, worked):
    shown = figures_on(phone.get(reverse("my_records", args=[module])))
    for name in ("to_do", "reached", "responded"):
        assert shown[f"{module.key}.batch.{name}", str(batch.pk)] == worked[name]


def test_continue_goes_to_the_first_record_to_do_after_the_one_last_worked(phone, batch, module, staff):
    rows = list(batch.records.order_by("row_number").values_list("pk", flat=True))
    url = reverse("continue_batch", args=[module, batch.pk])

    def lands_at() -> int:
        return rows.index(int(phone.get(url)["Location"].split("?at=")[1]))

    assert lands_at() == 0
    note_outcome(records=module.Record.objects.with_ids([rows[5]]), by=staff, reach="reachable")
    note_outcome(records=module.Record.objects.with_ids([rows[3]]), by=staff, reach="reachable")
    assert lands_at() == 4
    note_outcome(records=module.Record.objects.with_ids(rows[4:]), by=staff, response="no")
    note_outcome(records=module.Record.objects.with_ids(rows[9:]), by=staff, response="yes")
    assert lands_at() == 0
    note_outcome(records=module.Record.objects.with_ids(rows), by=staff, reach="reachable")
    assert lands_at() == 0


def test_a_batch_without_records_has_nothing_to_continue(phone, batch, module, admin):
    recall_records(records=module.Record.objects.filter(batch=batch), by=admin)
    answer = phone.get(reverse("continue_batch", args=[module, batch.pk]))
    assert answer["Location"] == batch.get_absolute_url()


def test_cards_come_pinned_first_and_then_in_the_order_of_the_url(make, module, admin, staff, phone, batch):
    database = make.database()
    fill(database, 40)
    for name, count in (("b", 20), ("a", 1)):
        made = assign_random(module=module, database=database, staff=staff, count=count, by=admin).batch
        rename_batch(batch=made, name=name, by=staff)
    rename_batch(batch=batch, name="c", by=staff)
    url = reverse("my_records", args=[module])

    def cards(**query) -> list[str]:
        return re.findall(r'count-card-title"><a [^>]*>([abc])<', phone.get(url, query).content.decode())

    assert cards() == cards(cards="nonsense") == ["a", "b", "c"]
    assert cards(cards="to_do") == ["b", "c", "a"]
    phone.post(reverse("pin_batch", args=[module, batch.pk]), {"pinned": "1"})
    assert cards(cards="name") == cards() == ["c", "a", "b"]
    phone.post(reverse("pin_batch", args=[module, batch.pk]), {"pinned": ""})
    assert cards(cards="name") == ["a", "b", "c"]


def test_a_batch_gets_a_name_and_without_one_its_number(phone, batch, module):
    url = reverse("rename_batch", args=[module, batch.pk])
    dialog = phone.get(url, headers={"HX-Request": "true", "HX-Target": "dialog"})
    assert dialog.content.decode().lstrip().startswith("<form")
    assert phone.post(url, {"name": "x" * 121}).status_code == 422
    answer = phone.post(url, {"name": "  Senin   pagi ", "next": reverse("my_records", args=[module])}, follow=True)
    assert "Senin pagi" in answer.content.decode()
    phone.post(url, {"name": ""})
    batch.refresh_from_db()
    assert str(batch).startswith("Batch ")


def test_who_may_rename_and_pin_a_batch(batch, module, admin, other_staff):
    client = Client()
    client.force_login(other_staff)
    for name in ("rename_batch", "pin_batch", "continue_batch"):
        url = reverse(name, args=[module, batch.pk])
        assert (client.get if name == "continue_batch" else client.post)(url, {"name": "x"}).status_code == 404
    client.force_login(admin)
    assert client.post(reverse("pin_batch", args=[module, batch.pk]), {"pinned": "1"}).status_code == 404
    assert client.post(reverse("rename_batch", args=[module, batch.pk]), {"name": "Named"}).status_code == 303
    batch.refresh_from_db()
    assert (batch.name, batch.is_pinned) == ("Named", False)


# --- The page of a record ----------------------------------------------------------------------------------


def test_the_timeline_says_what_was_noted(phone, record):
    phone.post(outcome_url(record), {"reach": "reachable", "response": "yes", "note": "", "follow_up_on": ""})
    phone.post(outcome_url(record), {"note": "call again"}, headers=CLICK)
    text = phone.get(record.get_absolute_url()).content.decode()
    assert "<strong>Reachable (ada), said yes</strong>" in text
    assert "<strong>Note saved</strong>" in text


def test_the_page_of_a_record_has_the_controls_for_the_one_who_has_it_alone(phone, record, admin):
    assert "data-work-form" in phone.get(record.get_absolute_url()).content.decode()
    client = Client()
    client.force_login(admin)
    assert "data-work-form" not in client.get(record.get_absolute_url()).content.decode()
