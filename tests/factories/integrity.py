"""Runs of the health check, and what they found."""

import factory
from django.utils import timezone

from integrity.models import Change, Finding, Result, Run


class RunFactory(factory.django.DjangoModelFactory):
    """One that is finished."""

    class Meta:
        model = Run

    state = "finished"
    origin = "page"
    finished_at = factory.LazyFunction(timezone.now)


class ResultFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Result

    run = factory.SubFactory(RunFactory)
    code = "batch_count_mismatch"
    module = "memberwd"
    severity = "error"
    count = 1
    seconds = 0.1


class FindingFactory(factory.django.DjangoModelFactory):
    """Of a batch that is gone."""

    class Meta:
        model = Finding

    run = factory.SubFactory(RunFactory)
    code = "batch_count_mismatch"
    module = "memberwd"
    severity = "error"
    object = "memberwd.batch"
    object_id = factory.Sequence(lambda n: 900_000 + n)
    field = "current_count"
    expected = "50"
    actual = "49"
    hint = "current_count"
    since = factory.LazyFunction(timezone.now)


class ChangeFactory(factory.django.DjangoModelFactory):
    """Of a batch that is gone."""

    class Meta:
        model = Change

    run = factory.SubFactory(RunFactory, kind="repair")
    number = factory.Sequence(lambda n: n + 1)
    code = "batch_count_mismatch"
    module = "memberwd"
    object = "memberwd.batch"
    object_id = factory.Sequence(lambda n: 900_000 + n)
    before = factory.LazyFunction(lambda: {"current_count": 49})
    after = factory.LazyFunction(lambda: {"current_count": 50})
    why = "Counted."
