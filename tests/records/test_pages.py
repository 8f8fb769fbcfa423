"""The pages of requests: asking, taking back, answering; and who approves for a database."""

import re
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from crm.distribution.databases import archive_database
from crm.distribution.settings import change_settings
from crm.registry import get_module
from records.models import AutoApprove, Batch, Database, Request
from records.policy import MODULE
from records.requests import approve_requests, change_auto_approve, reject_requests, request_records
from tests.distribution.sql import ask, run
from tests.distribution.test_pages import figures_on, rows_on
from tests.factories.distribution import factories_of, fill
from tests.factories.reservations import take

pytestmark = pytest.mark.django_db

MINE, QUEUE = "/records/requests/mine/", "/records/requests/"
FRAGMENT = {"HX-Request": "true", "HX-Target": "list"}
DIALOG = {"HX-Request": "true", "HX-Target": "dialog"}


def asking(database: Database, quantity: object, **more: object) -> dict[str, object]:
    return {"database": database.pk, "quantity": quantity, "token": uuid4(), **more}


def answering(*requests: Request, **more: object) -> dict[str, object]:
    """The second step."""
    return {"ids": [request.pk for request in requests], "token": uuid4(), **more}


def url_of(name: str, *args: object) -> str:
    return reverse(name, args=args)


def everything() -> tuple:
    """All that these pages can change."""
    tables = ("records_request", "records_record", "records_batch", "records_database", "notices_notice")
    return tuple(ask(f"SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM {table} t") for table in tables)


# --- Asking ------------------------------------------------------------------------------------------------


def test_staff_see_how_many_are_available_and_open_none_of_them(phone, database):
    page = phone.get(MINE)
    assert figures_on(page)[("records.database.available", str(database.pk))] == 10
    assert f'href="#database-{database.pk}"' in page.content.decode()
    assert f'id="database-{database.pk}"' in page.content.decode()
    assert database.get_absolute_url() not in page.content.decode()


def test_the_databases_can_be_filtered_and_archived_ones_are_not_there(phone, database, admin):
    other = factories_of(MODULE).database(name="July")
    archive_database(database=factories_of(MODULE).database(name="Juno"), by=admin)
    queries = {
        "": {"June", "July"},
        "q=ju": {"June", "July"},
        "q=jul": {"July"},
        f"product={other.product_id}": {"July"},
        "state=archived": {"June", "July"},
    }
    for query, names in queries.items():
        page = phone.get(f"{MINE}?{query}", headers=FRAGMENT)
        assert {database.name for database in page.context["page"]} == names, query
        assert page.content.decode().strip().startswith('<div id="list">')


def test_a_request_is_made_and_waits(phone, database, staff):
    page = phone.post(MINE, asking(database, 4), follow=True)
    assert page.redirect_chain == [(MINE, 303)]
    text, shown = page.content.decode(), figures_on(page)
    assert "4 records of June are held for you and wait for an admin." in text
    assert shown[("requests.mine", str(staff.pk))] == 1
    assert shown[("request.quantity", str(Request.objects.get().pk))] == 4
    assert shown[("records.database.available", str(database.pk))] == 6


def test_a_request_that_the_rule_approves_leads_to_its_batch(phone, database, staff, owner):
    change_settings(module=MODULE, by=owner, auto_approve=True)
    text = phone.post(MINE, asking(database, 4), follow=True).content.decode()
    [batch] = Batch.objects.all()
    assert f'Approved at once: 4 records of June are yours. <a href="{batch.get_absolute_url()}">' in text
    assert phone.get(batch.get_absolute_url()).status_code == 200


def test_the_page_says_of_each_database_whether_it_approves_at_once(phone, database, admin, owner):
    page = phone.get(MINE)
    assert [offer.at_once for offer in page.context["offers"]] == [False]
    assert "By an admin" in page.content.decode()
    change_auto_approve(database=database, auto_approve=AutoApprove.AUTO, by=admin)
    assert [offer.at_once for offer in phone.get(MINE).context["offers"]] == [True]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"quantity": 11}, "Only 10 records are available, 11 were asked for. Nothing was changed."),
        ({"quantity": 101}, "Ask for 1 to 100 records at once."),
        ({"quantity": 10**30}, "Ask for 1 to 100 records at once."),
        ({"quantity": 0}, "greater than or equal to 1"),
        ({"quantity": ""}, "required"),
        ({"quantity": "many"}, "whole number"),
        ({"database": 999_999_999}, "valid choice"),
        ({"database": "x"}, "valid choice"),
        ({"token": "x"}, ""),
    ],
)
def test_what_cannot_be_asked_for_comes_back_with_422_and_changes_nothing(phone, database, change, message):
    before = everything()
    for headers in ({}, FRAGMENT):
        answer = phone.post(MINE, asking(database, 4) | change, headers=headers)
        assert answer.status_code == 422
        assert message in answer.content.decode()
        assert ("<html" in answer.content.decode()) == (not headers)
    assert everything() == before


def test_a_refusal_stands_in_the_row_it_is_about_with_what_was_typed(phone, database):
    fill(factories_of(MODULE).database(name="July"), 50)
    page = phone.post(MINE, asking(database, 11), headers=FRAGMENT)
    row = re.search(rf'<tr id="database-{database.pk}">.*?</tr>', page.content.decode(), re.DOTALL)
    assert row
    assert "Only 10 records are available" in row[0]
    assert 'value="11"' in row[0]
    assert page.content.decode().count("Only 10 records are available") == 1


def test_a_refusal_about_a_database_that_is_gone_from_the_list_is_shown_all_the_same(phone, database, admin):
    archive_database(database=database, by=admin)
    answer = phone.post(MINE, asking(database, 4), headers=FRAGMENT)
    assert f"“{database}” is archived, and nothing is handed out from it." in answer.content.decode()


def test_a_request_that_is_sent_twice_is_made_once(phone, database):
    data = asking(database, 4)
    phone.post(MINE, data)
    again = phone.post(MINE, data, follow=True)
    assert "took effect once" in again.content.decode()
    assert Request.objects.count() == 1


def test_the_poll_brings_the_own_requests_the_answers_and_the_numbers(phone, database, staff, admin):
    one, two = (request_records(database=database, quantity=n, by=staff) for n in (3, 2))
    reject_requests(requests=[one], by=admin, reason="Not <today>.")
    text = phone.get(MINE, headers={"HX-Request": "true", "HX-Target": "own"}).content.decode()
    assert "<html" not in text
    assert text.strip().startswith('<section id="own"')
    assert f'id="own-{two.pk}"' in text
    assert f'id="own-{one.pk}"' not in text
    assert '<section id="answered" class="mt-4" hx-swap-oob="true"' in text
    assert "Not &lt;today&gt;." in text
    again = f"[data-figure='records.database.available'][data-object='{database.pk}']"
    assert f'data-value="8" title="Records in the pool, free to be handed out." href="#database-{database.pk}"' in text
    assert again in text.replace("&#x27;", "'")


def test_an_answer_leads_to_the_batch_and_says_the_reason(phone, database, staff, other_staff, admin):
    approved, rejected, foreign = (
        request_records(database=database, quantity=n, by=person)
        for n, person in ((3, staff), (2, staff), (4, other_staff))
    )
    approve_requests(requests=[approved], by=admin)
    reject_requests(requests=[rejected, foreign], by=admin, reason="Later.")
    page = phone.get(MINE)
    assert [each.pk for each in page.context["answered"]] == [rejected.pk, approved.pk]
    assert Batch.objects.get().get_absolute_url() in page.content.decode()
    assert page.content.decode().count("Later.") == 1


# --- Taking back -------------------------------------------------------------------------------------------


def test_staff_take_their_own_request_back(phone, database, staff):
    request = request_records(database=database, quantity=4, by=staff)
    page = phone.post(url_of("cancel_request", request.pk), follow=True)
    assert page.redirect_chain == [(MINE, 303)]
    assert "Your request is cancelled: 4 × June." in page.content.decode()
    assert figures_on(page)[("records.database.available", str(database.pk))] == 10


def test_somebody_elses_request_is_not_there(phone, desk, database, other_staff):
    request = request_records(database=database, quantity=4, by=other_staff)
    before = everything()
    for client in (phone, desk):
        assert client.post(url_of("cancel_request", request.pk)).status_code == 404
    assert f"own-{request.pk}" not in phone.get(MINE).content.decode()
    assert everything() == before


def test_a_request_that_was_answered_meanwhile_cannot_be_taken_back(phone, database, staff, admin):
    request = request_records(database=database, quantity=4, by=staff)
    approve_requests(requests=[request], by=admin)
    before = everything()
    page = phone.post(url_of("cancel_request", request.pk), follow=True)
    assert "This request was decided already. Nothing was changed." in page.content.decode()
    assert everything() == before


# --- The queue ---------------------------------------------------------------------------------------------


@pytest.fixture
def waiting(database, staff, other_staff) -> list[Request]:
    """In the order in which they were made."""
    asked = ((staff, 3), (other_staff, 2), (staff, 1))
    return [request_records(database=database, quantity=quantity, by=person) for person, quantity in asked]


def test_whoever_has_waited_longest_comes_first(desk, waiting):
    page = desk.get(QUEUE)
    assert [asked.pk for asked in page.context["page"]] == [request.pk for request in waiting]
    shown = figures_on(page)
    assert [shown[("request.quantity", str(request.pk))] for request in waiting] == [3, 2, 1]
    assert shown[("records.database.available", str(waiting[0].database_id))] == 4
    assert shown[("records.requests.pending", "records")] == 3


def test_the_queue_is_filtered_by_state_and_by_person_and_its_tabs_count_what_they_open(desk, waiting, staff, admin):
    approve_requests(requests=[waiting[0]], by=admin)
    reject_requests(requests=[waiting[1]], by=admin)
    tabs = figures_on(desk.get(QUEUE))
    for state, count in (("pending", 1), ("approved", 1), ("rejected", 1), ("cancelled", 0)):
        assert tabs[(f"records.requests.{state}", "records")] == count
        assert rows_on(desk.get(f"{QUEUE}?state={state}", headers=FRAGMENT)) == count
    mine = desk.get(f"{QUEUE}?state=rejected&staff={staff.pk}", headers=FRAGMENT)
    assert rows_on(mine) == 0


@pytest.mark.parametrize("query", ["state=nonsense", "staff=x", "state=pending&staff=999999", "state=approved&staff=x"])
def test_a_filter_of_the_queue_that_makes_no_sense_matches_nothing(desk, waiting, query):
    text = desk.get(f"{QUEUE}?{query}", headers=FRAGMENT).content.decode()
    assert "No requests match" in text
    assert "Nobody waits" not in text
    assert len(desk.get(f"{QUEUE}?{query}").context["page"].object_list) == 0
    chosen = desk.get(f"{QUEUE}?{query}").context["filter"].chosen_state
    assert chosen == ("approved" if "approved" in query else "pending"), "the tab stays"


def test_the_queue_says_how_many_match_a_person(desk, waiting, staff):
    assert "the filter" not in desk.get(f"{QUEUE}?state=pending", headers=FRAGMENT).content.decode()
    assert "2 match the filter" in desk.get(f"{QUEUE}?staff={staff.pk}", headers=FRAGMENT).content.decode()


def test_the_number_of_queries_does_not_grow_with_the_requests(
    desk, phone, database, staff, django_assert_max_num_queries
):
    fill(database, 40)

    def queries(client: Client, url: str) -> int:
        with django_assert_max_num_queries(60) as asked:
            assert client.get(url).status_code == 200
        return len(asked)

    request_records(database=database, quantity=1, by=staff)
    pages = ((desk, QUEUE), (phone, MINE))
    before = [queries(*page) for page in pages]
    for _number in range(8):
        request_records(database=database, quantity=1, by=staff)
        fill(factories_of(MODULE).database(), 1)
    assert [queries(*page) for page in pages] == before


def test_a_poll_brings_the_number_in_the_navigation_along(desk, waiting):
    text = desk.get(QUEUE, headers=FRAGMENT).content.decode()
    assert text.strip().startswith('<div id="list">')
    assert 'hx-swap-oob="outerHTML:a[data-figure=&#x27;records.requests.pending&#x27;]' in text
    assert "hx-swap-oob" not in desk.get(QUEUE).content.decode()


# --- Answering ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_the_first_step_says_what_an_answer_touches_and_changes_nothing(desk, waiting, verb):
    before = everything()
    ids = {"ids": [waiting[0].pk, waiting[1].pk]}
    for headers in ({}, DIALOG):
        page = desk.post(url_of(f"{verb}_requests"), ids, headers=headers)
        assert page.status_code == 200
        text = page.content.decode()
        assert "<strong>2</strong> requests are chosen," in text
        assert "for <strong>5</strong> records." in text
        assert "Sari Staff: 3 × June" in text
        assert re.findall(r'name="ids" value="(\d+)"', text) == [str(pk) for pk in ids["ids"]]
    assert everything() == before


def test_chosen_requests_are_approved_together(desk, waiting):
    data = answering(*waiting[:2], next=f"{QUEUE}?staff=1")
    page = desk.post(url_of("approve_requests"), data, follow=True)
    assert page.redirect_chain == [(f"{QUEUE}?staff=1", 303)]
    assert "2 requests approved. 5 records handed out." in page.content.decode()
    assert figures_on(page)[("records.requests.pending", "records")] == 1


def test_one_request_is_approved_from_its_row_in_one_step(desk, waiting):
    text = desk.get(QUEUE).content.decode()
    url = url_of("approve_request", waiting[0].pk)
    token = re.search(rf'name="token"\s+value="([^"]+)"\s+formaction="{url}"', text)
    assert token
    # The browser sends along what is ticked elsewhere in the list; it is not meant.
    data = {"token": token[1], "ids": [waiting[1].pk], "next": QUEUE}
    page = desk.post(url, data, follow=True)
    assert "1 request approved. 3 records handed out." in page.content.decode()
    states = dict(Request.objects.values_list("pk", "state"))
    assert [states[request.pk] for request in waiting] == ["approved", "pending", "pending"]


def test_a_rejection_says_why(desk, phone, waiting):
    page = desk.post(url_of("reject_request", waiting[0].pk), answering(reason="Work the old ones first."), follow=True)
    assert "1 request rejected. Its records are back in the pool." in page.content.decode()
    assert "Work the old ones first." in phone.get(MINE).content.decode()


def test_the_message_says_what_was_late_swapped_and_refused(desk, waiting, staff, other_staff, admin):
    """One was answered before, one has lost a record to somebody, one is of somebody who left."""
    fill(waiting[0].database, 1)
    reject_requests(requests=[waiting[2]], by=admin)
    run("UPDATE accounts_user SET is_active = false, deactivated_at = now() WHERE id = %s", other_staff.pk)
    take(waiting[0].records.first())
    text = desk.post(url_of("approve_requests"), answering(*waiting), follow=True).content.decode()
    assert "1 request approved. 3 records handed out." in text
    assert "1 held record was not free any more; another one of the same database took its place." in text
    assert "1 request had been decided or cancelled before." in text
    assert "Tono Staff, June: Tono Staff is not an active staff member and cannot be given records." in text


@pytest.mark.parametrize("headers", [{}, DIALOG])
def test_an_answer_that_changes_nothing_comes_back_with_422_and_every_reason(desk, waiting, admin, headers):
    archive_database(database=waiting[0].database, by=admin)
    reject_requests(requests=[waiting[2]], by=admin)
    before = everything()
    for url in (url_of("approve_requests"), url_of("approve_request", waiting[0].pk)):
        answer = desk.post(url, answering(*waiting), headers=headers)
        assert answer.status_code == 422
        text = re.sub("<template.*?</template>", "", answer.content.decode(), flags=re.DOTALL)
        assert text.count("Nothing was changed.") == 1
        assert text.count("Sari Staff, June: “June” is archived") == 1
    assert everything() == before


def test_an_answer_to_what_was_answered_says_so(desk, waiting, admin):
    reject_requests(requests=waiting, by=admin)
    answer = desk.post(url_of("approve_requests"), answering(*waiting), headers=DIALOG)
    assert answer.status_code == 422
    assert "3 requests had been decided or cancelled before." in answer.content.decode()
    step = desk.post(url_of("approve_requests"), {"ids": [waiting[0].pk]}, headers=DIALOG)
    assert "These requests have been answered or cancelled already." in step.content.decode()
    nothing = desk.post(url_of("approve_requests"), {}, headers=DIALOG)
    assert "No requests are chosen." in nothing.content.decode()


@pytest.mark.parametrize(
    ("change", "status"), [({"ids": ["x"]}, 404), ({"token": "x"}, 422), ({"reason": "x" * 201}, 422)]
)
def test_a_form_that_makes_no_sense_changes_nothing(desk, waiting, change, status):
    before = everything()
    assert desk.post(url_of("reject_requests"), answering(waiting[0]) | change).status_code == status
    assert everything() == before


def test_an_answer_leads_nowhere_else(desk, waiting):
    page = desk.post(url_of("approve_requests"), answering(waiting[0], next="//evil.example/"))
    assert page["Location"] == QUEUE


def test_an_answer_that_is_sent_twice_takes_effect_once(desk, waiting):
    data = answering(waiting[0])
    desk.post(url_of("approve_requests"), data)
    assert "took effect once" in desk.post(url_of("approve_requests"), data, follow=True).content.decode()


# --- Who approves for a database ---------------------------------------------------------------------------


@pytest.mark.parametrize("at_once", [True, False])
def test_the_page_of_a_database_says_in_words_what_its_module_does(desk, database, owner, at_once):
    change_settings(module=MODULE, by=owner, auto_approve=at_once)
    text = desk.get(database.get_absolute_url()).content.decode()
    assert ("requests are approved at once." in text) == at_once
    assert ("requests wait for an admin." in text) != at_once
    assert '<option value="inherit" selected>' in text


@pytest.mark.parametrize("rule", ["auto", "manual", "inherit"])
def test_an_admin_says_who_approves_for_a_database(desk, database, rule):
    url = url_of("auto_approve_database", database.pk)
    page = desk.post(url, {"auto_approve": rule}, follow=True)
    assert page.redirect_chain == [(database.get_absolute_url(), 303)]
    assert f'<option value="{rule}" selected>' in page.content.decode()
    assert ask("SELECT auto_approve FROM records_database WHERE id = %s", database.pk) == [(rule,)]


@pytest.mark.parametrize("data", [{}, {"auto_approve": "perhaps"}])
def test_a_rule_that_there_is_not_changes_nothing(desk, database, data):
    before = everything()
    page = desk.post(url_of("auto_approve_database", database.pk), data, follow=True)
    assert "Nothing was changed." in page.content.decode()
    assert everything() == before


def test_other_modules_have_no_such_choice(desk):
    other = factories_of(get_module("memberwd")).database()
    assert "auto_approve" not in desk.get(other.get_absolute_url()).content.decode()
