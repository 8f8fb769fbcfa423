"""The health check in the browser."""

import pytest
from django.urls import reverse

from integrity.models import Run
from integrity.runs import work_run
from tests.distribution.sql import ask
from tests.factories.integrity import RunFactory
from tests.integrity.conftest import behind_the_back

pytestmark = pytest.mark.django_db


def pressed(desk, module: str = "") -> Run:
    """The run that the button has started."""
    answer = desk.post(reverse("start_health_check"), {"module": module} if module else {})
    run = Run.objects.latest("pk")
    assert (answer.status_code, answer["Location"]) == (303, run.get_absolute_url())
    return run


def test_the_button_of_a_module_starts_a_run_of_it_and_its_page_shows_how_far_it_is(desk, admin, module):
    page = desk.get(reverse("databases", args=[module])).content.decode()
    assert reverse("start_health_check") in page
    assert f'name="module" value="{module.key}"' in page
    run = pressed(desk, module.key)
    assert (run.modules, run.by, run.state) == ([module.key], admin, "waiting")
    assert "Waiting for its turn" in desk.get(run.get_absolute_url()).content.decode()


def test_the_page_says_what_is_wrong_where_and_that_nothing_was_changed(desk, batches):
    behind_the_back("UPDATE memberwd_batch SET current_count = 49, received_count = 49, initial_count = 49")
    run = work_run(pressed(desk, "memberwd"))
    page = desk.get(run.get_absolute_url())
    text = page.content.decode()
    batch = batches["memberwd"]
    assert f"Batch {batch.pk} of Sari Staff says 49 assigned, and 50 assigned records are in it." in text
    assert f'href="{batch.get_absolute_url()}"' in text
    assert "Not healthy" in text
    assert "Nothing was changed." in text


def test_healthy_is_said_only_of_a_run_that_has_looked(desk, batches):
    run = work_run(pressed(desk))
    assert "every rule that was asked about holds" in desk.get(run.get_absolute_url()).content.decode()
    for state in ("failed", "interrupted"):
        other = RunFactory(state=state, error="It could not be done.")
        text = desk.get(other.get_absolute_url()).content.decode()
        assert "holds" not in text
        assert "Healthy" not in text
        assert "It could not be done." in text


def test_the_file_has_all_that_was_found(desk, batches):
    for table in ("memberwd_batch", "records_batch"):
        behind_the_back(f"UPDATE {table} SET current_count = 49, received_count = 49, initial_count = 49")
    run = work_run(pressed(desk))
    url = reverse("export_findings", args=[run.pk, "csv"])
    lines = b"".join(desk.get(url).streaming_content).decode().splitlines()
    assert len(lines) - 1 == run.total == 2
    assert "says 49 assigned" in lines[1]
    filtered = b"".join(desk.get(f"{url}?module=records&code=batch_count_mismatch").streaming_content).splitlines()
    assert len(filtered) - 1 == 1


def test_the_number_of_a_check_opens_what_it_found(desk, batches):
    for table in ("memberwd_batch", "records_batch"):
        behind_the_back(f"UPDATE {table} SET current_count = 49, received_count = 49, initial_count = 49")
    run = work_run(pressed(desk))
    page = desk.get(run.get_absolute_url(), {"code": "batch_count_mismatch", "module": "records"})
    assert [finding.module for (finding, _row), _reason in page.context["findings"]] == ["records"]


def test_the_list_of_runs_shows_each_and_what_is_asked(desk, batches):
    run = work_run(pressed(desk))
    text = desk.get(reverse("integrity")).content.decode()
    assert run.get_absolute_url() in text
    assert "Each count of a batch is the number of its records in that status." in text
    assert ask("SELECT count(*) FROM integrity_run") == [(1,)]


def test_a_module_that_there_is_not_starts_nothing(desk):
    desk.post(reverse("start_health_check"), {"module": "nothing"})
    assert not Run.objects.exists()
