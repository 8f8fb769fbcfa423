"""The demo data: what is in it, and that its past is a past."""

from datetime import timedelta

import pytest
from django.utils import timezone

from crm.accounts.models import User
from crm.distribution.holdings import FOLLOW_UPS, work_of
from crm.distribution.outcomes import done_of
from crm.errors import Refused
from crm.home import demo
from crm.registry import modules
from integrity.runs import make_run, work_run
from records.models import Request
from tests.distribution.sql import ask
from tests.integrity.conftest import planned_anew

pytestmark = pytest.mark.django_db


@pytest.fixture
def seeded(db) -> dict[str, User]:
    demo.seed(scale=1)
    return {user.username: user for user in User.objects.all()}


@pytest.mark.slow("it makes the demo data")
def test_the_demo(seeded):
    every_record_is_as_its_newest_event_has_it()
    time_has_passed(seeded)
    there_is_something_of_everything_to_see(seeded)
    nothing_is_wrong_with_it()
    with pytest.raises(Refused):
        demo.seed(scale=1)


def every_record_is_as_its_newest_event_has_it():
    for module in modules():
        table = module.Record._meta.db_table
        fields = [field.column for field in module.Record._meta.concrete_fields]
        kept = [name for name in fields if name not in ("lottery", "customer_key", "seal")]
        record, event = (", ".join(f"{alias}.{name}" for name in kept) for alias in ("r", "e"))
        newest = f"SELECT DISTINCT ON (pgh_obj_id) * FROM {table}event ORDER BY pgh_obj_id, pgh_id DESC"
        same = f"SELECT 1 FROM {table} r WHERE ({record}) IS NOT DISTINCT FROM ({event})"
        assert ask(f"SELECT count(*) FROM ({newest}) e WHERE NOT EXISTS ({same})") == [(0,)]
        late = "greatest(pgh_created_at, worked_at, responded_at, assigned_at, archived_at) > clock_timestamp()"
        assert ask(f"SELECT count(*) FROM {table}event WHERE {late}") == [(0,)]


def time_has_passed(seeded):
    [(first, last)] = ask("SELECT min(created_at), max(created_at) FROM pghistory_context")
    assert last - first > timedelta(days=7)
    assert max(abs(user.date_joined - first) for user in seeded.values()) < timedelta(hours=1)
    assert seeded["sari"].looked_at < timezone.now() - timedelta(hours=23)


def there_is_something_of_everything_to_see(seeded):
    sari = work_of(seeded["sari"])
    assert all(sari.count(state) for state in FOLLOW_UPS)
    assert all(sari.count(state) for state in ("to_do", "marked_invalid"))
    today = done_of(seeded["sari"], None, timezone.localdate())
    assert today.worked > today.said_yes > 0
    assert set(Request.objects.values_list("state", flat=True)) == {"pending", "approved", "rejected"}
    for module in modules():
        if module.policy.validates:
            assert module.Record.objects.marked_invalid().exists()
            assert module.Record.objects.exclude(replaces=None).exists()
            assert module.Record.objects.archived().filter(replacements=None).exists()


def nothing_is_wrong_with_it():
    planned_anew()  # the tests have no task cluster
    found = work_run(make_run(by=None, origin="command"))
    assert found.is_healthy, [str(each) for each in found.findings.all()] + [found.error]
