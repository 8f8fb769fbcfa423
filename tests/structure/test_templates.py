"""Every number that counts something is rendered by `{% figure %}`, so that no page has a count of its own."""

import re
from pathlib import Path

import pytest
from django.conf import settings

TEMPLATES = Path(settings.BASE_DIR) / "templates"

EXPRESSION = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
TRANSLATION = re.compile(r"\{%\s*blocktrans(?:late)?\b(.*?)%\}", re.DOTALL)
FIGURE_AS = re.compile(r"\{%\s*figure\b[^%]*\bas\s+(\w+)\s*%\}")
COUNT = re.compile(
    r"""
    \| \s* (length|add|intcomma) \b      # counting or summing in the template
    | \. \s* (count|total|len) \b        # a queryset's or a paginator's own
    | _count \b | \b count_ | \b n_      # stored counts and the like
    | (^|[\s.=]) (count|total|rows|accepted|duplicates|rejected|blank|assigned|arrived|left|archived|available)
      \s* ($|\||\s)                      # fields that are counts
    """,
    re.VERBOSE,
)

# The template, the expression, and why it is not a figure. The number is the length of what stands beside it, or
# repeats in words what the page shows as a figure.
EXPLAINED: dict[tuple[str, str], str] = {
    ("home/_team.html", "row.lines|length"): "how many rows of the table the name stands beside",
    ("components/pagination.html", "all=page.paginator.count"): "the length of the list that is shown",
    ("components/matching.html", "count n=page.paginator.count"): "the length of the list that is shown",
    ("home/search.html", "n=group.records|length"): "how many are shown of those that are found",
    ("distribution/_bulk_bar.html", "n=list.page.paginator.count"): "the length of the list that is shown",
    ("distribution/_bulk_bar.html", "list.page.paginator.count"): "the same, for the script that counts the ticks",
    ("distribution/_conflict_bar.html", "n=list.page.paginator.count"): "the length of the list that is shown",
    ("distribution/_conflict_bar.html", "list.page.paginator.count"): "the same, for the script that counts the ticks",
    ("distribution/_choice_bar.html", "n=list.page.paginator.count"): "the length of the list that is shown",
    ("distribution/_choice_bar.html", "list.page.paginator.count"): "the same, for the script that counts the ticks",
    ("distribution/_supplies.html", "count wanted=supply.wanted"): "how many of them are of each database, there too",
    ("distribution/_supplies.html", "count n=supply.missing"): "how many of those cannot be replaced, there too",
    ("distribution/_chosen.html", "count n=selection.count"): "how many the action is about: its own confirmation",
    ("distribution/undo.html", "count n=outlook.count"): "how many an undo is about: its own confirmation",
    ("distribution/undo.html", "count n=outlook.skipped"): "how many of them stay as they are, there too",
    ("distribution/_noted.html", "count n=noted.any"): "on how many of them something is noted, there too",
    ("distribution/_noted.html", "count n=noted.outcomes"): "and what of it, there too",
    ("distribution/_noted.html", "count n=noted.notes"): "and what of it, there too",
    ("distribution/_noted.html", "count n=noted.follow_ups"): "and what of it, there too",
    ("distribution/_chosen.html", "count n=n"): "how many of them are with each person, in the same confirmation",
    ("records/decide.html", "count n=chosen.waiting|length"): "how many the answer is about: its own confirmation",
    ("records/decide.html", "count n=chosen.quantity"): "for how many records, in the same confirmation",
    ("records/my_requests.html", "count most=most"): "a setting, not a count",
    ("account/locked_out.html", "count minutes=minutes"): "a time, not a count",
    ("people/person.html", "count days=link_days"): "a time, not a count",
    ("distribution/_upload_report.html", "count n=found.rows"): "a customer of the file in another list; links there",
    ("distribution/_upload_steps.html", "count n=upload.report.accepted"): "a button's words; the figure is above it",
    ("reservations/_bulk_bar.html", "n=list.page.paginator.count"): "the length of the list that is shown",
    ("reservations/_bulk_bar.html", "list.page.paginator.count"): "the same, for the script that counts the ticks",
    ("reservations/_end.html", "count days=reservation.days_left"): "a time, not a count",
    ("reservations/expiry.html", "count days=settings.grace_days"): "a time, not a count",
    ("reservations/expiry.html", "count days=settings.warning_days"): "a time, not a count",
    ("reservations/_touched.html", "count n=chosen.fitting"): "how many the action is about: its own confirmation",
    ("reservations/_touched.html", "count n=chosen.unnamed"): "how many of those are not named, there too",
    ("reservations/_touched.html", "count n=chosen.others"): "how many it is not about, in the same confirmation",
    ("reservations/_touched.html", "count n=chosen.touched.reserved"): "how many records it frees, there too",
    ("reservations/_touched.html", "count n=chosen.touched.conflict"): "and how many conflicts it clears",
    ("reservations/_touched.html", "count n=chosen.matched.pool"): "how many records it may reserve, there too",
    ("reservations/_touched.html", "count n=chosen.matched.held"): "and how many may come into conflict",
}


def suspicious(text: str) -> list[str]:
    """The expressions of a template that look like counts."""
    figures = set(FIGURE_AS.findall(text))
    shown = [expression.strip() for expression in EXPRESSION.findall(text)]
    found = [expression for expression in shown if COUNT.search(expression) and expression not in figures]
    for arguments in TRANSLATION.findall(text):
        # `with a=b c=d`, `count n=x`: the parts that give a variable a value.
        for name, value in re.findall(r"(\w+)=(\S+)", arguments):
            if COUNT.search(value) or re.search(rf"\bcount\s+{name}=", arguments):
                prefix = "count " if re.search(rf"\bcount\s+{name}=", arguments) else ""
                found.append(f"{prefix}{name}={value}")
    return found


def templates() -> list[Path]:
    return sorted(TEMPLATES.rglob("*.html"))


def test_there_is_no_bare_count_in_a_template():
    bare = [
        f"{path.relative_to(TEMPLATES)}: {expression}"
        for path in templates()
        for expression in suspicious(path.read_text())
        if (str(path.relative_to(TEMPLATES)), expression) not in EXPLAINED
    ]
    assert not bare, "\n".join(bare)


def test_every_explanation_is_of_an_expression_that_is_there():
    there = {(str(path.relative_to(TEMPLATES)), each) for path in templates() for each in suspicious(path.read_text())}
    assert EXPLAINED.keys() <= there


@pytest.mark.parametrize(
    "bare",
    [
        "{{ records|length }}",
        "{{ batch.current_count }}",
        "{{ batch.records.count }}",
        "{{ page.paginator.count }}",
        "{{ database.assigned_count|intcomma }}",
        "{{ holding.assigned }}",
        "{{ report.total }}",
        "{{ line.arrived }}",
        "{{ upload.report.accepted|default:0 }}",
        "{% blocktranslate with n=batch.current_count %}{{ n }} records{% endblocktranslate %}",
        "{% blocktranslate count n=records|length %}one{% plural %}{{ n }}{% endblocktranslate %}",
        "{% blocktranslate trimmed count x=anything %}one{% plural %}{{ x }}{% endblocktranslate %}",
    ],
)
def test_the_scan_notices_a_bare_count(bare):
    assert suspicious(bare)


@pytest.mark.parametrize(
    "fine",
    [
        '{% figure "upload.rejected" upload as rejected %}{{ rejected }}',
        '{% figure "batch.current" batch %}',
        "{{ batch }}",
        "{{ form.fields }}",
        "{{ account.name }}",
        "{{ country }}",
    ],
)
def test_the_scan_leaves_other_expressions_alone(fine):
    assert not suspicious(fine)


def test_every_template_says_what_it_is_and_is_short():
    for path in templates():
        text = path.read_text()
        assert text.lstrip().startswith(("{#", "{% comment", "{% extends")), path
        assert len(text.splitlines()) <= 120, path


def test_no_template_has_inline_script_or_style():
    """The Content-Security-Policy would refuse it in the browser."""
    for path in templates():
        text = path.read_text()
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|hx-on|<script(?![^>]*\ssrc=)", text), path


# What a person reads and nobody translates: the product's name, and the names of keys.
NOT_TRANSLATED = {"Fifty", "Esc"}

# Comments, what is translated, expressions and tags, drawings, and at last the elements themselves.
NOT_WORDS = [
    r"\{#.*?#\}",
    r"\{% blocktranslate\b.*?\{% endblocktranslate %\}",
    r"\{%.*?%\}|\{\{.*?\}\}",
    r"<svg\b.*?</svg>",
]
SPOKEN = re.compile(r'\b(?:aria-label|title|placeholder|alt)="([^"]*)"')


def untranslated(text: str) -> set[str]:
    """The words of a template that are not given to the translation."""
    for pattern in NOT_WORDS:
        text = re.sub(pattern, " ", text, flags=re.DOTALL)
    spoken = " ".join(SPOKEN.findall(text))
    seen = re.sub(r"&\w+;", " ", re.sub(r"<[^>]*>", " ", text))
    return set(re.findall(r"\b[A-Za-z]{2,}\b", f"{seen} {spoken}")) - NOT_TRANSLATED


def test_every_word_can_be_translated():
    found = {str(path.relative_to(TEMPLATES)): untranslated(path.read_text()) for path in templates()}
    assert {path: words for path, words in found.items() if words} == {}


@pytest.mark.parametrize(
    "text", ["<p>Save</p>", '<a title="Save">{{ x }}</a>', "{% if x %}Save{% endif %}", "<b>{{ x }} Save"]
)
def test_the_scan_notices_a_word_that_cannot_be_translated(text):
    assert untranslated(text) == {"Save"}
