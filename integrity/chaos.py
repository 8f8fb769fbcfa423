"""Chaos for people: damage of a known kind, planted in the demo, to watch it being found, repaired and undone."""

import pgtrigger
import structlog
from django.conf import settings
from django.db import IntegrityError, connection
from django.utils.translation import gettext as _

from crm.accounts.models import User
from crm.distribution.imports.models import Upload
from crm.distribution.models import Conflict, OutcomeLine
from crm.errors import Refused
from crm.history import operation
from crm.notices.models import Notice
from crm.products.models import Product
from crm.registry import Module, modules
from crm.reservations.models import Reservation, ReservationSettings
from integrity.check import names_of
from integrity.damage import DAMAGES, Damage, Past
from integrity.touched import silenced, with_patience

log = structlog.get_logger(__name__)

# What PostgreSQL calls a guard; the guard may be gone already.
CONSTRAINT = """
    SELECT conrelid::regclass::text, conname::text FROM pg_constraint
    WHERE conname = %(name)s AND connamespace = 'public'::regnamespace
"""
FOREIGN_KEY = """
    SELECT c.conrelid::regclass::text, c.conname::text
    FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND c.conkey = ARRAY[a.attnum]
    WHERE c.contype = 'f' AND c.conrelid = %(table)s::regclass AND a.attname = %(name)s
"""


def plant(kind: str, module: Module, by: User) -> int:
    """Does that damage to the first rows of the module that fit; how many. Raises Refused where none fits, while others
    work on what it needs, and outside demo mode.
    """
    if not settings.DEMO:
        raise Refused(_("Damage is planted in demo mode only."))
    damage = DAMAGES[kind]
    if not damage.fits(module):
        raise Refused(_nothing(damage, module))
    rows: list[int] = []

    def work() -> None:
        with operation("chaos.plant", by=by):
            rows[:] = _plant(damage, module)

    try:
        with_patience(work)
    except IntegrityError as error:
        raise Refused(_nothing(damage, module)) from error
    log.warning("chaos.planted", kind=kind, module=module.key, rows=rows, by=by.pk)
    return len(rows)


def _nothing(damage: Damage, module: Module) -> str:
    return _("%(module)s has nothing that fits “%(damage)s”.") % {
        "module": module.label,
        "damage": damage.title,
    }


def _plant(damage: Damage, module: Module) -> list[int]:
    names = _names(module)
    with connection.cursor() as cursor:
        # A table whose keys wait to be looked at cannot be altered.
        cursor.execute("SET LOCAL lock_timeout = '500ms'; SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        cursor.execute(f"{damage.rows.format(**names)} LIMIT {damage.most}")
        rows = [pk for (pk,) in cursor.fetchall()]
        if not rows:
            raise Refused(_nothing(damage, module))
        for guard in damage.drops:
            _take_away(guard, module)
        cursor.execute("SELECT coalesce(current_setting('pgtrigger.ignore', true), '')")
        [before] = cursor.fetchone()
        if damage.past != Past.NOTHING:
            _silence("{" + ",".join(silenced() if damage.past == Past.RULES else _triggers()) + "}")
        for statement in damage.sql:
            cursor.execute(statement.format(**names), {"rows": rows})
        _silence(before)
    return rows


def _silence(triggers: str) -> None:
    """These, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('pgtrigger.ignore', %s, true)", [triggers])


def _triggers() -> list[str]:
    return [
        name
        for model, trigger in pgtrigger.registered()
        for name in (trigger.get_pgid(model), f"{model._meta.db_table}:{trigger.get_pgid(model)}")
    ]


def _take_away(guard: str, module: Module) -> None:
    kind, _colon, name = guard.rpartition(":")
    full = name if kind or name.startswith("reservation_") else f"{module.key}_{name}"
    with connection.cursor() as cursor:
        cursor.execute(
            FOREIGN_KEY if kind else CONSTRAINT, {"name": full, "table": f'"{module.Record._meta.db_table}"'}
        )
        for table, constraint in cursor.fetchall():
            cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{constraint}"')
        if not kind:
            cursor.execute(f'DROP INDEX IF EXISTS "{full}"')


def _names(module: Module) -> dict[str, str]:
    """What the SQL of a damage calls the tables, and what it says again and again."""
    shared = {
        "users": User,
        "products": Product,
        "reservations": Reservation,
        "conflicts": Conflict,
        "lines": OutcomeLine,
        "uploads": Upload,
        "notices": Notice,
    }
    events = {"reservation": Reservation, "product": Product, "settings": ReservationSettings}
    [counting] = [
        trigger.get_pgid(model)
        for model, trigger in pgtrigger.registered()
        if model == module.Record and trigger.name == "count_updated"
    ]
    tables = {name: f'"{model._meta.db_table}"' for name, model in shared.items()}
    databases = names_of(module)["databases"]
    assigned = "SELECT customer_key FROM {records} WHERE status = 'assigned'"
    return {
        **names_of(module),
        **tables,
        **{f"{name}_events": f'"{_events_of(model)}"' for name, model in events.items()},
        "module": module.key,
        "counting": counting,
        "cover": f"{tables['reservations']} v JOIN {databases} d ON d.id = r.database_id"
        " WHERE v.status = 'active' AND v.product_id = d.product_id"
        " AND (v.customer_key = r.customer_key OR v.phone_key = r.phone_key)",
        "assigned": " UNION ALL ".join(assigned.format(**names_of(each)) for each in modules()),
        "new_database": f"currval(pg_get_serial_sequence('{databases}', 'id'))",
    }


def _events_of(model: type) -> str:
    events: str = model.pgh_event_model._meta.db_table  # type: ignore[attr-defined]
    return events
