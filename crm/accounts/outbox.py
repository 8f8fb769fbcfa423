"""What is to be mailed waits here until the mail server has taken it."""

from datetime import timedelta
from smtplib import SMTPException, SMTPRecipientsRefused, SMTPResponseException

import structlog
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone
from django_q.tasks import async_task

from crm.accounts.models import Mail, User
from crm.accounts.password_links import mail_link

MOST_TRIES = 14
"""The first at once, each later one after twice as long, from a minute to LONGEST_DELAY: for more than a day."""

LONGEST_DELAY = timedelta(hours=6)

TRYING = timedelta(minutes=5)
"""How long a mail is left to the one who tries it, who may have been killed."""

log = structlog.get_logger(__name__)


def queue_mail(person: User, *, site: str) -> None:
    """Has a link to set a password mailed to `person`, once the transaction is committed."""
    asked = {"site": site, "asked_at": timezone.now(), "tries": 0, "next_try_at": timezone.now(), "error": ""}
    Mail.objects.update_or_create(person=person, defaults=asked)
    async_task("crm.accounts.outbox.send_waiting")


def send_waiting() -> None:
    """The task: tries what is due, each once. Scheduled every minute."""
    for pk in Mail.objects.due().values_list("pk", flat=True):
        taken = Mail.objects.due().filter(pk=pk).update(tries=F("tries") + 1, next_try_at=Now() + TRYING)
        if taken:
            _try(Mail.objects.select_related("person").get(pk=pk))


def _try(mail: Mail) -> None:
    this_one = Mail.objects.filter(pk=mail.pk, asked_at=mail.asked_at)
    try:
        mail_link(mail.person, mail.site)
    except (SMTPException, OSError) as error:
        delay = min(timedelta(minutes=2 ** (mail.tries - 1)), LONGEST_DELAY)
        is_last = mail.tries >= MOST_TRIES
        this_one.update(error=_said(error)[:500], next_try_at=None if is_last else timezone.now() + delay)
        log.warning("mail.failed", person=mail.person_id, tries=mail.tries, error=type(error).__name__)
    else:
        this_one.delete()


def _said(error: Exception) -> str:
    if isinstance(error, SMTPRecipientsRefused):
        return "; ".join(_answer(*answer) for answer in error.recipients.values())
    if isinstance(error, SMTPResponseException):
        return _answer(error.smtp_code, error.smtp_error)
    return str(error) or type(error).__name__


def _answer(code: int, text: bytes | str) -> str:
    return f"{code} {text.decode(errors='replace') if isinstance(text, bytes) else text}"


def try_again(mail: Mail) -> None:
    """Now, whatever was tried before."""
    queue_mail(mail.person, site=mail.site)


def discard(mail: Mail) -> None:
    mail.delete()
