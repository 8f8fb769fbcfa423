"""Runs the measurements and prints a line for each: `python -m tests.bench [WORD …]` runs those whose names match.

Exits 1 when a ratio misses its goal.
"""

import os
import sys

os.environ.setdefault("DEMO", "1")
os.environ.setdefault("LOG_LEVEL", "WARNING")
os.environ.setdefault("FIFTY_PG_DIR", ".local/pg-bench")
os.environ["DJANGO_SETTINGS_MODULE"] = "crm.settings"

from crm.runtime import ensure_database


def main(words: list[str]) -> int:
    lease = ensure_database()
    import django

    django.setup()
    from django.core.management import call_command

    from tests.bench.cases import CASES
    from tests.bench.ground import empty

    call_command("migrate", verbosity=0)
    missed = 0
    print(f"{'measurement':<66} {'ratio':>6}  {'goal':>5}")
    for case in CASES:
        if words and not any(word in case.__name__ for word in words):
            continue
        empty()
        for result in case():
            missed += result.missed
            print(result, flush=True)
    empty()
    del lease
    return 1 if missed else 0


sys.exit(main(sys.argv[1:]))
