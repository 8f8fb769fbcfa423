"""The modules: three ways to hand out records, described once and listed here.

Each module's `AppConfig.ready()` registers its description. What the modules share takes a `Module`; nothing
asks which module it is, it asks the module's policy.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db.models import Model
from django.utils.functional import Promise


@dataclass(frozen=True)
class Asking:
    """Staff ask a module for records, an admin or a rule approves: where that is, and its figures, each by name."""

    url_name: str
    """Where staff ask."""

    queue_url_name: str
    """Where admins answer."""

    waiting: str
    """Counts, of the module, what waits for an admin."""

    own: str
    """Counts, of a staff member, what they wait for, as they see it."""

    of_staff: str
    """The same as admins see it."""


@dataclass(frozen=True)
class Policy:
    """Where the modules differ."""

    assigns_into_existing_batch: bool = False
    """An admin may add records to a batch that the staff member has already (Member WD)."""

    asking: Asking | None = None
    """Staff ask for records (Normal DB)."""

    validates: bool = False
    """Staff mark records as valid or invalid; invalid ones are archived and replaced (DB Bonanza, Member WD)."""

    lock_asked: Callable[[Any], Collection[int]] = lambda person: ()
    """Locks what a staff member has asked for and not yet got; the keys of the records that are held for it."""

    withdraw: Callable[[Any, Any], None] = lambda person, by: None
    """Takes back what a staff member has asked for, when they leave: (person, by)."""

    reject: Callable[[Collection[int], Any, str], None] = lambda keys, by, reason: None
    """Turns down what staff have asked for and what still waits: (the keys of the requests, by, reason)."""

    demo: Callable[[int, Any], None] = lambda days_ago, team: None
    """What of its own the module has in the demo data, on one of its days: (days ago, people by username)."""

    @property
    def staff_request(self) -> bool:
        return self.asking is not None


@dataclass(frozen=True)
class Module:
    """One module. `key` is its app label and the first part of its URLs and its figures' names.

    Its models are typed as Any: which they are is known only when the program runs.
    """

    key: str
    label: str | Promise
    description: str | Promise
    policy: Policy

    @property
    def Database(self) -> Any:
        return apps.get_model(self.key, "Database")

    @property
    def Batch(self) -> Any:
        return apps.get_model(self.key, "Batch")

    @property
    def Record(self) -> Any:
        return apps.get_model(self.key, "Record")

    @property
    def Request(self) -> Any:
        """What staff ask with, where they ask (`policy.asking`); LookupError elsewhere."""
        return apps.get_model(self.key, "Request")

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
