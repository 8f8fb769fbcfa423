"""Parts of paths."""

from crm.registry import Module, get_module


class ModuleConverter:
    """The first part of a path as the module it names; no such module, no such page."""

    regex = "[a-z]+"

    def to_python(self, value: str) -> Module:
        try:
            return get_module(value)
        except KeyError as error:
            raise ValueError(value) from error

    def to_url(self, value: Module | str) -> str:
        return value.key if isinstance(value, Module) else value
