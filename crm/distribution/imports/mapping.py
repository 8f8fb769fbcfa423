"""Which column is the customer id, which the name, which the phone."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any

import phonenumbers

from crm.distribution.imports.reading import Row
from crm.distribution.imports.vocabulary import CUSTOMER_ID, FOREIGN_WORDS, NAME, PHONE, joined, words_of
from crm.phones import phone_key

# In order of precedence. The rank of each spelling of a name; the words of each name.
ROLES = {"phone": PHONE, "customer_id": CUSTOMER_ID, "name": NAME}
_SPELLINGS = {role: {joined(name): rank for rank, name in enumerate(names)} for role, names in ROLES.items()}
_WORDS = {role: [frozenset(name.split()) for name in names] for role, names in ROLES.items()}

_MIN_SUBSTRING = 4
_UNIQUE_SHARE = 0.9
_PHONE_SHARE = 0.5
_ONLY_PHONES_SHARE = 0.8
_SEARCHED_COLUMNS = 200


class Match(IntEnum):
    """How well a header names a role; a better one wins over any content."""

    CONTENT_ONLY = 1
    SUBSTRING = 2
    WORDS = 3
    EXACT = 4


@dataclass(frozen=True, slots=True)
class Mapping:
    """The index of the column for each role, None where the file has no such column."""

    customer_id: int | None = None
    name: int | None = None
    phone: int | None = None

    def to_dict(self) -> dict[str, int | None]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any] | None) -> "Mapping":
        """Without data nothing is mapped. Raises TypeError for a dict that `to_dict` did not make."""
        return cls(**(data or {}))

    def as_headers(self, headers: Sequence[str]) -> dict[str, str]:
        """{"customer_id": "Username", ...}: the mapped columns by name, the others left out."""
        return {role: headers[column] for role, column in self.to_dict().items() if column is not None}


def suggest_mapping(headers: Sequence[str], sample_rows: Sequence[Row], region: str = "ID") -> Mapping:
    """The likeliest mapping. A customer id is never guessed from content alone, a phone may be.

    Each column stands for the one role that its header names best. Of two columns for a role the better
    match wins; of equal ones a phone column that has phones, the earlier in the vocabulary, the one on the left.
    """
    chosen: dict[str, int] = {}
    for _, _, role, column in sorted(_candidates(headers, sample_rows, region)):
        chosen.setdefault(role, column)
    return Mapping(**chosen)


Candidate = tuple[int, tuple[int, bool, int], str, int]


def _candidates(headers: Sequence[str], rows: Sequence[Row], region: str) -> Iterator[Candidate]:
    """The best role of each column that may have one, as tuples that sort best first."""
    for column, header in enumerate(headers):
        cells = [cell for row in rows if column < len(row.cells) and (cell := row.cells[column].strip())]
        roles = list(_roles(column, header, cells, region))
        if roles:
            yield min(roles)


def _roles(column: int, header: str, cells: Sequence[str], region: str) -> Iterator[Candidate]:
    for order, role in enumerate(ROLES):
        match, rank = _match(header, role)
        if match is not None:
            fits = _FITS[role](cells, region)
            if match == Match.EXACT or fits or not cells:
                lacks_phones = role == "phone" and not fits
                yield -match, (order, lacks_phones, rank), role, column
        elif role == "phone" and column < _SEARCHED_COLUMNS and _has_only_phones(header, cells, region):
            yield -Match.CONTENT_ONLY, (order, False, 0), role, column


def _match(header: str, role: str) -> tuple[Match | None, int]:
    """How the header names the role, and the rank of the name it has: 0 is the best one."""
    words, whole = words_of(header), joined(header)
    if whole in _SPELLINGS[role]:
        return Match.EXACT, _SPELLINGS[role][whole]
    if FOREIGN_WORDS.intersection(words):
        return None, 0
    for rank, name in enumerate(_WORDS[role]):
        if name.issubset(words):
            return Match.WORDS, rank
    for spelling, rank in _SPELLINGS[role].items():
        if len(spelling) >= _MIN_SUBSTRING and spelling in whole:
            return Match.SUBSTRING, rank
    return None, 0


def _are_phones(cells: Sequence[str], region: str) -> bool:
    phones = sum(phone_key(cell, region) is not None for cell in cells)
    return phones > 0 and phones >= _PHONE_SHARE * len(cells)


def _are_unique(cells: Sequence[str], region: str) -> bool:
    return len(set(cells)) >= _UNIQUE_SHARE * len(cells)


def _are_names(cells: Sequence[str], region: str) -> bool:
    return any(any(char.isalpha() for char in cell) for cell in cells)


_FITS = {"phone": _are_phones, "customer_id": _are_unique, "name": _are_names}


def _has_only_phones(header: str, cells: Sequence[str], region: str) -> bool:
    """Stricter than a key being possible: amounts and account numbers have the length of a phone too."""
    if not cells or FOREIGN_WORDS.intersection(words_of(header)):
        return False
    keys = [key for cell in cells if (key := phone_key(cell, region))]
    valid = sum(phonenumbers.is_valid_number(phonenumbers.parse(key)) for key in keys)
    return valid >= _ONLY_PHONES_SHARE * len(cells)
