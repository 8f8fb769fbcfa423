"""What is answered when something fails that no view has expected, wherever in the request that was."""

import sys

from django.contrib.messages import ERROR
from django.contrib.messages.storage.base import Message
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.functional import Promise
from django.views import defaults

from crm.errors import DISK_FULL, OTHERS_AT_WORK, is_busy, is_disk_full, is_lost

RETRY_SECONDS = 5


def server_error(request: HttpRequest) -> HttpResponse:
    """409 when others held the rows for too long, 503 without the database, 507 when the disk is full; else 500.

    Asks neither the session nor the database. Django calls it while the exception is being handled.
    """
    error = sys.exc_info()[1]
    if is_busy(error):
        return _say(request, 409, OTHERS_AT_WORK)
    if is_disk_full(error):
        return _say(request, 507, DISK_FULL)
    if is_lost(error):
        headers = {"Retry-After": str(RETRY_SECONDS)}
        return HttpResponse(render_to_string("503.html"), status=503, headers=headers)
    return defaults.server_error(request)


def _say(request: HttpRequest, status: int, text: Promise) -> HttpResponse:
    if request.headers.get("HX-Request") != "true":
        return HttpResponse(render_to_string(f"{status}.html", {"text": text}), status=status)
    said = {"messages": [Message(ERROR, str(text))], "out_of_band": True}
    # The message alone: what asked stays as it is.
    headers = {"HX-Reswap": "none"}
    return HttpResponse(render_to_string("components/messages.html", said), status=status, headers=headers)
