"""One entry of PostgreSQL's catalogue."""

from dataclasses import dataclass, field

NOT_VALID = " NOT VALID"
"""What a definition ends with while rows, or the entries of an index, may be there that do not keep it."""


@dataclass(frozen=True)
class Item:
    """One entry of the catalogue. `name` is PostgreSQL's; of a rule on one column, the column's.

    The definition is complete: with the table, the kind and the name it is all that is needed to make the item anew.
    Of a trigger it is that of its function and its own. `switches` are the triggers by which it works (of a foreign
    key: PostgreSQL's own, by function) and whether they are on, as in `pg_trigger.tgenabled`.
    """

    table: str
    kind: str
    name: str
    columns: tuple[str, ...]
    definition: str
    switches: dict[str, str] = field(default_factory=dict)
    as_dumped: str = ""
    """Of what is declared, the definition as it reads after a dump of it was restored, if that is another."""

    @property
    def valid(self) -> bool:
        return not self.definition.endswith(NOT_VALID)

    @property
    def full(self) -> str:
        """The definition as it is once the rows have been looked at."""
        return self.definition.removesuffix(NOT_VALID)
