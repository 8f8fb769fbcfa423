"""What a finding's page says of how it came about, and what counts say of when they were proved."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from crm.distribution.assignment import recall_records
from integrity.models import Finding
from tests.distribution.sql import run
from tests.integrity.conftest import miscount

pytestmark = pytest.mark.django_db

BEHIND = "the history has no event for it"


def page_of(desk, finding: Finding) -> str:
    return desk.get(finding.get_absolute_url()).content.decode()


def test_a_count_that_was_changed_behind_the_triggers(desk, admin, batches, look):
    miscount("memberwd")
    batch = batches["memberwd"]
    found = look()
    finding = found.findings.get(code="batch_count_mismatch")
    page = page_of(desk, finding)
    assert f"Batch {batch.pk} of Sari Staff says 49 assigned, and 50 assigned records are in it." in page
    assert BEHIND in page
    assert "the history says “50”" in page
    assert batch.get_absolute_url() in page
    assert f'href="{batch.get_absolute_url()}?show=current"' in page, "the rows that it counts"
    assert "Assigned" in page
    assert f'<td data-label="Who">{admin}</td>' in page, "who handed them out"


def test_a_record_that_left_behind_the_triggers_is_named_where_its_batch_is_wrong(desk, batches, look):
    batch = batches["memberwd"]
    lost = batch.records.order_by("pk").first()
    run(
        "SET session_replication_role = replica; DELETE FROM memberwd_record"
        f" WHERE id = {lost.pk}; SET session_replication_role = origin"
    )
    found = look()
    of_batch = found.findings.get(code="batch_count_mismatch")
    assert f"Record {lost.pk}, which is gone, is not there" in page_of(desk, of_batch)
    of_database = found.findings.filter(code="database_count_mismatch").first()
    assert f"Record {lost.pk}, which is gone, is not there" in page_of(desk, of_database)


def test_what_somebody_did_in_the_app_is_told_with_who_and_what(desk, admin, batches, look):
    batch = batches["memberwd"]
    record = batch.records.order_by("pk").first()
    recall_records(records=batch.records.filter(pk=record.pk), by=admin)
    run("SELECT set_config('pghistory.context_id', '', true)")  # as in another transaction
    run("UPDATE memberwd_record SET phone_key = '+6281111111' WHERE id = %s", record.pk)
    page = page_of(desk, look().findings.get(code="key_drift"))
    assert "Recalled" in page
    assert "Changed outside the app" in page, "the last write came by psql, and the triggers saw it"
    assert "phone_key" in page
    assert BEHIND not in page


def test_of_a_row_without_history_nothing_is_invented(desk, batches, look):
    run("UPDATE django_q_schedule SET func = 'os.getcwd' WHERE name = 'clean up'")
    assert "The history keeps nothing about this table." in page_of(desk, look().findings.get(code="schedule_missing"))


def test_counts_say_when_they_were_proved(desk, batches, look):
    batch = batches["memberwd"]
    pages = [batch.get_absolute_url(), batch.database.get_absolute_url(), "/memberwd/databases/"]
    for url in pages:
        assert "Not proved yet" in desk.get(url).content.decode(), url
    look()
    with time_machine.travel(timezone.now() + timedelta(hours=3, minutes=1), tick=False):
        for url in pages:
            page = desk.get(url).content.decode()
            assert "Proved 3\xa0hours, 1\xa0minute ago" in page, url
    miscount("memberwd")
    wrong = look().findings.get(code="batch_count_mismatch")
    page = desk.get(batch.get_absolute_url()).content.decode()
    assert "Not what the rows say" in page
    assert wrong.get_absolute_url() in page


def test_staff_see_when_their_counts_were_proved_and_nothing_of_findings(phone, batches, look):
    batch = batches["memberwd"]
    look()
    assert "Proved" in phone.get(batch.get_absolute_url()).content.decode()
    miscount("memberwd")
    look()
    page = phone.get(batch.get_absolute_url()).content.decode()
    assert "Not what the rows say" in page
    assert "/integrity/" not in page
    finding = Finding.objects.latest("pk")
    assert phone.get(finding.get_absolute_url()).status_code == 403


def test_the_page_of_integrity_says_how_things_stand_by_module_and_severity(desk, batches, look):
    miscount("bonanza")
    look(keys=["memberwd"])
    last = look()
    page = desk.get("/integrity/")
    assert page.context["last"] == last
    assert {each.label: (each.errors.count, each.warnings.count) for each in page.context["open"]} == {
        "Normal DB": (0, 0),
        "DB Bonanza": (last.total, 0),
        "Member WD": (0, 0),
        "All modules": (0, 0),
    }
    text = page.content.decode()
    assert f'data-figure="run.rows" data-object="{last.pk}" data-value="{last.rows}"' in text
    assert last.rows > 180
    listed = desk.get(f"{last.get_absolute_url()}?module=bonanza&severity=error")
    assert len(listed.context["findings"]) == last.total
    assert not desk.get(f"{last.get_absolute_url()}?module=&severity=error").context["findings"]
