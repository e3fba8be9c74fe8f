"""A real Chromium, and pages of formulas opened in it: for tests with the marker `browser`."""

from __future__ import annotations

import pathlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

import backtrace
from backtrace.homework.page_practice import practice_of
from backtrace.render import View, draw
from backtrace.tracing.worksheet import blanked


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    from playwright.sync_api import sync_playwright

    found = [shutil.which(n) for n in ("chromium", "chromium-browser", "google-chrome")]
    path = next(filter(None, found), None)
    assert path, "no Chromium here: .ci/browser installs it"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


Open = Callable[..., object]


@pytest.fixture
def opened(browser: object, tmp_path: pathlib.Path) -> Iterator[Open]:
    """A page of a formula; whatever it logs or asks of the network fails the test."""
    faults: list[str] = []
    contexts = []

    def open_page(
        case: tuple,
        at: str = "",
        blanks: str = "",
        clock: bool = False,
        with_practice: bool = False,
        options: dict[str, object] | None = None,
        fold: str = "auto",
        **context: object,
    ) -> object:
        trace = backtrace.trace(*case, check=False, **(options or {}))
        shown = blanked(trace, blanks) if blanks else trace
        if with_practice:
            shown = replace(trace, asked=trace.asked._replace(practice=practice_of(trace)))
        (tmp_path / "page.html").write_text(draw(shown, "html", View(fold=fold)), "utf-8")
        contexts.append(browser.new_context(**context))
        page = contexts[-1].new_page()
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "request",
            lambda request: request.url.startswith("file:") or faults.append(request.url),
        )
        if clock:
            page.clock.install()
        page.goto(f"file://{tmp_path}/page.html{at}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []
