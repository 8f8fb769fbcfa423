"""What the tests of crm.runtime share."""

import shutil
from pathlib import Path

import pytest

from crm.runtime import ROOT


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return stub_project(tmp_path)


def stub_project(directory: Path) -> Path:
    """The stub project, in a directory with a space in its name."""
    project = directory / "a project"
    shutil.copytree(Path(__file__).with_name("stub"), project / "crm")
    shutil.copytree(ROOT / "crm/runtime", project / "crm/runtime")
    for name in ("wsgi.py", "tasks.py", "web.py", "errors.py", "pages.py", "registry.py"):
        shutil.copy(ROOT / "crm" / name, project / "crm")
    shutil.copy(ROOT / "manage.py", project)
    return project
