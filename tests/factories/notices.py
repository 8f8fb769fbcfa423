"""Notifications."""

import factory

from crm.notices.models import Kind, MutedKind, Notice
from tests.factories.accounts import UserFactory


class NoticeFactory(factory.django.DjangoModelFactory):
    """An unread notification."""

    class Meta:
        model = Notice

    user = factory.SubFactory(UserFactory)
    kind = Kind.RECORDS_RECEIVED
    text = factory.Sequence(lambda n: f"You received {n} records.")


class MutedKindFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = MutedKind

    user = factory.SubFactory(UserFactory)
    kind = Kind.RECORDS_RECEIVED
