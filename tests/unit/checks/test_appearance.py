from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify.checks.appearance import is_html, seeming
from tests.unit.checks.specimens import HTML_PAGE


@pytest.mark.parametrize(
    "head",
    [
        HTML_PAGE,
        b"\xef\xbb\xbf \n" + HTML_PAGE,
        b"<html>",
        b"<HTML lang=en>",
        b"<!doctype  HTML PUBLIC '-//W3C//DTD HTML 4.01//EN'>",
        b"<?xml version='1.0'?>\n<!DOCTYPE html>",
        b"<!-- a > b --><!-- c -->\n<html xmlns='http://www.w3.org/1999/xhtml'>",
        b"<html",
    ],
)
def test_an_html_page_is_recognised(head: bytes) -> None:
    assert is_html(head)
    assert seeming(head) == "an HTML page"


@pytest.mark.parametrize(
    "head", [b"", b"html", b"<htmlish/>", b"<a><html>", b"x<html>", b"<!DOCTYPE note>", b"<!-- <html> -->", b"{}"]
)
def test_other_things_do_not(head: bytes) -> None:
    assert not is_html(head)


def test_hostile_comments_take_no_time() -> None:
    start = time.thread_time()
    for head in (b"<!---->" * 2300, b"<!--" * 4000, b"<?" * 8000, b"<!-- --> " * 1800 + b"<a"):
        assert not is_html(head)
    assert time.thread_time() - start < 1


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"<a/>", "XML"),
        (b'{"a": 1', "JSON"),
        (b"[]", "JSON"),
        (b"[1] see below", "text"),
        (b"BZip is a word", "text"),
        (b"BZh91AY&SY\x00\xff", "bzip2"),
        (b"PAR1\x15\x04\x15\x00", "Parquet"),
        (b"RIFF\x00\x00\x00\x00WAVE", "a RIFF file"),
        ("é".encode() * 9 + b"\xc3", "text"),
        (b"caf\xe9 noir", "text"),
        (b"caf\xe9\x02", "binary data"),
        (b"\0\0", "binary data"),
        (b"\xff\xfea\0", "text in UTF-16"),
        (b" \n", "white space"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document of the old kind"),
    ],
)
def test_the_kind_of_bytes_is_recognised(head: bytes, kind: str) -> None:
    assert seeming(head) == kind


@given(st.binary())
def test_anything_seems_to_be_something(head: bytes) -> None:
    assert seeming(head)
