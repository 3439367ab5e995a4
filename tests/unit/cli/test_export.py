from __future__ import annotations

import json


def files_of(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_files_of_a_filter_are_exported_and_a_second_export_leaves_them_alone(lake):
    out = lake.folder / "out"
    assert lake("export", str(out), "match_id=10").startswith("exported: 1 dataset, ")
    assert [one for one in files_of(out) if "match_id=10/" in one]
    assert not [one for one in files_of(out) if "match_id=11/" in one]
    shown = [json.loads(line) for line in lake("export", str(out), "match_id=10", "--json").splitlines()]
    assert {one["outcome"] for one in shown[:-1]} == {"unchanged"}
    assert shown[-1]["unchanged"] == len(files_of(out))
    assert shown[-1]["bytes"] == 0


def test_a_file_that_differs_is_an_error_that_names_it_and_overwrite_replaces_it(lake):
    out = lake.folder / "out"
    lake("export", str(out), "match_id=10")
    (file,) = out.rglob("match_id=10/events.json")
    before = file.read_bytes()
    file.write_text("mine")
    lake("export", str(out), "--dry-run", code=1)
    assert file.relative_to(out).as_posix() in lake.err
    assert "--overwrite" in lake.err
    assert not list(out.rglob("match_id=11"))
    assert "1 replaced" in lake("export", str(out), "--overwrite")
    assert file.read_bytes() == before
    assert list(out.rglob("match_id=11"))


def test_a_damaged_file_fails_alone(lake):
    damaged = next(path for path in (lake.folder / "files").rglob("events*") if "match_id=10" in str(path))
    damaged.write_bytes(b"x")
    out = lake.folder / "out"
    assert "1 failed" in lake("export", str(out), code=3)
    assert "failed: " in lake.err
    assert "verify --repair" in lake.err
    assert not list(out.rglob("match_id=10/events.json"))
    assert list(out.rglob("match_id=11/events.json"))
    assert not list(out.rglob("*.part"))


def test_a_lock_and_a_time_choose_the_files(lake):
    lake("lock", "-o", "study.lock", "match_id=10")
    assert lake("export", "out", "--lock", "study.lock", "--dry-run").startswith("to export: 1 dataset, ")
    assert lake("export", "out", "--as-of", "2001-01-01", "-q") == ""
    assert not (lake.folder / "out").exists()
    lake("export", "out", "--lock", "study.lock", "--as-of", "2001-01-01", code=1)
    assert "A lock is narrowed by" in lake.err


def test_nothing_to_export_says_why(lake):
    assert lake("export", "out", "match_id=99").startswith("exported: 0 datasets")
    assert "match_id" in lake.err
