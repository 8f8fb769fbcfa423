"""The reservations of the demo data: some keep customers out of the pool, some are in conflict, one has ended."""

from collections.abc import Iterable
from dataclasses import dataclass

from crm.accounts.models import User
from crm.distribution.conflicts import hand_to_owners, keep_records
from crm.distribution.models import BaseDatabase
from crm.reservations.expiry import run_expiry
from crm.reservations.models import Reservation
from crm.reservations.services import (
    add_reservation,
    approve_reservations,
    ask_reservation,
    reject_reservations,
    release_reservations,
)


@dataclass(frozen=True)
class Reserve:
    """An admin enters customers of a list for somebody: so many of the pool, and so many that others work already."""

    staff: str
    database: str
    free: int
    held: int = 0
    permanent: bool = False


# Of each day, what is entered, and what is asked for: by whom, of which list, and how many.
ENTERED: dict[int, list[Reserve]] = {
    7: [
        Reserve("budi", "Pelanggan Maret", free=3, held=2),
        Reserve("dewi", "Bonanza Mei", free=2, held=2),
        Reserve("tono", "Newsletter 2026", free=2, held=1),
    ],
    3: [
        Reserve("lina", "Member WD Senin", free=1, held=2),
        Reserve("sari", "Bonanza April", free=2, held=1, permanent=True),
    ],
    1: [Reserve("maya", "Member WD Jumat", free=2, held=1), Reserve("joko", "Pelanggan Maret", free=1)],
}
ASKED: dict[int, list[tuple[str, str, int]]] = {
    3: [("sari", "Pelanggan Maret", 2), ("rudi", "Member WD Rabu", 1)],
    1: [("dewi", "Newsletter 2026", 1)],
    0: [("sari", "Member WD Jumat", 2), ("budi", "Bonanza April", 1)],
}


def reserve(days_ago: int, team: dict[str, User], databases: Iterable[BaseDatabase]) -> None:
    """What happens to reservations on one of the days."""
    admin, by_name = team["admin"], {database.name: database for database in databases}
    for entry in ENTERED.get(days_ago, []):
        _enter(entry, by_name[entry.database], team[entry.staff], admin)
    for username, name, count in ASKED.get(days_ago, []):
        for record in by_name[name].records.in_pool().order_by("-row_number")[:count]:
            ask_reservation(
                product=by_name[name].product,
                customer_id=record.customer_id,
                phone=record.phone,
                note="Sudah lama saya layani.",
                by=team[username],
            )
    if days_ago == 3:
        approve_reservations(reservations=Reservation.objects.of(team["sari"]), by=admin)
        reject_reservations(
            reservations=Reservation.objects.of(team["rudi"]), by=admin, reason="Belum pernah dihubungi."
        )
    if days_ago == 1:
        _resolve(by_name, admin)
        joko = Reservation.objects.of(team["joko"])
        release_reservations(reservations=joko, by=team["admin2"])
    if days_ago == 0:
        run_expiry()


def _enter(entry: Reserve, database: BaseDatabase, staff: User, by: User) -> None:
    held = database.records.assigned().exclude(assignee=staff).order_by("-row_number")[: entry.held]
    for record in [*database.records.in_pool().order_by("row_number")[: entry.free], *held]:
        add_reservation(
            product=database.product,
            customer_id=record.customer_id,
            phone=record.phone,
            staff=staff,
            is_permanent=entry.permanent,
            by=by,
        )


def _resolve(by_name: dict[str, BaseDatabase], by: User) -> None:
    """One conflict is handed to the owner, one record is kept where it is; the rest waits."""
    handed, kept = by_name["Newsletter 2026"], by_name["Bonanza Mei"]
    hand_to_owners(records=handed.records.in_conflict(), by=by)
    first = kept.records.in_conflict().order_by("pk").values_list("pk", flat=True)[:1]
    keep_records(
        records=kept.module.Record.objects.with_ids(list(first)), note="Pelanggan minta tetap dengan dia.", by=by
    )
