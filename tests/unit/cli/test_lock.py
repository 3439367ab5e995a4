"""`ingestify lock`."""

from __future__ import annotations

import io
import json

from ingestify import get_datastore


def test_a_lock_is_written_and_compared(lake, tmp_path):
    path = tmp_path / "study.lock"
    assert lake("lock", "-o", str(path)) == ""
    assert f"{path}: " in lake.err
    assert {line.split()[0] for line in lake("lock", "--check", str(path)).splitlines()} == {"same"}
    assert " same, 0 other revision, 0 differs, 0 missing" in lake.err
    shown = [json.loads(line) for line in lake("lock", "--check", str(path), "--json").splitlines()]
    assert {one["status"] for one in shown} == {"same"}


def test_what_the_lake_lacks_is_listed_and_the_exit_code_is_1(lake, tmp_path):
    path = tmp_path / "study.lock"
    lake("lock", "-o", str(path))
    store = get_datastore(lake.config)
    gone = next(store.iter_dataset_collection_batches())
    store.delete_datasets([gone])
    store.close()
    assert f"missing         {gone}: the lake does not have this dataset" in lake("lock", "--check", str(path), code=1)


def test_one_of_the_two_is_wanted(lake, tmp_path):
    lake("lock", code=2)
    assert "Give one of the two" in lake.err
    lake("lock", "-o", "a.lock", "--check", "b.lock", code=2)
    lake("lock", "--check", "b.lock", "--as-of", "2026-10-31", code=2)
    assert "--as-of is for a lock that is written" in lake.err
    lake("lock", "--check", str(tmp_path / "b.lock"), code=1)
    assert "cannot be read" in lake.err


def test_a_dash_is_stdout_and_stdin(lake, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    printed = lake("lock", "-o", "-")
    assert "stdout: " in lake.err
    lake("lock", "-o", "study.lock")
    assert printed == (tmp_path / "study.lock").read_text("utf-8")

    def pipe() -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(printed.encode())))

    pipe()
    assert {line.split()[0] for line in lake("lock", "--check", "-").splitlines()} == {"same"}
    pipe()
    lake("export", "out", "--lock", "-")
    assert list((tmp_path / "out").iterdir())
    lake("lock", "-o", "-", "match_id=none", code=1)
    assert "nothing to lock; stdout is not written" in lake.err
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff")))
    lake("lock", "--check", "-", code=1)
    assert "The lock from stdin cannot be read" in lake.err
    assert not list(tmp_path.rglob("-*"))
