"""Rendering a page or a piece of it: one URL, one view, one context.

A piece is a template partial named for the id of the element it renders. htmx says in HX-Target which element it
will replace; if the view offers that piece, only the piece is sent.
"""

from collections.abc import Callable, Collection
from copy import copy
from typing import Any, TypeVar
from urllib.parse import urlsplit

from django.contrib.messages.storage import default_storage
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import resolve
from django.utils.cache import patch_vary_headers
from django.utils.functional import cached_property
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.middleware import HtmxDetails

ROWS_PER_PAGE = 50

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


class HtmxRequest(HttpRequest):
    """A request as the middleware hands it on: `htmx` is true if htmx sent it."""

    htmx: HtmxDetails


def render_page(
    request: HtmxRequest, template: str, context: dict[str, Any], *, pieces: Collection[str] = ()
) -> HttpResponse:
    """The page, or the one of `pieces` that htmx asks for."""
    target = request.htmx.target if request.htmx and not request.htmx.history_restore_request else None
    if target in pieces:
        template = f"{template}#{target}"
    response = render(request, template, context)
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response


def render_invalid(request: HtmxRequest, template: str, context: dict[str, Any], *, piece: str) -> HttpResponse:
    """A form that was not accepted: 422, and htmx puts the form with its errors where the form was."""
    if not request.htmx:
        return render(request, template, context, status=422)
    response = render(request, f"{template}#{piece}", context, status=422)
    response["HX-Retarget"] = response["HX-Reselect"] = f"#{piece}"
    response["HX-Reswap"] = "outerHTML"
    return response


def go_to(url: str) -> HttpResponseRedirect:
    """After a form: see the result there (303, so that the browser asks with GET)."""
    response = HttpResponseRedirect(url)
    response.status_code = 303
    return response


def safe_path(request: HttpRequest, url: str | None, default: str) -> str:
    """`url` if it is a path of this site, else `default`."""
    if url and url.startswith("/") and url_has_allowed_host_and_scheme(url, allowed_hosts=None):
        return url
    return default


def opens(request: HttpRequest, path: str) -> bool:
    """Whether the page of that path and query opens for the person of the request: it is asked, with GET."""
    parts = urlsplit(path)
    asked = copy(request)
    asked.method, asked.path, asked.path_info, asked.GET = "GET", parts.path, parts.path, QueryDict(parts.query)
    asked.POST = QueryDict()
    asked.META = {key: value for key, value in request.META.items() if not key.startswith("HTTP_HX_")}
    asked.META["REQUEST_METHOD"] = "GET"
    asked.__dict__.pop("headers", None)
    asked.htmx = HtmxDetails(asked)  # type: ignore[attr-defined]
    asked._messages = default_storage(asked)  # type: ignore[attr-defined]
    try:
        match = asked.resolver_match = resolve(parts.path)
        return match.func(asked, *match.args, **match.kwargs).status_code < 400
    except (Http404, PermissionDenied):
        return False


def came_from(request: HttpRequest, default: str) -> str:
    """The page of this site on which a link or button was clicked, else `default`."""
    referrer = urlsplit(request.headers.get("Referer", ""))
    if referrer.netloc != request.get_host():
        return default
    return safe_path(request, referrer._replace(scheme="", netloc="").geturl(), default)


class _CountedPaginator(Paginator):
    """A paginator that is told how many rows there are, where a figure knows it without counting.

    PostgreSQL reads all rows up to a page. Those of a page far down are therefore taken from the other end, if the
    list has an order; it has to be one that leaves no two rows equal.
    """

    object_list: QuerySet
    far = 1000
    """From this row on it is worth it."""

    def __init__(self, rows: QuerySet, total: int | None) -> None:
        super().__init__(rows, ROWS_PER_PAGE)
        if total is not None:
            self.count = total

    @cached_property
    def count(self) -> int:
        return self.object_list.order_by().count()

    def page(self, number: int | str) -> Page:
        number = self.validate_number(number)
        first = (number - 1) * self.per_page
        if first < max(self.far, self.count / 2) or not getattr(self.object_list, "ordered", False):
            return super().page(number)
        last = min(first + self.per_page, self.count)
        rows = self.object_list.reverse()[self.count - last : self.count - first]
        return Page(list(rows)[::-1], number, self)


def takes_files(most_bytes: int) -> Callable[[View], View]:
    """The outermost decorator of a page to which files of so many bytes can be sent. The web server takes in as much
    (crm.web), and for other pages less.
    """

    def decorate(view: View) -> View:
        view.file_bytes = most_bytes  # type: ignore[attr-defined]
        return view

    return decorate


def file_bytes_of(view: Any) -> int:
    """Of the files that can be sent to the page; 0 where none can."""
    return getattr(view, "file_bytes", 0)


def page_of(request: HttpRequest, rows: QuerySet, *, total: int | None = None, number: int | None = None) -> Page:
    """The page of `rows` that `?page=` names, or `number`; a wrong number shows the nearest page."""
    return _CountedPaginator(rows, total).get_page(number or request.GET.get("page"))
