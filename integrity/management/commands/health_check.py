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
    requires_system_checks = []  # one that fails would end it with 1

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--module", metavar="MODULE", help="only this one: records, bonanza or memberwd")
        parser.add_argument("--check", nargs="+", metavar="CODE", default=[], help="only these checks")
        parser.add_argument("--json", action="store_true", help="for a program to read")

    def handle(self, *args: Any, **options: Any) -> None:
        code = COULD_NOT
        keys = [options["module"]] if options["module"] else []
        try:
            run = work_run(make_run(by=None, origin=Run.Origin.COMMAND, keys=keys, codes=options["check"]))
            report, code = health_report(run), exit_code(run)
        except (Refused, DatabaseError) as error:
            report = {"healthy": False, "error": str(error).strip()}
        except Exception as error:  # whatever it is, nobody may take it for a health check that has found something
            text = f"{type(error).__name__}: {error}"
            if options["json"]:
                self.stdout.write(json.dumps({"healthy": False, "error": text}))
            raise CommandError(text, returncode=COULD_NOT) from error
        self.stdout.write(json.dumps(report) if options["json"] else _text(report))
        sys.exit(code)


def _text(report: dict[str, Any]) -> str:
    lines = []
    for check in report.get("checks", []):
        if check["count"]:
            lines.append(f"{check['severity']} {check['code']} {check['module']}: {check['count']}")
            lines += [f"    {each['reason']}" for each in check["samples"][:5]]
    if "error" in report:
        return "\n".join([*lines, report["error"]])
    return "\n".join([*lines, f"{len(report['checks'])} checks, {report['total'] or 'nothing'} found."])
