"""`ingestify tables` as a person types it; its usual words are in tests/golden/tables.txt."""

from __future__ import annotations

import json
import tempfile

import polars as pl
import pytest

from ingestify.locked_file import LockedFile


@pytest.fixture
def tables(lake):
    own = "{name: numbers, function: tests.unit.cli.small_source:make_frame}"
    lake.configure("ingestion_plans:", f"tables: {{own: [{own}], build: [numbers]}}\ningestion_plans:")
    return lake


def test_a_function_names_the_executor(tables):
    out = tables("tables", "build", "--executor", "concurrent.futures:ThreadPoolExecutor", code=3)
    assert out == "numbers: 5 datasets added, 1 failed · 10 rows\n"
    assert "match_id=11: ValueError: the events of Málaga 11 are lost" in tables.err
    tables("tables", "verify", "--make-rows", "--executor", "concurrent.futures:ThreadPoolExecutor")


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("no_such_module:make", "ModuleNotFoundError"),
        ("concurrent.futures:nothing", "AttributeError"),
        ("builtins:dict", "it returned a dict, which is no concurrent.futures.Executor"),
    ],
)
def test_what_is_no_executor_is_refused(tables, path, why):
    tables("tables", "build", "--executor", path, code=1)
    assert why in tables.err


def test_a_fault_is_exit_code_3(tables):
    tables("tables", "build", code=3)
    for path in (tables.folder / "files/tables/main/numbers").glob("*.parquet"):
        path.write_bytes(b"damaged")
    tables("delete", "match_id=12", "--yes")
    fault, end = (json.loads(line) for line in tables("tables", "verify", "--json", code=3).splitlines())
    assert (fault["table"], fault["kind"]) == ("numbers", "file")
    assert end["faults"] == 1
    tables("tables", "build", code=1)
    assert "The table 'numbers' cannot be read: a file is damaged" in tables.err
    tables("tables", "build", "--rebuild", code=3)
    tables("tables", "verify")


def test_what_the_lake_has_not_is_a_fault(tables):
    tables("tables", "build", code=3)
    tables.configure("make_frame}", "make_frame, provider: nobody}")
    lines = [json.loads(line) for line in tables("tables", "verify", "--json", code=3).splitlines()]
    assert [line["kind"] for line in lines[:-1]] == ["extra"] * 5
    assert lines[-1]["faults"] == 5
    assert tables("tables", "build") == "numbers (anew): no rows\n"


def test_a_name_that_is_no_table_is_refused(tables):
    tables("tables", "build", "number", code=1)
    assert "There is no table 'number'; did you mean" in tables.err
    tables("tables", "drop", "numbers", "--yes", code=1)
    assert "The table 'numbers' is not built." in tables.err


def test_a_damaged_table_is_shown_beside_the_others(tables):
    tables("tables", "build", "numbers", "matches", code=3)
    (tables.folder / "files/tables/main/numbers/_delta_log/00000000000000000000.json").write_text("{")
    lines = [json.loads(line) for line in tables("tables", "list", "--json", code=3).splitlines()]
    assert [(line["table"], line["rows"]) for line in lines] == [("matches", 6), ("numbers", 0)]
    assert "'ingestify tables build --rebuild numbers' makes it anew" in lines[1]["fault"]
    assert "The table 'numbers' cannot be read" in tables("tables", "list", code=3)
    tables("tables", "build", code=1)
    tables("tables", "build", "--rebuild", "numbers", code=3)
    tables("tables", "list")


# ---- sql -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["-- all\nselect 1 as x", "--all of them\nselect 1 as x"])
def test_a_query_may_begin_with_a_comment(lake, query):
    assert lake("sql", query, "--json") == '{"x": 1}\n'
    assert lake("sql", "--csv", query) == "x\n1\n"


def test_a_wrong_option_of_sql_is_no_query(lake):
    lake("sql", "--jsn", "select 1", code=2)
    assert "No such option '--jsn'" in lake.err
    lake("sql", f"--parquet={lake.folder}/a b.parquet", "select 1 as x")
    assert (lake.folder / "a b.parquet").exists()


def test_json_and_csv_of_a_query_have_values_of_their_kind(lake):
    query = "select '\\xAAb'::blob as bytes, 1e20::hugeint as huge, 1.5 as part, {'a': 'b'::blob} as deep"
    assert json.loads(lake("sql", query, "--json")) == {
        "bytes": "aa62",
        "huge": 100000000000000000000,
        "part": 1.5,
        "deep": {"a": "62"},
    }
    assert lake("sql", query, "--csv").splitlines()[1] == 'aa62,100000000000000000000,1.5,"{""a"":""62""}"'


def test_a_parquet_file_is_replaced_as_a_whole_or_not(lake, monkeypatch):
    lake("sql", "select 1 as x", "--parquet", "x.parquet")
    before = (lake.folder / "x.parquet").read_bytes()

    def write_a_part(frame, stream):
        stream.write(b"PAR1")
        raise pl.exceptions.ComputeError("underlying IO error: No space left on device (os error 28)")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", write_a_part)
    lake("sql", "select 2 as x", "--parquet", "x.parquet", code=1)
    assert "x.parquet cannot be written: No space left on device; the disk is full: make room" in lake.err
    assert (lake.folder / "x.parquet").read_bytes() == before
    assert not list(lake.folder.glob(".*part"))


def test_what_a_killed_query_left_is_removed(lake, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, used = tmp_path / "ingestify-sql-left", tmp_path / "ingestify-sql-used"
    for folder in (left, used):
        folder.mkdir()
        (folder / ".claim").touch()
    claim = LockedFile.take(used / ".claim", create=False)
    lake("sql", "select 1")
    assert (left.exists(), used.exists()) == (False, True)
    claim.close()
