"""A mail waits in the outbox until the mail server has taken it."""

from datetime import timedelta
from smtplib import SMTPDataError, SMTPException, SMTPRecipientsRefused

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.urls import reverse
from django.utils import timezone

from crm.accounts.models import Mail, User
from crm.accounts.outbox import LONGEST_DELAY, MOST_TRIES, queue_mail, send_waiting
from crm.accounts.services import deactivate_person
from tests.factories.accounts import UserFactory

pytestmark = pytest.mark.django_db

SITE = "https://fifty.example/"


class RefusingBackend(EmailBackend):
    """A mail server that says no, for as long as `error` is set."""

    error: Exception | None = None

    def send_messages(self, messages):
        if RefusingBackend.error:
            raise RefusingBackend.error
        return super().send_messages(messages)


@pytest.fixture
def server(settings):
    settings.EMAIL_BACKEND = f"{__name__}.RefusingBackend"
    RefusingBackend.error = SMTPException("450 Greylisted, try later")
    yield RefusingBackend
    RefusingBackend.error = None


@pytest.fixture
def sari():
    return UserFactory(username="sari", email="sari@example.com")


def test_what_is_sent_is_gone(sari):
    queue_mail(sari, site=SITE)
    send_waiting()
    assert [each.to for each in mail.outbox] == [["sari@example.com"]]
    assert not Mail.objects.exists()


def test_what_the_server_refuses_waits_and_is_tried_later_and_later(sari, server):
    queue_mail(sari, site=SITE)
    waits = []
    for tries in range(1, MOST_TRIES + 1):
        send_waiting()
        send_waiting()
        waiting = Mail.objects.get()
        assert (waiting.tries, waiting.error) == (tries, "450 Greylisted, try later")
        waits.append(waiting.next_try_at and waiting.next_try_at - timezone.now())
        Mail.objects.filter(next_try_at__isnull=False).update(next_try_at=timezone.now())
    *pauses, last = waits
    assert last is None, "given up"
    for pause, wanted in zip(pauses, (timedelta(minutes=2**number) for number in range(MOST_TRIES)), strict=False):
        assert pause == pytest.approx(min(wanted, LONGEST_DELAY), abs=timedelta(seconds=30))
    assert sum(pauses, timedelta()) > timedelta(days=1)
    assert not mail.outbox


@pytest.mark.parametrize(
    "error",
    [
        (ConnectionRefusedError(111, "Connection refused"), "[Errno 111] Connection refused"),
        (TimeoutError(), "TimeoutError"),
        (SMTPRecipientsRefused({"sari@example.com": (550, b"No such user")}), "550 No such user"),
        (SMTPDataError(552, b"Quota exceeded"), "552 Quota exceeded"),
    ],
    ids=["nobody there", "too slow", "not this one", "full"],
)
def test_it_is_sent_when_the_server_takes_it(sari, server, error):
    server.error, said = error
    queue_mail(sari, site=SITE)
    send_waiting()
    assert Mail.objects.get().error == said
    server.error = None
    Mail.objects.update(next_try_at=timezone.now())
    send_waiting()
    assert len(mail.outbox) == 1
    assert not Mail.objects.exists()


def test_one_who_was_killed_while_trying_is_followed_by_another(sari, server):
    server.error = KeyboardInterrupt()
    queue_mail(sari, site=SITE)
    with pytest.raises(KeyboardInterrupt):
        send_waiting()
    server.error = None
    send_waiting()
    assert not mail.outbox, "the other may still be at it"
    Mail.objects.update(next_try_at=timezone.now() - timedelta(seconds=1))
    send_waiting()
    assert len(mail.outbox) == 1


def test_somebody_who_asks_twice_gets_one_mail(sari, server):
    queue_mail(sari, site=SITE)
    send_waiting()
    queue_mail(sari, site=SITE)
    assert Mail.objects.get().tries == 0
    server.error = None
    send_waiting()
    assert len(mail.outbox) == 1


def test_who_has_signed_in_since_needs_none(sari):
    queue_mail(sari, site=SITE)
    User.objects.filter(pk=sari.pk).update(last_login=timezone.now())
    send_waiting()
    assert not mail.outbox
    assert not Mail.objects.exists()


def test_a_server_that_is_not_there_is_asked_once_and_not_for_each_mail(sari, server):
    server.error = ConnectionRefusedError(111, "Connection refused")
    for person in (sari, UserFactory(email="b@example.com"), UserFactory(email="c@example.com")):
        queue_mail(person, site=SITE)
    send_waiting()
    assert sorted(Mail.objects.values_list("tries", flat=True)) == [0, 0, 1]


def test_who_was_deactivated_since_gets_none(sari, owner):
    queue_mail(sari, site=SITE)
    deactivate_person(person=sari, by=owner)
    send_waiting()
    assert not mail.outbox
    assert not Mail.objects.exists()


def test_the_page_says_what_waits_and_why_and_tries_again(sari, server, admin, sign_in, client, run_tasks):
    queue_mail(sari, site=SITE)
    run_tasks()
    sign_in(admin)
    assert "Links to set a password" in client.get(reverse("overview")).content.decode()
    page = client.get(reverse("outbox")).content.decode()
    assert "450 Greylisted, try later" in page
    assert "sari@example.com" in page
    server.error = None
    client.post(reverse("try_mail", args=[Mail.objects.get().pk]))
    run_tasks()
    assert len(mail.outbox) == 1
    assert "Nothing waits" in client.get(reverse("outbox")).content.decode()
    assert "Links to set a password" not in client.get(reverse("overview")).content.decode()


def test_what_nobody_wants_any_more_is_discarded(sari, server, admin, sign_in, client):
    queue_mail(sari, site=SITE)
    sign_in(admin)
    client.post(reverse("discard_mail", args=[Mail.objects.get().pk]))
    assert not Mail.objects.exists()


def test_an_admin_sees_the_mails_of_those_whom_they_manage(admin, owner, sign_in, client, server):
    queue_mail(UserFactory(role="admin", email="other@example.com"), site=SITE)
    sign_in(admin)
    assert "other@example.com" not in client.get(reverse("outbox")).content.decode()
    assert "Links to set a password" not in client.get(reverse("overview")).content.decode()
    assert client.post(reverse("discard_mail", args=[Mail.objects.get().pk])).status_code == 404
    sign_in(owner)
    assert "other@example.com" in client.get(reverse("outbox")).content.decode()
