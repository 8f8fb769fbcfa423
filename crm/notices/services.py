"""Writing notifications, marking them as read, and choosing which one wants."""

from collections.abc import Collection, Iterable

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from crm.accounts.models import User
from crm.notices.models import Kind, MutedKind, Notice


def notify(*, users: Iterable[User], kind: Kind, text: str, url: str = "") -> int:
    """One notification for each of the users who want this kind; how many there are. `url` is a path of this site.

    In the caller's transaction: undone with what it tells about.
    """
    return notify_each(kind=kind, lines=[(user, text, url) for user in users])


def notify_each(*, kind: Kind, lines: Collection[tuple[User, str, str]]) -> int:
    """Like `notify`, with a text and a url for each; the number of queries does not grow with the lines. Of a text with
    long names in it, the end is left out.
    """
    wanted = [Notice(user=user, kind=kind, text=text[:300], url=url) for user, text, url in _unmuted(kind, lines)]
    return len(Notice.objects.bulk_create(wanted))


def alert(*, users: Iterable[User], kind: Kind, text: str, url: str, about: str) -> None:
    """A notification about something that waits: once for each user, until `settle` removes it."""
    lines = [(user, text, url) for user in users]
    Notice.objects.bulk_create(
        [Notice(user=user, kind=kind, text=text, url=url, about=about) for user, text, url in _unmuted(kind, lines)],
        ignore_conflicts=True,
    )


def settle(*, about: str, but_for: Collection[str] | QuerySet = ()) -> None:
    """Removes the alerts whose `about` begins so, from everybody's list: what they told about is done."""
    # The empty ones are excluded for the sake of the index, which is of the others.
    Notice.objects.filter(about__startswith=about).exclude(about="").exclude(about__in=but_for).delete()


def settle_each(abouts: Collection[str]) -> None:
    """Removes the alerts about exactly these, in one statement."""
    Notice.objects.filter(about__in=abouts).exclude(about="").delete()


def mute_kinds(*, kinds: Collection[str], by: User, among: Collection[str] = Kind.values) -> None:
    """Of the kinds `among`, `by` gets no notifications of these from now on, and those of all others.

    What is not among them stays as it is: the kinds of another role, for somebody whose role has changed.
    """
    MutedKind.objects.filter(user=by, kind__in=among).exclude(kind__in=kinds).delete()
    MutedKind.objects.bulk_create([MutedKind(user=by, kind=kind) for kind in kinds], ignore_conflicts=True)


def mark_read(*, pk: int, by: User) -> int:
    """Marks one's own notification as read; 1, or 0 if it was read already or is not one's own."""
    return Notice.objects.of(by).unread().filter(pk=pk).update(read_at=timezone.now())


def mark_all_read(*, by: User) -> int:
    """Marks all of one's own notifications as read; how many were unread. One that is settled meanwhile is gone."""
    with transaction.atomic():
        unread = Notice.objects.of(by).unread().order_by("pk").select_for_update(skip_locked=True)
        return Notice.objects.filter(pk__in=list(unread.values_list("pk", flat=True))).update(read_at=timezone.now())


def _unmuted(kind: Kind, lines: Collection[tuple[User, str, str]]) -> list[tuple[User, str, str]]:
    muted = set(MutedKind.objects.filter(kind=kind).values_list("user", flat=True)) if lines else set()
    return [line for line in lines if line[0].pk not in muted]
