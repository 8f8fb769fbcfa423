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
from crm.locks import alone_with

MOST_TRIES = 14
"""The first at once, each later one after twice as long, from a minute to LONGEST_DELAY: for more than a day."""

LONGEST_DELAY = timedelta(hours=6)

TRYING = timedelta(minutes=5)
"""How long a mail is left to the one who tries it, who may have been killed."""

SENDING = 50_004
"""The advisory lock of whoever sends: a mail server that does not answer holds up one worker at most."""

log = structlog.get_logger(__name__)


def queue_mail(person: User, *, site: str) -> None:
    """Has a link to set a password mailed to `person`, once the transaction is committed."""
    asked = {"site": site, "asked_at": timezone.now(), "tries": 0, "next_try_at": timezone.now(), "error": ""}
    Mail.objects.update_or_create(person=person, defaults=asked)
    async_task("crm.accounts.outbox.send_waiting")


def send_waiting() -> None:
    """The task: tries what is due, each once. Scheduled every minute."""
    with alone_with(SENDING) as alone:
        for pk in Mail.objects.due().values_list("pk", flat=True) if alone else []:
            taken = Mail.objects.due().filter(pk=pk).update(tries=F("tries") + 1, next_try_at=Now() + TRYING)
            mail = Mail.objects.select_related("person").filter(pk=pk).first()
            if taken and mail and not _try(mail):
                return


def _try(mail: Mail) -> bool:
    """Whether the mail server can be asked for more."""
    this_one = Mail.objects.filter(pk=mail.pk, asked_at=mail.asked_at)
    if mail.person.last_login and mail.person.last_login > mail.asked_at:
        this_one.delete()  # they have found another way in
        return True
    try:
        mail_link(mail.person, mail.site)
    except (SMTPException, OSError, ValueError) as error:
        delay = min(timedelta(minutes=2 ** (mail.tries - 1)), LONGEST_DELAY)
        is_last = mail.tries >= MOST_TRIES
        this_one.update(error=_said(error)[:500], next_try_at=None if is_last else timezone.now() + delay)
        log.warning("mail.failed", person=mail.person_id, tries=mail.tries, error=type(error).__name__)
        return not isinstance(error, OSError) or isinstance(error, SMTPResponseException | SMTPRecipientsRefused)
    this_one.delete()
    return True


def _said(error: Exception) -> str:
    if isinstance(error, SMTPRecipientsRefused):
        return "; ".join(_answer(*answer) for answer in error.recipients.values())
    if isinstance(error, SMTPResponseException):
        return _answer(error.smtp_code, error.smtp_error)
    return str(error) or type(error).__name__


def _answer(code: int, text: bytes | str) -> str:
    return f"{code} {text.decode(errors='replace') if isinstance(text, bytes) else text}"


def send_now(*, mail: Mail, by: User) -> None:
    """Whatever was tried before."""
    log.info("mail.send_now", person=mail.person_id, by=by.pk)
    queue_mail(mail.person, site=mail.site)


def discard_mail(*, mail: Mail, by: User) -> None:
    log.info("mail.discarded", person=mail.person_id, by=by.pk)
    mail.delete()
