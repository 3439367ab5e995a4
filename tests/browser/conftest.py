"""A lake of the demo, its pages, and a browser that opens them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from ingestify import Dataset, IngestionEngine, get_engine

COMMAND = [sys.executable, "-m", "ingestify"]

_NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the browser."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        why = f"there is no Chromium: none of {', '.join(_NAMES)} is installed"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    return found


@pytest.fixture(scope="session")
def lake(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a demo's lake. The first process that needs it makes it, for all."""
    root = tmp_path_factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    folder = root / "demo-lake"
    with (root / "demo-lake.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (root / "demo-lake.done").exists():
            subprocess.run([*COMMAND, "demo", "-q", "--folder", str(folder)], check=True, timeout=60)
            (root / "demo-lake.done").touch()
    return folder


@pytest.fixture(scope="session")
def engine(lake: Path) -> Iterator[IngestionEngine]:
    with get_engine(lake / "config.yaml") as engine:
        yield engine


@pytest.fixture(scope="session")
def match(engine: IngestionEngine) -> Dataset:
    """The match with the most revisions."""
    return max(engine.list_datasets(), key=lambda one: len(one.revisions))


@contextlib.contextmanager
def started(*arguments: str) -> Iterator[str]:
    """Run a command that serves pages until it is ended; yields the address that it prints, with the token."""
    with subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()
            assert server.wait(timeout=20) == 0


def serving(folder: Path, *options: str) -> AbstractContextManager[str]:
    """Run `ingestify web` for a lake; yields the address with the token."""
    return started("web", "--config", str(folder / "config.yaml"), "--port", "0", *options)


@pytest.fixture(scope="session")
def address(lake: Path) -> Iterator[str]:
    """The address of the pages, with the token."""
    with serving(lake) as address:
        yield address


@pytest.fixture(scope="session")
def origin(address: str) -> str:
    return address.partition("/?")[0]


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])  # root has no sandbox
        yield browser
        browser.close()


@contextlib.contextmanager
def let_in(browser: Browser, address: str, **options: object) -> Iterator[Page]:
    """Open the first page with the token, in a context of its own."""
    context: BrowserContext = browser.new_context(**options)  # type: ignore[arg-type]
    try:
        page = context.new_page()
        page.goto(address)
        yield page
    finally:
        context.close()
