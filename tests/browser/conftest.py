"""A real browser: Playwright drives the system Chromium against Django's live server.

Without Chromium these tests are skipped; REQUIRE_BROWSER=1 makes that a failure. A test fails if its page wrote an
error to the console, a violation of the Content-Security-Policy among them.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from playwright.sync_api import ConsoleMessage, Page, expect

from crm.accounts.models import User

HERE = Path(__file__).parent
SCREENSHOTS = settings.BASE_DIR / "test-results" / "screenshots"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
NARROW = {"width": 360, "height": 740}
WIDE = {"width": 1280, "height": 800}
QUIET = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--metrics-recording-only",
    "--no-default-browser-check",
    "--no-first-run",
]

PATIENCE = 30_000
"""Milliseconds: a machine that does other things besides is slow, not wrong."""
expect.set_options(timeout=PATIENCE)

# Playwright keeps an event loop running in the test's thread, which Django takes for asynchronous code.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if CHROMIUM is None:
        reason = "No Chromium: install `chromium`, or name it in the variable CHROMIUM."
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, object]:
    return {"executable_path": CHROMIUM, "args": QUIET}


@pytest.fixture(scope="session")
def base_url(live_server) -> str:
    return live_server.url


@pytest.fixture(scope="session")
def browser_context_args(base_url: str) -> dict[str, object]:
    """Reduced motion, so that nothing is measured or photographed half way."""
    return {"base_url": base_url, "viewport": WIDE, "color_scheme": "light", "reduced_motion": "reduce"}


@pytest.fixture
def console() -> list[str]:
    """What the page complained about. A test that provokes an error empties the list."""
    return []


@pytest.fixture
def page(context, console: list[str]) -> Iterator[Page]:
    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            console.append(f"{message.text} ({message.location.get('url')})")

    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.on("console", note)
    page.on("pageerror", lambda error: console.append(str(error)))
    yield page
    assert console == []


@pytest.fixture
def sign_in_as(context, base_url: str) -> Callable[[User], None]:
    """Signs a person in without the form; later pages of this test are theirs."""

    def sign_in_as(user: User) -> None:
        client = Client()
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        session = client.cookies[settings.SESSION_COOKIE_NAME].value
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": base_url}])

    return sign_in_as


@pytest.fixture
def screenshot() -> Callable[[Page, str], None]:
    """Keeps a picture of the page in test-results/screenshots."""

    def screenshot(page: Page, name: str) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"{name}.png")

    return screenshot


@pytest.fixture
def assert_accessible(request: pytest.FixtureRequest) -> Callable[[Page], None]:
    """Axe finds nothing wrong with the page as it stands, in the light and in the dark theme.

    It looks in `make proof`, which runs every test that asks for it; in `make test` where it is told to, at one theme.
    """
    in_proof = request.config.getoption("level") in ("proof", "all")
    rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

    def assert_accessible(page: Page, *, always: bool = False) -> None:
        themes = ("light", "dark") if in_proof else ("light",) if always else ()
        chosen = page.evaluate("document.documentElement.dataset.bsTheme")
        for theme in themes:
            page.evaluate("theme => { document.documentElement.dataset.bsTheme = theme }", theme)
            found = Axe().run(page, options={"runOnly": rules, "resultTypes": ["violations"]})
            assert found.violations_count == 0, f"{page.url}, {theme}:\n{found.generate_report()}"
        page.evaluate("theme => { document.documentElement.dataset.bsTheme = theme }", chosen)

    return assert_accessible


@pytest.fixture
def assert_fits() -> Callable[[Page], None]:
    """Nothing makes the page itself scroll sideways."""

    def assert_fits(page: Page) -> None:
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= page.viewport_size["width"], f"{page.url} is {width} pixels wide"

    return assert_fits


def path_of(page: Page) -> str:
    return urlsplit(page.url).path


def at(path: str) -> re.Pattern[str]:
    """For `expect(page).to_have_url(at("/people/"))`."""
    return re.compile(rf"://[^/]+{re.escape(path)}$")
