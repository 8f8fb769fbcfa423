"""Customers by name: the order of names and the words in them, each computed by PostgreSQL and indexed."""

from django.contrib.postgres.search import SearchQuery, SearchVectorExact, SearchVectorField
from django.db.models import F, Func, TextField, Value
from django.db.models.functions import Collate, Left, Lower

ORDERED_CHARACTERS = 60
"""Names are put in order by so many characters: an index entry has an end, a name need not have one."""

WORDS_WITHIN = 200
"""Words are found within so many characters of a name."""

MOST_WORDS = 10
"""A search names no more words than this."""

# The text parser would take these for parts of a URL, a number or a tag, or for its own quotes and escapes.
SEPARATORS = ".,/-_@+:'\"&<>()\\"


def name_order() -> Collate:
    """What names are put in order by, the same on every server."""
    return Collate(Left(Lower("customer_name"), ORDERED_CHARACTERS), "C")


def name_words() -> Func:
    """The words of a name, lower case."""
    name = Left(F("customer_name"), WORDS_WITHIN)
    apart = Func(
        name,
        Value(SEPARATORS),
        Value(" " * len(SEPARATORS)),
        function="translate",
        output_field=TextField(),
    )
    return Func(apart, template="to_tsvector('simple'::regconfig, %(expressions)s)", output_field=SearchVectorField())


def named(text: str) -> SearchVectorExact | None:
    """The condition that each word of `text` begins a word of the name, in any order. None when there is no word."""
    words = text.translate(dict.fromkeys(map(ord, SEPARATORS), " ")).split()
    if not words or len(words) > MOST_WORDS or any(len(word) > WORDS_WITHIN for word in words):
        return None
    beginnings = " & ".join(f"'{word}':*" for word in words)
    return SearchVectorExact(name_words(), SearchQuery(beginnings, config="simple", search_type="raw"))
