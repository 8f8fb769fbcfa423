"""What the owner has set for each module."""

from typing import Any

from crm.accounts.models import User
from crm.distribution.models import ModuleSettings
from crm.history import operation
from crm.registry import Module


def settings_of(module: Module) -> ModuleSettings:
    """What the owner has set for the module, or how it is before anybody has."""
    return ModuleSettings.objects.filter(module=module.key).first() or ModuleSettings(module=module.key)


def change_settings(*, module: Module, by: User, **values: Any) -> ModuleSettings:
    """Sets fields of ModuleSettings."""
    with operation("settings.change", by=by):
        return ModuleSettings.objects.update_or_create(module=module.key, defaults=values)[0]
