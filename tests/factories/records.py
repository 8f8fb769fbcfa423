"""Requests of Normal DB."""

import factory

from crm.registry import get_module
from records.models import Request
from tests.factories.accounts import UserFactory
from tests.factories.distribution import factories_of


class RequestFactory(factory.django.DjangoModelFactory):
    """A waiting request that holds nothing yet."""

    class Meta:
        model = Request

    database = factory.SubFactory(factories_of(get_module("records")).database)
    staff = factory.SubFactory(UserFactory)
    quantity = 1
