"""Repairs what the checks find, or says what it would do."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from crm.accounts.models import User
from crm.errors import Refused
from integrity.decisions import decision
from integrity.models import Run
from integrity.reports import COULD_NOT, repair_exit_code, repair_report
from integrity.runs import make_run, work_run


class Command(BaseCommand):
    help = (
        "Repairs what the checks find, looks again, and keeps only what is proved."
        " Exits with 0 nothing remains, 1 something remains, 2 could not run, 3 only decisions remain."
    )
    requires_system_checks = []  # one that fails would end it with 1

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--module", metavar="MODULE", help="only this one: records, bonanza or memberwd")
        parser.add_argument("--check", nargs="+", metavar="CODE", default=[], help="only these checks")
        parser.add_argument(
            "--decide",
            action="append",
            metavar="CODE=CHOICE[:USERNAME]",
            default=[],
            help="decide so about all that this check leaves to an admin; with whom it goes to, where the choice asks",
        )
        parser.add_argument("--dry-run", action="store_true", help="say what it would do, and do nothing")
        parser.add_argument("--json", action="store_true", help="for a program to read")

    def handle(self, *args: Any, **options: Any) -> None:
        code = COULD_NOT
        keys = [options["module"]] if options["module"] else []
        kind = Run.Kind.PREVIEW if options["dry_run"] else Run.Kind.REPAIR
        try:
            chosen = [_decided(each) for each in options["decide"]]
            scope = {"keys": keys, "codes": options["check"], "decisions": chosen}
            run = work_run(make_run(by=None, origin=Run.Origin.COMMAND, kind=kind, **scope))
            report, code = repair_report(run), repair_exit_code(run)
        except (Refused, DatabaseError) as error:
            report = {"verified": False, "error": str(error).strip()}
        except Exception as error:  # whatever it is, nobody may take it for a repair that has ended
            text = f"{type(error).__name__}: {error}"
            if options["json"]:
                self.stdout.write(json.dumps({"verified": False, "error": text}))
            raise CommandError(text, returncode=COULD_NOT) from error
        self.stdout.write(json.dumps(report) if options["json"] else _text(report, dry=options["dry_run"]))
        sys.exit(code)


def _decided(text: str) -> dict[str, Any]:
    code, _, choice = text.partition("=")
    key, _, username = choice.partition(":")
    staff = User.objects.filter(username=username).first() if username else None
    return decision(code, key, staff=staff)


def _text(report: dict[str, Any], *, dry: bool) -> str:
    lines = [
        f"{each['code']} {each['object']} {each['id']} {each['field']}: {each['before']} -> {each['after']}"
        f" ({each['reason']})"
        for each in report.get("changes", [])
    ]
    if "run" in report:
        said = "would be repaired" if dry else "repaired"
        lines.append(
            f"{report['found']} found, {report['repaired']} {said}, {report['needs_decision']} need a decision,"
            f" {report['remaining']} remain."
        )
    return "\n".join([*lines, *([report["error"]] if "error" in report else [])])
