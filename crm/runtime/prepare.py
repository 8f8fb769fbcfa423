"""Before the first page: migrate and, in demo mode, seed an empty database: `python -m crm.runtime.prepare`.

One process does both, because loading Django takes longer than either usually does. Standard output carries only the
demo sign-ins, for the supervisor to show; progress goes to standard error.
"""

import os
import sys

import django
from django.conf import settings
from django.core.management import call_command


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
    django.setup()
    call_command("migrate", interactive=False, verbosity=0, stdout=sys.stderr)
    if settings.DEMO:
        call_command("seed_demo", "--if-empty", stdout=sys.stderr)
        call_command("seed_demo", "--print-sign-ins", stdout=sys.stdout)


if __name__ == "__main__":
    main()
