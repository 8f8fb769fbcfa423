"""The keys by which customers are compared, worked out anew."""

from django.conf import settings
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from crm.phones import phone_key
from crm.registry import modules
from crm.reservations.models import Reservation
from integrity.ground import Ground, Step
from integrity.guards import faults

# PostgreSQL works out a generated column anew when what it is made of is set.
KEYS = """
    UPDATE "{table}" r SET phone_key = k.key, customer_id = r.customer_id
    FROM unnest(%s::bigint[], %s::text[]) AS k (id, key) WHERE r.id = k.id
"""


def work_out(ground: Ground) -> None:
    for model in models():
        if ids := ground.targets(["key_drift"], model):
            table = model._meta.db_table
            rows = ground.execute(f'SELECT id, phone FROM "{table}" WHERE id = ANY(%s::bigint[])', [ids])
            keys = [phone_key(phone, settings.PHONE_REGION) if phone else None for _pk, phone in rows]
            ground.execute(KEYS.format(table=table), [[pk for pk, _phone in rows], keys])
            if any(fault.guard.name == "customer_key" for fault in faults([model])):
                # The column is made anew first, which the customers prevent that would be there twice.
                ground.leave("key_drift", model._meta.label_lower, ids)


def models() -> list[type[Model]]:
    return [*(module.Record for module in modules()), Reservation]


STEPS = [Step(("key_drift",), _("So the id and the phone say."), work_out, models)]
