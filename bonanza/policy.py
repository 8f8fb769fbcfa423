"""DB Bonanza: what is its own."""

from django.utils.translation import gettext_lazy as _

from crm.registry import Module, Policy

MODULE = Module(
    key="bonanza",
    label=_("DB Bonanza"),
    description=_("Admins hand out records, picked or at random."),
    policy=Policy(validates=True),
)
