from __future__ import annotations

import codecs
import time
from pathlib import Path

import pytest

from ingestify.checks import xml_document
from ingestify.checks.files import check_bytes
from tests.unit.checks.specimens import HTML_PAGE, S3_ERROR, problem_of

BILLION_LAUGHS = b"""<?xml version="1.0"?>
<!DOCTYPE lolz [
 <!ENTITY lol "lol">
 <!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;">
 <!ENTITY lol3 "&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;">
]>
<lolz>&lol3;</lolz>"""

EXTERNAL = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'


@pytest.mark.parametrize(
    "body",
    [
        b"<a/>",
        b"<?xml version='1.0'?><!-- a --><a b='1'>\n<c/>text</a>\n<!-- end -->\n",
        codecs.BOM_UTF8 + b"<a/>",
        b"\n\n<?xml version='1.0'?><a/>",
        b"<tns:a xmlns:tns='x'/>",
        "<?xml version='1.0' encoding='utf-16'?><a>é</a>".encode("utf-16"),
        "<?xml version='1.0' encoding='iso-8859-1'?><a>é</a>".encode("latin-1"),
        "<?xml version='1.0' encoding='windows-1252'?><a>€</a>".encode("cp1252"),
        "<?xml version='1.0' encoding='shift_jis'?><a>日本</a>".encode("shift_jis"),
        b"<?xml version='1.0' encoding='no-such-encoding'?><a/>",
        b"<?xml version='1.0' encoding='utf-16'?><a/>",
        b"<!DOCTYPE a SYSTEM 'http://example.com/a.dtd'><a>&what;</a>",
        b"<Errors><Error/></Errors>".replace(b"Errors", b"Penalties"),
        b"<a>" * 5000 + b"</a>" * 5000,
    ],
)
def test_xml_that_is_well_formed_or_cannot_be_checked_passes(body: bytes) -> None:
    assert problem_of(body, "xml") == ""


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b" \n", "it holds only white space, and no XML"),
        (b'{"a": 1}', "it is JSON, not XML: it begins '{\"a\": 1}'"),
        (b"Internal error", "it is text, not XML: it begins 'Internal error'"),
        (HTML_PAGE, "it is an HTML page, not XML: it begins '<!DOCTYPE html>"),
        (b"<?xml version='1.0'?>\n<!-- no --><html xmlns='x'>", "it is an HTML page, not XML"),
        (b"<a><b></a>", "the XML is broken at line 1, column 9: mismatched tag"),
        (b"\n\n<?xml version='1.0'?><a>\n</b>", "the XML is broken at line 4, column 3: mismatched tag"),
        (b"<a/>\n<b/>", "the XML is broken at line 2, column 1: junk after document element"),
        (b"<a>&nbsp;</a>", "the XML is broken at line 1, column 4: undefined entity"),
        (b"<a>\0</a>", "the XML is broken at line 1, column 4: not well-formed (invalid token)"),
        (b"<a>\xff</a>", "the XML is broken at line 1, column 4: not well-formed (invalid token)"),
        (b"<a b='1' b='2'/>", "the XML is broken at line 1, column 10: duplicate attribute"),
        (b"<a>\n<b>text", "the XML breaks off at byte 11, line 2 (no element found)"),
        (b"<a>\n<b te", "the XML breaks off at byte 9, line 2 (unclosed token)"),
        (b"<?xml version='1.0'?>", "the XML breaks off at byte 21, line 1 (no element found)"),
        (BILLION_LAUGHS, "the XML declares the entity 'lol': entities can be bombs and are not read"),
        (EXTERNAL, "the XML declares the entity 'b': entities can be bombs and are not read"),
    ],
)
def test_xml_that_is_not_well_formed_is_found(body: bytes, problem: str) -> None:
    assert problem_of(body, "xml").startswith(problem)


def test_a_real_file_that_is_cut_is_found(provider_data: Path) -> None:
    path = provider_data / "_samples/socceraction/opta/f24-23-2018-1009316-eventdetails.xml"
    body = path.read_bytes()
    for kept in (len(body) // 3, len(body) - 9):
        assert problem_of(body[:kept], "xml").startswith(f"the XML breaks off at byte {kept}, line ")


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (S3_ERROR, "AccessDenied: Access Denied"),
        (b"<error><message>No such match</message></error>", "No such match"),
        (b"<x:Error xmlns:x='y'>Quota &amp; more</x:Error>", "Quota & more"),
        (b"<Fault><faultcode>a</faultcode><faultstring>b</faultstring></Fault>", "a: b"),
        (b"<errors/>", "errors"),
    ],
)
def test_an_answer_that_only_says_an_error_is_found(body: bytes, shown: str) -> None:
    assert problem_of(body, "xml") == f"the provider sent an error instead of the file: '{shown}'"


def test_a_large_document_of_errors_is_data() -> None:
    assert problem_of(b"<errors>" + b"<error>wide</error>" * 5000 + b"</errors>", "xml") == ""


def test_a_large_token_does_not_take_long() -> None:
    body = b"<a b='" + b"x" * (8 << 20) + b"'/>"
    start = time.thread_time()
    assert check_bytes(body, "xml").problem == ""
    assert time.thread_time() - start < 5


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_of_a_huge_file_the_beginning_and_the_end_are_checked(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    monkeypatch.setattr(xml_document, "MOST_BYTES", 1000)
    monkeypatch.setattr(xml_document, "_BEGINNING_BYTES", 1000)
    frames = '<Frame N="1" X="2.5"/>\n' * 100_000

    def problem(text: str) -> str:
        return problem_of(text.encode(encoding), "xml")

    assert problem(f"<Positions>{frames}</Positions>\n") == ""
    assert problem(f"<Positions>{frames}</Positions>\n<!-- end -->") == ""
    closing = "the XML breaks off: its root element 'Positions' is not closed at its end"
    assert problem(f"<Positions>{frames}<Frame") == closing
    assert problem(f"<Positions>{frames}") == closing
    # The byte order mark counts as a column.
    at = 14 if encoding == "utf-8" else 15
    assert (
        problem(f"<Positions></b>{frames}</Positions>") == f"the XML is broken at line 1, column {at}: mismatched tag"
    )
