"""A real browser on the real app; skipped, with the reason, where there is no Chromium."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ui.browser.axe import fetch

FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage"
)
_QUIET_LOOKS = 5


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, driven by Playwright."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("there is no chromium: apt-get install chromium")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=FLAGS.split())
        yield started
        started.close()


class Person:
    """Somebody before a screen of their own; what the page complains about is kept.

    Args:
        page: of Playwright.
        address: of the app.
    """

    def __init__(self, page: Any, address: str) -> None:
        self.page, self.address = page, address
        self.complaints: list[str] = []
        page.set_default_timeout(60_000)
        page.on("console", lambda said: self._keep(said.type, said.text))
        page.on("pageerror", lambda error: self._keep("error", str(error)))
        page.on("dialog", lambda dialog: self._keep("error", f"dialog {dialog.message}"))

    def _keep(self, kind: str, text: str) -> None:
        # Streamlit asks for its health below the page's own path first, and takes the 404 for an answer.
        if kind == "error" and "404" not in text:
            self.complaints.append(text)

    def open(self, path: str = "/") -> None:
        """Goes to an address of the app."""
        self.page.goto(self.address + path)
        self.page.locator("h1").wait_for()
        self.settle()

    def settle(self) -> None:
        """Waits until Streamlit has had nothing to run for more than half a second."""
        quiet = 0
        while quiet < _QUIET_LOOKS:  # right after a click, nothing runs yet
            self.page.wait_for_timeout(120)
            idle = self.page.locator(".stApp[data-test-script-state=notRunning]").count()
            busy = not idle or self.page.locator("[data-testid=stSkeleton]").count()
            quiet = 0 if busy else quiet + 1

    def turn_to(self, title: str) -> None:
        """Chooses a page in the menu."""
        self.page.locator("[data-testid=stTopNavLink]", has_text=title).click()
        self.page.locator("h1", has_text=title).wait_for()
        self.settle()

    def paste(self, note: str, action: str = "Extract") -> None:
        """Gives a note and starts."""
        self.page.get_by_label("Note text").fill(note)
        self.page.get_by_role("button", name=action, exact=True).click()
        self.page.locator(".note").first.wait_for()
        self.settle()

    def text(self) -> str:
        """What can be read on the page."""
        return str(self.page.locator(".stMain").inner_text())


@pytest.fixture
def person(browser: Any) -> Iterator[Callable[..., Person]]:
    """Opens screens; each has cookies and sessions of its own."""
    contexts = []

    def make(address: str, **options: Any) -> Person:
        contexts.append(browser.new_context(viewport={"width": 1360, "height": 900}, **options))
        return Person(contexts[-1].new_page(), address)

    yield make
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def app(serve: Callable[..., Any], runs: Path, browser: Any) -> Any:
    """The app on two finished runs."""
    return serve("--runs", str(runs))


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core."""
    source = fetch()
    if source is None:
        pytest.skip("axe-core is not there, and npm cannot fetch it")
    return source.read_text("utf-8")
