"""Reservations. What they do to records is the services' work: a factory's reservation has done nothing yet."""

import factory
from factory.django import DjangoModelFactory

from crm.distribution.models import Conflict
from crm.reservations.models import Reservation, ReservationSettings
from crm.reservations.services import add_reservation
from tests.factories.accounts import UserFactory
from tests.factories.products import ProductFactory


class ReservationFactory(DjangoModelFactory):
    """An active one."""

    class Meta:
        model = Reservation

    product = factory.SubFactory(ProductFactory)
    staff = factory.SubFactory(UserFactory)
    customer_id = factory.Sequence(lambda n: f"customer{n}")
    status = "active"


class ReservationSettingsFactory(DjangoModelFactory):
    class Meta:
        model = ReservationSettings


class ConflictFactory(DjangoModelFactory):
    """For tests of the schema only: a trigger on the records writes them."""

    class Meta:
        model = Conflict


def take(*records, staff=None):
    """Somebody (`staff`, or somebody new) reserves the customers of these records."""
    staff = staff or UserFactory()
    for record in records:
        add_reservation(product=record.database.product, customer_id=record.customer_id, staff=staff, by=None)
    return staff
