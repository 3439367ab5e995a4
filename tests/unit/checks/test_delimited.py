from __future__ import annotations

import codecs
import csv
import io
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify.checks import delimited
from ingestify.checks.files import check_stream
from tests.unit.checks.specimens import S3_ERROR, problem_of

METRICA = b",,,Home,,Home,\n,,,11,,1,\nPeriod,Frame,Time [s],Player11,,Player1,\n1,1,0.04,0.00082,0.48238,NaN,NaN\n"

cells = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
tables = st.lists(st.lists(cells, min_size=1), min_size=1)


@given(
    tables, st.sampled_from(",;\t|"), st.sampled_from(["\n", "\r\n"]), st.sampled_from(["utf-8", "utf-16", "utf-8-sig"])
)
def test_the_output_of_a_csv_writer_passes(rows: list[list[str]], delimiter: str, end: str, encoding: str) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end)
    writer.writerow(["match_id", "player"])
    writer.writerows(rows)
    writer.writerow(["1", "a"])
    for written in (text.getvalue(), text.getvalue().removesuffix(end)):
        assert problem_of(written.encode(encoding), "csv") == ""


@pytest.mark.parametrize("form", ["csv", "tsv", "events.csv", "CSV"])
@pytest.mark.parametrize(
    "body",
    [
        b"a,b\n1,2",
        b"a\n1\n",
        b"\n\n  \na;b\r\n1;2\r\n",
        b"a,b\r1,2\r",
        b"a,b\n,,\n",
        METRICA,
        codecs.BOM_UTF8 + b"a,b\n1,2\n",
        "name,club\nBjörn,Malmö\n".encode("cp1252"),
        b"id,\xff\n1,\xfe\n",
        "name\tclub\nBjörn\tMalmö\n".encode("utf-16"),
        b"sep=;\na;b\n1;2\n",
        b"name,height\nJohn,5'11\"\n",
        b'name,nick\nO"Neil,x',
        b'name,nick\n"John" "Johnny",x',
        b'a,"b\nc"\n1,2\n',
        b"[min],[max]\n1,2\n",
        b"-\n[1\n",
    ],
)
def test_a_header_and_a_row_pass(form: str, body: bytes) -> None:
    assert problem_of(body, form) == ""


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b" \n \n", "the CSV has no header: it holds only white space and separators"),
        (b",,,\n,,,\n", "the CSV has no header: it holds only white space and separators"),
        (codecs.BOM_UTF8, "the CSV has no header: it holds only white space and separators"),
        (b"match_id,name\n", "the CSV has a single line, and no row after its header: 'match_id,name'"),
        (b"match_id,name", "the CSV has a single line, and no row after its header: 'match_id,name'"),
        (b"\n,,\nmatch_id,name\n\n \n", "the CSV has a single line, and no row after its header: ',, match_id,name'"),
        (b"Rate limit exceeded", "the CSV has a single line, and no row after its header: 'Rate limit exceeded'"),
        (b'{"a": 1,\n"b": 2}', 'it is JSON, not CSV: it begins \'{"a": 1, "b": 2}\''),
        (b"{broken\njson", "it is text, not CSV: it begins '{broken json'"),
        (b' [\n{"a": 1}]', "it is JSON, not CSV: it begins '[ {\"a\": 1}]'"),
        (S3_ERROR, "it is XML, not CSV: it begins '<?xml"),
        (b"a,b\n1,\0\n", "it holds a NUL byte, which no CSV has, at byte 6"),
        (b"a,b\n1,2\n" + b"\0" * 4096, "it holds a NUL byte, which no CSV has, at byte 8"),
        ("a,b\n1,2\n".encode("utf-16")[:-1], "it begins as UTF-16, and is not valid UTF-16: truncated data"),
    ],
)
def test_a_file_that_is_no_table_is_found(body: bytes, problem: str) -> None:
    assert problem_of(body, "csv").startswith(problem)


def test_a_real_file_in_json_or_xml_is_no_table(provider_data: Path) -> None:
    for name in ("wyscout/processed-v2/files/2058017.json", "_samples/kloppy/opta_f24.xml"):
        assert "not CSV: it begins '" in problem_of((provider_data / name).read_bytes(), "csv")


# ---- cut in a quoted cell ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b'id,name\n1,"Joh',
        b'id;name\n1;"Joh',
        b'id\tname\n1\t"Joh, n',
        b'id,name\n1,"John"\n2,"first\nsecond',
        b'id,name\n1,"said ""hi',
        b'"id","name"\n"1","John"\n"2',
    ],
)
def test_a_cut_quoted_cell_is_found(body: bytes) -> None:
    assert problem_of(body, "csv") == "the CSV breaks off in a quoted cell, at its end"
    assert problem_of(body, "tsv") == ""  # where a quote is a quote


def test_a_cut_real_file_with_quotes_is_found(provider_data: Path) -> None:
    body = (provider_data / "skillcorner/data/matches/2011166/2011166_dynamic_events.csv").read_bytes()
    assert b'"' not in body
    quoted = body.rstrip().replace(b"\n", b'\n"a, b",')
    assert problem_of(quoted, "csv") == ""
    at = quoted.rindex(b'"a, b"') + 3
    assert "quoted cell" in problem_of(quoted[:at], "csv")


@pytest.mark.parametrize(
    "body",
    [
        b'id,name\n1,5" pipe',
        b'id,name\n1,"unclosed\n2,John\n',
        b'id,name\n1,"' + b"x" * 200_000,
        b'id,name\n1,"a\n' + b"2,b\n" * 50_000 + b"3",
    ],
)
@pytest.mark.parametrize("limit", [131_072, 2**30])
def test_a_stray_quote_is_not_taken_for_a_cut_whatever_the_limit_of_the_process_is(body: bytes, limit: int) -> None:
    before = csv.field_size_limit(limit)
    try:
        assert problem_of(body, "csv") == ""
    finally:
        csv.field_size_limit(before)


# ---- large files ---------------------------------------------------------------------------------------


def test_of_a_large_file_only_the_beginning_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "MOST_BYTES", 1 << 20)
    assert problem_of(b"a,b\n" + b"1,2\n" * 500_000 + b'\0,"', "csv") == ""
    assert "NUL" in problem_of(b"a,b\n\0" + b"1,2\n" * 500_000, "csv")
    # A header that is longer than what is read is strange, and no proof.
    assert problem_of(b"a," * 1_000_000, "csv") == ""


def test_memory_does_not_grow_with_the_file() -> None:
    body = b"a,b\n" + b"1,2\n" * (4 << 20)
    tracemalloc.start()
    try:
        assert check_stream(lambda: io.BytesIO(body), len(body), "csv").problem == ""
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 << 20
