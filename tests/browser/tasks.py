"""Doing what the task cluster would do: browser tests have none beside them."""

from django.utils.module_loading import import_string
from django_q.brokers import get_broker
from django_q.signing import SignedPackage


def run_queued_tasks() -> int:
    """Runs the tasks that are queued, in this process; how many there were."""
    broker = get_broker()
    done = 0
    while batch := broker.dequeue():
        for key, payload in batch:
            task = SignedPackage.loads(payload)
            import_string(task["func"])(*task["args"], **task["kwargs"])
            broker.acknowledge(key)
            done += 1
    return done
