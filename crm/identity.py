"""Who is the same customer: the normalised id, as PostgreSQL computes it.

`crm.phones` has the other half, the normalised phone. Every rule that asks whether two rows name one customer
compares `customer_key` or `phone_key` and nothing else, and who stores a customer asks `named` first.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from django.conf import settings
from django.db import connection
from django.db.models import BooleanField, Case, Expression, F, Func, Q, TextField, Value, When
from django.db.models.expressions import RawSQL
from django.db.models.sql import Query

from crm.phones import id_as_phone, phone_beginning

# Named one by one, because what `\s` matches depends on the server's locale: ASCII white space, the no-break
# space, the widths of U+2000 to U+200A, line separators.
WHITE_SPACE = "[\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+"

# What nobody sees: controls, joiners and zero widths, direction marks, the soft hyphen, the byte-order mark, variation
# selectors, tags, and the fillers and blanks that people take for an invisible name.
INVISIBLE = (
    "[\x01-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)

_INVISIBLE = re.compile(INVISIBLE)
_NOTHING_SEEN = re.compile(f"(?:{WHITE_SPACE}|{INVISIBLE})+")

CUSTOMER_ID_MAX_LENGTH = 255

PLACEHOLDERS = frozenset(
    """n/a|na|n.a|n.a.|#n/a|#ref!|#value!|#name?|#num!|#null!|#div/0!|none|null|nil|undefined|unknown|blank|empty
|kosong|tidak ada|tdk ada|belum ada""".replace("\n", "").split("|")
)
LONGEST_PLACEHOLDER = 40
# Zeros, nothing but punctuation, and a number of which only the first digits are left: 8.12E+10.
_NO_NAME = re.compile(r"[0.,]+|[\W_]+|[+-]?\d+(?:[.,]\d+)?e\+\d+|[+-]?\d+[.,]\d+e\d+")


def customer_key(customer_id: str | Expression = "customer_id") -> Expression:
    """The expression for the key of a customer id: without invisible characters, full-width and decomposed ones as
    they usually are (NFKC), trimmed, inner white space collapsed, upper case.

    Of a column, for a `GeneratedField`, so that no writer can store a key that does not belong to its id; or of a
    value to look for.
    """
    text = F(customer_id) if isinstance(customer_id, str) else customer_id
    seen = _text("regexp_replace", text, Value(INVISIBLE), Value(""), Value("g"))
    usual = _text("pg_catalog.normalize", seen, Value("NFKC"))
    collapsed = _text("regexp_replace", usual, Value(WHITE_SPACE), Value(" "), Value("g"))
    # Nearly every id is plain, and has its key at once.
    plain = Func(text, Value("^[!-~]+$"), template="(%(expressions)s)", arg_joiner=" ~ ", output_field=BooleanField())
    upper = _text("upper", _text("btrim", collapsed))
    return Case(
        When(plain, then=_text("upper", text)),
        default=_text("pg_catalog.normalize", upper, Value("NFC")),  # an upper case letter may have its accent in it
    )


def _text(function: str, *arguments: Expression | F) -> Func:
    return Func(*arguments, function=function, output_field=TextField())


def key_begins_with(text: str, field: str = "customer_key") -> Q:
    """The rows whose customer's id begins with the text, as far as one sees it, a phone in any writing; none for a text
    of which one sees nothing. `field` has the key.
    """
    if is_empty(text):
        return Q(pk__in=[])
    begins = Q(**{f"{field}__startswith": customer_key(Value(text))})
    if phone := phone_beginning(text, settings.PHONE_REGION):
        begins |= Q(**{f"{field}__startswith": phone})
    return begins


def customer_key_sql(column: str) -> str:
    """The same of a column, for SQL that stands by itself."""
    sql, values = Query(None).get_compiler(connection=connection).compile(customer_key(RawSQL(column, [])))  # noqa: S611
    with connection.schema_editor(collect_sql=True, atomic=False) as editor:
        return sql % tuple(editor.quote_value(value) for value in values)


def keys_of(customer_ids: Sequence[str]) -> list[str]:
    """The key of each of the ids, as PostgreSQL computes it; in one statement."""
    compiler = Query(None).get_compiler(connection=connection)
    sql, params = compiler.compile(customer_key(RawSQL("typed.id", [])))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {sql} FROM unnest(%s::text[]) WITH ORDINALITY AS typed(id, number) ORDER BY number",  # noqa: S608
            [*params, list(customer_ids)],
        )
        return [key for (key,) in cursor.fetchall()]


class Named(NamedTuple):
    """Who is named: nobody where the id is empty. `phone` is as it was written, or what the id was."""

    customer_id: str
    phone: str
    phone_key: str | None


def named(customer_id: str, phone: str, phone_key: str | None) -> Named:
    """The customer whom an id and a phone name, `phone_key` being the phone's.

    Who has no id is known by the phone, and an id that reads as a phone is that phone: in one writing, so that the
    customer is the same however it was typed.
    """
    customer_id, phone = customer_id.strip(), phone.strip()
    if is_blank(customer_id):
        return Named(phone_key or "", phone, phone_key)
    if key := id_as_phone(customer_id, settings.PHONE_REGION):
        return Named(key, phone, phone_key) if phone else Named(key, customer_id, key)
    return Named(customer_id, phone, phone_key)


def is_empty(text: str) -> bool:
    """Whether nothing is there: its key would be empty."""
    return not text or _NOTHING_SEEN.fullmatch(text) is not None


def is_blank(customer_id: str) -> bool:
    """Whether the id names nobody: nothing is there, or what people and programs write where nothing is, or what a
    spreadsheet has made of a long number.
    """
    if is_empty(customer_id):
        return True
    if len(customer_id) > LONGEST_PLACEHOLDER:
        return False
    plain = " ".join(unicodedata.normalize("NFKC", _INVISIBLE.sub("", customer_id)).casefold().split())
    return plain.strip(" ()[]<>\"'") in PLACEHOLDERS or _NO_NAME.fullmatch(plain) is not None
