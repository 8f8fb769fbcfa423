"""Health checks, one at a time."""

import pytest
from django.db import connection

from integrity.models import Run
from integrity.runs import AT_WORK, make_run, work_run

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_second_run_waits_until_the_first_has_ended(workers):
    run = make_run(by=None, origin="command")
    with connection.cursor() as first:
        first.execute("SELECT pg_advisory_lock(%s)", [AT_WORK])
        second = workers.start(work_run, run)
        workers.wait_until_blocked()
        assert Run.objects.get().state == "waiting"
        first.execute("SELECT pg_advisory_unlock(%s)", [AT_WORK])
    assert second.result(20).is_healthy


def test_of_two_workers_of_one_run_one_works_it(workers):
    run = make_run(by=None, origin="command")
    same = [Run.objects.get(pk=run.pk) for _ in range(2)]
    ended = workers.run(*[lambda each=each: work_run(each) for each in same])
    assert [each.is_healthy for each in ended] == [True, True]
    assert run.results.count() == 3
