"""Health checks: one at a time, and right whatever others do meanwhile."""

import time
from collections import Counter
from random import Random
from typing import Any

import pytest
from django.db import DatabaseError, connection

from crm.accounts.services import edit_person
from crm.distribution.assignment import assign_random, recall_records, transfer_records
from crm.distribution.imports.uploads import import_upload, receive_upload
from crm.distribution.models import Validation
from crm.distribution.validation import replace_invalid, validate_records
from crm.distribution.work import note_outcome
from crm.errors import Refused
from crm.registry import modules
from crm.reservations.models import Reservation
from crm.reservations.services import add_reservation, release_reservations
from integrity.models import Run
from integrity.runs import AT_WORK, make_run, work_run
from records.models import Request
from records.requests import approve_requests, reject_requests, request_records
from tests.factories.accounts import UserFactory
from tests.factories.distribution import factories_of, fill
from tests.factories.products import ProductFactory
from tests.integrity.conftest import planned_anew

pytestmark = pytest.mark.django_db(transaction=True)

COUNTS = ["batch_count_mismatch"]


def test_a_second_run_waits_until_the_first_has_ended(workers):
    run = make_run(by=None, origin="command", codes=COUNTS)
    with connection.cursor() as first:
        first.execute("SELECT pg_advisory_lock(%s)", [AT_WORK])
        second = workers.start(work_run, run)
        workers.wait_until_blocked()
        assert Run.objects.get().state == "waiting"
        first.execute("SELECT pg_advisory_unlock(%s)", [AT_WORK])
    assert second.result(20).is_healthy


def test_of_two_workers_of_one_run_one_works_it(workers):
    run = make_run(by=None, origin="command", codes=COUNTS)
    same = [Run.objects.get(pk=run.pk) for _ in range(2)]
    ended = workers.run(*[lambda each=each: work_run(each) for each in same])
    assert [each.is_healthy for each in ended] == [True, True]
    assert run.results.count() == 3


class Crew:
    """People who work, each in a thread with a seed, until the time is up; what they did is counted."""

    def __init__(self, admin: Any, staff: list[Any]) -> None:
        self.admin, self.staff = admin, staff
        self.databases = []
        for module in modules():
            database = factories_of(module).database(product=ProductFactory())
            fill(database, 400)
            self.databases.append(database)
        self.done: Counter[str] = Counter()

    def work(self, seed: int, until: float) -> None:
        random = Random(seed)
        deeds = [self.assigns, self.assigns, self.recalls, self.transfers, self.notes, self.reserves, self.releases]
        deeds += [self.renames, self.marks_invalid, self.replaces, self.imports, self.asks, self.answers]
        while time.monotonic() < until:
            deed = random.choice(deeds)
            try:
                deed(random)
            except (Refused, DatabaseError):  # taken by somebody else, or a lock that did not come in time
                self.done["refused"] += 1
            else:
                self.done[deed.__name__] += 1

    def some(self, random: Random) -> Any:
        database = random.choice(self.databases)
        records = database.module.Record.objects.filter(database=database, status="assigned")
        return records.filter(pk__in=list(records.order_by("?").values_list("pk", flat=True)[: random.randint(1, 20)]))

    def assigns(self, random: Random) -> None:
        database, staff = random.choice(self.databases), random.choice(self.staff)
        count = random.randint(1, 30)
        assign_random(module=database.module, database=database, staff=staff, count=count, by=self.admin)

    def recalls(self, random: Random) -> None:
        recall_records(records=self.some(random), by=self.admin)

    def transfers(self, random: Random) -> None:
        transfer_records(records=self.some(random), to=random.choice(self.staff), by=self.admin)

    def notes(self, random: Random) -> None:
        staff = random.choice(self.staff)
        note_outcome(records=self.some(random).filter(assignee=staff), by=staff, reach="reachable", response="yes")

    def reserves(self, random: Random) -> None:
        database = random.choice(self.databases)
        record = database.module.Record.objects.filter(database=database).order_by("?").first()
        staff = random.choice(self.staff)
        add_reservation(product=database.product, customer_id=record.customer_id, staff=staff, by=self.admin)

    def releases(self, _random: Random) -> None:
        active = Reservation.objects.active().order_by("?").values_list("pk", flat=True)[:3]
        release_reservations(reservations=Reservation.objects.filter(pk__in=list(active)), by=self.admin)

    def renames(self, random: Random) -> None:
        person = random.choice(self.staff)
        name = f"{person.username.partition('.')[0]}.{random.randint(1, 99)}"
        edit_person(person=person, username=name, name=person.name, email="", by=self.admin)

    def marks_invalid(self, random: Random) -> None:
        staff = random.choice(self.staff)
        records = self.some(random).filter(assignee=staff)
        validate_records(records=records, by=staff, validation=Validation.INVALID, reason="wrong number")

    def replaces(self, random: Random) -> None:
        module = random.choice([each for each in modules() if each.policy.validates])
        invalid = module.Record.objects.marked_invalid()
        replace_invalid(records=invalid.filter(pk__in=list(invalid.values_list("pk", flat=True)[:3])), by=self.admin)

    def imports(self, random: Random) -> None:
        database = random.choice(self.databases)
        rows = "".join(f"new{random.random()},Budi\n" for _ in range(9))
        content = [f"id,name\n{rows}".encode()]
        named = {"product": database.product, "name": "More", "file_name": "more.csv"}
        import_upload(receive_upload(module=database.module, content=content, by=self.admin, **named), self.admin)

    def asks(self, random: Random) -> None:
        [database] = [each for each in self.databases if each.module.policy.asking]
        request_records(database=database, quantity=random.randint(1, 5), by=random.choice(self.staff))

    def answers(self, random: Random) -> None:
        waiting = list(Request.objects.pending()[:3])
        answer = random.choice([approve_requests, reject_requests])
        answer(requests=waiting, by=self.admin)


@pytest.mark.parametrize("seconds", [3, pytest.param(60, marks=pytest.mark.proof)])
def test_while_four_people_work_no_health_check_finds_anything(workers, admin, seconds):
    crew = Crew(admin, [UserFactory() for _ in range(4)])
    planned_anew()
    until = time.monotonic() + seconds
    at_work = [workers.start(crew.work, seed, until) for seed in range(4)]
    scans = 0
    while time.monotonic() < until or not scans:
        found = work_run(make_run(by=None, origin="command"))
        assert found.is_healthy, [str(each) for each in found.findings.all()[:20]] + [found.error]
        scans += 1
    for each in at_work:
        each.result(60)
    assert scans
    assert crew.done.total() - crew.done["refused"] > 10, crew.done
    print(f"{scans} health checks while {dict(crew.done)}")
