"""Requests, where staff ask a module for records: what waits holds exactly what it asks for."""

from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _

from crm.registry import Module, modules
from integrity.check import Check, Look, RowRule, names_of


def asks(module: Module | None) -> bool:
    return bool(module and module.policy.asking)


CHECKS = [
    Check(
        "stuck_request",
        _("Held for no request, or not enough held"),
        _("A requested record names a waiting request of its database, and a waiting request holds exactly as many"
          " records as it asks for."),
        {
            "": _("%(object)s is held for request %(actual)s, which does not wait, or is of another database."),
            "none": _("%(object)s is held, and names no request."),
            "quantity": _("%(object)s asks for %(expected)s records, and holds %(actual)s."),
        },
        applies=asks,
    ),
    Check(
        "request_without_batch",
        _("Approved, and no batch"),
        _("An approved request has its batch, and no other has one; what waits is not decided, and what does not wait"
          " is."),
        {
            "": _("%(object)s is %(actual)s, and its batch is “%(expected)s”."),
            "decided": _("%(object)s is %(actual)s, and was decided at “%(expected)s”."),
        },
        applies=asks,
    ),
]  # fmt: skip


def record_rules(module: Module) -> list[RowRule]:
    if not asks(module):
        return []
    waiting = "SELECT q.id, q.database_id FROM {requests} q WHERE q.state = 'pending'".format(**names_of(module))
    fits = f"((r.request_id, r.database_id) IN ({waiting})) IS TRUE"
    return [
        RowRule("stuck_request", "request_id", "r.status = 'requested' AND r.request_id IS NULL", "''", hint="none"),
        RowRule("stuck_request", "request_id", f"r.request_id IS NOT NULL AND NOT {fits}", "r.request_id"),
        RowRule("unassigned_leftovers", "request_id",
                "r.request_id IS NOT NULL AND r.status IN ('assigned', 'archived', 'invalid')", "r.request_id"),
    ]  # fmt: skip


def holdings(module: Module) -> Look:
    return Look(
        ("stuck_request",),
        module,
        """
        SELECT 'stuck_request', {request}, q.id, 'quantity', q.quantity::text, coalesce(h.held, 0)::text, 'quantity'
        FROM {requests} q LEFT JOIN (
            SELECT request_id, count(*) AS held FROM {records}
            WHERE request_id IS NOT NULL AND status = 'requested' GROUP BY 1
        ) h ON h.request_id = q.id
        WHERE q.state = 'pending' AND coalesce(h.held, 0) <> q.quantity
        """.format(**names_of(module)),
    )


def answers(module: Module) -> Look:
    return Look(
        ("request_without_batch",),
        module,
        """
        SELECT 'request_without_batch', {request}, q.id, 'batch_id', coalesce(q.batch_id::text, ''), q.state::text, ''
        FROM {requests} q LEFT JOIN {batches} b ON b.id = q.batch_id
        WHERE (q.state = 'approved') <> (q.batch_id IS NOT NULL)
              OR b.id IS NOT NULL AND (b.database_id <> q.database_id OR b.staff_id <> q.staff_id)
        UNION ALL
        SELECT 'request_without_batch', {request}, q.id, 'decided_at', coalesce(q.decided_at::text, ''),
               coalesce(q.state::text, ''), 'decided'
        FROM {requests} q
        WHERE (q.state = 'pending') <> (q.decided_at IS NULL) OR q.state = 'pending' AND q.decided_by_id IS NOT NULL
              OR q.state IS NULL OR q.state NOT IN ('pending', 'approved', 'rejected', 'cancelled')
        """.format(**names_of(module)),
    )


def looks() -> Iterator[Look]:
    for module in modules():
        if asks(module):
            yield holdings(module)
            yield answers(module)
