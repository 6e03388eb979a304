"""A report's page in headless Chromium, which watches that it asks for nothing and that nothing goes wrong."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from run_directory import write_run

from robustbench_mt.reporting.report import report

COUNT_UNPACKINGS = """window.unpackings = 0;
  window.DecompressionStream = class extends DecompressionStream {
    constructor(...how) { super(...how); window.unpackings += 1; }
  };"""

OPEN_ALL = "document.querySelectorAll('details').forEach((each) => { each.open = true })"

Open = Callable[..., Any]


# Not longer than a module: as long as it runs, so does an event loop, and nothing else can run one.
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: it is in the extra dev")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        # The sandbox needs rights that containers do not give.
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Open]:
    """Opens a page, and at the end demands that nothing was asked for and nothing went wrong."""
    contexts, wrong = [], []

    def visit(path: Path, at: str = "", **settings: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **settings})
        context.add_init_script(COUNT_UNPACKINGS)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: wrong.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("dialog", lambda dialog: wrong.append(f"dialog: {dialog.message}"))
        page.on(
            "request",
            lambda request: request.url.startswith((path.as_uri(), "data:")) or wrong.append(f"request: {request.url}"),
        )
        page.goto(path.as_uri() + at)
        if settings.get("java_script_enabled", True):
            page.wait_for_selector("#pager:not([hidden])")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture(scope="session")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report([write_run(tmp_path_factory.mktemp("run"))]).page


def rest(page: Any) -> None:
    """Wait until what was asked for is shown."""
    page.wait_for_selector("#examples .scroll[aria-busy=false]")


def count(page: Any) -> str:
    rest(page)
    return str(page.locator("#pager output").inner_text())
