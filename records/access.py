"""Who may see which request. Whoever may not gets 404, as if it did not exist."""

from django.http import Http404

from crm.accounts.models import User
from records.models import Request, RequestQuerySet


def requests_for(user: User) -> RequestQuerySet:
    """Admins see all, staff their own."""
    requests = Request.objects.select_related("database__product", "staff", "decided_by", "batch")
    return requests if user.is_admin else requests.of(user)


def get_request_for(user: User, pk: int) -> Request:
    return _get(requests_for(user), pk)


def get_own_request(user: User, pk: int) -> Request:
    """For what only the one who asked may do."""
    return _get(requests_for(user).of(user), pk)


def _get(requests: RequestQuerySet, pk: int) -> Request:
    found = requests.filter(pk=pk).first()
    if found is None:
        raise Http404
    return found
