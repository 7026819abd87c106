"""Pages in Chromium, as people see them; `conftest.py` makes the fixtures known to all tests."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
browser_test = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")


@pytest.fixture(scope="module")
def chromium():
    sync_api = pytest.importorskip("playwright.sync_api")
    flags = (
        "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync "
        "--no-first-run"
    )
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags.split())
        yield browser
        browser.close()


@pytest.fixture
def show(chromium):
    """Opens a report; afterwards there must have been no message, no error, no dialog and no request."""
    contexts, troubles = [], []

    def open_page(path: Path, *, width: int = 1280, height: int = 900, setup: str = "", **options):
        context = chromium.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce", **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda message: troubles.append(f"console {message.type}: {message.text}"))
        page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (troubles.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: request.url.startswith(("file:", "blob:")) or troubles.append(request.url))
        if setup:
            page.add_init_script(setup)
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready=true]")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert troubles == []


def until(page, condition: str) -> None:
    """Waits for a condition. Playwright's own way evaluates a string in the page, which its policy forbids."""
    end = time.monotonic() + 10
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(20)
