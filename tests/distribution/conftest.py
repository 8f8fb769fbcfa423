"""What the modules share is tested once, in each of them."""

import pytest

from crm.registry import Module, modules
from tests.factories.distribution import Factories, factories_of


@pytest.fixture(params=list(modules()), ids=lambda module: module.key)
def module(request) -> Module:
    return request.param


@pytest.fixture
def make(module) -> Factories:
    """The factories of the module."""
    return factories_of(module)
