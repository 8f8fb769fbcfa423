"""How a count came about: the changes of its operations, and that they, the rows and the number are the same."""

import pytest
from django.urls import reverse

from crm.distribution.assignment import assign_random, recall_records, transfer_records
from crm.distribution.figures import STATUS_FIGURES
from crm.distribution.models import BATCH_COUNTS
from crm.distribution.story import column_of, tell
from tests.distribution.sql import run
from tests.factories.accounts import UserFactory
from tests.factories.distribution import fill

pytestmark = pytest.mark.django_db


@pytest.fixture
def batch(make, module, admin, staff):
    database = make.database(name="Senin")
    fill(database, 60)
    batch = assign_random(module=module, database=database, staff=staff, count=50, by=admin).batch
    recall_records(records=batch.records.filter(pk__in=list(batch.records.values_list("pk", flat=True)[:3])), by=admin)
    tono = UserFactory(username="tono", name="Tono")
    transfer_records(
        records=batch.records.filter(pk__in=list(batch.records.values_list("pk", flat=True)[:2])), to=tono, by=admin
    )
    batch.refresh_from_db()
    return batch


def told(story) -> list[tuple[str, int, int, str, str]]:
    return [(str(each.operation), each.plus, each.minus, each.of, each.to) for each in story.changes]


def test_the_story_of_a_batch_leads_to_its_number(batch, admin):
    story = tell(batch, "current", admin)
    assert told(story) == [
        ("Transferred", 0, 2, "", "Tono"),
        ("Recalled", 0, 3, "", ""),
        ("Assigned", 50, 0, "", ""),
    ]
    assert [each.who for each in story.changes] == [admin] * 3
    assert (story.shown, story.total, story.rows, story.is_true) == (45, 45, 45, True)


def test_the_story_of_a_database_begins_with_the_import(batch, admin):
    story = tell(batch.database, "available", admin)
    assert told(story) == [
        ("Recalled", 3, 0, "Sari Staff", ""),
        ("Assigned", 0, 50, "", "Sari Staff"),
        ("", 60, 0, "", ""),
    ]
    assert (story.shown, story.total, story.rows) == (13, 13, 13)


def test_every_count_has_a_true_story(batch, admin):
    for name, *_rest in [*STATUS_FIGURES, ("records",), ("imported",), ("purged",)]:
        assert tell(batch.database, name, admin).is_true, name
    for column in BATCH_COUNTS:
        name = column.removesuffix("_count")
        try:
            column_of("batch", name)
        except KeyError:
            continue
        assert tell(batch, name, admin).is_true, name


@pytest.mark.parametrize(
    ("damage", "shown", "total", "rows"),
    [
        ("UPDATE {module}_batch SET current_count = 44, left_count = 6 WHERE id = {batch}", 44, 45, 45),
        ("DELETE FROM {module}_record WHERE id IN (SELECT min(id) FROM {module}_record WHERE batch_id = {batch})",
         45, 45, 44),
    ],
)  # fmt: skip
def test_what_differs_is_said(batch, admin, desk, damage, shown, total, rows):
    module = batch.module
    sql = damage.format(module=module.key, batch=batch.pk)
    run(f"SET session_replication_role = replica; {sql}; SET session_replication_role = origin")
    story = tell(batch, "current", admin)
    assert (story.shown, story.total, story.rows, story.is_true) == (shown, total, rows, False)
    page = desk.get(reverse("batch_story", args=[module, batch.pk, "current"])).content.decode()
    assert "These must be the same." in page


def test_older_operations_are_added_up(batch, admin, monkeypatch):
    monkeypatch.setattr("crm.distribution.story.MOST_CHANGES", 1)
    story = tell(batch, "current", admin)
    assert [(each.is_rest, each.plus, each.minus) for each in story.changes] == [(False, 0, 2), (True, 50, 3)]
    assert story.is_true


def test_the_pages_lead_to_it_and_only_counts_have_one(batch, desk, module):
    url = reverse("database_story", args=[module, batch.database_id, "available"])
    assert url in desk.get(batch.database.get_absolute_url()).content.decode()
    assert (
        reverse("batch_story", args=[module, batch.pk, "current"])
        in desk.get(batch.get_absolute_url()).content.decode()
    )
    assert "from Sari Staff" in desk.get(url).content.decode()
    for name in ("nothing", "initial", "name"):
        assert desk.get(reverse("database_story", args=[module, batch.database_id, name])).status_code == 404


def test_staff_see_the_story_of_their_own_batch_without_the_others(batch, phone, desk, module):
    url = reverse("batch_story", args=[module, batch.pk, "current"])
    assert "to Tono" in desk.get(url).content.decode()
    page = phone.get(url)
    assert page.status_code == 200
    assert "Tono" not in page.content.decode()
    assert phone.get(reverse("database_story", args=[module, batch.database_id, "available"])).status_code == 403
