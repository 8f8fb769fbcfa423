"""What tells people that something waits: it is there as long as that waits, and no longer."""

from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _

from crm.accounts.models import User
from crm.notices.models import Kind, MutedKind, Notice
from crm.registry import modules
from crm.reservations.models import Reservation
from integrity.check import Check, Look, literal, names_of, shared

CHECKS = [
    Check(
        "alert_stale",
        _("An alert about what does not wait"),
        _("An alert is open exactly while what it is about waits."),
        {
            "": _("%(object)s tells %(expected)s of “%(actual)s”, which does not wait."),
            "untold": _("%(object)s waits, and nobody who could be told of it has an alert."),
        },
        applies=shared,
    ),
]


def waiting() -> str:
    """What waits, by what its alert is known by: the row that waits, since when, and the kind of the alert."""
    of_requests = [
        f"""
        SELECT 'request/' || q.id || '/' AS about, {{request}} AS object, q.id, q.created_at AS since,
               '{Kind.REQUEST_MADE}' AS kind
        FROM {{requests}} q WHERE q.state = 'pending'
        """.format(**names_of(module))
        for module in modules()
        if module.policy.asking
    ]
    of_invalid = [
        f"""
        SELECT 'invalid/' || {{module}} || '/' || r.assignee_id || '/', {{record}}, min(r.id), max(r.validated_at),
               '{Kind.INVALID_WAITING}'
        FROM {{records}} r WHERE r.status = 'assigned' AND r.validation = 'invalid' GROUP BY r.assignee_id
        """.format(**names_of(module))
        for module in modules()
        if module.policy.validates
    ]
    of_reservations = f"""
        SELECT 'reservation/' || v.id || '/', {literal(Reservation._meta.label_lower)}, v.id, v.created_at,
               '{Kind.RESERVATION_ASKED}'
        FROM "{Reservation._meta.db_table}" v WHERE v.status = 'pending'
    """
    return " UNION ALL ".join([*of_requests, *of_invalid, of_reservations])


def looks() -> Iterator[Look]:
    # Of whoever mutes the kind, or came later, nobody can say that an alert is missing; of all together one can.
    yield Look(
        ("alert_stale",),
        None,
        f"""
        WITH waiting AS MATERIALIZED ({waiting()})
        SELECT 'alert_stale', {literal(Notice._meta.label_lower)}, n.id, 'about', u.username, n.about, ''
        FROM "{Notice._meta.db_table}" n JOIN "{User._meta.db_table}" u ON u.id = n.user_id
        WHERE n.about <> '' AND NOT EXISTS (SELECT 1 FROM waiting w WHERE w.about = n.about)
        UNION ALL
        SELECT 'alert_stale', w.object, w.id, 'about', w.about, '', 'untold'
        FROM waiting w
        WHERE NOT EXISTS (SELECT 1 FROM "{Notice._meta.db_table}" n WHERE n.about = w.about) AND EXISTS (
            SELECT 1 FROM "{User._meta.db_table}" u
            WHERE u.is_active AND u.role <> 'staff' AND u.date_joined < w.since AND NOT EXISTS (
                SELECT 1 FROM "{MutedKind._meta.db_table}" m WHERE m.user_id = u.id AND m.kind = w.kind
            )
        )
        """,
    )
