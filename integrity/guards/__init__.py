"""The guards of the data: constraints, keys, triggers and indexes as the models declare them, and as they are."""

from integrity.guards.catalogue import guarded_models
from integrity.guards.comparison import Fault, Guard, faults, guards

__all__ = ["Fault", "Guard", "faults", "guarded_models", "guards"]
