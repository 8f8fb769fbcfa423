"""Writing notifications, and marking them as read."""

from collections.abc import Iterable

from django.utils import timezone

from crm.accounts.models import User
from crm.notices.models import Kind, Notice


def notify(*, users: Iterable[User], kind: Kind, text: str, url: str = "") -> int:
    """One notification for each of the users; how many there are. `url` is a path of this site.

    One statement, in the caller's transaction: undone with what it tells about.
    """
    return len(Notice.objects.bulk_create([Notice(user=user, kind=kind, text=text, url=url) for user in users]))


def mark_read(*, pk: int, by: User) -> int:
    """Marks one's own notification as read; 1, or 0 if it was read already or is not one's own."""
    return Notice.objects.of(by).unread().filter(pk=pk).update(read_at=timezone.now())


def mark_all_read(*, by: User) -> int:
    """Marks all of one's own notifications as read; how many were unread."""
    return Notice.objects.of(by).unread().update(read_at=timezone.now())
