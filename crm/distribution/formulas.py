"""What a spreadsheet would compute in a CSV file, and how it is kept from that."""

import re

# Also in a reader that splits at another character than the one that separates the cells, and takes no notice of the
# quotation marks around one. Commas are in every second note; a reader that splits at them heeds the marks.
_SEPARATORS = r";|\t\r\n"
_STARTS = "=+\\-@\uff1d\uff0b\uff0d\uff20"  # full-width, too: some read them so
_AT = rf"(?P<at>(?:^|[{_SEPARATORS}])[\s\"]*)"
_NUMBER = rf"[+-][\d ]*\d(?:$|[{_SEPARATORS}])"
_MARKED = r"'+\+?\d[\d -]*$"  # Foreign: an apostrophe for a number that is text.
_FORMULA = re.compile(rf"^(?='*[\t\r\n])|^(?={_MARKED})|{_AT}(?='*[{_STARTS}])(?!{_NUMBER})")
_GUARDED = re.compile(rf"^'(?='*[\t\r\n])|^'(?={_MARKED})|{_AT}'(?='*[{_STARTS}])")
_FOREIGN = re.compile(r"=\"([^\"]*)\"|'(\+?\d[\d -]*)")


def neutral(cell: str) -> str:
    """The cell so that a spreadsheet takes it for text: what begins like a formula, at its start or after what a
    spreadsheet may take for a separator, gets an apostrophe in front (CWE-1236).

    A phone that begins with + keeps its look: there is nothing to compute in digits after one sign.
    """
    return _FORMULA.sub(r"\g<at>'", cell)


def original(cell: str) -> str:
    """What `neutral` has made the cell of; and what other programs mean by ="00123" and by '00123."""
    if "'" in cell and (unguarded := _GUARDED.sub(r"\g<at>", cell)) != cell:
        return unguarded
    foreign = _FOREIGN.fullmatch(cell)
    return foreign[1] or foreign[2] or "" if foreign else cell
