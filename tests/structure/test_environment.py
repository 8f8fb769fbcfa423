"""`.env.example` names every variable that is read, and no other."""

import ast
import re
from pathlib import Path

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
READERS = {"env", "required", "bounded_int", "flag", "one_of", "time_of_day"}

# Read from the environment, but nothing that a person sets.
NOT_SETTINGS = {
    "PATH": "whatever the machine has",
    "DJANGO_SETTINGS_MODULE": "the entry points set it",
}


def files_that_read() -> list[Path]:
    return [ROOT / "crm" / "settings.py", *(ROOT / "crm" / "runtime").glob("*.py")]


def names_read(tree: ast.AST) -> set[str]:
    """The first argument of env(...), env.str(...), required(...), bounded_int(...), os.environ.get(...)."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            function = ast.unparse(node.func)
            if function.split(".")[0] in READERS or function in ("os.environ.get", "os.getenv"):
                found.add(node.args[0].value)
        is_lookup = isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load)
        if is_lookup and ast.unparse(node.value) == "os.environ" and isinstance(node.slice, ast.Constant):
            found.add(node.slice.value)
    return {name for name in found if isinstance(name, str) and name.isupper()}


def names_in_example(text: str) -> list[str]:
    return re.findall(r"^#?([A-Z][A-Z0-9_]*)=", text, re.MULTILINE)


def test_the_example_names_exactly_the_variables_that_are_read():
    read = set().union(*(names_read(ast.parse(path.read_text())) for path in files_that_read())) - NOT_SETTINGS.keys()
    named = names_in_example((ROOT / ".env.example").read_text())
    assert {"SECRET_KEY", "DATABASE_URL", "UPLOAD_MAX_ROWS", "FIFTY_PG_DIR", "EMAIL_URL"} <= read
    assert set(named) == read
    assert len(named) == len(set(named)), "a variable is named twice"


def test_nothing_else_reads_the_environment():
    others = [path for path in (ROOT / "crm").rglob("*.py") if path not in files_that_read()]
    others += [path for module in ("records", "bonanza", "memberwd") for path in (ROOT / module).rglob("*.py")]
    assert not {str(path): names for path in others if (names := names_read(ast.parse(path.read_text())))}


def test_the_comparison_notices_each_way_of_reading():
    code = 'env("A"), env.bool("B", default=1), required("C", "why"), bounded_int("D", 1, 2, 3), os.environ.get("E")'
    assert names_read(ast.parse(code)) == {"A", "B", "C", "D", "E"}
    assert names_in_example("A=1\n#B=2\n# C=3\n") == ["A", "B"]
