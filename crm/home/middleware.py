"""What an htmx answer needs beyond its fragment, the same for every view."""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import resolve_url
from django.template.loader import render_to_string
from django.utils.cache import patch_cache_control, patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect

from crm.pages import HtmxRequest


class FragmentMiddleware:
    """Lets a view answer htmx as it answers a browser.

    - A redirect becomes a page load (HX-Redirect): htmx would put the target page into the fragment's place.
    - A redirect to the sign-in page becomes 401: app.js says that the session has ended and leaves on the page
      what was typed there.
    - Messages are appended, out of band, to the fragment that goes back.
    - `Vary: HX-Request`, because one URL answers with a page or with a fragment.

    And no page of a signed-in person is kept by the browser: Back shows nothing after signing out.
    """

    def __init__(self, get_response: Callable[[HtmxRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HtmxRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.htmx:
            response = self._for_htmx(request, response)
        patch_vary_headers(response, ["HX-Request"])
        if (
            getattr(request, "user", None)
            and request.user.is_authenticated
            and not response.has_header("Cache-Control")
        ):
            patch_cache_control(response, private=True, no_store=True)
        return response

    def _for_htmx(self, request: HtmxRequest, response: HttpResponse) -> HttpResponse:
        location = response.headers.get("Location")
        if location is not None:
            if urlsplit(location).path == resolve_url(settings.LOGIN_URL) and not request.user.is_authenticated:
                return HttpResponse(status=401)
            page_load = HttpResponseClientRedirect(location)
            page_load.cookies = response.cookies
            return page_load
        swapped = response.status_code < 400 or response.status_code in (409, 422)
        is_html = response.headers.get("Content-Type", "").startswith("text/html")
        if swapped and is_html and not response.streaming and messages.get_messages(request):
            fragment = render_to_string("components/messages.html", {"out_of_band": True}, request)
            response.content += fragment.encode()
        return response
