"""The pictures of docs/web.md: with INGESTIFY_UPDATE_SCREENSHOTS=1, they are taken anew."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser

from ingestify import Dataset

from .conftest import let_in

pytestmark = pytest.mark.slow

IMAGES = Path(__file__).parents[2] / "docs" / "images"

SHOTS = {"web-matches.png": ("/datasets", 560), "web-match.png": ("/datasets/{match}", 900)}
"""File to the page, and how much of its height is shown."""


@pytest.mark.parametrize("name", SHOTS)
def test_a_picture_of_the_docs_is_of_a_page(browser: Browser, address: str, origin: str, match: Dataset, name: str):
    path, height = SHOTS[name]
    if os.environ.get("INGESTIFY_UPDATE_SCREENSHOTS"):
        IMAGES.mkdir(exist_ok=True)
        with let_in(browser, address, viewport={"width": 1100, "height": height}) as page:
            page.goto(origin + path.format(match=match.dataset_id))
            taken = Image.open(io.BytesIO(page.screenshot()))
        taken.convert("RGB").quantize(64).save(IMAGES / name, optimize=True)
    size = (IMAGES / name).stat().st_size
    assert size < 60_000
    assert f"images/{name}" in (IMAGES.parent / "web.md").read_text(encoding="utf-8")
