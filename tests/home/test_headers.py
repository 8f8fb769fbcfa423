"""What every answer tells the browser, so that it refuses what no page of ours does."""

import pytest
from django.urls import reverse

pytestmark = pytest.mark.django_db

HEADERS = {"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"}


def policy_of(answer) -> dict[str, list[str]]:
    lines = [line.split() for line in answer["Content-Security-Policy"].split(";")]
    return {name: values for name, *values in filter(None, lines)}


def test_every_page_has_the_headers_and_a_policy_that_allows_nothing_from_elsewhere_and_nothing_inline(client, desk):
    for browser, url in ((client, reverse("account_login")), (desk, reverse("overview")), (desk, "/nowhere/")):
        answer = browser.get(url)
        assert {name: answer[name] for name in HEADERS} == HEADERS, url
        policy = policy_of(answer)
        assert policy["default-src"] == ["'none'"], url
        allowed = {value for values in policy.values() for value in values}
        assert allowed <= {"'self'", "'none'", "data:"}, url
        assert policy["frame-ancestors"] == ["'none'"], url
