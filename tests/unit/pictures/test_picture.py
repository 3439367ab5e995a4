"""A picture as a file, as PNG and in a notebook."""

from __future__ import annotations

import base64
import re
import sys

import pytest

from ingestify.errors import ConfigurationError, MissingExtraError
from ingestify.pictures.palette import stylesheet
from ingestify.pictures.shot_map import shot_map
from tests.unit.pictures.matches import match, shot


@pytest.fixture
def picture():
    return shot_map(match(shot(1), home="<b>Reds</b>"))


def test_a_notebook_gets_an_image_that_needs_no_trust(picture):
    shown = picture._repr_mimebundle_()
    assert shown["text/plain"] == repr(picture)
    source, alt = re.fullmatch(
        r'<img src="data:image/svg\+xml;base64,(.*)" width="480" alt="(.*)">', shown["text/html"]
    ).groups()
    assert base64.b64decode(source).decode() == picture.plain_svg()
    assert alt == "Shot map of &lt;b&gt;Reds&lt;/b&gt; 0–0 Blues: 1 and 0 shots, xG 0.10 and 0.00."


def test_the_svg_of_a_page_takes_its_colours_and_that_of_a_file_has_its_own(picture):
    assert 'fill="var(--picture-home,#0b61a4)"' in picture.svg
    assert 'fill="#0b61a4"' in picture.plain_svg()
    assert 'fill="#58a6ff"' in picture.plain_svg("dark")
    assert "--picture-home: #58a6ff;" in stylesheet()


def test_a_picture_is_saved_as_its_name_says(picture, tmp_path):
    assert picture.save(tmp_path / "shots.svg").read_text("utf-8") == picture.plain_svg()
    assert picture.save(str(tmp_path / "shots.PNG"), theme="dark").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    with pytest.raises(ConfigurationError, match=r"\.svg or \.png, and the file is 'shots\.jpg'"):
        picture.save(tmp_path / "shots.jpg")


def test_a_png_without_its_extra_names_the_extra(picture, monkeypatch):
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(MissingExtraError, match="plot"):
        picture.png()
