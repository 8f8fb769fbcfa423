"""Takes back what a repair has changed."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from crm.errors import Refused
from integrity.models import Run
from integrity.reports import COULD_NOT, undo_exit_code, undo_report
from integrity.runs import make_run, work_run


class Command(BaseCommand):
    help = "Undoes a repair. Exits with 0 all is undone, 1 some rows stay as they are, 2 could not."
    requires_system_checks = []  # one that fails would end it with 1

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("run", type=int, metavar="RUN", help="the number of the repair")
        parser.add_argument("--json", action="store_true", help="for a program to read")

    def handle(self, *args: Any, **options: Any) -> None:
        code = COULD_NOT
        try:
            repaired = Run.objects.filter(pk=options["run"]).first()
            if repaired is None:
                raise Refused(f"There is no run {options['run']}.")
            kind, keys, codes = Run.Kind.UNDO, repaired.modules, repaired.codes
            run = work_run(make_run(by=None, origin=Run.Origin.COMMAND, kind=kind, of=repaired, keys=keys, codes=codes))
            report, code = undo_report(run), undo_exit_code(run)
        except (Refused, DatabaseError) as error:
            report = {"error": str(error).strip()}
        except Exception as error:  # whatever it is, nobody may take it for an undo that has ended
            text = f"{type(error).__name__}: {error}"
            if options["json"]:
                self.stdout.write(json.dumps({"error": text}))
            raise CommandError(text, returncode=COULD_NOT) from error
        self.stdout.write(json.dumps(report) if options["json"] else _text(report))
        sys.exit(code)


def _text(report: dict[str, Any]) -> str:
    lines = [f"{each['object']} {each['id']}: {each['reason']}" for each in report.get("not_undone", [])]
    if "run" in report:
        lines.append(f"{report['undone']} undone, {len(report['not_undone'])} stay as they are.")
    return "\n".join([*lines, *([report["error"]] if "error" in report else [])])
