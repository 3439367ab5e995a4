"""What a page of somebody else can do to the pages, in a real browser; and what happens when the lake is away."""

from __future__ import annotations

import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from ingestify import Dataset

from .conftest import let_in, serving

pytestmark = pytest.mark.slow

ATTACK = """<!doctype html><form method="post" action="{origin}/"><button>win</button></form>
<iframe src="{origin}/datasets"></iframe>
<img src="{origin}/static/icon.svg"><script src="{origin}/home.json"></script>"""


@pytest.fixture
def other_port(origin: str) -> Iterator[int]:
    """A page of another program on this machine, which the browser takes for the same site."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(ATTACK.format(origin=origin).encode())

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_page_of_another_port_changes_and_embeds_nothing(
    browser: Browser, address: str, origin: str, other_port: int, host: str
):
    with let_in(browser, address) as page:
        assert "token" not in page.url
        page.wait_for_load_state("networkidle")
        answers: dict[str, int] = {}
        blocked: set[str] = set()
        page.on("response", lambda answer: answers.update({answer.url: answer.status}))
        page.on("requestfailed", lambda request: blocked.add(request.url))
        page.goto(f"http://{host}:{other_port}/")
        page.wait_for_load_state("networkidle")
        assert {url: status for url, status in answers.items() if url.startswith(origin)} == {f"{origin}/datasets": 403}
        assert {f"{origin}/static/icon.svg", f"{origin}/home.json"} <= blocked
        with page.expect_navigation() as sent:
            page.get_by_role("button").click()
        assert sent.value.status == 403
        assert "Another web page sent this request" in page.locator("main").inner_text()


def test_a_file_of_a_provider_is_downloaded_and_never_shown(
    browser: Browser, address: str, origin: str, match: Dataset
):
    with let_in(browser, address, accept_downloads=True) as page:
        page.goto(f"{origin}/datasets/{match.dataset_id}")
        with page.expect_download() as started:
            page.get_by_role("link", name="Download events__v1").click()
        assert Path(started.value.path()).stat().st_size == match.files["events__v1"].size
        assert started.value.suggested_filename == f"{match.name} events.json"


def test_a_lake_that_is_away_is_a_page_that_says_so(browser: Browser, lake: Path, match: Dataset, tmp_path: Path):
    folder = tmp_path / "lake"
    shutil.copytree(lake, folder)
    with serving(folder, "--read-only") as address, let_in(browser, address) as page:
        origin = address.partition("/?")[0]
        (folder / "files").rename(folder / "away")
        answer = page.goto(f"{origin}/datasets/{match.dataset_id}")
        assert answer is not None
        assert answer.status == 200
        assert "Something is missing on this page" in page.locator("main").inner_text()
        assert match.dataset_id in page.locator("main").inner_text()
        (folder / "away").rename(folder / "files")
        page.reload()
        assert "Something is missing" not in page.locator("main").inner_text()
        catalogue = folder / "catalog.db"
        content = catalogue.read_bytes()
        catalogue.write_bytes(b"no database" * 1000)
        answer = page.goto(origin)
        assert answer is not None
        assert answer.status == 503
        assert "The lake cannot be read" in page.locator("h1").inner_text()
        catalogue.write_bytes(content)
        answer = page.goto(origin)
        assert answer is not None
        assert answer.ok
