"""The measurements."""

import csv
import io
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from itertools import islice
from unittest.mock import patch

from django.db import connection, connections, transaction
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from crm.accounts.models import User
from crm.distribution.assignment import Returned, assign_random, recall_records, transfer_records
from crm.distribution.imports.uploads import import_upload, receive_upload, undo_import
from crm.distribution.models import BaseDatabase, OutcomeLine, Validation
from crm.distribution.undo import undo
from crm.distribution.validation import replace_invalid, restore_archived, validate_records
from crm.distribution.work import note_outcome
from crm.pages import ROWS_PER_PAGE
from crm.products.models import Product
from crm.registry import get_module
from crm.reservations.entries import Entry, add_reservations
from crm.reservations.models import Reservation
from crm.reservations.services import add_reservation, release_reservations
from tests.bench.ground import Result, Seconds, best, empty, make_database, median, once, people, settle, team_of
from tests.bench.health import health_check
from tests.bench.repairs import repair

MEMBER_WD = get_module("memberwd")
TABLE = MEMBER_WD.Record._meta.db_table
COLUMNS = "row_number, customer_id, customer_name, phone, phone_key, data"


def import_against_copy() -> Iterator[Result]:
    """An upload of 100,000 rows, from its bytes to the records, against COPY of the same records."""
    product = Product.objects.create(name="Bench")
    content = _file(100_000)
    imports, copies = [], []
    for _ in range(3):
        database, seconds = _import(product, content)
        imports.append(seconds)
        copies.append(_copy(database))
        settle()
    yield Result("import of 100,000 rows : plain COPY", sorted(imports)[1], sorted(copies)[1], 3.0)


def _import(product: Product, content: bytes) -> tuple[BaseDatabase, float]:
    admin, _staff = people()
    start = time.perf_counter()
    upload = receive_upload(
        module=MEMBER_WD, product=product, name="Import", file_name="list.csv", content=[content], by=admin
    )
    database = import_upload(upload, admin)
    return database, time.perf_counter() - start


def _copy(imported: BaseDatabase) -> float:
    """Seconds to COPY the records of a database into another one."""
    bare = MEMBER_WD.Database.objects.create(name="Plain", product=imported.product)
    source = f"SELECT {bare.pk}, {COLUMNS} FROM {TABLE} WHERE database_id = {imported.pk} ORDER BY row_number"
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY ({source}) TO STDOUT") as copy:
            rows = b"".join(bytes(block) for block in copy)
        start = time.perf_counter()
        with cursor.copy(f"COPY {TABLE} (database_id, {COLUMNS}) FROM STDIN") as copy:
            copy.write(rows)
        return time.perf_counter() - start


def assign_50() -> Iterator[Result]:
    admin, staff = people()
    large, small = make_database(1_000_000), make_database(10_000)
    settle()

    def assign(database) -> None:
        assign_random(module=MEMBER_WD, database=database, staff=staff, count=50, by=admin)

    slow, fast = median(lambda: assign(large)), median(lambda: assign(small))
    yield Result("assigning 50 of 1,000,000 : of 10,000", slow, fast, 1.5)


def pages() -> Iterator[Result]:
    """Each page with 10,000 records in the tables, then with 1,000,000; half of them are with a team."""
    measured = {rows: _measure_pages(rows) for rows in (10_000, 1_000_000)}
    for name, (slow, queries) in measured[1_000_000].items():
        fast, as_many = measured[10_000][name]
        yield Result(f"{name}, 1,000,000 : 10,000", slow, fast, 1.5, (queries, as_many))


def _measure_pages(rows: int) -> dict[str, tuple[float, int]]:
    """Seconds and number of queries of each page.

    Two people hold as much each time: one has worked half of 500; the other has not begun with 3,000, so that nothing
    of theirs is met early among all that were worked.
    """
    empty()
    admin, fresh = people()
    busy, *team = team_of(50)
    small, database = make_database(1_000), make_database(rows, team=team)
    assign_random(module=MEMBER_WD, database=small, staff=team[0], count=100, by=admin)
    for person, count in ((fresh, 3_000), (busy, 500)):
        assign_random(module=MEMBER_WD, database=database, staff=person, count=count, by=admin)
    _lines_of_a_year([busy, *team], rows)
    _work(busy)
    settle()
    urls = {admin: _pages_of_admins(database, small, fresh), fresh: _lists_of(fresh), busy: _pages_of_staff(busy)}
    measured = {}
    for person, pages in urls.items():
        client = Client(SERVER_NAME="localhost")
        client.force_login(person)
        for name, url in pages.items():
            measured[name] = best(lambda client=client, url=url: _get(client, url)), _queries(client, url)
    return measured


def _work(person: User) -> None:
    """Half of what they have: some said yes, some are to be asked again."""
    mine = list(MEMBER_WD.Record.objects.held_by(person).order_by("row_number").values_list("pk", flat=True))
    today = timezone.localdate()
    for keys, outcome in [
        (mine[:50], {"response": "yes"}),
        (mine[50:100], {"response": "no"}),
        (mine[100:150], {"follow_up_on": today}),
        (mine[150:200], {"follow_up_on": today + timedelta(days=7)}),
        (mine[200:250], {}),
    ]:
        note_outcome(records=MEMBER_WD.Record.objects.with_ids(keys), by=person, reach="reachable", **outcome)


def _pages_of_admins(database: BaseDatabase, small: BaseDatabase, person: User) -> dict[str, str]:
    records = reverse("records", args=[MEMBER_WD])
    return {
        "databases page": reverse("databases", args=[MEMBER_WD]),
        "record list of a database": database.get_absolute_url(),
        "record list of a database, assigned": database.get_absolute_url() + "?status=assigned",
        "record list of a database, a customer": database.get_absolute_url() + "?q=u77",
        "record list of a small database, last worked": small.get_absolute_url() + "?status=assigned&sort=worked",
        "record list of the module": records,
        "record list of the module, assigned": f"{records}?status=assigned",
        "record list of a person": f"{records}?status=assigned&staff={person.pk}",
        "record list of a person, last worked": f"{records}?status=assigned&staff={person.pk}&sort=-worked",
        "record list of a person, by name": f"{records}?status=assigned&staff={person.pk}&sort=name",
        **_lists(database),
        "search for a customer": reverse("search") + "?q=u77",
        "search for a name": reverse("search") + "?q=zulkarnain",
        "overview": reverse("overview"),
    }


def _pages_of_staff(person: User) -> dict[str, str]:
    return {
        "today": reverse("today"),
        "follow-ups": reverse("follow_ups"),
        "upcoming follow-ups": reverse("follow_ups") + "?state=upcoming",
        **_lists_of(person, "half worked"),
    }


def _lists_of(person: User, how: str = "not begun") -> dict[str, str]:
    """The lists that somebody works."""
    batch = MEMBER_WD.Batch.objects.get(staff=person)
    urls = {"own records": reverse("my_records", args=[MEMBER_WD]), "batch": batch.get_absolute_url()}
    queries = {"": "", ", last worked": "?sort=worked", ", by follow-up": "?sort=follow_up", ", to do": "?state=to_do"}
    return {f"{kind}, {how}{name}": url + query for kind, url in urls.items() for name, query in queries.items()}


def _lists(database: BaseDatabase) -> dict[str, str]:
    """The record list as it is filtered, sorted and turned to its last page."""
    last = -(-database.record_count // ROWS_PER_PAGE)
    queries = {
        "by customer": "sort=customer",
        "by name, descending": "sort=-name",
        "assigned, by time": "status=assigned&sort=-received",
        "to do, last worked": "state=to_do&sort=-worked",
        "reached, longest ago": "state=reached&sort=worked",
        "a name": "q=zulkarnain",
        "last page": f"page={last}",
        "last page by name": f"page={last}&sort=name",
    }
    urls = {"database": database.get_absolute_url(), "module": reverse("records", args=[MEMBER_WD])}
    return {
        f"record list of the {kind}, {name}": f"{url}?{query}"
        for kind, url in urls.items()
        for name, query in queries.items()
    }


def noting() -> Iterator[Result]:
    """An outcome of one record, and of 50, with 1,000,000 records and as many lines of work done: against the same
    without its lines.
    """
    admin, staff = people()
    database = make_database(1_000_000)
    assign_random(module=MEMBER_WD, database=database, staff=staff, count=5_000, by=admin)
    _lines_of_a_year([staff, *team_of(50)], 1_000_000)
    settle()
    mine = iter(list(MEMBER_WD.Record.objects.held_by(staff).values_list("pk", flat=True)))

    def note(count: int) -> None:
        records = MEMBER_WD.Record.objects.with_ids(list(islice(mine, count)))
        note_outcome(records=records, by=staff, reach="reachable", response="yes", note="tea")

    for count in (1, 50):
        pairs = []
        for _turn in range(25):
            with_lines = once(lambda count=count: note(count))
            with patch("crm.distribution.work.write_lines"):
                pairs.append((with_lines, once(lambda count=count: note(count))))
        slow, fast = (sorted(each)[len(pairs) // 2] for each in zip(*pairs, strict=True))
        yield Result(f"noting an outcome of {count} : the same without its lines", slow, fast, 1.2)


def _lines_of_a_year(staff: list[User], count: int) -> None:
    """Each of them has noted as much on each day before today."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO "{OutcomeLine._meta.db_table}" (module, record_id, staff_id, what, value, at, operation)
            SELECT %s, n, (%s::bigint[])[1 + n %% %s], 'response', 'yes',
                   now() - make_interval(days => 1 + n %% 365), gen_random_uuid()
            FROM generate_series(1, %s) n
            """,
            [MEMBER_WD.key, [each.pk for each in staff], len(staff), count],
        )


def actions_on_5000() -> Iterator[Seconds]:
    """5,000 records of several staff members in one action, in seconds."""
    admin, _staff = people()
    team = team_of(10)
    database = make_database(100_000)
    for person in team:
        assign_random(module=MEMBER_WD, database=database, staff=person, count=500, by=admin)
    one, other = team[0], User.objects.create(username="other", name="Other")
    assign_random(module=MEMBER_WD, database=database, staff=one, count=4500, by=admin)
    own, records = MEMBER_WD.Record.objects.held_by(one), MEMBER_WD.Record.objects.assigned()
    settle()
    mine = list(own.values_list("pk", flat=True))
    theirs = list(records.values_list("pk", flat=True)[:5000])
    chosen = MEMBER_WD.Record.objects.with_ids
    yield Seconds("marking 5,000", once(lambda: note_outcome(records=chosen(mine), by=one, response="yes")), 3.0)
    invalid = {"validation": Validation.INVALID, "reason": "Wrong number"}
    yield Seconds("5,000 invalid", once(lambda: validate_records(records=chosen(mine), by=one, **invalid)), 3.0)
    yield Seconds("replacing 5,000", once(lambda: replace_invalid(records=chosen(mine), by=admin)), 3.0)
    yield Seconds("restoring 5,000", once(lambda: restore_archived(records=chosen(mine), by=admin)), 3.0)
    theirs = list(records.values_list("pk", flat=True)[:5000])
    yield Seconds("transferring 5,000", once(lambda: transfer_records(records=chosen(theirs), to=other, by=admin)), 3.0)
    recalled: list[Returned] = []
    again = chosen(theirs)
    yield Seconds("recalling 5,000", once(lambda: recalled.append(recall_records(records=again, by=admin))), 3.0)
    yield Seconds("undoing that", once(lambda: undo(key=recalled[0].undo, by=admin)), 3.0)


def transferring_120000() -> Iterator[Result | Seconds]:
    """A big part of a list to another staff member, against the one UPDATE that it comes to, and in seconds; and how
    long that one waits for a page meanwhile.
    """
    admin, receiver = people()
    make_database(1_000_000, team=team_of(50))
    settle()
    ids = list(MEMBER_WD.Record.objects.assigned().order_by("pk").values_list("pk", flat=True)[:120_000])
    client = Client(SERVER_NAME="localhost")
    client.force_login(receiver)
    _get(client, reverse("today"))
    seconds: list[float] = []

    def hand_over() -> None:
        records = MEMBER_WD.Record.objects.with_ids(ids)
        seconds.append(once(lambda: transfer_records(records=records, to=receiver, by=admin)))
        connections.close_all()

    handing_over = threading.Thread(target=hand_over)
    handing_over.start()
    waits = []
    while handing_over.is_alive():
        waits.append(once(lambda: _get(client, reverse("today"))))
    handing_over.join()
    if MEMBER_WD.Record.objects.held_by(receiver).count() != len(ids):
        raise RuntimeError("not all were handed over")
    database = MEMBER_WD.Database.objects.get()
    batch = MEMBER_WD.Batch.objects.create(database=database, staff=team_of(1)[0], created_by=admin)
    records = MEMBER_WD.Record.objects.with_ids(ids)
    update = once(lambda: records.update(assignee=batch.staff, batch=batch, assigned_by=admin, assigned_at=Now()))
    yield Result("transferring 120,000 of 1,000,000 : one UPDATE of them", seconds[0], update, 1.5)
    yield Seconds("transferring 120,000 of 1,000,000", seconds[0], 10.0)
    yield Seconds("the longest wait for their Today meanwhile", max(waits), 2.0)


def reservations() -> Iterator[Result | Seconds]:
    """One reservation that becomes active and is released, with 10,000 records in the tables and with 1,000,000; and
    1,000 entered at once there. Half of the records are with a team, and 2,000 other customers are reserved.
    """
    measured = {}
    for rows in (10_000, 1_000_000):
        empty()
        database = make_database(rows, team=team_of(50))
        customers = [f"u{number}-{database.pk}" for number in range(1, 4001)]
        _enter(database.product, customers[:2000])
        settle()
        left = iter(customers[2000:])
        once_more = partial(_reserve_and_release, database.product, left)
        seconds = median(once_more, times=30)
        with CaptureQueriesContext(connection) as asked:
            once_more()
        measured[rows] = seconds, len(asked)
    (slow, queries), (fast, as_many) = measured[1_000_000], measured[10_000]
    yield Result("reserving and releasing, 1,000,000 : 10,000", slow, fast, 1.5, (queries, as_many))
    thousand = partial(_enter, database.product, customers[3000:])
    yield Seconds("reserving 1,000 at once among 1,000,000", once(thousand), 3.0)


def _enter(product: Product, customers: list[str]) -> None:
    admin, owner = people()
    entries = [Entry(line, customer) for line, customer in enumerate(customers)]
    if add_reservations(product=product, staff=owner, entries=entries, by=admin).effect.done != len(customers):
        raise RuntimeError("not all of the customers were free")


def _reserve_and_release(product: Product, customers: Iterator[str]) -> None:
    """The next of the customers, by id and by phone."""
    admin, owner = people()
    customer = next(customers)
    phone = f"0812{int(customer[1:].partition('-')[0]):08d}"
    done = add_reservation(product=product, customer_id=customer, phone=phone, staff=owner, by=admin)
    ended = release_reservations(reservations=Reservation.objects.filter(pk=done.reservations[0].pk), by=admin)
    if ended.freed + ended.cleared != 1:
        raise RuntimeError(f"{customer} was not reserved")


def recalling_covered() -> Iterator[Result]:
    """Recalling 10,000 records that somebody else has reserved, against 10,000 that nobody has."""
    admin, _owner = people()
    database = make_database(20_000)
    records = MEMBER_WD.Record.objects.filter(database=database)
    for person in team_of(2):
        assign_random(module=MEMBER_WD, database=database, staff=person, count=10_000, by=admin)
    settle()
    reserved, free = (list(records.held_by(person).values_list("pk", "customer_id")) for person in team_of(2))
    _enter(database.product, [customer for _pk, customer in reserved])
    settle()

    def recall(chosen: list[tuple[int, str]]) -> float:
        ids = [pk for pk, _customer in chosen]
        seconds, answers = [], []
        for _ in range(3):
            taken = partial(recall_records, records=MEMBER_WD.Record.objects.with_ids(ids), by=admin)
            seconds.append(once(lambda taken=taken: answers.append(taken())))
            if answers[-1].count != len(ids):
                raise RuntimeError(f"{answers[-1].count} of {len(ids)} were recalled")
            undo(key=answers[-1].undo, by=admin)
            settle()
        return sorted(seconds)[1]

    yield Result("recalling 10,000 covered : 10,000 that nothing covers", recall(reserved), recall(free), 2.0)


def undoing_an_import() -> Iterator[Seconds]:
    """The import of 100,000 records taken back, in seconds."""
    admin, _staff = people()
    database = make_database(100_000)
    settle()
    yield Seconds("undoing an import of 100,000", once(lambda: undo_import(database=database, by=admin)), 3.0)


def exports() -> Iterator[Seconds]:
    """A list of 100,000 as a file, in seconds."""
    client = Client(SERVER_NAME="localhost")
    client.force_login(people()[0])
    make_database(100_000)
    settle()
    for format, goal in (("csv", 5.0), ("xlsx", 15.0)):
        url = reverse("export_records", args=[MEMBER_WD, format])
        yield Seconds(f"export of 100,000 as {format}", once(lambda url=url: b"".join(client.get(url))), goal)


def triggers_on_bulk_update() -> Iterator[Result]:
    """100,000 records assigned by one UPDATE: counts and history on, against both off."""
    admin, staff = people()
    database = make_database(100_000)
    batch = MEMBER_WD.Batch.objects.create(database=database, staff=staff, created_by=admin)
    settle()

    def update(*, triggers: bool) -> float:
        with transaction.atomic(), connection.cursor() as cursor:
            if not triggers:
                cursor.execute(f"ALTER TABLE {TABLE} DISABLE TRIGGER USER")
            seconds = once(
                lambda: cursor.execute(
                    f"UPDATE {TABLE} SET status = 'assigned', assignee_id = %s, assigned_by_id = %s,"
                    f" assigned_at = now(), batch_id = %s WHERE database_id = %s",
                    [staff.pk, admin.pk, batch.pk, database.pk],
                )
            )
            transaction.set_rollback(True)
        settle()
        return seconds

    on, off = [], []
    for _ in range(5):
        on.append(update(triggers=True))
        off.append(update(triggers=False))
    yield Result("bulk update of 100,000, triggers on : off", sorted(on)[2], sorted(off)[2], 1.6)


def _get(client: Client, url: str) -> None:
    response = client.get(url)
    if response.status_code != 200:
        raise RuntimeError(f"{url}: {response.status_code}")


def _queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as asked:
        _get(client, url)
    return len(asked)


def _file(rows: int) -> bytes:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["Username", "Nama Lengkap", "No HP", "Kota", "Level", "Deposit Terakhir", "Bank", "Catatan"])
    for row in range(rows):
        writer.writerow([f"u{row}", f"Nama {row}", f"0812{row:08d}", "Jakarta", "A", "2025-03-01", "BCA", ""])
    return file.getvalue().encode()


CASES = [
    import_against_copy,
    assign_50,
    noting,
    pages,
    actions_on_5000,
    transferring_120000,
    reservations,
    recalling_covered,
    undoing_an_import,
    exports,
    triggers_on_bulk_update,
    health_check,
    repair,
]
