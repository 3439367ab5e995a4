"""Which format a file has by its name, its URL and its Content-Type, and which formats are compressed."""

from __future__ import annotations

import pytest

from ingestify.domain import formats


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a.json", "json"),
        ("a.b.JSON", "json"),
        ("a.csv.gz", "csv.gz"),
        ("a.gz", "gz"),
        ("a.b-c.gz", "gz"),
        ("**.csv", "csv"),
        ("a.b.", None),
        ("a", None),
        ("*", None),
        (".json", None),
        ("v1.2", None),
        ("a.b-c", None),
        (f"a.{'x' * 65}", None),
        ("", None),
    ],
)
def test_a_format_is_what_a_name_ends_with(name: str, found: str | None) -> None:
    assert formats.find_in_name(name) == found
    assert formats.find_in_url(f"https://provider.example/x.zip/{name}?page=1.xml#b.csv") == found


@pytest.mark.parametrize("url", ["https://provider.example", "https://provider.example/", "https://[", "", "no url"])
def test_a_url_without_a_file_shows_no_format(url: str) -> None:
    assert formats.find_in_url(url) is None


@pytest.mark.parametrize(
    ("content_type", "found"),
    [
        ("application/json", "json"),
        ("Application/JSON; charset=utf-8", "json"),
        ("text/plain", "txt"),
        ("application/octet-stream", "bin"),
        ("application/x-who-knows", "bin"),
        ("", "bin"),
        (None, "bin"),
    ],
)
def test_a_content_type_means_a_format(content_type: str | None, found: str) -> None:
    assert formats.of_content_type(content_type) == found


@pytest.mark.parametrize(
    ("form", "compressed", "gzip"),
    [
        ("csv.gz", True, True),
        ("CSV.GZ", True, True),
        ("gz", True, True),
        ("zip", True, False),
        ("mp4", True, False),
        ("parquet", True, False),
        ("json", False, False),
        ("", False, False),
        (None, False, False),
    ],
)
def test_some_formats_are_compressed_by_themselves(form: str | None, compressed: bool, gzip: bool) -> None:
    assert formats.is_compressed(form) is compressed
    assert formats.is_gzip(form) is gzip
