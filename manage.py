#!/usr/bin/env python
"""Django's command line. Without DATABASE_URL it has the embedded PostgreSQL run as long as the command does."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from crm.runtime import ensure_database, use_demo_defaults
from crm.runtime.postgres import StartError

# Commands that never ask the database, and so need not wait for it.
WITHOUT_DATABASE = {"help", "version", "--help", "-h", "--version", "collectstatic", "makemessages", "compilemessages"}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
    use_demo_defaults()
    # The lease is given up when the process ends.
    if len(sys.argv) > 1 and sys.argv[1] not in WITHOUT_DATABASE:
        try:
            ensure_database()
        except StartError as error:
            print(error, file=sys.stderr)
            sys.exit(2)  # it could not begin; 1 is what commands say of what they found or refused
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
