"""The health check in the browser."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from integrity.models import Run
from integrity.runs import work_run
from tests.distribution.sql import ask
from tests.factories.integrity import FindingFactory, ResultFactory, RunFactory
from tests.integrity.conftest import miscount

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
    miscount("memberwd")
    run = work_run(pressed(desk, "memberwd"))
    page = desk.get(run.get_absolute_url())
    text = page.content.decode()
    batch = batches["memberwd"]
    assert f"Batch {batch.pk} of Sari Staff says 49 assigned, and 50 assigned records are in it." in text
    assert f'href="{batch.get_absolute_url()}"' in text
    assert "Not healthy" in text
    assert "It only looks, and changed nothing." in text


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
    for key in ("memberwd", "records"):
        miscount(key)
    run = work_run(pressed(desk))
    url = reverse("export_findings", args=[run.pk, "csv"])
    lines = b"".join(desk.get(url).streaming_content).decode().splitlines()
    assert len(lines) - 1 == run.total
    assert len([line for line in lines if "says 49 assigned" in line]) == 2
    filtered = b"".join(desk.get(f"{url}?module=records&code=batch_count_mismatch").streaming_content).splitlines()
    assert len(filtered) - 1 == 1


def test_the_number_of_a_check_opens_what_it_found(desk, batches):
    for key in ("memberwd", "records"):
        miscount(key)
    run = work_run(pressed(desk))
    page = desk.get(run.get_absolute_url(), {"code": "batch_count_mismatch", "module": "records"})
    assert [finding.module for finding, _row, _reason in page.context["findings"]] == ["records"]


def test_the_list_of_runs_shows_each_and_what_is_asked(desk, batches):
    run = work_run(pressed(desk))
    text = desk.get(reverse("integrity")).content.decode()
    assert run.get_absolute_url() in text
    assert "Each count of a batch is the number of its records in that status." in text
    assert ask("SELECT count(*) FROM integrity_run") == [(1,)]


def test_a_module_that_there_is_not_starts_nothing(desk):
    desk.post(reverse("start_health_check"), {"module": "nothing"})
    assert not Run.objects.exists()


def test_while_it_is_open_htmx_gets_its_progress_and_then_the_whole_page(desk, batches):
    run = pressed(desk)
    asked = {"HX-Request": "true", "HX-Target": "run-progress"}
    piece = desk.get(run.get_absolute_url(), headers=asked).content.decode()
    assert piece.strip().startswith('<div id="run-progress"')
    assert 'hx-trigger="every 1s"' in piece
    work_run(run)
    assert 'hx-trigger="load" hx-target="body"' in desk.get(run.get_absolute_url(), headers=asked).content.decode()


def test_what_an_earlier_version_has_found_stays_readable(desk):
    finding = FindingFactory(code="gone_check", object="nowhere.thing", module="nowhere")
    ResultFactory(run=finding.run, code="gone_check", module="nowhere")
    text = desk.get(finding.run.get_absolute_url()).content.decode()
    assert "current_count is 49, and should be 50." in text
    lines = b"".join(desk.get(reverse("export_findings", args=[finding.run.pk, "csv"])).streaming_content)
    assert b"current_count is 49, and should be 50." in lines


@pytest.mark.parametrize("page", ["list", "run"])
def test_the_number_of_queries_does_not_grow_with_the_rows(desk, batches, page):
    def queries() -> int:
        url = reverse("integrity") if page == "list" else run.get_absolute_url()
        with CaptureQueriesContext(connection) as asked:
            assert desk.get(url).status_code == 200
        return len(asked)

    run = RunFactory()
    for size in (2, 20):
        for _ in range(size):
            FindingFactory(run=run)
            RunFactory()
        if size == 2:
            few = queries()
    assert queries() == few
