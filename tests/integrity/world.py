"""A small complete team: in every module, records in every state that the services can bring them into.

Whatever is damaged is named: `world.place(module)["conflict"]` is the record in conflict, `["batch"]` its batch.
"""

from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from crm.distribution.assignment import assign_picked, recall_records, transfer_records
from crm.distribution.conflicts import keep_records
from crm.distribution.imports.uploads import import_upload, receive_upload
from crm.distribution.models import Conflict, Validation
from crm.distribution.validation import archive_invalid, purge_archived, replace_invalid, validate_records
from crm.distribution.work import note_outcome
from crm.registry import Module, modules
from crm.reservations.models import Reservation
from crm.reservations.services import (
    add_reservation,
    ask_reservation,
    change_reservation_settings,
    release_reservations,
)
from records.requests import approve_requests, cancel_request, reject_requests, request_records
from tests.factories.accounts import UserFactory
from tests.factories.distribution import factories_of, fill
from tests.factories.products import ProductFactory

Place = tuple[str, int]
"""A row: the label of its model, and its key."""

# The rows of a list by what becomes of them; the rest stays in the pool.
ROWS = (
    "fresh",
    "worked",
    "valid",
    "invalid",
    "replaced",
    "archived",
    "purged",
    "conflict",
    "both",
    "kept",
    "recalled",
    "moved",
    "tonos",
    "reserved",
    "by_phone",
    "second",
)
OF_SARI = (*ROWS[:12], "second")
MARKED = ("invalid", "replaced", "archived", "purged")


def place_of(row: Any) -> Place:
    return row._meta.label_lower, row.pk


@dataclass
class Corner:
    """What there is of one module."""

    module: Module
    places: dict[str, Place]

    def __getitem__(self, name: str) -> Place:
        return self.places[name]


class World:
    """Built with the services, in the transaction of the caller."""

    def __init__(self) -> None:
        self.owner = UserFactory(username="olivia", name="Olivia", role="owner")
        self.admin = UserFactory(username="adam", name="Adam", role="admin")
        self.sari, self.tono, self.dewi, self.budi = (
            UserFactory(username=name, name=name.title()) for name in ("sari", "tono", "dewi", "budi")
        )
        self.product = ProductFactory(name="Kopi")
        self.tea = ProductFactory(name="Teh")
        change_reservation_settings(by=self.admin, grace_days=30, warning_days=5)
        self.shared = self._reserve_without_records()
        self.corners = {module.key: self._furnish(module) for module in modules()}

    def place(self, module: Module) -> Corner:
        return self.corners[module.key]

    def _reserve_without_records(self) -> dict[str, Place]:
        """Reservations of customers that are in no list, in every state."""
        kopi, teh = {"product": self.product}, {"product": self.tea}
        for customer, staff in (("alone", self.dewi), ("other", self.tono), ("gone", self.tono)):
            add_reservation(**kopi, customer_id=customer, staff=staff, by=self.admin)
        add_reservation(**teh, customer_id="alone", staff=self.tono, phone="0812 9999 0001", by=self.admin)
        add_reservation(**kopi, customer_id="for good", staff=self.dewi, is_permanent=True, by=self.admin)
        ask_reservation(**kopi, customer_id="asked for", by=self.sari)
        release_reservations(reservations=Reservation.objects.filter(customer_id="gone"), by=self.admin)
        names = {"alone": "active", "other": "active2", "for good": "permanent", "asked for": "pending"}
        found = {names[each.customer_id]: place_of(each) for each in Reservation.objects.filter(
            product=self.product, customer_id__in=names)}  # fmt: skip
        return {
            **found,
            "of_tea": place_of(Reservation.objects.get(product=self.tea)),
            "released": place_of(Reservation.objects.get(customer_id="gone")),
            **{name: place_of(getattr(self, name)) for name in ("owner", "admin", "sari", "tono", "dewi", "budi")},
            "product": place_of(self.product),
            "tea": place_of(self.tea),
        }

    def _bring_in(self, module: Module, name: str, rows: int) -> Any:
        letter = f"{module.key[0]}{name[0]}"
        number = {"records": 1, "bonanza": 2, "memberwd": 3}[module.key]
        lines = [f"{letter}{n},Name {n},0812{number}{len(name)}{n:05},Jakarta {n}" for n in range(1, rows + 1)]
        text = "id,name,phone,city\n" + "\n".join(lines) + f"\n{letter}1,Again,,\n,,,\n,Nobody,,\n"
        upload = receive_upload(
            module=module, product=self.product, name=name, file_name="list.csv", content=[text.encode()], by=self.admin
        )
        return import_upload(upload, self.admin)

    def _furnish(self, module: Module) -> Corner:
        admin, sari, tono = self.admin, self.sari, self.tono
        database, other = self._bring_in(module, "list", 40), self._bring_in(module, "second", 8)
        ids = list(module.Record.objects.filter(database=database).order_by("row_number").values_list("pk", flat=True))
        others = list(module.Record.objects.filter(database=other).order_by("row_number").values_list("pk", flat=True))
        pks = dict(zip(ROWS, ids, strict=False))

        def some(*names: str) -> Any:
            return module.Record.objects.with_ids([pks[name] for name in names])

        give = {"module": module, "by": admin}
        mine = [pks[name] for name in OF_SARI]
        batch = assign_picked(**give, database=database, staff=sari, record_ids=mine).batch
        batch2 = assign_picked(**give, database=database, staff=tono, record_ids=[pks["tonos"]]).batch
        batch3 = assign_picked(**give, database=database, staff=sari, record_ids=ids[16:18]).batch
        batch4 = assign_picked(**give, database=other, staff=sari, record_ids=others[:2]).batch
        handmade = factories_of(module).database(product=self.product, name="By hand")
        some_more = fill(handmade, 4)
        batch5 = assign_picked(**give, database=handmade, staff=sari, record_ids=some_more[:2]).batch
        self._reserve(module, pks)  # before anything is drawn
        note_outcome(
            records=some("worked", "valid"),
            by=sari,
            reach="reachable",
            response="yes",
            note="calls back",
            follow_up_on=timezone.localdate(),
        )
        if module.policy.validates:
            validate_records(records=some("valid"), by=sari, validation=Validation.VALID)
            validate_records(records=some(*MARKED), by=sari, validation=Validation.INVALID, reason="wrong number")
            replace_invalid(records=some("replaced"), by=admin)
            archive_invalid(records=some("archived", "purged"), by=admin)
            purge_archived(records=some("purged"), by=admin)
        transfer_records(records=some("moved"), to=tono, by=admin)
        keep_records(records=some("kept"), note="agreed on the phone", by=admin)
        places = {name: (module.Record._meta.label_lower, pk) for name, pk in pks.items()}
        places |= {
            "third": (module.Record._meta.label_lower, ids[16]),
            "third2": (module.Record._meta.label_lower, ids[17]),
            "elsewhere": (module.Record._meta.label_lower, others[0]),
            "other_pool": (module.Record._meta.label_lower, others[4]),
            "batch": place_of(batch),
            "batch_of_tono": place_of(batch2),
            "batch3": place_of(batch3),
            "batch_elsewhere": place_of(batch4),
            "batch_moved": place_of(module.Record.objects.get(pk=pks["moved"]).batch),
            "database": place_of(database),
            "other": place_of(other),
            "handmade": place_of(handmade),
            "upload": place_of(database.upload),
            "batch5": place_of(batch5),
        }
        names = ("by_hand", "by_hand2", "by_hand3", "by_hand4")
        places |= {name: (module.Record._meta.label_lower, pk) for name, pk in zip(names, some_more, strict=True)}
        if module.policy.validates:
            places["replacement"] = place_of(module.Record.objects.get(replaces=pks["replaced"]))
        if module.policy.asking:
            places |= self._ask(database, other)
        recall_records(records=some("recalled"), by=admin)  # last: nobody draws it anew
        # Rows of the pool that nothing has ever happened to.
        pool = module.Record.objects.filter(database=database, status="available").exclude(pk=pks["recalled"])
        untouched = [pk for pk in pool.order_by("pk").values_list("pk", flat=True) if pk in ids[18:]]
        event = module.Record.pgh_event_model
        events = set(event.objects.filter(pgh_obj__in=untouched).values_list("pgh_obj_id", flat=True))
        untouched = [pk for pk in untouched if pk not in events]
        for name, pk in zip(("pool", "pool2", "pool3", "pool4"), untouched, strict=False):
            places[name] = (module.Record._meta.label_lower, pk)
        for name in ("conflict", "both", "reserved", "by_phone", "kept"):
            record = module.Record.objects.get(pk=pks[name])
            if record.reservation_id:
                places[f"reservation_of_{name}"] = place_of(record.reservation)
            if record.is_reservation_conflict:
                log = Conflict.objects.open().get(module=module.key, record_id=record.pk)
                places[f"log_of_{name}"] = place_of(log)
        [despite] = module.Record.objects.get(pk=pks["kept"]).kept_despite
        places["reservation_of_kept"] = (Reservation._meta.label_lower, despite)
        return Corner(module, self.shared | places)

    def _reserve(self, module: Module, pks: dict[str, int]) -> None:
        for name in ("conflict", "both", "kept", "reserved"):
            customer = module.Record.objects.get(pk=pks[name]).customer_id
            add_reservation(product=self.product, customer_id=f" {customer.upper()} ", staff=self.dewi, by=self.admin)
        for name, staff in (("both", self.tono), ("by_phone", self.dewi)):
            phone = module.Record.objects.get(pk=pks[name]).phone
            add_reservation(
                product=self.product, customer_id=f"{module.key} {name}", phone=phone, staff=staff, by=self.admin
            )

    def _ask(self, database: Any, other: Any) -> dict[str, Place]:
        """Requests of every kind."""
        waiting, approved, rejected, cancelled, small = (
            request_records(database=where, quantity=quantity, by=by)
            for where, quantity, by in (
                (database, 2, self.tono),
                (database, 2, self.sari),
                (database, 1, self.budi),
                (database, 1, self.budi),
                (other, 1, self.tono),
            )
        )
        approve_requests(requests=[approved], by=self.admin)
        reject_requests(requests=[rejected], by=self.admin)
        cancel_request(request=cancelled, by=self.budi)
        approved.refresh_from_db()
        held = list(waiting.records.order_by("pk"))
        return {
            "request": place_of(waiting),
            "approved": place_of(approved),
            "rejected": place_of(rejected),
            "cancelled": place_of(cancelled),
            "small_request": place_of(small),
            "held": place_of(held[0]),
            "held2": place_of(held[1]),
            "given": place_of(approved.batch.records.order_by("pk").first()),
            "batch_of_request": place_of(approved.batch),
        }
