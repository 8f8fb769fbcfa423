"""Who is the same customer: the normalised id, as PostgreSQL computes it.

`crm.phones` has the other half, the normalised phone. Every rule that asks whether two rows name one customer
compares `customer_key` or `phone_key` and nothing else.
"""

import re
import unicodedata
from collections.abc import Sequence

from django.db import connection
from django.db.models import Expression, F, Func, TextField, Value
from django.db.models.expressions import RawSQL
from django.db.models.sql import Query

# Named one by one, because what `\s` matches depends on the server's locale: ASCII white space, the no-break
# space, the widths of U+2000 to U+200A, the zero-width space, line separators, and the byte-order mark.
WHITE_SPACE = "[\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u3000\ufeff]+"

_ONLY_WHITE_SPACE = re.compile(WHITE_SPACE)

CUSTOMER_ID_MAX_LENGTH = 255

PLACEHOLDERS = frozenset(
    """n/a|na|n.a|n.a.|#n/a|#ref!|#value!|#name?|#num!|#null!|#div/0!|none|null|nil|undefined|unknown|blank|empty
|kosong|tidak ada|tdk ada|belum ada""".replace("\n", "").split("|")
)
LONGEST_PLACEHOLDER = 40
# Zeros, nothing but punctuation, and a number of which only the first digits are left: 8.12E+10.
_NO_NAME = re.compile(r"[0.,]+|[\W_]+|[+-]?\d+(?:[.,]\d+)?e\+\d+|[+-]?\d+[.,]\d+e\d+")


def customer_key(customer_id: str | Expression = "customer_id") -> Func:
    """The expression for the key of a customer id: trimmed, inner white space collapsed, upper case.

    Of a column, for a `GeneratedField`, so that no writer can store a key that does not belong to its id; or of a
    value to look for.
    """
    text = F(customer_id) if isinstance(customer_id, str) else customer_id
    collapsed = Func(
        text, Value(WHITE_SPACE), Value(" "), Value("g"), function="regexp_replace", output_field=TextField()
    )
    trimmed = Func(collapsed, function="btrim", output_field=TextField())
    return Func(trimmed, function="upper", output_field=TextField())


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


def is_empty(text: str) -> bool:
    """Whether nothing is there: its key would be empty."""
    return not text or _ONLY_WHITE_SPACE.fullmatch(text) is not None


def is_blank(customer_id: str) -> bool:
    """Whether the id names nobody: nothing is there, or what people and programs write where nothing is, or what a
    spreadsheet has made of a long number.
    """
    if is_empty(customer_id):
        return True
    if len(customer_id) > LONGEST_PLACEHOLDER:
        return False
    plain = " ".join(unicodedata.normalize("NFKC", customer_id).casefold().split())
    return plain.strip(" ()[]<>\"'") in PLACEHOLDERS or _NO_NAME.fullmatch(plain) is not None
