"""Says what a lock file lacks of what pyproject.toml asks for: `python locked.py LOCK [EXTRA...]`.

The lock is installed as it stands, so a package that it lacks would be missed only when something imports it. What the
packages ask of each other is `pip check`'s. It stands alone, to run before anything else is known to be there.
"""

import re
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


def pinned(lock: str) -> dict[str, str]:
    """The version of each package in the text of a lock file, by its normalised name."""
    return {canonicalize_name(name): version for name, version in PINNED.findall(lock)}


def asked_for(pyproject: str, extras: list[str]) -> list[Requirement]:
    """What the text of a pyproject.toml asks for here and now. Raises KeyError for an extra that it does not have."""
    project = tomllib.loads(pyproject)["project"]
    lines = [*project["dependencies"]]
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    requirements = [Requirement(line) for line in lines]
    return [each for each in requirements if each.marker is None or each.marker.evaluate()]


def lacking(lock: str, pyproject: str, extras: list[str]) -> list[str]:
    """A sentence for each package that pyproject.toml asks for and the lock does not hold as asked."""
    versions = pinned(lock)
    sentences = []
    for requirement in asked_for(pyproject, extras):
        version = versions.get(canonicalize_name(requirement.name))
        if version is None:
            sentences.append(f"pyproject.toml asks for {requirement}, and the lock does not hold {requirement.name}.")
        elif not requirement.specifier.contains(version, prereleases=True):
            sentences.append(f"pyproject.toml asks for {requirement}, and the lock holds {requirement.name} {version}.")
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
