"""What was noted about a record, in words: for the message after a click, and for the timeline."""

from collections.abc import Mapping
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from crm.distribution.models import Reach, Response, Validation


def noted(values: Mapping[str, Any]) -> str:
    """The fields that were set, and to what: "Reachable, said yes"."""
    said = [words for name, value in values.items() if (words := _word(name, value))]
    text = ", ".join(said)
    return text[:1].upper() + text[1:]


def _word(name: str, value: Any) -> str:
    match name:
        case "reach":
            return str(Reach(value).label) if value else _("reach cleared")
        case "response":
            said = {Response.YES: _("said yes"), Response.NO: _("said no")}
            return said.get(value, _("response cleared"))
        case "note":
            return _("note saved") if value else _("note removed")
        case "follow_up_on":
            return _("follow up on %(day)s") % {"day": date_format(value, "j M Y")} if value else _("no follow-up")
        case "validation":
            return str(Validation(value).label).lower() if value else _("mark removed")
        case "validation_reason":
            return f"“{value}”" if value else ""
    return ""
