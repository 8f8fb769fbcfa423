"""Reading notifications while others are written or settled."""

import pytest
from django.db import transaction

from crm.notices.models import Kind, Notice
from crm.notices.services import alert, mark_all_read, settle

pytestmark = pytest.mark.django_db(transaction=True)


def test_marking_all_as_read_does_not_wait_for_an_alert_that_is_being_settled(workers, admin):
    """Its operation may be about to wait for what the reader has in hand."""
    for number in (1, 2):
        alert(users=[admin], kind=Kind.REQUEST_MADE, text="A request", url="/", about=f"request/{number}/")
    with transaction.atomic():
        settle(about="request/1/")
        assert workers.start(lambda: mark_all_read(by=admin)).result(5) == 1
    assert list(Notice.objects.values_list("about", flat=True)) == ["request/2/"]
    assert not Notice.objects.unread().exists()
