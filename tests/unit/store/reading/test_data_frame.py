from __future__ import annotations

import contextlib
import gzip
import io
import json
import sys
from typing import Any

import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestify.errors import LoadError, MissingExtraError, SourceError
from ingestify.store.reading.data_frame import pandas_of, read_pandas, read_polars

SHOT = {"id": "a", "location": [60.0, 40], "type": {"id": 16, "name": "Shot"}}
PASS = {"id": "b", "location": [1, 2], "type": {"id": 30, "name": "Pass"}, "under_pressure": True}


def stream(content: Any) -> io.BytesIO:
    return io.BytesIO(content if isinstance(content, bytes) else json.dumps(content).encode())


def test_a_list_of_objects_is_a_row_each_and_nested_objects_are_structs_or_dotted_columns():
    frame = read_polars(stream([SHOT, PASS]), "json", "events")
    assert frame.to_dicts() == [{**SHOT, "under_pressure": None}, PASS]
    assert [type_["name"] for type_ in frame["type"]] == ["Shot", "Pass"]
    assert list(read_pandas(stream([SHOT, PASS]), "json", "events")["type.name"]) == ["Shot", "Pass"]


@pytest.mark.parametrize("content", [{"events": [SHOT], "teams": {}, "players": [1, 2]}, {"data": [SHOT], "meta": 1}])
def test_of_an_object_the_records_are_under_the_feeds_name_or_data(content):
    assert read_polars(stream(content), "json", "events")["id"].to_list() == ["a"]
    assert list(read_pandas(stream(content), "json", "events")["id"]) == ["a"]


def test_any_other_object_is_one_row_until_records_says_where_they_are():
    content = {"id": 7, "home": {"players": [{"n": 1}, {"n": 2}]}}
    assert read_polars(stream(content), "json", "match").shape == (1, 2)
    assert read_polars(stream(content), "json", "match", "home.players")["n"].to_list() == [1, 2]
    assert read_polars(stream({"events": [SHOT]}), "json", "events", "").shape == (1, 1)
    with pytest.raises(LoadError, match=r"no records at 'home.squad': there is no 'squad' in an object with players"):
        read_polars(stream(content), "json", "match", "home.squad")


def test_where_a_provider_mixes_kinds_the_column_is_text_and_nothing_is_lost():
    rows = [{"a": 1, "b": {"c": {"d": 1}}}, {"a": "x", "b": {"c": [2, 0.5]}}, {"a": None, "b": None}]
    assert read_polars(stream(rows), "json", "x").to_dicts() == [
        {"a": "1", "b": {"c": '{"d":1}'}},
        {"a": "x", "b": {"c": "[2,0.5]"}},
        {"a": None, "b": None},
    ]
    lists = [{"a": [{"t": 1}, {"t": 0.5}]}, {"a": []}, {"a": [{"t": "x"}]}]
    assert read_polars(stream(lists), "json", "x")["a"].to_list() == [[{"t": "1"}, {"t": "0.5"}], [], [{"t": "x"}]]


@pytest.mark.parametrize("form", ["jsonl", "ndjson", "jsonl.gz"])
def test_json_lines_are_a_row_each(form):
    body = b'{"frame": 1, "ball": {"x": 1.5}}\n\n{"frame": 2, "ball": {"x": null}}\n'
    body = gzip.compress(body) if form.endswith("gz") else body
    assert read_polars(io.BytesIO(body), form, "frames")["frame"].to_list() == [1, 2]
    assert list(read_pandas(io.BytesIO(body), form, "frames").columns) == ["frame", "ball.x"]


def test_json_lines_of_mixed_kinds_and_broken_ones():
    assert read_polars(stream(b'{"a": {"b": 1}}\n{"a": [1]}\n'), "jsonl", "x")["a"].to_list() == ['{"b":1}', "[1]"]
    with pytest.raises(SourceError, match="In line 2 of the feed 'x' the JSON cannot be read"):
        read_polars(stream(b'{"a": 1}\n{"a": \n'), "jsonl", "x")


def test_csv_has_one_header():
    body = b"Team,Type,Start X\nAway,PASS,0.45\nHome,PASS,NaN\n"
    assert read_polars(stream(body), "csv", "events")["Start X"].to_list()[0] == 0.45
    assert read_polars(stream(body), "csv", "events", n_rows=1).height == 1
    assert read_pandas(stream(body.replace(b",", b"\t")), "tsv", "events").shape == (2, 3)


def test_metricas_header_of_three_lines_gives_names_to_the_columns():
    body = (
        b",,,Home,,Home,,,\n,,,11,,1,,,\nPeriod,Frame,Time [s],Player11,,Player1,,Ball,\n1,1,0.04,.1,.2,NaN,NaN,.5,.6\n"
    )
    names = ["Period", "Frame", "Time [s]", "Player11", "Player11_2", "Player1", "Player1_2", "Ball", "Ball_2"]
    for read in (read_polars, read_pandas):
        frame = read(stream(body), "csv", "frames-home")
        assert list(frame.columns) == names
        assert frame.shape == (1, 9)
        assert list(frame["Ball_2"]) == [0.6]


def test_an_index_column_without_a_name_is_no_header_of_three_lines():
    assert read_polars(stream(b",a,b\n0,1,2\n"), "csv", "x").columns[1:] == ["a", "b"]


def test_no_records_are_an_empty_frame():
    assert read_polars(stream([]), "json", "x").shape == (0, 0)
    assert read_pandas(stream([]), "json", "x").shape == (0, 0)


def test_values_that_are_no_objects_are_a_column_of_their_own():
    assert read_polars(stream([1, 2]), "json", "x")["value"].to_list() == [1, 2]


@pytest.mark.parametrize("read", [read_polars, read_pandas])
def test_other_formats_and_broken_files_are_told(read):
    with pytest.raises(LoadError, match="'video' is mp4, and a data frame can only be made of csv"):
        read(stream(b""), "mp4", "video")
    with pytest.raises(SourceError, match="In the feed 'events' the JSON cannot be read"):
        read(stream(b"[{"), "json", "events")
    with pytest.raises(LoadError, match="no data frame of the feed 'events'"):
        read(stream(b""), "csv", "events")


@pytest.mark.parametrize(("read", "extra"), [(read_polars, "polars"), (read_pandas, "pandas")])
def test_what_is_not_installed_is_named(read, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, extra, None)  # an import of it fails
    with pytest.raises(MissingExtraError, match=rf"pip install -e '\.\[{extra}\]'"):
        read(stream([]), "json", "x")


SCALARS = st.none() | st.booleans() | st.integers(-(2**130), 2**130) | st.floats(-1e9, 1e9) | st.text(max_size=3)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
ROWS = st.lists(st.dictionaries(st.sampled_from("xyz"), VALUES, min_size=1, max_size=3), min_size=1, max_size=5)


NANOSECONDS = [1714564800123456789, 1714564800123456790, 0.5]
LONG_IDS = [90071992547409931, None, 9187643043065364490]


@pytest.mark.parametrize(
    ("values", "of_polars", "of_pandas"),
    [
        (NANOSECONDS, list(map(str, NANOSECONDS)), NANOSECONDS),
        (LONG_IDS, LONG_IDS, LONG_IDS),
        ([2**63 + 1, None], [2**63 + 1, None], [2**63 + 1, None]),
        ([2**200, None], [str(2**200), None], [2**200, None]),
        ([10**400, 0.5], [str(10**400), "0.5"], [10**400, 0.5]),
        ([2**60, 0.5], [2.0**60, 0.5], [2.0**60, 0.5]),
        ([1e300, 2, None], [1e300, 2.0, None], [1e300, 2.0, None]),
    ],
)
def test_no_whole_number_is_rounded(values, of_polars, of_pandas):
    def plain(column):
        return [None if value is None or value is pandas.NA or value != value else value for value in column]

    rows = [{"a": {"id": value}} for value in values]
    for form, body in (
        ("json", json.dumps(rows).encode()),
        ("jsonl", "\n".join(map(json.dumps, rows)).encode()),
    ):
        assert [row["id"] for row in read_polars(io.BytesIO(body), form, "x")["a"]] == of_polars
        assert plain(read_pandas(io.BytesIO(body), form, "x")["a.id"]) == of_pandas
    if values[0] in (10**400, 2**200, 2**63 + 1):
        return  # of these, pandas and polars themselves make text, or refuse them
    body = "n,id\n" + "".join(f"{n},{'' if value is None else value}\n" for n, value in enumerate(values))
    assert list(map(str, plain(read_polars(stream(body.encode()), "csv", "x")["id"]))) == list(map(str, of_polars))
    assert plain(read_pandas(stream(body.encode()), "csv", "x")["id"]) == of_pandas


def test_a_nullable_column_of_long_numbers_can_be_counted_with():
    column = read_pandas(stream([{"id": 90071992547409931}, {"id": None}, {}]), "json", "x")["id"]
    assert str(column.dtype) == "Int64"
    assert (column == 90071992547409931).sum() == 1
    body = b"n,id\n1,90071992547409931\n2,\n"
    assert str(read_pandas(stream(body), "csv", "x")["id"].dtype) == "Int64"
    assert str(read_pandas(stream(body), "csv", "x", dtype={"id": "float"})["id"].dtype) == "float64", "as it was asked"


@pytest.mark.parametrize("read", [read_polars, read_pandas])
@pytest.mark.parametrize(
    ("encoding", "said"),
    [("cp1252", "cp1252"), ("utf-16", None), ("utf-16", "utf-16"), ("utf-16-le", "utf-16-le"), ("utf-8-sig", None)],
)
def test_text_is_read_in_the_encoding_that_it_is_written_in(read, encoding, said):
    for form, text in (("csv", "name,x\nMüller,1\n"), ("jsonl", '{"name": "Müller", "x": 1}\n')):
        if form == "jsonl" and encoding == "utf-8-sig":
            continue
        frame = read(stream(text.encode(encoding)), form, "x", encoding=said)
        assert list(frame.columns) == ["name", "x"]
        assert list(frame["name"]) == ["Müller"]
        packed = gzip.compress(text.encode(encoding))
        assert list(read(stream(packed), f"{form}.gz", "x", encoding=said)["name"]) == ["Müller"]
    assert list(read(stream('[{"name": "Müller"}]'.encode(encoding)), "json", "x", encoding=said)["name"]) == ["Müller"]


@pytest.mark.parametrize("read", [read_polars, read_pandas])
def test_an_encoding_that_is_not_the_files_is_told(read):
    body = stream("name\nMüller\n".encode("cp1252"))
    with pytest.raises(LoadError, match=r"the feed 'x' \(csv\).* has another encoding .* encoding='cp1252'"):
        read(body, "csv", "x")
    for encoding in ("utf-8", "no-such"):
        body.seek(0)
        with pytest.raises(LoadError, match=f"The feed 'x' \\(csv\\) cannot be read as '{encoding}'"):
            read(body, "csv", "x", encoding=encoding)


def test_semicolons_separate_the_columns_of_a_header_without_commas():
    body = "\ufeffframe;x;y\r\n1;2,5;3\r\n".encode()
    for read in (read_polars, read_pandas):
        assert list(read(stream(body), "csv", "x").columns) == ["frame", "x", "y"]
    assert read_polars(stream(body), "csv", "x", decimal_comma=True)["x"].to_list() == [2.5]
    assert list(read_pandas(stream(body), "csv", "x", decimal=",")["x"]) == [2.5]


def test_an_object_by_ids_is_a_row_for_each():
    content = {"players": {"7": {"name": "Gavi"}, "8": {"name": "Pedri", "id": 80}}, "total": 2}
    frame = read_polars(stream(content), "json", "squad", "players[*]")
    assert frame.select("id", "name").rows() == [("7", "Gavi"), ("80", "Pedri")]
    assert list(read_pandas(stream({"7": {"n": 1}}), "json", "squad", "[*]")["id"]) == ["7"]
    assert read_polars(stream({"a": [{"n": 1}]}), "json", "squad", "a[*]").height == 1, "a list is one as ever"
    with pytest.raises(LoadError, match=r"no records at 'total\[\*\]': .* wants a list"):
        read_polars(stream(content), "json", "squad", "total[*]")


def is_same(got: Any, wanted: Any) -> bool:
    """Whether nothing of a JSON value is lost: it may have become text, and an object has the keys of others, too."""
    if isinstance(got, str) and not isinstance(wanted, str):
        return is_same(json.loads(got), wanted)
    if isinstance(got, dict) and isinstance(wanted, dict):
        return wanted.keys() <= got.keys() and all(is_same(value, wanted.get(key)) for key, value in got.items())
    if isinstance(got, list) and isinstance(wanted, list):
        return len(got) == len(wanted) and all(map(is_same, got, wanted))
    if isinstance(got, bool) or isinstance(wanted, bool):
        return got is wanted
    return bool(got == wanted)  # 0 and 0.0 are the same number


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(ROWS)
def test_whatever_json_there_is_each_record_is_a_row_and_each_key_a_column(rows):
    for form, body in (
        ("json", json.dumps(rows).encode()),
        ("jsonl", b"".join(json.dumps(row).encode() + b"\n" for row in rows)),
    ):
        frame = read_polars(io.BytesIO(body), form, "x")
        assert frame.height == len(rows)
        assert set(frame.columns) == {key for row in rows for key in row}
        for got, row in zip(frame.to_dicts(), rows, strict=True):
            assert is_same(got, row), (got, row)


@pytest.mark.parametrize("record", ['{"a": "\\ud800"}', '{"\\ud800": 1}', '{"a": {"\\ud800": "x"}}'])
def test_a_text_that_no_column_holds_is_told(record):
    with pytest.raises(LoadError, match=r"surrogates not allowed$"):
        read_polars(stream(f"[{record}]".encode()), "json", "events")
    with contextlib.suppress(LoadError):  # pandas has such a text if pyarrow is not installed
        assert read_pandas(stream(f"[{record}]".encode()), "json", "events").shape == (1, 1)


@pytest.mark.parametrize("content", [b"a,b\n1,2,\n3,4,\n", b"a,b\n1,2,3\n", b"a\n1,2,3\n"])
def test_rows_with_more_fields_than_the_header_are_told_and_no_value_gets_into_another_column(content):
    for read in (read_polars, read_pandas):
        with pytest.raises(LoadError, match=r"found more fields|rows have more fields than the header"):
            read(stream(content), "csv", "events")
    assert read_pandas(stream(b"a,b\nx,1,2\n"), "csv", "events", index_col=0).loc["x"].tolist() == [1, 2]
    assert read_pandas(stream(b"a,b\n1,2,\n"), "csv", "events", index_col=False).to_dict("records") == [
        {"a": 1, "b": 2}
    ]


@pytest.mark.parametrize("content", [b"a,b\n0,2,3\n", b"a,b\n0,2,3\n1,4,5\n"])
def test_first_fields_that_count_from_0_are_no_exception(content):
    for read in (read_polars, read_pandas):
        with pytest.raises(LoadError, match=r"found more fields|rows have more fields than the header"):
            read(stream(content), "csv", "events")
    with pytest.raises(LoadError, match="more fields"):
        read_pandas(stream(content), "csv", "events", header=None, names=["a", "b"], skiprows=1)
    with pytest.raises(LoadError, match="more fields"):
        read_pandas(stream(b",,,Home\n,,,1\n,,Time,Player1,\n0,1,2,3,4,5\n"), "csv", "events")
    assert read_pandas(stream(content), "csv", "events", names=["x", "a", "b"], header=0)["b"][0] == 3


LINES = [
    (b"a,b\r1,2\r3,4\r", [{"a": 1, "b": 2}, {"a": 3, "b": 4}]),
    (b"a;b\r1,5;2\r", [{"a": "1,5", "b": 2}]),
    (b"a,b\r1,2\n3,4\r\n5,6", [{"a": 1, "b": 2}, {"a": 3, "b": 4}, {"a": 5, "b": 6}]),
    (b"a,b\n1,2\n\n3,4\n", [{"a": 1, "b": 2}, {"a": 3, "b": 4}]),
    (b"\r\n\r\na,b\r\n\r\n1,2\r\n\r\n \t\r\n\r\n", [{"a": 1, "b": 2}]),
    (b"a\n1\n\n2\n", [{"a": 1}, {"a": 2}]),
    (b"a,b\n,\n\n3,4\n", [{"a": None, "b": None}, {"a": 3, "b": 4}]),
    (b'a,b\n\n"x\n\ny\r",2\n\n"",3\n\n', [{"a": "x\n\ny\r", "b": 2}, {"a": "", "b": 3}]),
    (b'a,b\r"x\ry",2\r"say ""\r\r""",3\r', [{"a": "x\ry", "b": 2}, {"a": 'say "\r\r"', "b": 3}]),
]


@pytest.mark.parametrize(("content", "rows"), LINES)
def test_both_libraries_see_the_same_lines(content, rows):
    def without_null(rows):
        return [{key: None if value != value or value == "" else value for key, value in row.items()} for row in rows]

    assert without_null(read_polars(stream(content), "csv", "events").rows(named=True)) == without_null(rows)
    assert without_null(read_pandas(stream(content), "csv", "events").to_dict("records")) == without_null(rows)


def test_in_tsv_a_line_of_tabs_has_values():
    for read in (read_polars, read_pandas):
        assert read(stream(b"a\tb\n1\t2\n\n\t\n"), "tsv", "events").shape == (2, 2)


def test_lines_that_an_option_skips_are_counted_as_they_are():
    content = b"Season 2026\n\na,b\n1,2\n\n3,4\n"
    assert read_polars(stream(content), "csv", "events", skip_rows=2).rows() == [(1, 2), (3, 4)]
    assert read_polars(stream(b"a|1||2|"), "csv", "events", eol_char="|").shape == (3, 1), "the caller's own lines"
    assert read_polars(stream(b"a,b\n'\n\n',1\n\n"), "csv", "events", quote_char="'").rows() == [("\n\n", 1)]


@pytest.mark.parametrize(
    ("content", "column"),
    [
        ([{"a.b": 1, "a": {"b": 2}}], "a.b"),
        ([{"a.b": 1}, {"a": {"b": 2}}], "a.b"),
        ([{"x": {"a.b": 1, "a": {"b": {}, "c": 1}}}, {"x": {"a": {"b": None}}}], "x.a.b"),
    ],
)
def test_in_pandas_a_column_has_the_values_of_one_place(content, column):
    given = json.dumps(content).encode()
    with pytest.raises(LoadError, match=rf"the feed 'events' \(json\): the column '{column}' is both .* sep='/'"):
        read_pandas(stream(given), "json", "events")
    assert f"{column.replace('a.b', 'a')}/b".replace("x.", "x/") in read_pandas(
        stream(given), "json", "events", sep="/"
    )
    assert read_polars(stream(given), "json", "events").height == len(content)
    with pytest.raises(LoadError, match="the rows: the column"):
        pandas_of(content)


def test_in_pandas_a_key_with_a_dot_is_a_column():
    content = b'[{"a.b": 1, "a": {"c": 2}, "d": {"e": {"f": 1}}, "d.e": 3}]'
    assert list(read_pandas(stream(content), "json", "events")) == ["a.b", "d.e", "a.c", "d.e.f"]
    with pytest.raises(LoadError, match=r"'d\.e'"):
        read_pandas(stream(content), "json", "events", max_level=1)
