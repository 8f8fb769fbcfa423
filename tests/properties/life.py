"""A team at work, as a machine that Hypothesis drives: any operation, in any order, in all modules.

Each rule calls one service and checks what it did against an expectation that is counted in SQL. After each, whatever
it was, everything of `invariants` has to hold. The only error that a service may end in is Refused, and then nothing
at all may have changed.
"""

import copy
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from crm.accounts.models import User
from crm.accounts.services import change_role, deactivate_person, reactivate_person
from crm.distribution.assignment import TooFew, assign_picked, assign_random, recall_records, transfer_records
from crm.distribution.batches import pin_batch, rename_batch
from crm.distribution.conflicts import hand_to_owners, keep_records
from crm.distribution.databases import archive_database, restore_database
from crm.distribution.holdings import Holding, holdings_with_states
from crm.distribution.imports.uploads import import_upload, receive_upload, undo_import
from crm.distribution.leaving import deactivate_with_records
from crm.distribution.models import Validation
from crm.distribution.querysets import WORK_STATES, RecordQuerySet
from crm.distribution.settings import change_settings, settings_of
from crm.distribution.undo import outlook, undo
from crm.distribution.validation import (
    archive_invalid,
    purge_archived,
    replace_invalid,
    restore_archived,
    validate_records,
)
from crm.distribution.work import note_outcome
from crm.errors import Refused
from crm.registry import Module, get_module, modules
from crm.reservations.entries import Entry, add_reservations
from crm.reservations.expiry import preview_expiry, run_expiry
from crm.reservations.models import Reservation
from crm.reservations.services import (
    add_reservation,
    approve_reservations,
    ask_reservation,
    change_permanence,
    move_reservations,
    reject_reservations,
    release_reservations,
    restore_reservations,
)
from integrity.runs import make_run, work_run
from records.models import AutoApprove, Request
from records.requests import (
    approve_requests,
    cancel_request,
    change_auto_approve,
    reject_requests,
    request_records,
)
from tests.distribution.sql import Witness, ask, run
from tests.factories.accounts import UserFactory
from tests.factories.distribution import factories_of
from tests.factories.products import ProductFactory
from tests.integrity.conftest import planned_anew
from tests.properties.invariants import (
    COVERS,
    broken_rules,
    check_references,
    fingerprint,
    true_figures,
    true_figures_of_all,
    wrong_figures,
)

MODULES = [module.key for module in modules()]
VALIDATING = [module.key for module in modules() if module.policy.validates]
MOST_DATABASES = 3
KEYS_KEPT = 6

which = st.integers(0, 30)
"""Which of those that there are; counted round."""

how = st.sampled_from(["one", "one", "few", "batch", "all"])
"""How a selection is made."""

keys = st.sampled_from(MODULES)


# The same customers in every module; every phone is that of two of them.
CUSTOMERS = """
    INSERT INTO {table} (database_id, row_number, customer_id, phone, phone_key)
    SELECT %s, n, 'Customer ' || n, '0812-4000-000' || n %% 7, '+628124000000' || n %% 7 FROM generate_series(1, 14) n
"""


@dataclass(frozen=True)
class Done:
    """An operation that can be taken back: how the records were before it, and which it changed."""

    module: Module
    key: UUID
    by: User
    before: dict[int, dict[str, Any]]
    changed: frozenset[int]
    of_admins: bool

    @property
    def drawn(self) -> set[int]:
        """What came out of a pool and goes back to it; but for what a mark of staff has drawn, which stays."""
        return {pk for pk in self.changed if self.of_admins and self.before[pk]["status"] in POOL}


class World:
    """What every example begins with: a team, and in each module a list of which some is handed out and worked."""

    def __init__(self) -> None:
        self.witnesses: dict[str, Witness] = {}
        self.files: dict[str, dict[int, dict[str, int]]] = {}
        self.rows: Counter[str] = Counter()
        owner = UserFactory(username="olivia", role="owner")
        for name in ("adam", "bayu"):
            UserFactory(username=name, role="admin")
        staff = [UserFactory(username=name) for name in ("sari", "tono", "dewi", "budi")]
        self.product = ProductFactory(name="Kopi")
        for module in modules():
            witness = self.witnesses[module.key] = Witness(module)
            database = factories_of(module).database(product=self.product)
            self.files[module.key] = {database.pk: {}}
            self.rows[module.key] = run(CUSTOMERS.format(table=f"{module.key}_record"), database.pk)
            witness.look()
            for person in staff[:2]:
                assign_random(module=module, database=database, staff=person, count=4, by=owner)
                witness.look()
                if module.policy.validates:
                    two = module.Record.objects.with_ids(ids_of(module, f"assignee_id = {person.pk}")[:2])
                    validate_records(records=two, by=person, validation=Validation.INVALID, reason="wrong number")
                    archive_invalid(records=two.filter(pk=two[0].pk), by=owner)
            if module.policy.staff_request:
                request_records(database=database, quantity=2, by=staff[0])


class Life(RuleBasedStateMachine):
    world: ClassVar[World]
    effects: ClassVar[Counter[str]] = Counter()
    """How often each operation took effect, over all examples."""
    lives: ClassVar[int] = 0
    """How many examples there were. The lists behind the numbers are counted after every third, in one module."""

    def __init__(self) -> None:
        super().__init__()
        self.frame = transaction.atomic()
        self.frame.__enter__()
        self.witnesses = {key: copy_of(witness) for key, witness in self.world.witnesses.items()}
        self.files = {key: dict(facts) for key, facts in self.world.files.items()}
        self.rows = self.world.rows.copy()
        self.seen: dict[str, tuple] = {}
        self.day = timezone.localdate()
        self.undoable: list[Done] = []
        self.there: dict[str, Counter[str]] = {}
        self.held: dict[str, list[Holding]] = {}
        self.standing: Counter[str] = Counter()
        self.flagged = False
        self.rows_imported = 1

    def teardown(self) -> None:
        try:
            if self.seen:
                type(self).lives += 1
                if self.lives % 3 == 0:
                    self.compare_figures([get_module(at(MODULES, self.lives // 3))], lists=True)
                self.is_healthy()
        finally:
            transaction.set_rollback(True)
            self.frame.__exit__(None, None, None)

    def is_healthy(self) -> None:
        """The health check finds nothing but customers whom two people work, which nobody forbids."""
        planned_anew()
        found = work_run(make_run(by=None, origin="command"))
        assert (found.state, found.error) == ("finished", "")
        wrong = found.findings.exclude(code="double_worked")
        assert not wrong, [(str(each), each.expected, each.actual, each.hint) for each in wrong]

    @initialize(limits=st.lists(st.sampled_from([None, 0, 1, 2, 9]), min_size=3, max_size=3), automatic=st.booleans())
    def begin(self, limits: list[int | None], automatic: bool) -> None:
        """`limits`: how many replacements each module makes at once, None where it makes none."""
        run("SELECT setseed(0.5)")  # the lottery, the same every time
        for module, limit in zip(modules(), limits, strict=True):
            values = {"auto_approve": automatic, "auto_replace": limit is not None, "most_replacements": limit or 0}
            change_settings(module=module, by=self.admins()[0], **values)

    # --- What is there -------------------------------------------------------------------------------------

    def people(self) -> list[User]:
        return list(User.objects.order_by("pk"))

    def staff(self) -> list[User]:
        return [person for person in self.people() if person.is_active and person.role == "staff"]

    def admins(self) -> list[User]:
        return [person for person in self.people() if person.is_active and person.role != "staff"]

    def databases(self, module: Module) -> list[Any]:
        return list(module.Database.objects.order_by("pk"))

    def choose(self, module: Module, how: str, n: int, among: str) -> RecordQuerySet:
        """A selection of records; all but "all" are of those that meet the condition, if there are any."""
        records = module.Record.objects
        if how == "all":
            return records.all()
        ids = ids_of(module, among)
        if not ids:
            return records.none()
        one = ids[n % len(ids)]
        if how == "batch":
            [(batch,)] = ask(f"SELECT batch_id FROM {module.key}_record WHERE id = %s", one)
            return records.filter(batch=batch)
        return records.with_ids([one] if how == "one" else ids[n % 2 :: 2])

    # --- What may happen, and what must not -----------------------------------------------------------------

    def attempt(self, service: Callable[..., Any], **arguments: Any) -> Any:
        """What the service returns; the Refused in which it ends, when nothing has changed."""
        try:
            result = service(**arguments)
        except Refused as refused:
            result = refused
        if isinstance(result, Refused):
            assert str(result), "a refusal says why"
            assert self.prints() == self.seen, "refused, and yet something has changed"
            return result
        self.effects[service.__name__] += 1
        return result

    def take_back_later(
        self, module: Module, by: User, before: dict[int, dict[str, Any]], key: UUID, *, of_admins: bool = True
    ) -> None:
        after = rows_of(module)
        changed = frozenset(pk for pk, row in before.items() if pk in after and after[pk] != row)
        self.undoable = [*self.undoable, Done(module, key, by, before, changed, of_admins)][-KEYS_KEPT:]

    def prints(self) -> dict[str, tuple]:
        return {module.key: fingerprint(module) for module in modules()}

    @invariant()
    def everything_holds(self) -> None:
        check_references()
        prints, today = self.prints(), timezone.localdate()
        # What counts for today changes at midnight, too.
        changed = [each for each in modules() if prints[each.key] != self.seen.get(each.key) or today != self.day]
        for module in changed:
            self.witnesses[module.key].look_and_check()
            assert broken_rules(module) == {}
            [(rows,)] = ask(f"SELECT count(*) FROM {module.key}_record")
            assert rows == self.rows[module.key], "a record came or went unasked"
            kinds = "CASE status WHEN 'assigned' THEN validation ELSE status END"
            self.there[module.key] = Counter(dict(ask(f"SELECT {kinds}, count(*) FROM {module.key}_record GROUP BY 1")))
            self.held[module.key] = holdings_with_states([module], self.people(), WORK_STATES)[0]
        self.standing = Counter(dict(ask("SELECT status, count(*) FROM reservations_reservation GROUP BY 1")))
        self.flagged = any(ids_of(module, "is_reservation_conflict") for module in modules())
        self.compare_figures(changed, lists=False)
        self.seen, self.day = prints, today

    def compare_figures(self, changed: list[Module], *, lists: bool) -> set[str]:
        """Compares those of these modules, and those that are of no module; the names of them all."""
        shown = [*true_figures_of_all(self.people(), self.held)]
        for module in changed:
            shown += true_figures(module, self.held[module.key], self.witnesses[module.key], self.files[module.key])
        assert wrong_figures(shown, lists=lists) == []
        return {name for name, _subject, _true in shown}

    # --- Lists ---------------------------------------------------------------------------------------------

    def bring_in(self, module: Module, *, good: int, twice: int, blank: int, nameless: int) -> Any:
        first = self.rows_imported
        self.rows_imported += good
        customers = [f"customer  {first + number}" for number in range(good)]
        lines = ["id,name,phone", *(f"{customer},Name,08124000000{first % 10}" for customer in customers)]
        lines += [f"CUSTOMER {first},Again,"] * twice + [",,"] * blank + [",Nobody,"] * nameless
        lines += [f"customer {first},Last,"]
        upload = receive_upload(
            module=module,
            product=self.world.product,
            name="List",
            file_name="list.csv",
            content=["\n".join(lines).encode()],
            by=self.admins()[0],
        )
        database = import_upload(upload, self.admins()[0])
        self.rows[module.key] += good
        self.files[module.key][database.pk] = {
            "rows": good + twice + 1 + nameless + blank,
            "duplicates": twice + 1,
            "rejected": nameless,
            "blank": blank,
        }
        return database

    @rule(
        key=keys, good=st.integers(1, 6), twice=st.integers(0, 2), blank=st.integers(0, 1), nameless=st.integers(0, 2)
    )
    def imports(self, key: str, good: int, twice: int, blank: int, nameless: int) -> None:
        module = get_module(key)
        if len(self.databases(module)) < MOST_DATABASES:
            self.bring_in(module, good=good, twice=twice, blank=blank, nameless=nameless)
            self.effects["import_upload"] += 1

    @rule(key=keys, n=which)
    def undoes_an_import(self, key: str, n: int) -> None:
        module = get_module(key)
        database = at(self.databases(module), n)
        [(records, touched)] = ask(
            f"SELECT count(*), count(*) FILTER (WHERE status NOT IN ('available', 'reserved'))"
            f" FROM {key}_record WHERE database_id = %s",
            database.pk,
        )
        batches = ask(f"SELECT 1 FROM {key}_batch WHERE database_id = %s", database.pk)
        asked_for = ask("SELECT 1 FROM records_request WHERE %s = 'records' AND database_id = %s", key, database.pk)
        purged = self.witnesses[key].purged[database.pk]
        if len(self.databases(module)) == 1:
            return
        done = self.attempt(undo_import, database=database, by=self.admins()[0])
        assert isinstance(done, Refused) == bool(touched or batches or purged or asked_for)
        if not isinstance(done, Refused):
            self.rows[key] -= records

    @rule(key=keys, n=which, archived=st.booleans())
    def hides_or_shows_a_database(self, key: str, n: int, archived: bool) -> None:
        database = at(self.databases(get_module(key)), n)
        service = archive_database if archived else restore_database
        changed = self.attempt(service, database=database, by=self.admins()[0])
        assert changed == (archived == (database.archived_at is None))
        assert ask(f"SELECT archived_at IS NOT NULL FROM {key}_database WHERE id = %s", database.pk) == [(archived,)]

    # --- Handing out and taking back -----------------------------------------------------------------------

    @rule(key=keys, n=which, person=which, count=st.integers(1, 4), grow=st.booleans())
    def assigns_at_random(self, key: str, n: int, person: int, count: int, grow: bool) -> None:
        module = get_module(key)
        database, staff = at(self.databases(module), n), at(self.people(), person)
        batch = module.Batch.objects.filter(database=database, staff=staff).first() if grow else None
        free = counted(module, "status = 'available' AND database_id = %s", database.pk)
        held = counted(module, "assignee_id = %s AND status = 'assigned'", staff.pk)
        before, admin = rows_of(module), self.admins()[0]
        done = self.attempt(
            assign_random, module=module, database=database, staff=staff, count=count, by=admin, batch=batch
        )
        possible = self.may_receive(staff) and not database.archived_at
        possible = possible and (batch is None or module.policy.assigns_into_existing_batch)
        if isinstance(done, TooFew):
            assert done.possible == free < count
            return
        assert isinstance(done, Refused) == (not possible)
        if possible:
            assert done.count == count
            assert counted(module, "assignee_id = %s AND status = 'assigned'", staff.pk) == held + count
            assert counted(module, "status = 'available' AND database_id = %s", database.pk) == free - count
            self.take_back_later(module, admin, before, done.undo)

    @rule(key=keys, person=which, n=which, how=st.sampled_from(["one", "few"]))
    def assigns_picked(self, key: str, person: int, n: int, how: str) -> None:
        module, staff = get_module(key), at(self.staff(), person)
        database = at(self.databases(module), n)
        in_pool = f"status IN ('available', 'reserved') AND database_id = {database.pk}"
        picked = self.choose(module, how, n, in_pool)
        ids = list(picked.values_list("pk", flat=True))
        others = set(ids) & self.reserved_by_others(module, staff)
        before, admin = rows_of(module), self.admins()[0]
        done = self.attempt(assign_picked, module=module, database=database, staff=staff, record_ids=ids, by=admin)
        assert isinstance(done, Refused) == (not ids or bool(others) or database.archived_at is not None)
        if not isinstance(done, Refused):
            assert set(ids_of(module, f"batch_id = {done.batch.pk} AND status = 'assigned'")) == set(ids)
            self.take_back_later(module, admin, before, done.undo)

    @rule(key=keys, how=how, n=which)
    def recalls(self, key: str, how: str, n: int) -> None:
        module, admin, before = get_module(key), at(self.admins(), n), rows_of(get_module(key))
        records = self.choose(module, how, n, "status = 'assigned'")
        selected = set(records.values_list("pk", flat=True))
        expected = {pk for pk in selected if before[pk]["status"] == "assigned"}
        done = self.attempt(recall_records, records=records, by=admin)
        assert (done.count, done.skipped) == (len(expected), len(selected - expected))
        after = rows_of(module)
        assert {after[pk]["status"] for pk in expected} <= {"available", "reserved"}
        assert_only(expected, before, after)
        self.take_back_later(module, admin, before, done.undo)

    @rule(key=keys, how=how, n=which, person=which)
    def transfers(self, key: str, how: str, n: int, person: int) -> None:
        module, admin, before = get_module(key), at(self.admins(), n), rows_of(get_module(key))
        to = at(self.people(), person)
        records = self.choose(module, how, n, "status = 'assigned'")
        selected = set(records.values_list("pk", flat=True))
        moving = {pk for pk in selected if before[pk]["status"] == "assigned" and before[pk]["assignee_id"] != to.pk}
        expected = moving - self.reserved_by_others(module, to)
        done = self.attempt(transfer_records, records=records, to=to, by=admin)
        assert isinstance(done, Refused) == (not self.may_receive(to))
        if isinstance(done, Refused):
            return
        assert (done.count, done.skipped) == (len(expected), len(selected - moving))
        assert done.reserved == len(moving - expected)
        after = rows_of(module)
        assert all(after[pk]["assignee_id"] == to.pk for pk in expected)
        assert all(after[pk]["note"] == before[pk]["note"] for pk in expected), "what was noted goes along"
        assert_only(expected, before, after)
        self.take_back_later(module, admin, before, done.undo)

    def may_receive(self, person: User) -> bool:
        return person in self.staff()

    def reserved_by_others(self, module: Module, person: User) -> set[int]:
        return {pk for pk, _reservation, staff in covers(module) if staff != person.pk}

    # --- Requests ------------------------------------------------------------------------------------------

    @rule(n=which, person=which, quantity=st.integers(0, 4))
    def requests(self, n: int, person: int, quantity: int) -> None:
        module = get_module("records")
        database, staff = at(self.databases(module), n), at(self.people(), person)
        free = counted(module, "status = 'available' AND database_id = %s", database.pk)
        most, automatic = self.rules_of_requests(database)
        done = self.attempt(request_records, database=database, quantity=quantity, by=staff)
        allowed = 1 <= quantity <= most and not database.archived_at and self.may_receive(staff)
        assert isinstance(done, Refused) == (not allowed or quantity > free)
        if isinstance(done, Refused):
            return
        assert ask("SELECT state FROM records_request WHERE id = %s", done.pk) == [
            ("approved" if automatic else "pending",)
        ]
        assert counted(module, "status = 'available' AND database_id = %s", database.pk) == free - quantity

    def rules_of_requests(self, database: Any) -> tuple[int, bool]:
        rows = ask("SELECT most_per_request, auto_approve FROM distribution_modulesettings WHERE module = 'records'")
        [(most, automatic)] = rows or [(100, False)]
        return most, {"auto": True, "manual": False, "inherit": automatic}[database.auto_approve]

    @precondition(lambda self: self.there["records"]["requested"])
    @rule(n=which, many=st.booleans(), by=which, approve=st.sampled_from([True, True, False]))
    def decides_requests(self, n: int, many: bool, by: int, approve: bool) -> None:
        every = list(Request.objects.order_by("pk"))
        waiting = [request for request in every if request.state == "pending"]
        chosen = every if many else (waiting or every)[n % max(1, len(waiting or every)) :][:1]
        still = {request.pk for request in chosen if request.state == "pending"}
        archived = {pk for (pk,) in ask("SELECT id FROM records_database WHERE archived_at IS NOT NULL")}
        service = approve_requests if approve else reject_requests
        impossible = {request.pk for request in chosen if approve and request.database_id in archived} & still
        swapped = 0
        if approve:
            short, swapped = self.swaps([request for request in chosen if request.pk in still - impossible])
            impossible |= short
        done = self.attempt(service, requests=chosen, by=at(self.admins(), by))
        assert done.swapped == swapped
        assert (done.done, done.late) == (len(still - impossible), len(chosen) - len(still))
        assert len(done.refused) == len(impossible)
        states = dict(ask("SELECT id, state FROM records_request"))
        assert {states[pk] for pk in still - impossible} <= {"approved" if approve else "rejected"}
        assert {states[pk] for pk in impossible} <= {"pending"}
        self.effects["decided requests"] += done.done

    def swaps(self, waiting: list[Request]) -> tuple[set[int], int]:
        """The requests for which there are too few others in the place of what is reserved by now; and how many others
        the rest needs."""
        rows = rows_of(get_module("records")).values()
        free = Counter(row["database_id"] for row in rows if row["status"] == "available")
        short, swapped = set(), 0
        for request in sorted(waiting, key=lambda request: (request.database_id, request.pk)):
            held = {row["id"] for row in rows if row["request_id"] == request.pk}
            needed = len(held & self.reserved_by_others(get_module("records"), request.staff))
            if needed > free[request.database_id]:
                short.add(request.pk)
            else:
                free[request.database_id] -= needed
                swapped += needed
        return short, swapped

    @precondition(lambda self: self.there["records"]["requested"])
    @rule(n=which)
    def cancels_a_request(self, n: int) -> None:
        request = at(list(Request.objects.order_by("pk").select_related("staff")), n)
        done = self.attempt(cancel_request, request=request, by=request.staff)
        assert isinstance(done, Refused) == (request.state != "pending")

    @rule(n=which, value=st.sampled_from(AutoApprove))
    def sets_auto_approve_of_a_database(self, n: int, value: AutoApprove) -> None:
        database = at(self.databases(get_module("records")), n)
        self.attempt(change_auto_approve, database=database, auto_approve=value, by=self.admins()[0])

    @rule(
        key=keys,
        values=st.fixed_dictionaries(
            {},
            optional={
                "auto_approve": st.booleans(),
                "most_per_request": st.integers(1, 4),
                "auto_replace": st.sampled_from([True, True, False]),
                "most_replacements": st.integers(0, 3),
            },
        ),
    )
    def changes_settings(self, key: str, values: dict[str, Any]) -> None:
        self.attempt(change_settings, module=get_module(key), by=self.admins()[0], **values)
        stored = settings_of(get_module(key))
        assert all(getattr(stored, name) == value for name, value in values.items())

    # --- Work ----------------------------------------------------------------------------------------------

    @rule(
        key=keys,
        how=how,
        n=which,
        person=which,
        outcome=st.fixed_dictionaries(
            {},
            optional={
                "reach": st.sampled_from(["", "reachable", "one_tick", "unreachable"]),
                "response": st.sampled_from(["", "yes", "no"]),
                "note": st.sampled_from(["", "called"]),
                "follow_up_on": st.sampled_from([None, -1, 0, 1]),
            },
        ).filter(bool),
    )
    def notes(self, key: str, how: str, n: int, person: int, outcome: dict[str, Any]) -> None:
        module, before = get_module(key), rows_of(get_module(key))
        by = self.worker(module, person)
        if (days := outcome.get("follow_up_on")) is not None:
            outcome = {**outcome, "follow_up_on": timezone.localdate() + timedelta(days=days)}
        records = self.choose(module, how, n, f"status = 'assigned' AND assignee_id = {by.pk}")
        selected = set(records.values_list("pk", flat=True))
        mine = {pk for pk in selected if holds(before[pk], by)}
        done = self.attempt(note_outcome, records=records, by=by, **outcome)
        assert isinstance(done, Refused) == (not mine)
        if isinstance(done, Refused):
            return
        assert (done.count, done.skipped) == (len(mine), len(selected - mine))
        after = rows_of(module)
        said = {name: as_stored(value) for name, value in outcome.items()}
        assert all(after[pk][name] == value for pk in mine for name, value in said.items())
        assert all(
            after[pk]["responded_at"] == before[pk]["responded_at"]
            for pk in mine
            if after[pk]["response"] == before[pk]["response"]
        ), "whoever had said it said it then"
        different = {pk for pk in mine if any(before[pk][name] != value for name, value in said.items())}
        assert_only(different, before, after)
        self.take_back_later(module, by, before, done.undo, of_admins=False)

    def worker(self, module: Module, n: int) -> User:
        """Mostly somebody who has records there."""
        holding = [
            pk for (pk,) in ask(f"SELECT DISTINCT assignee_id FROM {module.key}_record WHERE status = 'assigned'")
        ]
        some = [person for person in self.staff() if person.pk in holding]
        return at(some if some and n % 5 else self.staff(), n)

    @rule(
        key=st.sampled_from([*VALIDATING, *VALIDATING, *MODULES]),
        how=how,
        n=which,
        person=which,
        validation=st.sampled_from([*[Validation.INVALID] * 4, Validation.VALID, None]),
        reason=st.sampled_from(["wrong number", "wrong number", "other", " "]),
    )
    def validates(self, key: str, how: str, n: int, person: int, validation: Validation | None, reason: str) -> None:
        module, before = get_module(key), rows_of(get_module(key))
        by = self.worker(module, person)
        records = self.choose(module, how, n, f"status = 'assigned' AND assignee_id = {by.pk}")
        selected = set(records.values_list("pk", flat=True))
        mine = {pk for pk in selected if holds(before[pk], by)}
        invalid = validation == Validation.INVALID
        possible, most = self.replaceable(module, mine, limited=True)
        placed = replacements(module)
        done = self.attempt(validate_records, records=records, by=by, validation=validation, reason=reason)
        assert isinstance(done, Refused) == (
            not module.policy.validates or not mine or (invalid and not reason.strip())
        )
        if isinstance(done, Refused):
            return
        assert (done.count, done.skipped) == (len(mine), len(selected - mine))
        assert (done.replacement is not None) == (invalid and most is not None)
        after, replaced = rows_of(module), done.replacement.replaced if done.replacement else 0
        if done.replacement:
            assert (replaced, done.replacement.waiting) == (possible, len(mine) - possible)
            over = {b for b, n in replacements(module).items() if n > max(most or 0, placed[b])}
            assert not over, f"batches {over} had more than {most} replacements"
            self.effects["replaced at once"] += replaced
            self.effects["waits in spite of auto-replace"] += done.replacement.waiting
        assert {after[pk]["validation"] for pk in mine} <= {validation or ""}
        self.check_pairs(module, mine, before, after, replaced)
        self.take_back_later(module, by, before, done.undo, of_admins=False)

    def replaceable(self, module: Module, ids: set[int], *, limited: bool) -> tuple[int, int | None]:
        """How many of these can be replaced, and the limit of each batch, None where nothing is replaced at once."""
        rows = ask(
            "SELECT most_replacements FROM distribution_modulesettings WHERE module = %s AND auto_replace", module.key
        )
        most = rows[0][0] if rows else None
        if limited and most is None:
            return 0, None
        room = {pk: max(0, (most or 0) - n) for pk, n in replacements(module).items()}
        wanted: Counter[int] = Counter()
        for pk, row in sorted(rows_of(module).items()):
            if pk in ids:
                wanted[row["database_id"]] += not limited or room[row["batch_id"]] > 0
                room[row["batch_id"]] -= 1
        free = dict(
            ask(
                f"SELECT d.id, count(r.id) FROM {module.key}_database d"
                f" JOIN {module.key}_record r ON r.database_id = d.id"
                " WHERE r.status = 'available' AND d.archived_at IS NULL GROUP BY 1"
            )
        )
        return sum(min(n, free.get(database, 0)) for database, n in wanted.items()), most

    def check_pairs(self, module: Module, asked: set[int], before: dict, after: dict, replaced: int) -> None:
        """So many of them were archived, and each has one record of the pool in its place, with whoever had it."""
        archived = {pk for pk in asked if after[pk]["status"] == "archived" != before[pk]["status"]}
        came = {pk: row for pk, row in after.items() if row["replaces_id"] in archived}
        assert len(archived) == len(came) == replaced
        for pk, row in came.items():
            old = before[row["replaces_id"]]
            assert before[pk]["status"] == "available"
            assert [row[name] for name in ("assignee_id", "batch_id", "database_id")] == [
                old[name] for name in ("assignee_id", "batch_id", "database_id")
            ]
        assert_only(asked | set(came), before, after)

    # --- What admins do with the invalid ones ----------------------------------------------------------------

    def with_some(self, what: str) -> list[str]:
        """The modules that have records of that kind."""
        return [key for key in VALIDATING if self.there[key][what]]

    @precondition(lambda self: self.with_some("invalid"))
    @rule(how=how, n=which)
    def replaces(self, how: str, n: int) -> None:
        key = at(self.with_some("invalid"), n)
        module, before = get_module(key), rows_of(get_module(key))
        records, waiting = self.choose_invalid(module, how, n, before)
        possible, _most = self.replaceable(module, waiting, limited=False)
        admin = at(self.admins(), n)
        done = self.attempt(replace_invalid, records=records, by=admin)
        assert isinstance(done, Refused) == (not possible)
        if isinstance(done, Refused):
            return
        assert (done.replaced, done.waiting) == (possible, len(waiting) - possible)
        self.check_pairs(module, waiting, before, rows_of(module), possible)
        self.take_back_later(module, admin, before, done.undo)

    @precondition(lambda self: self.with_some("invalid"))
    @rule(how=how, n=which)
    def archives(self, how: str, n: int) -> None:
        key = at(self.with_some("invalid"), n)
        module, before = get_module(key), rows_of(get_module(key))
        records, waiting = self.choose_invalid(module, how, n, before)
        admin = at(self.admins(), n)
        done = self.attempt(archive_invalid, records=records, by=admin)
        assert isinstance(done, Refused) == (not waiting)
        if not isinstance(done, Refused):
            assert done.count == len(waiting)
            assert {rows_of(module)[pk]["status"] for pk in waiting} == {"archived"}
            assert_only(waiting, before, rows_of(module))
            self.take_back_later(module, admin, before, done.undo)

    def choose_invalid(self, module: Module, how: str, n: int, before: dict) -> tuple[RecordQuerySet, set[int]]:
        records = self.choose(module, how, n, "status = 'assigned' AND validation = 'invalid'")
        selected = set(records.values_list("pk", flat=True))
        return records, {
            pk for pk in selected if (before[pk]["status"], before[pk]["validation"]) == ("assigned", "invalid")
        }

    @precondition(lambda self: self.with_some("archived"))
    @rule(how=how, n=which, purge=st.sampled_from([False, False, True]))
    def restores_or_purges(self, how: str, n: int, purge: bool) -> None:
        key = at(self.with_some("archived"), n)
        module, before = get_module(key), rows_of(get_module(key))
        records = self.choose(module, how, n, "status = 'archived'")
        archived = {pk for pk in records.values_list("pk", flat=True) if before[pk]["status"] == "archived"}
        done = self.attempt(purge_archived if purge else restore_archived, records=records, by=at(self.admins(), n))
        assert isinstance(done, Refused) == (not archived)
        if isinstance(done, Refused):
            return
        assert done == len(archived)
        after = rows_of(module)
        if purge:
            assert not archived & set(after)
            self.rows[key] -= len(archived)
        else:
            assert {after[pk]["status"] for pk in archived} <= {"available", "reserved"}
        heirs = {pk for pk, row in before.items() if row["replaces_id"] in archived}
        assert all(after[pk]["replaces_id"] is None for pk in heirs - archived)
        assert_only(archived | heirs, before, after)

    # --- Taking back ---------------------------------------------------------------------------------------

    @precondition(lambda self: self.undoable)
    @rule(n=st.integers(0, KEYS_KEPT), somebody_else=st.sampled_from([False, False, False, True]))
    def takes_back(self, n: int, somebody_else: bool) -> None:
        done = self.undoable[-1 - n % len(self.undoable)]
        others = [person for person in self.people() if person != done.by]
        before, by = rows_of(done.module), others[n % len(others)] if somebody_else else done.by
        may = (done.of_admins and by in self.admins()) or (by == done.by and not done.of_admins)
        foreseen = outlook(key=done.key, by=by)
        result = self.attempt(undo, key=done.key, by=by)
        if isinstance(result, Refused):
            return
        assert may
        assert result == foreseen
        after = rows_of(done.module)
        back = {pk for pk in done.changed - done.drawn if pk in after and same(after[pk], done.before[pk])}
        back |= {pk for pk in done.drawn & after.keys() if after[pk] != before[pk] and after[pk]["status"] in POOL}
        held = {pk for pk in done.changed if done.before[pk]["status"] == "assigned"} | done.drawn
        assert (result.count, result.count + result.skipped) == (len(back), max(len(held), len(back)))
        assert_only(back, before, after)

    # --- Reservations --------------------------------------------------------------------------------------

    @rule(
        key=keys, n=which, person=which, spelled=st.sampled_from([str, str.upper, "  {} ".format]), phone=st.booleans()
    )
    def reserves(self, key: str, n: int, person: int, spelled: Callable[[str], str], phone: bool) -> None:
        """Staff ask for a customer of the module; admins enter one, or with the phone of one."""
        staff, by = at(self.people(), person), at(self.admins(), n)
        row = at(sorted(rows_of(get_module(key)).values(), key=lambda row: row["id"]), n)
        arguments: dict[str, Any] = {"product": self.world.product, "customer_id": spelled(row["customer_id"])}
        if phone:
            arguments = {**arguments, "customer_id": f"other {n % 3}", "phone": row["phone"] or "0812-4000-0001"}
        taken = self.is_taken(arguments["customer_id"])
        before = self.taken_records()
        if n % 3 == 0:
            done = self.attempt(ask_reservation, **arguments, by=staff)
            assert isinstance(done, Refused) == (taken or not self.may_receive(staff))
            assert self.taken_records() == before
            return
        done = self.attempt(add_reservation, **arguments, staff=staff, by=by)
        assert isinstance(done, Refused) == (taken or not self.may_receive(staff))
        if not isinstance(done, Refused):
            self.check_effect(done, before)

    def is_taken(self, customer: str) -> bool:
        key = " ".join(customer.upper().split())
        return key in {
            found
            for (found,) in ask(
                "SELECT customer_key FROM reservations_reservation WHERE status IN ('pending', 'active')"
            )
        }

    def taken_records(self) -> tuple[set[tuple[str, int]], set[tuple[str, int]]]:
        """The records that are reserved, and those in conflict."""
        rows = [(module.key, pk, row) for module in modules() for pk, row in rows_of(module).items()]
        return (
            {(key, pk) for key, pk, row in rows if row["status"] == "reserved"},
            {(key, pk) for key, pk, row in rows if row["is_reservation_conflict"]},
        )

    def check_effect(self, done: Any, before: tuple[set, set]) -> None:
        """What the service says it has done to records is the difference."""
        (reserved, flagged), (reserved_now, flagged_now) = before, self.taken_records()
        assert done.reserved - done.freed == len(reserved_now) - len(reserved)
        assert done.conflicts - done.cleared == len(flagged_now) - len(flagged)
        self.effects["reserved records"] += done.reserved
        self.effects["conflicts"] += done.conflicts

    @rule(key=keys, n=which, person=which, bad=st.booleans())
    def reserves_many(self, key: str, n: int, person: int, bad: bool) -> None:
        staff, before = at(self.people(), person), self.taken_records()
        rows = sorted(rows_of(get_module(key)).values(), key=lambda row: row["id"])[n % 5 : n % 5 + 4]
        entries = [Entry(line, row["customer_id"].lower()) for line, row in enumerate(rows)]
        entries += [Entry(8, " "), Entry(9, rows[0]["customer_id"])] if bad else []
        free = {entry.line for entry in entries[: len(rows)] if not self.is_taken(entry.customer_id)}
        done = self.attempt(
            add_reservations, product=self.world.product, staff=staff, entries=entries, by=self.admins()[0]
        )
        assert isinstance(done, Refused) == (not self.may_receive(staff))
        if isinstance(done, Refused):
            return
        assert {answer.entry.line for answer in done.answers if answer.outcome == "added"} == free
        assert (done.count("bad"), done.count("repeated")) == ((1, 1) if bad else (0, 0))
        self.check_effect(done.effect, before)

    def reservations(self, *, statuses: tuple[str, ...], many: bool, n: int) -> Any:
        """One of these, or all that there are, in whatever state."""
        if many:
            return Reservation.objects.all()
        found = list(Reservation.objects.filter(status__in=statuses).order_by("pk").values_list("pk", flat=True))
        return Reservation.objects.filter(pk__in=[at(found, n)] if found else [])

    @precondition(lambda self: self.standing["pending"])
    @rule(n=which, many=st.sampled_from([False, False, False, True]), approve=st.sampled_from([True, True, False]))
    def decides_reservations(self, n: int, many: bool, approve: bool) -> None:
        chosen, before = self.reservations(statuses=("pending",), many=many, n=n), self.taken_records()
        states = dict(chosen.values_list("pk", "status"))
        waiting = [pk for pk, status in states.items() if status == "pending"]
        service = approve_reservations if approve else reject_reservations
        done = self.attempt(service, reservations=chosen, by=at(self.admins(), n))
        assert (done.done, done.late) == (len(waiting), len(states) - len(waiting))
        assert set(Reservation.objects.filter(pk__in=waiting).values_list("status", flat=True)) <= {
            "active" if approve else "rejected"
        }
        self.check_effect(done, before)
        self.effects["decided reservations"] += done.done

    @precondition(lambda self: self.standing["active"])
    @rule(n=which, many=st.sampled_from([False, False, False, True]))
    def releases(self, n: int, many: bool) -> None:
        chosen, before = self.reservations(statuses=("active",), many=many, n=n), self.taken_records()
        active = list(chosen.active().values_list("pk", flat=True))
        done = self.attempt(release_reservations, reservations=chosen, by=at(self.admins(), n))
        assert done.done == len(active)
        self.check_effect(done, before)
        self.effects["released"] += done.done

    @precondition(lambda self: self.standing["released"] or self.standing["expired"])
    @rule(n=which, many=st.sampled_from([False, False, True]))
    def restores_reservations(self, n: int, many: bool) -> None:
        chosen, before = self.reservations(statuses=("expired", "released"), many=many, n=n), self.taken_records()
        working = {person.pk for person in self.staff()}
        able = {
            row.customer_key for row in chosen.ended() if row.staff_id in working and not self.is_taken(row.customer_id)
        }
        done = self.attempt(restore_reservations, reservations=chosen, by=at(self.admins(), n))
        assert done.done == len(able)
        self.check_effect(done, before)
        self.effects["restored"] += done.done

    @precondition(lambda self: self.standing["active"])
    @rule(n=which, person=which, many=st.sampled_from([False, False, True]))
    def moves_reservations(self, n: int, person: int, many: bool) -> None:
        chosen, before = self.reservations(statuses=("active",), many=many, n=n), self.taken_records()
        to = at(self.people(), person)
        moving = chosen.active().exclude(staff=to).count()
        done = self.attempt(move_reservations, reservations=chosen, to=to, by=at(self.admins(), n))
        assert isinstance(done, Refused) == (not self.may_receive(to))
        if not isinstance(done, Refused):
            assert done.done == moving
            self.check_effect(done, before)
            self.effects["moved"] += done.done

    @precondition(lambda self: self.standing["active"])
    @rule(n=which, permanent=st.booleans())
    def changes_permanence(self, n: int, permanent: bool) -> None:
        chosen = self.reservations(statuses=("active",), many=False, n=n)
        before = self.taken_records()
        self.attempt(change_permanence, reservations=chosen, permanent=permanent, by=self.admins()[0])
        assert self.taken_records() == before

    @precondition(lambda self: self.standing["active"])
    @rule(days=st.sampled_from([27, 0, 0, 31]))
    def a_night_passes(self, days: int) -> None:
        """The nightly run, as if so many days had gone by."""
        today, before = timezone.localdate() + timedelta(days=days), self.taken_records()
        would = preview_expiry(today)
        done = self.attempt(run_expiry, today=today)
        assert (done.expired, done.warned) == (would.expired, would.warned)
        assert (preview_expiry(today).expired, preview_expiry(today).warned) == (0, 0)
        assert days < 31 or not Reservation.objects.active().filter(is_permanent=False).exists()
        (reserved, flagged), (reserved_now, flagged_now) = before, self.taken_records()
        assert (done.freed, done.cleared) == (len(reserved) - len(reserved_now), len(flagged) - len(flagged_now))
        self.effects["expired"] += done.expired
        self.effects["warned"] += done.warned

    @precondition(lambda self: self.flagged)
    @rule(how=how, n=which)
    def hands_to_owners(self, how: str, n: int) -> None:
        key = at(MODULES, n)
        module, admin, before = get_module(key), at(self.admins(), n), rows_of(get_module(key))
        records = self.choose(module, how, n, "is_reservation_conflict")
        flagged = {pk for pk in records.values_list("pk", flat=True) if before[pk]["is_reservation_conflict"]}
        owners = dict(ask("SELECT id, staff_id FROM reservations_reservation"))
        to = {pk: owners[before[pk]["reservation_id"]] for pk in flagged}
        stays = {pk for pk, _reservation, staff in covers(module) if pk in flagged and staff != to[pk]}
        done = self.attempt(hand_to_owners, records=records, by=admin)
        after = rows_of(module)
        assert (done.count, done.reserved) == (len(flagged - stays), len(stays))
        assert all(after[pk]["assignee_id"] == to[pk] for pk in flagged - stays)
        assert_only(flagged - stays, before, after)
        self.effects["handed over"] += done.count
        self.take_back_later(module, admin, before, done.undo)

    @precondition(lambda self: self.flagged)
    @rule(how=how, n=which)
    def keeps_records(self, how: str, n: int) -> None:
        key = at(MODULES, n)
        module, before = get_module(key), rows_of(get_module(key))
        records = self.choose(module, how, n, "is_reservation_conflict")
        flagged = {pk for pk in records.values_list("pk", flat=True) if before[pk]["is_reservation_conflict"]}
        done = self.attempt(keep_records, records=records, note="old friends", by=at(self.admins(), n))
        after = rows_of(module)
        assert done.count == len(flagged)
        assert all(
            (after[pk]["is_reservation_conflict"], after[pk]["kept_note"]) == (False, "old friends") for pk in flagged
        )
        assert_only(flagged, before, after)
        self.effects["kept"] += done.count

    # --- Cards and people ----------------------------------------------------------------------------------

    @rule(key=keys, n=which, name=st.sampled_from(["", "  Monday ", "Ada"]), pinned=st.booleans())
    def arranges_a_card(self, key: str, n: int, name: str, pinned: bool) -> None:
        batches = list(get_module(key).Batch.objects.order_by("pk").select_related("staff"))
        if not batches:
            return
        batch = at(batches, n)
        if n % 2:
            self.attempt(rename_batch, batch=batch, name=name, by=batch.staff)
            assert ask(f"SELECT name FROM {key}_batch WHERE id = %s", batch.pk) == [(name.strip(),)]
        else:
            self.attempt(pin_batch, batch=batch, pinned=pinned, by=batch.staff)
            assert ask(f"SELECT is_pinned FROM {key}_batch WHERE id = %s", batch.pk) == [(pinned,)]

    @rule(n=which, receivers=st.lists(which, max_size=2, unique=True))
    def leaves_with_what_happens_to_the_records(self, n: int, receivers: list[int]) -> None:
        staff = self.staff()
        if len(staff) < 3:
            return
        person = at(staff, n)
        to = list({at(staff, receiver).pk: at(staff, receiver) for receiver in receivers}.values())
        before, reserved = held_of(self.people()), any(covers(module) for module in modules())
        standing = dict(
            ask(
                "SELECT status, count(*) FROM reservations_reservation"
                " WHERE staff_id = %s AND status IN ('pending', 'active') GROUP BY 1",
                person.pk,
            )
        )
        done = self.attempt(deactivate_with_records, person=person, to=to, by=self.admins()[0])
        assert isinstance(done, Refused) == (person in to)
        if isinstance(done, Refused):
            return
        after = held_of(self.people())
        shares = [after[receiver.pk] - before[receiver.pk] for receiver in to]
        assert (done.recalled, done.transferred) == (before[person.pk] - sum(shares), sum(shares))
        assert (done.moved + done.ended, done.moved) == (
            sum(standing.values()),
            standing.get("active", 0) if to else 0,
        )
        if to and not reserved:
            assert sum(shares) == before[person.pk]
            assert max(shares) - min(shares) <= 1
        assert after[person.pk] == 0

    @rule(n=which, role=st.sampled_from([None, "staff", "admin"]))
    def deactivates_or_changes_the_role(self, n: int, role: str | None) -> None:
        person = at(self.people(), n)
        [owner] = [each for each in self.people() if each.role == "owner"]
        if person == owner or (person.role == "staff" and len(self.staff()) < 3):
            return
        if person.role == "admin" and person.is_active and role != "admin" and len(self.admins()) < 3:
            return
        holds_some = held_of([person])[person.pk] > 0 or bool(
            ask(
                "SELECT 1 FROM reservations_reservation WHERE staff_id = %s AND status IN ('pending', 'active')",
                person.pk,
            )
        )
        if role is None:
            done = self.attempt(deactivate_person, person=person, by=owner)
            assert isinstance(done, Refused) == (holds_some or not person.is_active)
        else:
            done = self.attempt(change_role, person=person, role=role, by=owner)
            assert isinstance(done, Refused) == (holds_some and role != person.role)

    @precondition(lambda self: not all(person.is_active for person in self.people()))
    @rule(n=which)
    def comes_back(self, n: int) -> None:
        gone = [person for person in self.people() if not person.is_active]
        self.attempt(reactivate_person, person=at(gone, n), by=self.admins()[0])

    # What a team does most, it does most here: a rule is drawn as often as it has names.
    notes_again = notes
    assigns_again = assigns_at_random
    requests_again = requests
    validates_again = validates_still = validates
    replaces_again = replaces
    takes_back_again = takes_back
    recalls_again = recalls
    transfers_again = transfers
    reserves_again = reserves_still = reserves
    releases_again = releases
    hands_to_owners_again = hands_to_owners


# What taking something back does not bring back as it was.
POOL = ("available", "reserved")

NOT_COMPARED = dict.fromkeys(
    ["replaces_id", "reservation_id", "is_reservation_conflict", "invalid_reason", "kept_despite", "kept_note"]
)


def copy_of(witness: Witness) -> Witness:
    """One that has seen the same, and goes its own way."""
    copied = copy.copy(witness)
    vars(copied).update({name: seen.copy() for name, seen in vars(witness).items() if isinstance(seen, dict)})
    return copied


def at(things: list[Any], n: int) -> Any:
    return things[n % len(things)]


def ids_of(module: Module, condition: str) -> list[int]:
    return [pk for (pk,) in ask(f"SELECT id FROM {module.key}_record WHERE {condition} ORDER BY id")]


def counted(module: Module, condition: str, *params: Any) -> int:
    return ask(f"SELECT count(*) FROM {module.key}_record WHERE {condition}", *params)[0][0]


def rows_of(module: Module) -> dict[int, dict[str, Any]]:
    """Every record as it is stored, but for its lottery number."""
    rows = ask(f"SELECT id, to_jsonb(r) - 'lottery' FROM {module.key}_record r")
    return {pk: json.loads(row) for pk, row in rows}


def covers(module: Module) -> list[tuple[int, int, int]]:
    """The records that are covered, by which reservation, and whose that is."""
    return ask(COVERS.format(r=f"{module.key}_record", d=f"{module.key}_database"))


def held_of(people: list[User]) -> dict[int, int]:
    """How many records each of them has, in all modules."""
    held = dict.fromkeys((person.pk for person in people), 0)
    for module in modules():
        for pk, number in ask(
            f"SELECT assignee_id, count(*) FROM {module.key}_record WHERE status = 'assigned' GROUP BY 1"
        ):
            held[pk] = held.get(pk, 0) + number
    return held


def replacements(module: Module) -> Counter[int]:
    """How many records each batch has that took the place of another; with the batches that have none."""
    rows = ask(
        f"SELECT b.id, count(r.id) FROM {module.key}_batch b"
        f" LEFT JOIN {module.key}_record r ON r.batch_id = b.id AND r.replaces_id IS NOT NULL GROUP BY 1"
    )
    return Counter(dict(rows))


def holds(row: dict[str, Any], person: User) -> bool:
    return (row["status"], row["assignee_id"]) == ("assigned", person.pk)


def as_stored(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def same(row: dict[str, Any], other: dict[str, Any]) -> bool:
    """But for what it took the place of, which may be gone, and for what reservations say of it now."""
    return {**row, **NOT_COMPARED} == {**other, **NOT_COMPARED}


def assert_only(changed: set[int], before: dict[int, dict[str, Any]], after: dict[int, dict[str, Any]]) -> None:
    """Nothing but these records has changed."""
    assert {pk for pk in before.keys() | after.keys() if before.get(pk) != after.get(pk)} <= changed
