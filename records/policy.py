"""Normal DB: what is its own."""

from django.utils.translation import gettext_lazy as _

from crm.registry import Module, Policy

MODULE = Module(
    key="records",
    label=_("Normal DB"),
    description=_("Staff request records and an admin approves."),
    policy=Policy(staff_request=True),
)
