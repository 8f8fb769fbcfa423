"""The modules: three ways to hand out records, described once and listed here.

Each module's `AppConfig.ready()` registers its description. What the modules share takes a `Module`; nothing
asks which module it is, it asks the module's policy.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.apps import apps
from django.db.models import Model

if TYPE_CHECKING:
    from crm.distribution.models import BaseBatch, BaseDatabase, BaseRecord


@dataclass(frozen=True)
class Policy:
    """Where the modules differ."""

    assigns_into_existing_batch: bool = False
    """An admin may add records to a batch that the staff member has already (Member WD)."""


@dataclass(frozen=True)
class Module:
    """One module. `key` is its app label and the first part of its URLs and its figures' names."""

    key: str
    label: str
    description: str
    policy: Policy

    @property
    def Database(self) -> "type[BaseDatabase]":
        return apps.get_model(self.key, "Database")

    @property
    def Batch(self) -> "type[BaseBatch]":
        return apps.get_model(self.key, "Batch")

    @property
    def Record(self) -> "type[BaseRecord]":
        return apps.get_model(self.key, "Record")

    def __str__(self) -> str:
        return str(self.label)


_modules: dict[str, Module] = {}


def register(module: Module) -> None:
    """Adds a module; a second one of the same key is a programming error."""
    if module.key in _modules:
        raise ValueError(f"There is a module {module.key!r} already.")
    _modules[module.key] = module


def modules() -> Iterator[Module]:
    """All modules, in the order of INSTALLED_APPS."""
    return iter(list(_modules.values()))


def get_module(key: str) -> Module:
    """The module of that key; KeyError without one."""
    return _modules[key]


def module_of(instance: Model | type[Model]) -> Module:
    """The module that a database, batch or record belongs to."""
    return _modules[instance._meta.app_label]
