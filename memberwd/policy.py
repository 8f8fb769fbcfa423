"""Member WD: what is its own."""

from django.utils.translation import gettext_lazy as _

from crm.registry import Module, Policy

MODULE = Module(
    key="memberwd",
    label=_("Member WD"),
    description=_("Admins hand out records into batch cards that can grow."),
    policy=Policy(assigns_into_existing_batch=True, validates=True),
)
