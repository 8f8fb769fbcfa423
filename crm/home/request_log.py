"""What the log says of a request: nothing that opens a door or tells who a customer is."""

import re

import structlog
from django.http import HttpRequest
from django.urls import Resolver404, resolve
from django_structlog.middlewares import RequestMiddleware

from crm.accounts.lockout import client_address
from crm.errors import is_busy

SAID = ("int", "module", "slug")
"""The kinds of parameters of a path that are numbers and words of this app's own."""


class RequestLogMiddleware(RequestMiddleware):
    """The library's, with the page instead of its address, and with the address that the request really came from."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {page_of(request)}"

    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        structlog.contextvars.bind_contextvars(ip=client_address(request))

    def _process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """That others held a row for too long is answered so (failures.py), and no error: one line says it."""
        if not is_busy(exception):
            super()._process_exception(request, exception)


def page_of(request: HttpRequest) -> str:
    """The path without the tokens of its links, and without what was asked or searched; only that there is none, where
    there is no such page.
    """
    try:
        match = resolve(request.path_info)
    except Resolver404:
        return "(no such page)"
    values = match.kwargs

    def said(parameter: re.Match[str]) -> str:
        kind, name = parameter.groups()
        return str(getattr(values[name], "key", values[name])) if kind in SAID else f"<{name}>"

    return "/" + re.sub(r"<(\w+):(\w+)>", said, match.route)
