"""For the tests of the first pages."""

import os
from queue import Queue
from types import SimpleNamespace

import pytest
from django.core.cache import cache
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.status import Stat


@pytest.fixture
def running_cluster():
    """The sign of life that a task cluster writes every half second."""
    cluster = SimpleNamespace(
        pid=os.getpid(),
        parent_pid=os.getpid(),
        cluster_id="test",
        broker=get_broker(),
        tob=timezone.now(),
        reincarnations=0,
        status=lambda: "Idle",
        monitor=None,
        pusher=None,
        pool=[],
        task_queue=Queue(),
        result_queue=Queue(),
    )
    Stat(cluster).save()
    yield
    cache.clear()
