"""docs/integrity.md says of every column who guards it, and of every check what must hold."""

import re
from collections.abc import Iterator

import pytest

from crm.runtime import ROOT
from integrity.check import our_models
from integrity.checks import checks
from integrity.checks.life import SAID_BY_OTHERS
from integrity.checks.links import references
from integrity.guards import guarded_models

TEXT = (ROOT / "docs" / "integrity.md").read_text()
STANDS_FOR = {"bonanza", "memberwd"}
"""Their tables are those of `records`, but for what only that module has."""


def said() -> Iterator[tuple[str, str, str]]:
    """The model, the column and who guards it, of each line of the table."""
    label = ""
    for line in TEXT.splitlines():
        if heading := re.fullmatch(r"#### `([a-z_.]+)`", line):
            label = heading[1]
        elif label and (row := re.fullmatch(r"\| `(\w+)` \| (.+) \|", line)):
            yield label, row[1], row[2]


def models() -> list:
    return [model for model in guarded_models() if not hasattr(model, "pgh_tracked_model")]


def test_every_column_of_every_table_has_an_answer_and_no_other():
    listed = [(label, column) for label, column, _answer in said()]
    assert len(listed) == len(set(listed))
    there = {
        (model._meta.label_lower, field.column)
        for model in models()
        if model._meta.app_label not in STANDS_FOR
        for field in model._meta.concrete_fields
    }
    assert set(listed) == there


@pytest.mark.parametrize("module", sorted(STANDS_FOR))
def test_one_module_stands_for_the_others(module):
    listed = {(label, column) for label, column, _answer in said()}
    for model in models():
        if model._meta.app_label == module:
            assert {
                (f"records.{model._meta.model_name}", each.column) for each in model._meta.concrete_fields
            } <= listed


def test_an_answer_names_checks_and_constraints_that_there_are_or_says_why_none():
    declared = {each.name.removeprefix("records_") for model in models() for each in model._meta.constraints}
    declared |= {each.name for model in models() for each in model._meta.constraints}
    columns = {field.column for model in models() for field in model._meta.concrete_fields}
    for label, column, answer in said():
        named, _, why = answer.partition("nobody: ")
        for name in re.findall(r"`(\w+)`", named):
            assert name in declared | set(checks()), f"{label}.{column}: {name}"
        assert set(re.findall(r"`(\w+)`", why)) <= columns
        assert why or re.search(r"`\w+`|its primary key|its foreign key|a unique index", answer), f"{label}.{column}"


def test_references_are_asked_about_where_it_says_so():
    asked = {(model._meta.label_lower, rule.field) for model in our_models() for rule in references(model)}
    listed = {(label, column) for label, column, answer in said() if "`missing_reference`" in answer}
    assert listed == {(label, column) for label, column in asked if label.split(".")[0] not in STANDS_FOR}


def test_every_check_has_its_line():
    first, _, _rest = TEXT.partition("## What a run promises")
    assert re.findall(r"^\| `(\w+)` \|", first, re.MULTILINE) == list(checks())


def test_what_repair_does_about_every_check_is_said_once():
    _before, _, repair = TEXT.partition("| check | what Repair does |")
    table, _, _after = repair.partition("\n\n")
    first_cells = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", table, re.MULTILINE)
    assert sorted(code for cell in first_cells for code in re.findall(r"`(\w+)`", cell)) == sorted(checks())


def test_what_is_left_to_checks_with_a_name_of_their_own_is_declared():
    """A constraint that came to be called like one of these would silently leave `rule_broken`."""
    names = [each.name for model in our_models() for each in model._meta.constraints]
    left = {name for name in names if name.endswith(SAID_BY_OTHERS)}
    assert {name if name in SAID_BY_OTHERS else name.partition("_")[2] for name in left} == set(SAID_BY_OTHERS)
