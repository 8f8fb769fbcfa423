"""A form takes effect once, however often it is sent."""

from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from crm.accounts.models import User
from crm.distribution.models import Submission
from crm.errors import Refused


class AlreadySent(Refused):
    """The form has taken effect already; sending it again changed nothing."""


def claim_submission(token: UUID, *, by: User) -> None:
    """Marks the form as sent, in the transaction of what the form does; raises AlreadySent the second time.

    A second sender waits here until the first has committed, and takes its place when the first has failed.
    """
    try:
        with transaction.atomic():
            Submission.objects.create(token=token, user=by)
    except IntegrityError as error:
        raise AlreadySent(_("This was sent already and took effect once. Nothing was changed again.")) from error
