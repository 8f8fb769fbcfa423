"""Each check of the stored counts finds what is planted, and nothing else."""

from dataclasses import replace

import pytest

from integrity import checks
from integrity.checks import counts
from tests.distribution.sql import ask
from tests.integrity.conftest import behind_the_back

pytestmark = [pytest.mark.django_db, pytest.mark.every_module]

# What is planted, and which column of the batch says what, where what is there.
PLANTS = {
    "one is missing from the count": (
        "UPDATE {batches} SET current_count = 49, received_count = 49, initial_count = 49 WHERE id = {batch}",
        {("current_count", "50", "49")},
    ),
    "the earlier CRM: a conflict as a status, the counts as an afterthought": (
        "UPDATE {records} SET status = 'invalid' WHERE id = (SELECT min(id) FROM {records} WHERE batch_id = {batch})",
        {("current_count", "49", "50"), ("invalid_count", "1", "0")},
    ),
    "a record left without a trace": (
        "DELETE FROM {records} WHERE id = (SELECT min(id) FROM {records} WHERE batch_id = {batch})",
        {("current_count", "49", "50")},
    ),
    "all left, and the card goes on as it was": (
        "UPDATE {records} SET batch_id = NULL, status = 'available', assignee_id = NULL, assigned_at = NULL,"
        " assigned_by_id = NULL WHERE batch_id = {batch}",
        {("current_count", "0", "50")},
    ),
    "a record is archived and counted as assigned": (
        "UPDATE {records} SET status = 'archived', archived_at = now(), archived_by_id = assignee_id,"
        " archive_reason = 'Wrong number'"
        " WHERE id = (SELECT min(id) FROM {records} WHERE batch_id = {batch})",
        {("current_count", "49", "50"), ("archived_count", "1", "0")},
    ),
    "archived ones are made up": (
        "UPDATE {batches} SET archived_count = 3, received_count = 53 WHERE id = {batch}",
        {("archived_count", "0", "3")},
    ),
}


def plant(sql: str, module, batch) -> None:
    tables = {"records": module.Record._meta.db_table, "batches": module.Batch._meta.db_table}
    behind_the_back(sql.format(batch=batch.pk, **tables))


def test_clean_data_has_no_finding(batches, look):
    run = look()
    assert (run.state, run.total, run.is_healthy) == ("finished", 0, True)
    assert {(each.code, each.module) for each in run.results.all()} == {
        (check.code, key) for check in checks.checks().values() for key in check.scopes()
    }


@pytest.mark.parametrize("name", PLANTS)
def test_exactly_the_batch_that_is_wrong_is_named_with_what_it_says_and_what_is_there(module, batches, look, name):
    sql, expected = PLANTS[name]
    batch = batches[module.key]
    plant(sql, module, batch)
    run = look(codes=["batch_count_mismatch"])
    assert not run.is_healthy
    assert {(each.module, each.object, each.object_id) for each in run.findings.all()} == {
        (module.key, module.Batch._meta.label_lower, batch.pk)
    }
    assert {(each.field, each.expected, each.actual) for each in run.findings.all()} == expected
    assert {(each.module, each.count) for each in run.results.all() if each.count} == {(module.key, len(expected))}


def test_what_was_planted_is_there_and_nothing_was_changed(module, batches, look):
    """A health check only looks."""
    batch = batches[module.key]
    plant(PLANTS["one is missing from the count"][0], module, batch)
    dump = f"SELECT md5(string_agg(t::text, '|' ORDER BY id)) FROM {module.Batch._meta.db_table} t"
    before = ask(dump)
    assert look().total == 1
    assert ask(dump) == before


def test_a_check_that_looks_nowhere_is_found_out(module, batches, look, monkeypatch):
    blind = [replace(each, sql=f"{each.sql} AND false") for each in counts.looks()]
    monkeypatch.setattr(counts, "looks", lambda: iter(blind))
    with pytest.raises(AssertionError):
        test_exactly_the_batch_that_is_wrong_is_named_with_what_it_says_and_what_is_there(
            module, batches, look, "one is missing from the count"
        )
