"""The guards of the data: constraints, keys, triggers and indexes as the models declare them, and as they are."""

from integrity.guards.catalogue import all_switched_off, guarded_models
from integrity.guards.comparison import Fault, Guard, faults, guards

__all__ = ["Fault", "Guard", "all_switched_off", "faults", "guarded_models", "guards"]
