"""Imports on the command line."""

import json
from io import StringIO
from pathlib import Path

from django.core.management import call_command

PRODUCT = "Kopi Senja"


def import_by_command(file: Path, module: str = "memberwd", **options) -> dict:
    """What the command says as JSON."""
    out = StringIO()
    call_command("import_database", str(file), module=module, product=PRODUCT, json=True, stdout=out, **options)
    return json.loads(out.getvalue())
