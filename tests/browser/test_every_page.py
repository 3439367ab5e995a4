"""What holds for every page: it can be read by all, in any width, and asks nobody else for anything."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from ingestify import Dataset, IngestionEngine

from .conftest import let_in

pytestmark = pytest.mark.slow

PAGES = (
    "/",
    "/coverage",
    "/datasets",
    "/datasets?q=nobody",
    "/datasets/{match}",
    "/datasets/{match}?revision=0",
    "/datasets/{match}/shots/{shot}",
    "/datasets/{match}/diff/0..1",
    "/storage",
    "/freshness",
    "/publishers",
    "/tables",
    "/tables?query=select+home_team%2C+name+from+matches",
    "/changes",
    "/runs",
    "/runs/{run}",
    "/quarantine",
    "/quarantine/{entry}",
)
"""A page that is added is added here."""

SMALL_TEXT = """
() => [...document.querySelectorAll('body *')].filter(one =>
    [...one.childNodes].some(node => node.nodeType === 3 && node.data.trim()) && one.getClientRects().length
).map(one => {
    const svg = one.ownerSVGElement;
    const scale = svg ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1;
    return [parseFloat(getComputedStyle(one).fontSize) * scale, one.textContent.trim().slice(0, 40)];
}).filter(([size]) => size < 11)
"""


@pytest.fixture(scope="session")
def pages(engine: IngestionEngine, match: Dataset) -> dict[str, str]:
    events = engine.store.load_files(match)["events"].json()
    shot = next(one["id"] for one in events if one["type"]["name"] == "Shot")
    entry = next(engine.quarantine.iter_entries(states=())).entry_id
    run = engine.store.catalogue.jobs.load(1)[0].run_id
    return {page: page.format(match=match.dataset_id, shot=shot, entry=entry, run=run) for page in PAGES}


@pytest.fixture(scope="session")
def page(browser: Browser, address: str) -> Iterator[Page]:
    with let_in(browser, address) as page:
        yield page


@pytest.fixture(scope="session")
def page_without_scripts(browser: Browser, address: str) -> Iterator[Page]:
    with let_in(browser, address, java_script_enabled=False) as page:
        yield page


@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_read_by_all(
    page: Page, page_without_scripts: Page, origin: str, pages: dict[str, str], name: str
):
    asked: list[str] = []
    said: list[str] = []
    listeners = {
        "request": lambda request: asked.append(request.url),
        "console": lambda message: said.append(message.text),
        "pageerror": lambda error: said.append(str(error)),
    }
    for event, listener in listeners.items():
        page.on(event, listener)  # type: ignore[call-overload]
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 800})
    answer = page.goto(origin + pages[name])
    assert answer is not None
    assert answer.ok
    assert len(answer.body()) <= 100_000
    for width, scheme, rules in (
        (1280, "light", None),
        (390, "dark", ["color-contrast", "scrollable-region-focusable"]),
    ):
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(SMALL_TEXT) == []
        found = Axe().run(page, options={} if rules is None else {"runOnly": rules})
        assert not found.response["violations"], found.generate_report()
    assert not [url for url in asked if not url.startswith(f"{origin}/")]
    assert not said
    for event, listener in listeners.items():
        page.remove_listener(event, listener)
    page_without_scripts.goto(origin + pages[name])
    assert page_without_scripts.locator("main").inner_text() == page.locator("main").inner_text()


def test_the_keyboard_comes_first_to_the_content_and_styles_are_small(browser: Browser, address: str):
    with let_in(browser, address) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        sizes = {"css": 0, "js": 0}
        for found in re.findall(r'(?:href|src)="(/static/[^"]+\.(css|js)\?[^"]*)"', page.content()):
            sizes[found[1]] += len(gzip.compress(page.request.get(address.partition("/?")[0] + found[0]).body()))
    assert 0 < sizes["css"] <= 10_000
    assert sizes["js"] <= 25_000
