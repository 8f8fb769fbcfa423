"""The answers that an admin can give to requests: their words, their forms, what they do and what is said then."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from crm.accounts.models import User
from crm.distribution.forms import OnceForm
from crm.errors import Refused
from records.forms import RejectForm
from records.models import Request
from records.requests import Decided, approve_requests, reject_requests


@dataclass(frozen=True)
class Answer:
    title: Promise
    button: Promise
    icon: str
    form: type[OnceForm]
    run: Callable[[Iterable[Request], dict[str, Any], User], Decided]
    say: Callable[[Decided], str]

    def give(self, requests: Iterable[Request], answers: dict[str, Any], by: User) -> tuple[str, list[str]]:
        """What was done, in words, and what was not. Raises Refused, with all reasons, when nothing was."""
        decided = self.run(requests, answers, by)
        undone = _problems(decided)
        if not decided.done:
            raise Refused("\n".join([*undone, _("Nothing was changed.")]))
        return self.say(decided), undone


def _problems(decided: Decided) -> list[str]:
    """What was not done: how many had been decided before, and each that could not be, with its reason."""
    if not decided.late:
        return decided.refused
    late = ngettext(
        "%(n)d request had been decided or cancelled before.",
        "%(n)d requests had been decided or cancelled before.",
        decided.late,
    )
    return [late % {"n": decided.late}, *decided.refused]


def _say_approved(decided: Decided) -> str:
    said = [
        ngettext("%(n)d request approved.", "%(n)d requests approved.", decided.done) % {"n": decided.done},
        ngettext("%(n)d record handed out.", "%(n)d records handed out.", decided.records) % {"n": decided.records},
    ]
    if decided.swapped:
        swapped = ngettext(
            "%(n)d held record was not free any more; another one of the same database took its place.",
            "%(n)d held records were not free any more; others of the same database took their place.",
            decided.swapped,
        )
        said.append(swapped % {"n": decided.swapped})
    return " ".join(said)


def _say_rejected(decided: Decided) -> str:
    return " ".join(
        [
            ngettext("%(n)d request rejected.", "%(n)d requests rejected.", decided.done) % {"n": decided.done},
            _("Its records are back in the pool.") if decided.done == 1 else _("Their records are back in the pool."),
        ]
    )


ANSWERS = {
    "approve": Answer(
        title=gettext_lazy("Approve requests"),
        button=gettext_lazy("Approve"),
        icon="check",
        form=OnceForm,
        run=lambda requests, answers, by: approve_requests(requests=requests, by=by),
        say=_say_approved,
    ),
    "reject": Answer(
        title=gettext_lazy("Reject requests"),
        button=gettext_lazy("Reject"),
        icon="x-mark",
        form=RejectForm,
        run=lambda requests, answers, by: reject_requests(requests=requests, by=by, reason=answers["reason"]),
        say=_say_rejected,
    ),
}
