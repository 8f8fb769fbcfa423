"""Imports run one way: what a package may import is a line of ALLOWED, and nothing else is allowed."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
MODULES = ("records", "bonanza", "memberwd")
OURS = ("crm", *MODULES, "integrity")

# What everything may import: no rule of the domain, and no import of a package that has one.
FOUNDATION = {"crm.constraints", "crm.errors", "crm.figures", "crm.history", "crm.identity", "crm.pages", "crm.phones"}
FOUNDATION |= {"crm.locks", "crm.logs", "crm.moment", "crm.registry", "crm.schedules"}

ALLOWED: dict[str, set[str]] = {
    **{name: {"crm.registry", "crm.errors"} for name in FOUNDATION},
    "crm.identity": {"crm.phones"},
    "crm.accounts": FOUNDATION,
    "crm.products": FOUNDATION | {"crm.accounts"},
    "crm.notices": FOUNDATION | {"crm.accounts"},
    "crm.reservations": FOUNDATION | {"crm.accounts", "crm.products", "crm.notices"},
    "crm.distribution": FOUNDATION | {"crm.accounts", "crm.products", "crm.notices", "crm.reservations"},
    "crm.home": FOUNDATION
    | {
        "crm.accounts",
        "crm.products",
        "crm.notices",
        "crm.reservations",
        "crm.distribution",
        "crm.tasks",
        "crm.runtime",
    },
    "crm.runtime": set(),
    "crm.tasks": {"crm.runtime"},
    "crm.settings": {"crm.runtime"},
    "crm.urls": set(),
    "crm.asgi": set(),
    "crm.wsgi": set(),
    "crm.static_files": set(),
    "crm.web": {"crm.errors", "crm.pages"},
    **{module: FOUNDATION | {"crm.accounts", "crm.notices", "crm.distribution"} for module in MODULES},
    "integrity": FOUNDATION | {"crm.accounts", "crm.products", "crm.notices", "crm.reservations", "crm.distribution"},
}

# Only for a type checker, or only for the time after the apps are ready: (importer, imported) and why.
EXCEPTIONS = {
    ("crm.history", "crm.accounts"): "names the user model in annotations; not imported when it runs",
}


def package_of(name: str) -> str:
    """`crm.distribution` for crm.distribution.views.lists, `records` for records.models."""
    first, *rest = name.split(".")
    return ".".join([first, *rest[:1]]) if first == "crm" else first


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Every import of the file with its line, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative imports hide what is imported"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def source_files(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return [path for path in found if "migrations" not in path.parts]


def wrong_imports(path: Path, name: str) -> Iterator[str]:
    importer = package_of(name)
    for line, imported in imports_of(path):
        package = package_of(imported)
        if package.split(".")[0] not in OURS or package in ("crm", importer):
            continue
        if package not in ALLOWED.get(importer, set()) and (importer, package) not in EXCEPTIONS:
            yield f"{name}:{line} imports {imported}"


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_every_package_is_in_the_table():
    packages = {package_of(dotted(path)) for path in source_files(*OURS)} - {"crm"}
    assert packages <= ALLOWED.keys()


def test_imports_run_one_way():
    wrong = [line for path in source_files(*OURS) for line in wrong_imports(path, dotted(path))]
    assert not wrong, "\n".join(wrong)


def test_the_table_has_no_ring():
    """Each package, but for the foundation among itself, may import only packages above it."""
    order: list[str] = []
    waiting = {name: {package for package in allowed if package not in FOUNDATION} for name, allowed in ALLOWED.items()}
    while waiting:
        ready = [name for name, needs in waiting.items() if needs <= set(order)]
        assert ready, f"a ring among {sorted(waiting)}"
        order += ready
        for name in ready:
            del waiting[name]


def test_the_exceptions_are_for_annotations_only():
    for importer, imported in EXCEPTIONS:
        path = ROOT / Path(*importer.split(".")).with_suffix(".py")
        tree = ast.parse(path.read_text())
        outside = [node for node in tree.body if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node))]
        names = [node.module or "" for part in outside for node in ast.walk(part) if isinstance(node, ast.ImportFrom)]
        assert not [name for name in names if package_of(name) == imported]


def test_nobody_imports_home_or_a_module_or_integrity():
    assert not any("integrity" in allowed for allowed in ALLOWED.values())
    assert not any("crm.home" in allowed for allowed in ALLOWED.values())
    assert not any(set(MODULES) & allowed for allowed in ALLOWED.values())


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("crm.distribution.x", "from memberwd.models import Record"),
        ("crm.accounts.x", "def f():\n    from crm.distribution import assignment"),
        ("memberwd.x", "import bonanza.models"),
        ("crm.distribution.x", "from crm.home import demo"),
        ("crm.distribution.x", "from crm import home"),
        ("crm.runtime.x", "import crm.settings"),
        ("crm.notices.x", "from crm.distribution.models import Status"),
        ("integrity.x", "from memberwd.models import Batch"),
        ("crm.home.x", "from integrity.models import Run"),
    ],
)
def test_the_check_notices_a_wrong_import(tmp_path, name, code):
    path = tmp_path / "x.py"
    path.write_text(code)
    assert list(wrong_imports(path, name))
