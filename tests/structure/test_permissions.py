"""Who may open which page: every URL is in the matrix, and everybody else gets nowhere and changes nothing."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from enum import Enum
from hashlib import md5
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.db.models import Model
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from crm.accounts.models import Mail, User
from crm.distribution.assignment import assign_random
from crm.distribution.forms import OnceForm
from crm.distribution.leaving import belongings_of
from crm.distribution.models import Conflict, SavedView, Validation
from crm.distribution.reserving.selection import fingerprint
from crm.distribution.validation import archive_invalid, validate_records
from crm.products.models import Product
from crm.registry import Module, get_module, modules
from crm.reservations.models import Reservation
from crm.reservations.services import add_reservation, ask_reservation
from records.requests import request_records
from tests.conftest import browser_of
from tests.distribution.sql import ask
from tests.factories.accounts import UserFactory
from tests.factories.distribution import UploadFactory, factories_of, fill
from tests.factories.integrity import ChangeFactory, FindingFactory, RunFactory
from tests.factories.products import ProductFactory

pytestmark = pytest.mark.django_db

SIGN_IN = "/accounts/login/"

# Of a file with one column and one row.
INSPECTION = {
    "layout": {"kind": "csv", "header_row": 1, "columns": 1, "encoding": "utf-8", "delimiter": ",", "sheet": None},
    "sheets": [],
    "headers": ["user"],
    "sample_rows": [[2, ["budi"], None]],
    "notes": [],
}


@dataclass
class World:
    """One of everything. `own` is Sari's, and `foreign` somebody else's."""

    module: Module
    sari: User
    tono: User
    idle: User
    gone: User
    product: Product
    inactive: Product
    database: Model
    archived: Model
    untouched: Model
    upload: Model
    imported: Model
    own_batch: Model
    own_record: Model
    own_notice: Model
    mail: Model
    own_view: Model
    requestable: Model
    """A database of Normal DB, of which `own_request` asks for some."""
    own_request: Model
    own_reservation: Model
    """One that waits."""
    finding: Any
    preview: Model
    waiting: Model
    repair: Model


@pytest.fixture
def world(admin, staff, other_staff) -> World:
    module = get_module("memberwd")
    make = factories_of(module)
    product = ProductFactory()
    imported = UploadFactory(module=module.key, product=product, state="imported", inspection=INSPECTION)
    database, archived, untouched = (
        make.database(product=product, name="Used", upload=imported),
        make.database(product=product, archived_at=timezone.now(), archived_by=admin),
        make.database(product=product),
    )
    for each in (database, untouched):
        fill(each, 9)
    batch = assign_random(module=module, database=database, staff=staff, count=3, by=admin).batch
    theirs = assign_random(module=module, database=database, staff=other_staff, count=2, by=admin).batch.records.all()
    validate_records(records=theirs, by=other_staff, validation=Validation.INVALID, reason="Wrong number")
    archive_invalid(records=theirs.filter(pk=theirs.first().pk), by=admin)
    taken = batch.records.order_by("pk").last().customer_id
    add_reservation(product=product, customer_id=taken, staff=other_staff, by=admin)
    # No row of another module has the number of one of these. (Those from 900,000 on are for rows that are planted.)
    for name in ("database", "batch", "record", "request"):
        sequence = f"records_{name}_id_seq"
        ask(f"SELECT setval('{sequence}', 500000 + mod(nextval('{sequence}'), 300000))")
    requestable = factories_of(get_module("records")).database(product=product)
    fill(requestable, 9)
    return World(
        finding=FindingFactory(object_id=batch.pk),
        preview=(preview := RunFactory(kind="preview")),
        waiting=FindingFactory(
            run=preview, code="assignee_not_working", object="memberwd.record", hint="", needs_decision=True
        ),
        repair=ChangeFactory().run,
        module=module,
        sari=staff,
        tono=other_staff,
        idle=UserFactory(),
        gone=UserFactory(is_active=False, deactivated_at=timezone.now()),
        product=product,
        inactive=ProductFactory(is_active=False),
        database=database,
        archived=archived,
        untouched=untouched,
        upload=UploadFactory(
            module=module.key,
            product=product,
            state="ready",
            inspection=INSPECTION,
            mapping={"customer_id": 0, "name": None, "phone": None},
            report={"accepted": 1, "file_rows": 1, "duplicates": 0, "rejected": 0, "blank": 0, "bad_phones": 0},
        ),
        imported=imported,
        own_batch=batch,
        own_record=batch.records.first(),
        own_notice=staff.notices.first(),
        mail=Mail.objects.create(person=other_staff, site="https://fifty.example/", tries=1, error="Refused."),
        own_view=SavedView.objects.create(user=staff, page="memberwd/records", name="Own"),
        requestable=requestable,
        own_request=request_records(database=requestable, quantity=3, by=staff),
        own_reservation=ask_reservation(product=product, customer_id="Asked for", by=staff),
    )


class Who(Enum):
    PUBLIC = "anybody"
    SIGNED_IN = "anybody who is signed in"
    OWNERS = "owners; 403 for everybody else"
    ADMINS = "admins and owners; 403 for staff"
    STAFF = "staff; 403 for admins"
    OWN = "whose it is, and admins; 404 for other staff"
    PERSONAL = "only whose it is; 404 for everybody else"


@dataclass(frozen=True)
class Page:
    """`args` of the URL, and `data` of a POST that would be accepted. `changes`: that POST writes something."""

    who: Who
    methods: str = "GET"
    args: Callable[[World], list[Any]] = lambda world: []
    data: Callable[[World], dict[str, Any]] = lambda world: {}
    changes: bool = False
    by: str = "admin"
    """Who may do it, for the check that `data` really would change something."""
    opens: tuple[int, ...] = (200, 302, 303)
    """What those who may open it are answered."""


def of_module(*names: str) -> Callable[[World], list[Any]]:
    """The module, then the keys of these attributes of the world."""
    return lambda world: [world.module, *(getattr(world, name).pk for name in names)]


def of(name: str) -> Callable[[World], list[Any]]:
    return lambda world: [getattr(world, name).pk]


def token() -> dict[str, Any]:
    return {"token": OnceForm()["token"].value()}


def new_file(world: World) -> dict[str, Any]:
    return {"file": SimpleUploadedFile("b.csv", b"user\nx\n"), "product": world.product.pk, "name": "B", **token()}


def of_records(records: Iterable[Any], **more: Any) -> dict[str, Any]:
    """What confirms an action on them: their keys and the fingerprint of what was shown, with the owner of each."""
    records = sorted(records, key=lambda record: record.pk)
    holders = Counter(record.assignee_id for record in records if record.status == "assigned").most_common()
    each = [f"{record.pk}:{record.reservation.staff_id if record.reservation else ''}" for record in records]
    which = md5(",".join(each).encode()).hexdigest()  # noqa: S324 (nothing secret)
    expected = ";".join([str(len(records)), *(f"{pk}:{count}" for pk, count in holders), which])
    return {"ids": [record.pk for record in records], "expected": expected, **token(), **more}


def chosen(world: World, *, assigned: bool, **more: Any) -> dict[str, Any]:
    return of_records(world.database.records.filter(status="assigned" if assigned else "available"), **more)


def invalid(world: World) -> dict[str, Any]:
    """Tono's one that waits."""
    return of_records(world.module.Record.objects.marked_invalid())


def archived(world: World, **more: Any) -> dict[str, Any]:
    return of_records(world.module.Record.objects.archived(), **more)


def in_conflict(world: World, **more: Any) -> dict[str, Any]:
    return of_records(world.module.Record.objects.in_conflict(), **more)


def conflicts(world: World, **more: Any) -> dict[str, Any]:
    """The same in the log, where a selection is of all modules."""
    rows = in_conflict(world, **more)
    expected = rows["expected"].rpartition(";")
    places = [expected[2] if module == world.module else "" for module in modules()]
    keys = [conflict.pk for conflict in Conflict.objects.open()]
    return {**rows, "ids": keys, "expected": ";".join([expected[0], *places])}


def chosen_own(world: World) -> dict[str, Any]:
    return of_records(world.module.Record.objects.held_by(world.sari))


def chosen_reservation(world: World) -> dict[str, Any]:
    expected = fingerprint(Reservation.objects.filter(pk=world.own_reservation.pk))
    return {"ids": [world.own_reservation.pk], "expected": expected, **token()}


# These people have no second factor to show or to turn off.
NO_TWO_FACTOR = (404,)

MATRIX: dict[str, Page] = {
    "home": Page(Who.SIGNED_IN),
    "overview": Page(Who.ADMINS),
    "today": Page(Who.STAFF),
    "healthz": Page(Who.PUBLIC),
    # Sign-in and one's own account: the library's views, and two of our own.
    "account_login": Page(Who.PUBLIC, "GET POST"),
    "account_logout": Page(Who.SIGNED_IN, "GET POST"),
    "account_reauthenticate": Page(Who.SIGNED_IN, "GET POST"),
    "account_change_password": Page(Who.SIGNED_IN, "GET POST"),
    "account_set_password": Page(Who.SIGNED_IN, "GET POST"),
    "account_reset_password": Page(Who.PUBLIC, "GET POST"),
    "account_reset_password_done": Page(Who.PUBLIC),
    "account_reset_password_from_key_done": Page(Who.PUBLIC),
    "account_reset_password_from_key": Page(Who.PUBLIC, args=lambda world: ["1", "wrong-key"]),
    "profile": Page(Who.SIGNED_IN, "GET POST"),
    "own_email": Page(Who.SIGNED_IN, "GET POST"),
    "mfa_index": Page(Who.SIGNED_IN),
    "mfa_authenticate": Page(Who.PUBLIC, "GET POST"),
    "mfa_reauthenticate": Page(Who.SIGNED_IN, "GET POST"),
    "mfa_activate_totp": Page(Who.SIGNED_IN, "GET POST"),
    "mfa_deactivate_totp": Page(Who.SIGNED_IN, "GET POST", opens=NO_TWO_FACTOR),
    "mfa_view_recovery_codes": Page(Who.SIGNED_IN, opens=NO_TWO_FACTOR),
    "mfa_generate_recovery_codes": Page(Who.SIGNED_IN, "GET POST"),
    "mfa_download_recovery_codes": Page(Who.SIGNED_IN, opens=NO_TWO_FACTOR),
    # People
    "people": Page(Who.ADMINS),
    "person_invite": Page(
        Who.ADMINS, "GET POST", data=lambda world: {"username": "new", "name": "New", "role": "staff"}, changes=True
    ),
    "person": Page(
        Who.ADMINS, "GET POST", of("tono"), lambda world: {"username": "tono", "name": "Renamed"}, changes=True
    ),
    "person_role": Page(Who.ADMINS, "POST", of("gone"), lambda world: {"role": "admin"}, changes=True, by="owner"),
    "person_deactivate": Page(
        Who.ADMINS,
        "GET POST",
        of("idle"),
        lambda world: {"expected": belongings_of(world.idle).fingerprint, **token()},
        changes=True,
    ),
    "person_reactivate": Page(Who.ADMINS, "POST", of("gone"), changes=True),
    "person_unlock": Page(Who.ADMINS, "POST", of("tono")),
    "person_send_link": Page(Who.ADMINS, "POST", of("tono")),
    "person_reset_two_factor": Page(Who.ADMINS, "POST", of("tono")),
    "outbox": Page(Who.ADMINS),
    "try_mail": Page(Who.ADMINS, "POST", of("mail"), changes=True),
    "discard_mail": Page(Who.ADMINS, "POST", of("mail"), changes=True),
    # Products
    "products": Page(Who.ADMINS),
    "product_add": Page(Who.ADMINS, "GET POST", data=lambda world: {"name": "New"}, changes=True),
    "product_edit": Page(Who.ADMINS, "GET POST", of("product"), lambda world: {"name": "Renamed"}, changes=True),
    "product_deactivate": Page(Who.ADMINS, "POST", of("product"), changes=True),
    "product_reactivate": Page(Who.ADMINS, "POST", of("inactive"), changes=True),
    # Notifications
    "notices": Page(Who.SIGNED_IN),
    "notices_bell": Page(Who.SIGNED_IN),
    "notice_settings": Page(Who.SIGNED_IN, "GET POST", changes=True),
    "notices_read_all": Page(Who.SIGNED_IN, "POST"),
    "notice_open": Page(Who.PERSONAL, "POST", of("own_notice"), changes=True, by="staff"),
    "notice_read": Page(Who.PERSONAL, "POST", of("own_notice"), changes=True, by="staff"),
    # Databases, records, batches
    "databases": Page(Who.ADMINS, args=of_module()),
    "database": Page(Who.ADMINS, args=of_module("database")),
    "database_story": Page(Who.ADMINS, args=lambda world: [world.module, world.database.pk, "available"]),
    "assign_at_random": Page(
        Who.ADMINS,
        "POST",
        of_module("database"),
        lambda world: {"staff": world.sari.pk, "count": 2, **token()},
        changes=True,
    ),
    "archive_database": Page(Who.ADMINS, "POST", of_module("database"), changes=True),
    "restore_database": Page(Who.ADMINS, "POST", of_module("archived"), changes=True),
    "undo_import": Page(Who.ADMINS, "POST", of_module("untouched"), changes=True),
    "records": Page(Who.ADMINS, args=of_module()),
    "assign_records": Page(
        Who.ADMINS,
        "POST",
        of_module(),
        lambda world: chosen(world, assigned=False, staff=world.sari.pk),
        changes=True,
    ),
    "recall_records": Page(Who.ADMINS, "POST", of_module(), lambda world: chosen(world, assigned=True), changes=True),
    "transfer_records": Page(
        Who.ADMINS,
        "POST",
        of_module(),
        lambda world: chosen(world, assigned=True, staff=world.sari.pk),
        changes=True,
    ),
    "record": Page(Who.OWN, args=of_module("own_record")),
    # Conflicts
    "hand_over_records": Page(Who.ADMINS, "POST", of_module(), in_conflict, changes=True),
    "keep_records": Page(
        Who.ADMINS, "POST", of_module(), lambda world: in_conflict(world, note="Agreed"), changes=True
    ),
    "conflicts": Page(Who.ADMINS),
    "export_conflicts": Page(Who.ADMINS, args=lambda world: ["csv"]),
    "hand_over_conflicts": Page(Who.ADMINS, "POST", data=conflicts, changes=True),
    "keep_conflicts": Page(Who.ADMINS, "POST", data=lambda world: conflicts(world, note="Agreed"), changes=True),
    "recall_conflicts": Page(Who.ADMINS, "POST", data=conflicts, changes=True),
    # Working records
    "record_outcome": Page(
        Who.PERSONAL, "POST", of_module("own_record"), lambda world: {"reach": "reachable"}, changes=True, by="staff"
    ),
    "record_validate": Page(
        Who.PERSONAL, "POST", of_module("own_record"), lambda world: {"validation": "valid"}, changes=True, by="staff"
    ),
    "note_records": Page(
        Who.STAFF,
        "POST",
        of_module(),
        lambda world: {**chosen_own(world), "reach": "reachable", "response": "keep", "follow_up": "keep"},
        changes=True,
        by="staff",
    ),
    "mark_records": Page(
        Who.STAFF,
        "POST",
        of_module(),
        lambda world: {**chosen_own(world), "validation": "valid"},
        changes=True,
        by="staff",
    ),
    "undo": Page(Who.SIGNED_IN, "GET POST", lambda world: [uuid4()]),
    "continue_batch": Page(Who.OWN, args=of_module("own_batch")),
    "pin_batch": Page(
        Who.PERSONAL, "POST", of_module("own_batch"), lambda world: {"pinned": "1"}, changes=True, by="staff"
    ),
    "rename_batch": Page(
        Who.OWN, "GET POST", of_module("own_batch"), lambda world: {"name": "Renamed"}, changes=True, by="staff"
    ),
    "batches": Page(Who.ADMINS, args=of_module()),
    "batch": Page(Who.OWN, args=of_module("own_batch")),
    "batch_story": Page(Who.OWN, args=lambda world: [world.module, world.own_batch.pk, "current"]),
    "my_records": Page(Who.STAFF, args=of_module()),
    "follow_ups": Page(Who.STAFF),
    "work_done": Page(Who.SIGNED_IN),
    # Invalid records
    "invalid_records": Page(Who.ADMINS, args=of_module()),
    "archived_records": Page(Who.ADMINS, args=of_module()),
    "replace_records": Page(Who.ADMINS, "POST", of_module(), invalid, changes=True),
    "archive_records": Page(Who.ADMINS, "POST", of_module(), invalid, changes=True),
    "restore_records": Page(Who.ADMINS, "POST", of_module(), archived, changes=True),
    "purge_records": Page(Who.ADMINS, "POST", of_module(), lambda world: archived(world, typed=1), changes=True),
    # Requests
    "my_requests": Page(
        Who.STAFF,
        "GET POST",
        data=lambda world: {"database": world.requestable.pk, "quantity": 2, **token()},
        changes=True,
        by="staff",
    ),
    "cancel_request": Page(Who.PERSONAL, "POST", of("own_request"), changes=True, by="staff"),
    "requests": Page(Who.ADMINS),
    "approve_requests": Page(
        Who.ADMINS, "POST", data=lambda world: {"ids": [world.own_request.pk], **token()}, changes=True
    ),
    "reject_requests": Page(
        Who.ADMINS, "POST", data=lambda world: {"ids": [world.own_request.pk], **token()}, changes=True
    ),
    "approve_request": Page(Who.ADMINS, "POST", of("own_request"), lambda world: token(), changes=True),
    "reject_request": Page(Who.ADMINS, "POST", of("own_request"), lambda world: token(), changes=True),
    "auto_approve_database": Page(
        Who.ADMINS, "POST", of("requestable"), lambda world: {"auto_approve": "auto"}, changes=True
    ),
    # Reservations
    "my_reservations": Page(
        Who.STAFF,
        "GET POST",
        data=lambda world: {"product": world.product.pk, "customer_id": "New", **token()},
        changes=True,
        by="staff",
    ),
    "withdraw_reservation": Page(Who.PERSONAL, "POST", of("own_reservation"), changes=True, by="staff"),
    "reservations": Page(Who.ADMINS),
    "export_reservations": Page(Who.ADMINS, args=lambda world: ["csv"]),
    "reservation": Page(Who.ADMINS, args=of("own_reservation")),
    "act_on_reservations": Page(Who.ADMINS, "POST", lambda world: ["approve"], chosen_reservation, changes=True),
    "add_reservation": Page(
        Who.ADMINS,
        "GET POST",
        data=lambda world: {"product": world.product.pk, "staff": world.sari.pk, "customer_id": "New", **token()},
        changes=True,
    ),
    "add_reservations": Page(
        Who.ADMINS,
        "GET POST",
        data=lambda world: {"product": world.product.pk, "staff": world.sari.pk, "text": "New", **token()},
        changes=True,
    ),
    "entered_reservations": Page(Who.ADMINS, args=lambda world: [uuid4()]),
    "reservations_not_added": Page(Who.ADMINS, args=lambda world: [uuid4()], opens=(404,)),
    "reservation_expiry": Page(Who.ADMINS),
    "reservation_settings": Page(
        Who.OWNERS,
        "GET POST",
        data=lambda world: {"reservations-grace_days": 9, "reservations-warning_days": 2},
        changes=True,
        by="owner",
    ),
    # Settings
    "module_settings": Page(
        Who.OWNERS,
        "GET POST",
        data=lambda world: {"module": "records", "records-most_per_request": 5},
        changes=True,
        by="owner",
    ),
    # Integrity
    "integrity": Page(Who.ADMINS),
    "start_health_check": Page(Who.ADMINS, "POST", changes=True),
    "integrity_run": Page(Who.ADMINS, args=lambda world: [world.finding.run.pk]),
    "decide": Page(
        Who.ADMINS, "POST", of("preview"), lambda world: {"assignee_not_working-choice": "recall"}, changes=True
    ),
    "decide_one": Page(Who.ADMINS, "POST", of("waiting"), lambda world: {"choice": "recall"}, changes=True),
    "finding": Page(Who.ADMINS, args=of("finding")),
    "chaos": Page(
        Who.ADMINS, "GET POST", data=lambda world: {"module": world.module.key, "kinds": ["batch_count"]}, changes=True
    ),
    "start_preview": Page(Who.ADMINS, "POST", changes=True),
    "start_repair": Page(Who.ADMINS, "POST", of("preview"), changes=True),
    "start_undo": Page(Who.ADMINS, "POST", of("repair"), changes=True),
    "export_changes": Page(Who.ADMINS, args=lambda world: [world.finding.run.pk, "csv"]),
    "export_findings": Page(Who.ADMINS, args=lambda world: [world.finding.run.pk, "csv"]),
    # Lists: the search, saved views, exports
    "search": Page(Who.SIGNED_IN),
    "save_view": Page(
        Who.SIGNED_IN,
        "POST",
        data=lambda world: {"page": f"{world.module.key}/records", "name": "New", "query": "status=assigned"},
        changes=True,
        by="staff",
    ),
    "delete_view": Page(Who.PERSONAL, "POST", of("own_view"), changes=True, by="staff"),
    "export_databases": Page(Who.ADMINS, args=lambda world: [world.module, "csv"]),
    "export_records": Page(Who.ADMINS, args=lambda world: [world.module, "csv"]),
    "export_batches": Page(Who.ADMINS, args=lambda world: [world.module, "csv"]),
    "export_batch": Page(Who.OWN, args=lambda world: [world.module, world.own_batch.pk, "csv"]),
    "export_my_records": Page(Who.STAFF, args=lambda world: [world.module, "csv"]),
    # Uploads
    "new_upload": Page(Who.ADMINS, "GET POST", of_module(), new_file, changes=True),
    "upload": Page(Who.ADMINS, args=of_module("upload")),
    "reread_upload": Page(
        Who.ADMINS,
        "POST",
        of_module("upload"),
        lambda world: {"encoding": "utf-8", "delimiter": ",", "header_row": 1, "customer_id": 0},
        changes=True,
    ),
    "start_import": Page(Who.ADMINS, "POST", of_module("upload"), changes=True),
    "discard_upload": Page(Who.ADMINS, "POST", of_module("upload"), changes=True),
    "left_out_rows": Page(Who.ADMINS, args=of_module("imported")),
}

# What a URL needs in its query beside its arguments.
QUERY: dict[str, Callable[[World], str]] = {"assign_records": lambda world: f"?database={world.database.pk}"}

EVERY_ROLE = {"anonymous", "staff", "other_staff", "admin", "owner"}
ALLOWED = {
    Who.PUBLIC: EVERY_ROLE,
    Who.SIGNED_IN: EVERY_ROLE - {"anonymous"},
    Who.OWNERS: {"owner"},
    Who.ADMINS: {"admin", "owner"},
    Who.STAFF: {"staff", "other_staff"},
    Who.OWN: {"staff", "admin", "owner"},
    Who.PERSONAL: {"staff"},
}
REFUSAL = {Who.OWNERS: 403, Who.ADMINS: 403, Who.STAFF: 403, Who.OWN: 404, Who.PERSONAL: 404}


def patterns_of(resolver: URLResolver) -> Iterator[URLPattern]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLPattern):
            yield pattern
        else:
            yield from patterns_of(pattern)


PATTERNS = list(patterns_of(get_resolver()))
OF_AN_OBJECT = [pattern.name for pattern in PATTERNS if "<int:pk>" in str(pattern.pattern)]


def test_every_url_is_in_the_matrix_and_has_a_name_of_its_own():
    names = [pattern.name for pattern in PATTERNS]
    assert None not in names
    assert len(names) == len(set(names))
    assert set(names) == MATRIX.keys()


@pytest.fixture
def browsers(admin, owner, staff, other_staff) -> dict[str, Client]:
    """One for each role."""
    people = {"staff": staff, "other_staff": other_staff, "admin": admin, "owner": owner}
    browsers = {role: Client() for role in EVERY_ROLE}
    for role, person in people.items():
        browser_of(person, browsers[role])
    return browsers


def requests_of(name: str, world: World) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The method, the URL and the data of each way to ask for the page."""
    page = MATRIX[name]
    url = reverse(name, args=page.args(world)) + QUERY.get(name, lambda world: "")(world)
    for method in page.methods.split():
        yield method, url, page.data(world) if method == "POST" else {}


def send(client: Client, method: str, url: str, data: dict[str, Any], **options: Any):
    return getattr(client, method.lower())(url, data, **options)


NOT_DATA = ("django_session", "axes_accessattempt", "axes_accesslog", "cache_entry")


def everything() -> dict[str, str]:
    """What all tables hold, except for the traces that any request leaves."""
    tables = ask("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
    content = [
        f"SELECT '{table}', md5(string_agg(t::text, '|' ORDER BY t::text)) FROM \"{table}\" AS t"
        for (table,) in tables
        if table not in NOT_DATA
    ]
    return dict(ask(" UNION ALL ".join(content)))


@contextmanager
def taken_back(browsers: dict[str, Client]) -> Iterator[None]:
    """What is done meanwhile has not happened afterwards, in the database and in the browsers."""
    cookies = {role: deepcopy(browser.cookies) for role, browser in browsers.items()}
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    for role, browser in browsers.items():
        browser.cookies = cookies[role]


def in_parts(names: Iterable[str], parts: int) -> list[list[str]]:
    """The names in so many parts: one world serves all of a part."""
    return [list(names)[part::parts] for part in range(parts)]


def twice_on(answer: Any) -> list[str]:
    """The ids that are twice on a page. What is in a template is not on it yet."""
    if answer.streaming or not answer.get("Content-Type", "").startswith("text/html"):
        return []
    text = re.sub(r"<template\b.*?</template>", "", answer.content.decode(), flags=re.DOTALL)
    return [name for name, n in Counter(re.findall(r'<[a-z][^>]*?\sid="([^"]+)"', text)).items() if n > 1]


@pytest.mark.parametrize("names", in_parts(MATRIX, 8), ids=range(8))
def test_a_page_opens_for_those_and_only_those_who_may_see_it(world, browsers, names):
    before = everything()
    for name in names:
        with taken_back(browsers):
            page = MATRIX[name]
            for role in EVERY_ROLE - ALLOWED[page.who]:
                for method, url, data in requests_of(name, world):
                    answer = send(browsers[role], method, url, data)
                    htmx = {"HX-Request": "true", "HX-Target": "list"}
                    fragment = send(browsers[role], method, url, data, headers=htmx)
                    if role == "anonymous":
                        assert answer.status_code == 302, (name, method)
                        assert answer["Location"].startswith(SIGN_IN), (name, method)
                        assert fragment.status_code == 401, (name, method)
                    else:
                        assert answer.status_code == fragment.status_code == REFUSAL[page.who], (name, role, method)
            assert everything() == before, f"an outsider changed something: {name}"
            for role in ALLOWED[page.who]:
                for method, url, data in requests_of(name, world):
                    if method == "GET":
                        answer = send(browsers[role], method, url, data)
                        assert answer.status_code in page.opens, (name, role)
                        to_sign_in = answer.status_code == 302 and answer["Location"].startswith(SIGN_IN)
                        assert not to_sign_in or page.who == Who.PUBLIC, (name, role)
                        assert twice_on(answer) == [], (name, role)


@pytest.mark.parametrize("names", in_parts([name for name, page in MATRIX.items() if page.changes], 4), ids=range(4))
def test_what_outsiders_sent_would_have_changed_something(world, browsers, names):
    """Otherwise the test above would prove nothing about POSTs."""
    before = everything()
    for name in names:
        [(method, url, data)] = [request for request in requests_of(name, world) if request[0] == "POST"]
        with taken_back(browsers):
            answer = send(browsers[MATRIX[name].by], method, url, data)
            assert answer.status_code in (200, 302, 303), (name, answer.content.decode()[:2000])
            assert everything() != before, name
        assert everything() == before, name


def test_what_changes_something_cannot_be_done_by_a_link(world, browsers):
    before = everything()
    for name in [name for name, page in MATRIX.items() if "GET" not in page.methods]:
        url = reverse(name, args=MATRIX[name].args(world))
        for role, browser in browsers.items():
            assert browser.get(url).status_code == (302 if role == "anonymous" else 405), name
    assert everything() == before


def test_a_post_without_the_token_against_forgery_is_refused(world, browsers):
    for browser in browsers.values():
        browser.handler.enforce_csrf_checks = True
    before = everything()
    for name, page in MATRIX.items():
        for method, url, data in requests_of(name, world):
            if method == "POST":
                assert browsers[page.by].post(url, data).status_code == 403, name
    assert everything() == before


def test_what_is_not_there_and_what_is_of_another_module_is_404_for_admins_too(world, browsers):
    assert {"database", "record", "batch", "upload", "person", "product_edit"} <= set(OF_AN_OBJECT)
    before = everything()
    for name in OF_AN_OBJECT:
        page = MATRIX[name]
        args = page.args(world)
        attempts = [[*args[:-1], 999_999_999], [*args[:-1], 99_999_999_999_999_999_999]]
        if isinstance(args[0], Module):
            attempts.append([get_module("records"), *args[1:]])
        for attempt in attempts:
            for method in page.methods.split():
                answer = send(browsers["owner"], method, reverse(name, args=attempt), page.data(world))
                assert answer.status_code == 404, (name, attempt, method)
    assert everything() == before


def test_there_is_no_such_module(browsers):
    for path in ("/nothing/databases/", "/distribution/records/", "/Records/databases/"):
        assert browsers["admin"].get(path).status_code == 404
