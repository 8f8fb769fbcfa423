"""What an admin can decide where Repair cannot tell what is right. A repair carries it out: it is shown before, proved
by the checks, and undone like everything else that it changes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db.models import Model
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm.accounts.models import User
from crm.distribution.imports.models import Upload
from crm.errors import Refused
from crm.reservations.models import Reservation
from integrity import decided
from integrity.check import Text
from integrity.checks import checks
from integrity.ground import Decided, Ground, Step
from integrity.models import Run


@dataclass(frozen=True)
class Choice:
    """One way to decide what a check has found, for all of it or for one row of it.

    `consequence` is said before it is carried out. `hints` are those of the check's findings that it can be chosen for.
    `also` selects, as model and key, the rows that it touches besides those found, of `integrity_target t`.
    """

    code: str
    key: str
    label: Text
    consequence: Text
    work: Callable[[Ground, Decided], None]
    models: Callable[[], Iterable[type[Model]]]
    hints: tuple[str, ...] = ("",)
    asks_staff: bool = False
    also: str = ""
    for_one: bool = True
    for_many: bool = True


def choices_of(code: str, hint: str, *, one: bool) -> list[Choice]:
    """How a finding of the check can be decided by itself, or together with all like it."""
    return [
        each
        for each in CHOICES
        if each.code == code and hint in each.hints and (each.for_one if one else each.for_many)
    ]


def advice_for(code: str, hint: str) -> str:
    """What else can be done about a finding that needs an admin, where it is not here that it is done; or empty."""
    of_check = ADVICE.get(code, {})
    return str(of_check.get(hint, of_check.get("*", "")))


def decision(code: str, key: str, *, staff: User | None = None, only: Sequence[tuple[Any, ...]] = ()) -> dict[str, Any]:
    """As a run keeps it: of all that the check has found, or of the rows `only`: object and id, of a guard the field,
    too. Raises Refused for a choice that there is not, and for somebody who cannot be given anything.
    """
    if code not in checks():
        raise Refused(_("There is no check %(name)s.") % {"name": code})
    of_check = {each.key: each for each in CHOICES if each.code == code}
    if key not in of_check:
        known = ", ".join(of_check) or _("none")
        raise Refused(_("%(code)s cannot be decided by “%(key)s”. It can be by: %(known)s.") % {
            "code": code, "key": key, "known": known})  # fmt: skip
    if staff and not of_check[key].asks_staff:
        raise Refused(_("Nothing goes to anybody by “%(key)s”.") % {"key": key})
    if of_check[key].asks_staff and (staff is None or not staff.is_active or staff.role != "staff"):
        raise Refused(_("Say to which active staff member."))
    return {
        "code": code,
        "choice": key,
        "staff": staff.pk if staff and of_check[key].asks_staff else None,
        "only": [list(each) for each in only] or None,
    }


def hints_and_more(run: Run) -> list[tuple[Sequence[str], str]]:
    """Of each decision of the run: the hints that its choice is for, and the SQL of what it touches besides."""
    found = {(each.code, each.key): each for each in CHOICES}
    return [(choice.hints, choice.also) for each in run.decisions for choice in [found[each["code"], each["choice"]]]]


def said_of(run: Run) -> list[tuple[Text, Text, Text, str]]:
    """What has been decided for the run: the check, the choice, its consequence, and to whom."""
    people = User.objects.in_bulk([each["staff"] for each in run.decisions if each["staff"]])
    found = {(each.code, each.key): each for each in CHOICES}
    said = []
    for each in run.decisions:
        if choice := found.get((each["code"], each["choice"])):
            whom = str(people.get(each["staff"], ""))
            said.append((checks()[choice.code].title, choice.label, choice.consequence, whom))
    return said


EVERY_HINT = ("", "vanished", "no trace", "unknown", "import")

CHOICES: tuple[Choice, ...] = (
    Choice(
        "assignee_not_working", "recall", gettext_lazy("Take them back"),
        gettext_lazy("The records go back to the pool. What came of them stays in the history."),
        decided.recall, decided.records_and_batches,
    ),
    Choice(
        "assignee_not_working", "transfer", gettext_lazy("Hand them on"),
        gettext_lazy("The records go to the staff member that you choose, in a new batch of each database, with what"
                     " came of them. Those that somebody else has reserved stay."),
        decided.transfer, decided.records_and_batches, asks_staff=True,
    ),
    Choice(
        "double_worked", "recall", gettext_lazy("Take this one back"),
        gettext_lazy("This record goes back to the pool. The others keep theirs."),
        decided.recall, decided.records_and_batches, for_many=False,
    ),
    Choice(
        "double_worked", "keep_first", gettext_lazy("Leave each customer with who had them first"),
        gettext_lazy("Each customer stays with the staff member who had them first. The records of the others go back"
                     " to the pool."),
        partial(decided.leave_with_one, "ASC"), decided.records_and_batches, for_one=False,
    ),
    Choice(
        "double_worked", "keep_last", gettext_lazy("Leave each customer with who got them last"),
        gettext_lazy("Each customer stays with the staff member who got them last. The records of the others go"
                     " back to the pool."),
        partial(decided.leave_with_one, "DESC"), decided.records_and_batches, for_one=False,
    ),
    Choice(
        "duplicate_customer", "delete_later", gettext_lazy("Delete the later record"),
        gettext_lazy("The later record of the customer, with its name, phone and cells, is deleted if nobody has it,"
                     " and is counted as purged. The history keeps it. What somebody has stays: take it back first."),
        decided.delete_later, decided.records_and_batches,
    ),
    Choice(
        "reservation_owner_not_working", "release", gettext_lazy("End them"),
        gettext_lazy("The reservations end, and their customers are free. Those that nobody has approved yet are"
                     " rejected."),
        decided.end_reservations, decided.reservations_and_records,
    ),
    Choice(
        "reservation_owner_not_working", "move", gettext_lazy("Give them to somebody else"),
        gettext_lazy("The reservations belong to the staff member that you choose, and their time begins anew."
                     " Those that nobody has approved yet are rejected."),
        decided.move, decided.reservations_and_records, asks_staff=True,
    ),
    Choice(
        "reservation_duplicate", "keep_first", gettext_lazy("Keep the one that came first"),
        gettext_lazy("The later reservation ends. The customer stays with who had reserved them first."),
        partial(decided.keep_one, True), decided.reservations_and_records, hints=("whose",),
    ),
    Choice(
        "reservation_duplicate", "keep_later", gettext_lazy("Keep the later one"),
        gettext_lazy("The reservation that came first ends. The customer is reserved for who came later."),
        partial(decided.keep_one, False), decided.reservations_and_records, hints=("whose",),
        also=f"SELECT '{Reservation._meta.label_lower}', t.expected::bigint",
    ),
    Choice(
        "history_mismatch", "take_as_it_is", gettext_lazy("Take it as it is"),
        gettext_lazy("Nothing of the row changes. The history says from now on that it is so, since today, by you; what"
                     " it says of the past stays. This cannot be undone."),
        decided.take_as_it_is, decided.records_and_batches, hints=EVERY_HINT,
    ),
    Choice(
        "import_conservation", "take_as_it_is", gettext_lazy("Take what is there"),
        gettext_lazy("The numbers of the import become what is there: the records, the purged, and the rows that were"
                     " left out. The history keeps what they were."),
        decided.import_is_what_is_there, decided.databases, hints=("gone", "file", "left out"),
    ),
    Choice(
        "stuck_request", "set_quantity", gettext_lazy("Ask for what it holds"),
        gettext_lazy("The request asks for as many records as it holds, and goes on waiting."),
        decided.ask_for_what_it_holds, decided.requests_and_records, hints=("quantity",),
    ),
    Choice(
        "stuck_request", "reject", gettext_lazy("Reject it"),
        gettext_lazy("The request is rejected, and what it holds goes back to the pool."),
        decided.reject, decided.requests_and_records, hints=("quantity",),
    ),
    Choice(
        "request_without_batch", "next_batch", gettext_lazy("It was answered by the next batch"),
        gettext_lazy("The request is approved, with the first batch that its staff member got from the database after"
                     " asking."),
        decided.give_their_batch, decided.requests_and_records, hints=("", "decided"),
    ),
    Choice(
        "request_without_batch", "cancel", gettext_lazy("Withdraw it"),
        gettext_lazy("The request counts as withdrawn, and has no batch. What it holds goes back to the pool."),
        decided.cancel, decided.requests_and_records, hints=("", "decided"),
    ),
    Choice(
        "upload_stuck", "end", gettext_lazy("End it"),
        gettext_lazy("The file counts as imported if its database is there, else as failed: it can be read again, or"
                     " discarded."),
        decided.end_uploads, lambda: [Upload], hints=("", "database", "content"),
    ),
    Choice(
        "guard_missing", "remove", gettext_lazy("Remove it"),
        gettext_lazy("A trigger or a rule of the database that is no part of this app is removed from the table."),
        decided.remove_undeclared, list, hints=("undeclared",),
    ),
)  # fmt: skip

OF_A_MODULE = gettext_lazy("It belongs to a module that is not installed. Install the module again.")
EDIT = gettext_lazy(
    "Neither the history nor the row says what is right. Open it and give it a value that keeps the rule."
)
ADVICE: Mapping[str, Mapping[str, Text]] = {
    "conflict_log_mismatch": {"module": OF_A_MODULE},
    "guard_missing": {
        "all": gettext_lazy("Set session_replication_role back to origin, where PostgreSQL says that it was set: for"
                            " the database, for the role, or in its configuration."),
        "shadowed": gettext_lazy("Rename or drop the other table, or take its schema out of the search path."),
        "*": gettext_lazy("Rows stand against it. Repair them or decide about them, and repair once more."),
    },
    "history_mismatch": {"*": gettext_lazy("Another row has what this one must have. Look at both.")},
    "missing_reference": {"*": EDIT},
    "outcome_log_mismatch": {"module": OF_A_MODULE},
    "rule_broken": {"*": EDIT},
    "validation_leftover": {"*": EDIT},
    "database_count_mismatch": {
        "*": gettext_lazy("Records of it are gone. Decide about its import first, and its counts follow.")
    },
    "schedule_missing": {
        "failed": gettext_lazy("The log says why it failed. Once it has run well, nothing is found any more."),
    },
    "upload_stuck": {
        "module": OF_A_MODULE,
        "database": gettext_lazy("Look at the file and at its databases, and undo the import that is not wanted."),
        "content": gettext_lazy("What is left of files that nobody needs is deleted every night."),
    },
}  # fmt: skip
"""What an admin does elsewhere, by check and hint; "*" is for all others."""


def _carry_out(choice: Choice, ground: Ground) -> None:
    for number, each in enumerate(ground.run.decisions):
        if (each["code"], each["choice"]) == (choice.code, choice.key) and (about := ground.decided(number)):
            choice.work(ground, about)


STEPS = [
    Step(
        (each.code,),
        format_lazy(gettext_lazy("Decided: {choice}"), choice=each.label),
        partial(_carry_out, each),
        each.models,
        choice=each.key,
    )
    for each in CHOICES
]
