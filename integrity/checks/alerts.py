"""What tells people that something waits: it is there as long as that waits, and no longer."""

from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _

from crm.accounts.models import User
from crm.notices.models import Notice
from crm.registry import modules
from crm.reservations.models import Reservation
from integrity.check import Check, Look, literal, names_of, shared

CHECKS = [
    Check(
        "alert_stale",
        _("An alert about what does not wait"),
        _("An alert is open only while what it is about waits."),
        {"": _("%(object)s tells %(expected)s of “%(actual)s”, which does not wait.")},
        applies=shared,
    ),
]


def waiting() -> str:
    """What alerts about what waits are known by."""
    of_requests = [
        "SELECT 'request/' || q.id || '/' AS about FROM {requests} q WHERE q.state = 'pending'".format(
            **names_of(module)
        )
        for module in modules()
        if module.policy.asking
    ]
    of_invalid = [
        """
        SELECT DISTINCT 'invalid/' || {module} || '/' || r.assignee_id || '/' FROM {records} r
        WHERE r.status = 'assigned' AND r.validation = 'invalid'
        """.format(**names_of(module))
        for module in modules()
        if module.policy.validates
    ]
    of_reservations = f"""
        SELECT 'reservation/' || v.id || '/' FROM "{Reservation._meta.db_table}" v WHERE v.status = 'pending'
    """
    return " UNION ALL ".join([*of_requests, *of_invalid, of_reservations])


def looks() -> Iterator[Look]:
    # That an alert is missing nobody can say: whoever mutes its kind has none, and whoever became an admin later.
    yield Look(
        ("alert_stale",),
        None,
        f"""
        WITH waiting AS MATERIALIZED ({waiting()})
        SELECT 'alert_stale', {literal(Notice._meta.label_lower)}, n.id, 'about', u.username, n.about, ''
        FROM "{Notice._meta.db_table}" n JOIN "{User._meta.db_table}" u ON u.id = n.user_id
        WHERE n.about <> '' AND NOT EXISTS (SELECT 1 FROM waiting w WHERE w.about = n.about)
        """,
    )
