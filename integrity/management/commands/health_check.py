"""Asks all checks, or some."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from crm.errors import Refused
from integrity.models import Run
from integrity.reports import COULD_NOT, exit_code, health_report
from integrity.runs import make_run, work_run


class Command(BaseCommand):
    help = "Checks that every number is right. Exits with 0 healthy, 1 violations, 2 could not check."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--module", metavar="MODULE", help="only this one: records, bonanza or memberwd")
        parser.add_argument("--check", nargs="+", metavar="CODE", default=[], help="only these checks")
        parser.add_argument("--json", action="store_true", help="for a program to read")

    def handle(self, *args: Any, **options: Any) -> None:
        keys = [options["module"]] if options["module"] else []
        try:
            run = work_run(make_run(by=None, origin=Run.Origin.COMMAND, keys=keys, codes=options["check"]))
        except (Refused, DatabaseError) as error:
            self._stop(options, str(error).strip())
        except Exception as error:  # whatever it is, nobody may take it for a health check that found something
            raise CommandError(f"{type(error).__name__}: {error}", returncode=COULD_NOT) from error
        if run.state != Run.State.FINISHED:
            self._stop(options, run.error)
        report = health_report(run)
        self.stdout.write(json.dumps(report) if options["json"] else _text(report))
        sys.exit(exit_code(run))

    def _stop(self, options: dict[str, Any], error: str) -> None:
        if options["json"]:
            self.stdout.write(json.dumps({"error": error}))
        else:
            self.stderr.write(error)
        sys.exit(COULD_NOT)


def _text(report: dict[str, Any]) -> str:
    lines = []
    for check in report["checks"]:
        if check["count"]:
            lines.append(f"{check['severity']} {check['code']} {check['module']}: {check['count']}")
            lines += [f"    {each['reason']}" for each in check["samples"][:5]]
    lines.append(f"{len(report['checks'])} checks, {report['total'] or 'nothing'} found.")
    return "\n".join(lines)
