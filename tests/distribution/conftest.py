"""What the modules share is tested once, in each of them."""

import pytest

from crm.registry import Module, modules
from tests.factories.distribution import Factories, factories_of
from tests.factories.records import RequestFactory


@pytest.fixture(params=list(modules()), ids=lambda module: module.key)
def module(request) -> Module:
    return request.param


@pytest.fixture
def make(module) -> Factories:
    """The factories of the module."""
    return factories_of(module)


@pytest.fixture
def request_in(module, staff):
    """A waiting request for records of a database; None where the module has no requests."""
    return lambda database: RequestFactory(database=database, staff=staff) if module.policy.staff_request else None
