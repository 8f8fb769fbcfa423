"""What people are told of an operation has words."""

import re

from crm.distribution.operations import OPERATIONS
from tests.structure.test_import_direction import OURS, source_files


def test_every_operation_has_words():
    named = {name for path in source_files(*OURS) for name in re.findall(r'operation\("([a-z_.]+)"', path.read_text())}
    assert named
    assert named <= OPERATIONS.keys()
