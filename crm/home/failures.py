"""What is answered when something fails that no view has expected, wherever in the request that was."""

import sys

from django.contrib.messages import ERROR
from django.contrib.messages.storage.base import Message
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views import defaults

from crm.errors import OTHERS_AT_WORK, is_busy, is_lost

RETRY_SECONDS = 5


def server_error(request: HttpRequest) -> HttpResponse:
    """409 when others held the rows for too long, 503 when the database is not there; else 500.

    Asks neither the session nor the database. Django calls it while the exception is being handled.
    """
    error = sys.exc_info()[1]
    if is_busy(error):
        return _busy(request)
    if is_lost(error):
        headers = {"Retry-After": str(RETRY_SECONDS)}
        return HttpResponse(render_to_string("503.html"), status=503, headers=headers)
    return defaults.server_error(request)


def _busy(request: HttpRequest) -> HttpResponse:
    if request.headers.get("HX-Request") != "true":
        return HttpResponse(render_to_string("409.html", {"text": OTHERS_AT_WORK}), status=409)
    said = {"messages": [Message(ERROR, str(OTHERS_AT_WORK))], "out_of_band": True}
    # The message alone: what asked stays as it is.
    headers = {"HX-Reswap": "none"}
    return HttpResponse(render_to_string("components/messages.html", said), status=409, headers=headers)
