"""`ingestify tables` as a person types it; its usual words are in tests/golden/tables.txt."""

from __future__ import annotations

import json

import pytest


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
