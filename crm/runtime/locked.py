"""Says what a lock file lacks of what pyproject.toml asks for: `python locked.py LOCK [EXTRA...]`.

The lock is installed as it stands, so a package that it lacks would be missed only when something imports it. What is
asked for is followed through the packages that are installed, with the extras (`psycopg[binary]`) that `pip check` does
not look at. It imports nothing of Fifty, and of others only packaging, which every lock of ours holds.
"""

import re
import sys
import tomllib
from functools import cache
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


def pinned(lock: str) -> dict[str, str]:
    """The version of each package in the text of a lock file, by its normalised name."""
    return {canonicalize_name(name): version for name, version in PINNED.findall(lock)}


def asked_by_pyproject(text: str, extras: list[str]) -> list[Requirement]:
    """What a pyproject.toml asks for here and now. Raises KeyError for an extra that it does not have."""
    project = tomllib.loads(text)["project"]
    lines = [*project["dependencies"]]
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    return [each for each in map(Requirement, lines) if each.marker is None or each.marker.evaluate()]


@cache
def asked_by_package(requirement: Requirement) -> list[Requirement]:
    """What the installed package asks for, with the extras of the requirement; nothing where it is missing."""
    try:
        found = map(Requirement, metadata.requires(requirement.name) or [])
    except metadata.PackageNotFoundError:
        return []
    extras = requirement.extras or {""}
    return [each for each in found if not each.marker or any(each.marker.evaluate({"extra": name}) for name in extras)]


def lacking(lock: str, pyproject: str, extras: list[str]) -> list[str]:
    """A sentence for each package that is asked for and that the lock does not hold as asked."""
    versions = pinned(lock)
    waiting = [("pyproject.toml", each) for each in asked_by_pyproject(pyproject, extras)]
    seen: set[str] = set()
    sentences = []
    while waiting:
        asker, requirement = waiting.pop(0)
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        version = versions.get(canonicalize_name(requirement.name))
        if version is None:
            sentences.append(f"{asker} asks for {requirement}, and the lock does not hold {requirement.name}.")
        elif not requirement.specifier.contains(version, prereleases=True):
            sentences.append(f"{asker} asks for {requirement}, and the lock holds {requirement.name} {version}.")
        waiting += [(requirement.name, each) for each in asked_by_package(requirement)]
    return sentences


def main() -> int:
    lock, *extras = sys.argv[1:]
    sentences = lacking(Path(lock).read_text(), PYPROJECT.read_text(), extras)
    for sentence in sentences:
        print(f"{lock}: {sentence}", file=sys.stderr)
    if sentences:
        print("`make lock` renews the lock files.", file=sys.stderr)
    return bool(sentences)


if __name__ == "__main__":
    sys.exit(main())
