"""Staff and admins at the same invalid records at the same time; and somebody who leaves meanwhile."""

import re
import threading

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from crm.accounts.models import User
from crm.accounts.services import lock_working
from crm.distribution.assignment import assign_random, recall_records, transfer_records
from crm.distribution.forms import OnceForm
from crm.distribution.leaving import belongings_of, deactivate_with_records
from crm.distribution.models import Validation
from crm.distribution.settings import change_settings
from crm.distribution.validation import validate_records
from crm.errors import Refused
from crm.notices.models import Kind, Notice
from crm.registry import get_module
from tests.factories.distribution import factories_of, fill

pytestmark = pytest.mark.django_db(transaction=True)

MODULE = get_module("memberwd")


@pytest.fixture
def batch(admin, staff):
    """Sari's six records, of a database that has 60 more."""
    database = factories_of(MODULE).database()
    fill(database, 66)
    return assign_random(module=MODULE, database=database, staff=staff, count=6, by=admin).batch


def mark_all(batch, by: User, validation: Validation | None = Validation.INVALID) -> None:
    reason = "Gone" if validation else ""
    validate_records(records=batch.records.assigned(), by=by, validation=validation, reason=reason)


def desk_of(admin: User) -> Client:
    client = Client()
    client.force_login(admin)
    return client


def confirmed(client: Client, url: str) -> dict:
    """What the second step sends about everything that the first one shows."""
    expected = re.search(r'name="expected" value="([^"]*)"', client.post(url, {"everything": 1}).content.decode())
    return {"everything": 1, "expected": expected[1] if expected else "", "token": OnceForm()["token"].value()}


def test_two_admins_who_replace_the_same_records_at_once_replace_each_once(workers, batch, admin, owner, staff):
    mark_all(batch, staff)
    url = reverse("replace_records", args=[MODULE])
    desks = [desk_of(admin), desk_of(owner)]
    data = [confirmed(desk, url) for desk in desks]
    together = threading.Barrier(2)

    def send(desk, answers):
        together.wait()
        return desk.post(url, answers).status_code

    codes = workers.run(*[lambda pair=pair: send(*pair) for pair in zip(desks, data, strict=True)])
    assert sorted(codes) == [303, 422]
    batch.refresh_from_db()
    assert (batch.current_count, batch.archived_count, batch.received_count) == (6, 6, 12)
    assert MODULE.Record.objects.filter(replaces__isnull=False).values("replaces").distinct().count() == 6


def test_marking_and_replacing_at_once_do_not_wait_for_each_other_in_a_ring(workers, batch, admin, staff):
    """Both take the person before the records: the replacement has none in hand while it waits for Sari."""
    mark_all(batch, staff)
    url, desk = reverse("replace_records", args=[MODULE]), desk_of(admin)
    data = confirmed(desk, url)
    with transaction.atomic():
        lock_working(staff, alone=True)
        replacement = workers.start(lambda: desk.post(url, data))
        workers.wait_until_blocked()
        mark_all(batch, staff, None)
    assert "Nothing was changed" in replacement.result(10).content.decode()
    assert "Others are working" not in replacement.result().content.decode()
    batch.refresh_from_db()
    assert (batch.current_count, batch.archived_count) == (6, 0)


def test_a_confirmed_action_that_had_to_wait_looks_again(workers, batch, admin, staff, other_staff):
    """The dialog named Sari. While the confirmed recall waits for the rows, they become Tono's."""
    desk, url = desk_of(admin), reverse("recall_records", args=[MODULE]) + "?status=assigned"
    data = confirmed(desk, url)
    with transaction.atomic():
        transfer_records(records=MODULE.Record.objects.held_by(staff), to=other_staff, by=admin)
        recall = workers.start(lambda: desk.post(url, data))
        workers.wait_until_blocked()
    assert recall.result(10).status_code == 422
    assert MODULE.Record.objects.held_by(other_staff).count() == 6


def test_records_that_arrive_while_somebody_leaves_are_not_taken_unseen(workers, batch, admin, staff):
    shown = belongings_of(staff).fingerprint
    with transaction.atomic():
        assign_random(module=MODULE, database=batch.database, staff=staff, count=2, by=admin)
        leaving = workers.start(lambda: deactivate_with_records(person=staff, to=[], by=admin, expected=shown))
        workers.wait_until_blocked()
    with pytest.raises(Refused, match="changed since they were shown"):
        leaving.result(10)
    assert MODULE.Record.objects.held_by(staff).count() == 8


def test_an_alert_stays_that_somebody_else_counts_on_at_this_moment(workers, batch, admin, staff):
    """Sari marks another record while an admin recalls the only one that waited until now."""
    first, second = (MODULE.Record.objects.with_ids([pk]) for pk in batch.records.values_list("pk", flat=True)[:2])
    validate_records(records=first, by=staff, validation=Validation.INVALID, reason="Gone")
    with transaction.atomic():
        validate_records(records=second, by=staff, validation=Validation.INVALID, reason="Gone")
        recall = workers.start(lambda: recall_records(records=first, by=admin))
        workers.wait_until_blocked()
    assert recall.result(10).count == 1
    assert Notice.objects.filter(kind=Kind.INVALID_WAITING, user=admin).count() == 1


def test_a_recall_by_product_locks_the_records_and_not_their_database_before_them(workers, batch, admin, staff):
    product, last = batch.database.product, MODULE.Record.objects.filter(batch=batch).order_by("pk").last()
    with transaction.atomic():
        one = MODULE.Record.objects.with_ids([last.pk])
        one.locked_ids()
        recall = workers.start(
            lambda: recall_records(records=MODULE.Record.objects.filter(database__product=product), by=admin)
        )
        workers.wait_until_blocked()
        assert recall_records(records=one, by=admin).count == 1
    assert recall.result(10).count == 5


def test_a_record_is_replaced_by_another_one_while_somebody_looks_at_the_rest_of_the_pool(
    workers, batch, admin, staff, owner
):
    change_settings(module=MODULE, by=owner, auto_replace=True, most_replacements=10)
    pool = MODULE.Record.objects.filter(database=batch.database).in_pool()
    kept = list(pool.order_by("pk").values_list("pk", flat=True)[:2])
    MODULE.Record.objects.with_ids(list(pool.exclude(pk__in=kept).values_list("pk", flat=True))).delete()
    with transaction.atomic():
        MODULE.Record.objects.with_ids(kept[:1]).locked_ids()
        marking = workers.start(lambda: validate_both(batch, staff))
        done = marking.result(10)
    assert (done.count, done.replacement.replaced, done.replacement.waiting) == (2, 1, 1)


def validate_both(batch, staff):
    two = MODULE.Record.objects.with_ids(list(batch.records.values_list("pk", flat=True)[:2]))
    return validate_records(records=two, by=staff, validation=Validation.INVALID, reason="Gone")
