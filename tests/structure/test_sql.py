"""What the SQL of the source says of its parameters."""

import re

import pytest

from crm.runtime import ROOT
from tests.structure.test_import_direction import OURS, source_files

UNTYPED = re.compile(r"(?:ANY|unnest) ?\((?:%s|%\(\w+\)s)\)")


@pytest.mark.parametrize("text", ["id = ANY(%s)", "id = ANY(%(ids)s)", "unnest(%s)"])
def test_an_array_without_a_type_is_seen(text):
    assert UNTYPED.search(text)


def test_every_array_says_its_type():
    """An array of small numbers is sent as one of int4, and compared with a key of eight bytes one by one: minutes for
    what takes half a second.
    """
    found = [str(path.relative_to(ROOT)) for path in source_files(*OURS) if UNTYPED.search(path.read_text())]
    assert not found
