"""What of requests is in the demo data."""

from crm.accounts.models import User
from records.models import Database, Request
from records.requests import approve_requests, reject_requests, request_records

# So many days ago: who asks for how many of which database.
ASKED: dict[int, list[tuple[str, str, int]]] = {
    3: [("joko", "Pameran Juni", 15), ("tono", "Pelanggan Maret", 50)],
    1: [("dewi", "Newsletter 2026", 20)],
    0: [("sari", "Pameran Juni", 20), ("rudi", "Newsletter 2026", 10), ("joko", "Newsletter 2026", 25)],
}


def requests_of_the_day(days_ago: int, team: dict[str, User]) -> None:
    """Small ones of earlier days are approved, large ones rejected; those of today wait."""
    for username, name, quantity in ASKED.get(days_ago, []):
        database = Database.objects.get(name=name)
        request = request_records(database=database, quantity=quantity, by=team[username])
        waiting = Request.objects.pending().filter(pk=request.pk)
        if days_ago and quantity < 50:
            approve_requests(requests=waiting, by=team["admin2"])
        elif days_ago:
            reject_requests(requests=waiting, by=team["admin"], reason="Terlalu banyak sekaligus.")
