"""The guards of the data: constraints, keys, triggers and indexes as the models declare them, and as they are.

A check asks `faults()`; a repair asks `before_image()`, then `restore()`, in `restore_order()`; its undo, `put_back()`.
"""

from integrity.guards.catalogue import all_switched_off, guarded_models
from integrity.guards.changes import Blocked, before_image, put_back, remove, restore
from integrity.guards.comparison import Fault, Guard, faults, guards, read_once, restore_order

__all__ = [
    "Blocked",
    "Fault",
    "Guard",
    "all_switched_off",
    "before_image",
    "faults",
    "guarded_models",
    "guards",
    "put_back",
    "read_once",
    "remove",
    "restore",
    "restore_order",
]
