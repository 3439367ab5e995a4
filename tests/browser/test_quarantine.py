"""A person decides about bundles in quarantine, in a browser without JavaScript."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from ingestify import IngestionEngine, get_engine
from ingestify.cli.demo import CONFIG
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator

from .conftest import let_in, serving

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("quarantine")


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[IngestionEngine]:
    """A lake with two matches whose events got new ids while the 360 data has the old ones."""
    with Simulator(Season(matches=4, seed=1)) as provider:
        (folder / "config.yaml").write_text(CONFIG.format(base_url=provider.base_url), encoding="utf-8")
        with get_engine(folder / "config.yaml") as engine:
            engine.load(progress=False)
            for dataset in engine.list_datasets():
                provider.publish_360(dataset.identifier["match_id"])
            engine.load(progress=False)
            for dataset in engine.list_datasets()[:2]:
                provider.correct(dataset.identifier["match_id"], rekey=True)
            engine.load(progress=False)
            yield engine


@pytest.fixture(scope="module")
def address(folder: Path, engine: IngestionEngine) -> Iterator[str]:
    with serving(folder) as address:
        yield address


def test_the_pages_of_what_waits_can_be_read_by_all(browser: Browser, engine: IngestionEngine, address: str):
    origin = address.partition("/?")[0]
    entry = engine.quarantine[0].entry_id
    for path in ("/quarantine", f"/quarantine/{entry}", f"/quarantine/decide?entry={entry}"):
        with let_in(browser, address, viewport={"width": 390, "height": 800}, color_scheme="dark") as page:
            page.goto(origin + path)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
            found = Axe().run(page)
            assert not found.response["violations"], found.generate_report()


def test_a_person_accepts_one_and_discards_another(browser: Browser, engine: IngestionEngine, address: str):
    first, second = list(engine.quarantine)
    with let_in(browser, address, java_script_enabled=False) as page:
        page.get_by_role("link", name="Quarantine").first.click()
        page.get_by_role("link", name=first.name).click()
        expect(page.get_by_role("heading", name="What would change for readers")).to_be_visible()
        page.get_by_role("button", name="Accept").click()
        assert first.is_open  # the browser asks for the reason first
        page.get_by_label("Why (kept").fill("the provider says so")
        page.get_by_label("Who decides").first.fill("Ada")
        page.get_by_role("button", name="Accept").click()
        expect(page.get_by_text("Ada decided at")).to_be_visible()
        page.get_by_role("link", name=first.name).click()
        expect(page.get_by_text("accepted by Ada")).to_be_visible()

        page.get_by_role("link", name="Quarantine").first.click()
        page.get_by_label(f"Choose {second.name}").check()
        page.get_by_role("button", name="Decide about the chosen").click()
        page.get_by_label("Yes, throw the files away").check()
        page.get_by_role("button", name="Discard").click()
        expect(page.get_by_text("Discarded")).to_be_visible()
    states = {entry.entry_id: entry.state for entry in engine.quarantine.iter_entries(states=())}
    assert states == {first.entry_id: "ACCEPTED", second.entry_id: "DISCARDED"}
    assert len(engine.get_dataset(dataset_id=first.dataset_id).revisions) == first.base_revision_id + 2
