"""What leaves as a file that a spreadsheet opens."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def neutral(cell: str) -> str:
    """The cell so that a spreadsheet takes it for text: a formula gets an apostrophe in front (CWE-1236).

    A phone that begins with + keeps its look: digits after the sign cannot call anything.
    """
    is_number = cell[:1] in ("+", "-") and cell[1:].replace(" ", "").replace("-", "").isdigit()
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) and not is_number else cell
