"""Who may see which notification: everybody their own."""

from django.http import Http404

from crm.accounts.models import User
from crm.notices.models import Notice


def get_notice_for(user: User, pk: int) -> Notice:
    """The notification, or 404 for anybody but the person it is for."""
    notice = Notice.objects.of(user).filter(pk=pk).first()
    if notice is None:
        raise Http404
    return notice
