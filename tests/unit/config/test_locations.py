from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify.config.locations import local_path, resolve_url
from ingestify.errors import ConfigurationError

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the expected paths are those of POSIX")


@pytest.mark.parametrize(
    ("url", "absolute"),
    [
        ("sqlite:///database/catalog.db", "sqlite:////lake/database/catalog.db"),
        ("sqlite:///catalog.db?mode=ro&uri=true", "sqlite:////lake/catalog.db?mode=ro&uri=true"),
        ("sqlite+pysqlite:///catalog.db", "sqlite+pysqlite:////lake/catalog.db"),
        ("sqlite:///../catalog.db", "sqlite:////lake/../catalog.db"),
        ("file://database/files/", "file:///lake/database/files/"),
        ("file://database/files", "file:///lake/database/files"),
        ("file://./files", "file:///lake/files"),
        ("file://my files/100%20x", "file:///lake/my files/100%20x"),
    ],
)
def test_a_relative_path_is_below_the_folder(url: str, absolute: str) -> None:
    assert resolve_url(url, "/lake") == absolute


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////abs/catalog.db",
        "sqlite:///:memory:",
        "sqlite://",
        "sqlite:///",
        "sqlite:///file:catalog.db?uri=true",
        "sqlite:///C:/lake/catalog.db",
        "sqlite:///C:\\lake\\catalog.db",
        "file:///abs/files/",
        "file://C:/lake/files",
        "file://C:\\lake\\files",
        "file:///C:/lake/files",
        "postgresql://ann:pw@db/lake",
        "s3://bucket/prefix",
        "memory://",
        "vault+aws://x",
        "nonsense",
    ],
)
def test_everything_else_stays_as_it_is(url: str) -> None:
    assert resolve_url(url, "/lake") == url


def test_a_relative_folder_is_below_the_current_one(tmp_path: Path) -> None:
    assert resolve_url("file://files", "lake") == f"file://{tmp_path}/lake/files"


@pytest.mark.parametrize("folder", ["/what?", "/my%20lake"])
def test_a_folder_that_a_sqlite_url_cannot_name_is_refused(folder: str) -> None:
    with pytest.raises(ConfigurationError, match="The catalogue cannot lie in") as caught:
        resolve_url("sqlite:///catalog.db", folder)

    assert f"'{folder}/catalog.db'" in str(caught.value)


def test_a_folder_with_a_blank_or_a_lone_percent_sign_is_no_problem() -> None:
    assert resolve_url("sqlite:///catalog.db", "/my 100% lake") == "sqlite:////my 100% lake/catalog.db"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///lake/my files/100%20x/", "/lake/my files/100%20x"),
        ("file://files", "files"),
        ("FILE:///lake", "/lake"),
    ],
)
def test_what_follows_file_is_a_plain_path(url: str, path: str) -> None:
    assert local_path(url) == Path(path)


@pytest.mark.parametrize("url", ["file://", "file:///", "s3://x", ""])
def test_a_url_that_names_no_local_folder_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="names no local folder"):
        local_path(url)


@given(st.text(min_size=1).filter(lambda text: "\x00" not in text))
def test_doing_it_twice_is_harmless(path: str) -> None:
    once = resolve_url(f"file://{path}", "/lake")

    assert resolve_url(once, "/elsewhere") == once
    assert once == f"file://{path}" or local_path(once).is_absolute()
