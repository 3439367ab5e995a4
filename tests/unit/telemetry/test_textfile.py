"""The file for the textfile collector: what goes on from run to run, and what stays if something is not known."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ingestify.errors import ConfigurationError
from ingestify.telemetry import table
from ingestify.telemetry.measures import Measures
from ingestify.telemetry.prometheus_text import read_samples
from ingestify.telemetry.table import MOST_VALUES, OTHER
from ingestify.telemetry.textfile import MetricsFile


def process(folder: Path) -> tuple[Measures, MetricsFile]:
    return Measures(), MetricsFile(folder / "ingestify.prom", {"lake": "club"})


def test_counters_go_on_in_the_next_process_and_within_one(tmp_path: Path) -> None:
    for expected in (3, 6):
        measures, file = process(tmp_path)
        measures.add(table.RUNS, 1, "FINISHED")
        file.write(measures.samples())
        measures.add(table.RUNS, 2, "FINISHED")
        file.write(measures.samples())
        file.write(measures.samples())
        assert read_samples(file.path.read_text()) == {(table.RUNS, ("FINISHED",)): expected}


def test_the_gauges_of_the_last_run_stay_until_there_is_another(tmp_path: Path) -> None:
    measures, file = process(tmp_path)
    measures.set(table.LAST_EXIT_CODE, 3)
    measures.set(table.LAST_QUOTA_LEFT, 7, "a.example")
    file.write(measures.samples())
    measures, file = process(tmp_path)
    measures.set(table.LAKE_READABLE, 1)
    file.write(measures.samples())
    assert read_samples(file.path.read_text())[table.LAST_EXIT_CODE, ()] == 3
    measures.set(table.LAST_EXIT_CODE, 0)
    file.write(measures.samples())
    kept = read_samples(file.path.read_text())
    assert kept == {(table.LAST_EXIT_CODE, ()): 0, (table.LAKE_READABLE, ()): 1}


def test_what_the_lake_said_stays_while_it_cannot_be_read(tmp_path: Path) -> None:
    measures, file = process(tmp_path)
    measures.set(table.LAKE_READABLE, 1)
    measures.set(table.LAST_SUCCESS, 100, "a", "b", "match")
    file.write(measures.samples())
    measures, file = process(tmp_path)
    measures.set(table.LAKE_READABLE, 0)
    file.write(measures.samples())
    kept = read_samples(file.path.read_text())
    assert kept == {(table.LAKE_READABLE, ()): 0, (table.LAST_SUCCESS, ("a", "b", "match")): 100}
    measures.set(table.LAKE_READABLE, 1)
    file.write(measures.samples())
    assert read_samples(file.path.read_text()) == {(table.LAKE_READABLE, ()): 1}


@pytest.mark.parametrize("content", [b"main: {name: club}\n", b"SQLite format 3\0\xff\xfe{{{\n"])
def test_a_file_that_is_something_else_stays(tmp_path: Path, content: bytes) -> None:
    """As when somebody names the config file, or the database of a lake."""
    measures, file = process(tmp_path)
    file.path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="has something else in it, and stays as it is"):
        file.write(measures.samples())
    assert file.path.read_bytes() == content


@pytest.mark.parametrize("content", [b"", b"\0" * 4096, b"# HELP ingestify_runs_total Runs\ningestify_runs_total{\xff"])
def test_a_file_of_which_a_crash_of_the_machine_left_nothing_is_replaced(tmp_path: Path, content: bytes) -> None:
    measures, file = process(tmp_path)
    file.path.write_bytes(content)
    measures.add(table.RUNS, 1, "FAILED")
    file.write(measures.samples())
    assert read_samples(file.path.read_text()) == {(table.RUNS, ("FAILED",)): 1}


def test_a_file_that_cannot_be_replaced_stays_as_it_is_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measures, file = process(tmp_path)
    file.write(measures.samples())

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    measures.add(table.RUNS, 1, "FINISHED")
    with pytest.raises(ConfigurationError, match=r"ingestify\.prom cannot be written: No space left on device"):
        file.write(measures.samples())
    assert [path.name for path in tmp_path.iterdir()] == ["ingestify.prom"]
    assert file.path.read_text() == ""
    monkeypatch.undo()
    file.write(measures.samples())
    assert read_samples(file.path.read_text()) == {(table.RUNS, ("FINISHED",)): 1}


def test_another_user_may_read_it(tmp_path: Path) -> None:
    measures, file = process(tmp_path)
    file.write(measures.samples())
    assert file.path.stat().st_mode & 0o044 == 0o044


def test_a_label_has_a_bounded_number_of_values_however_many_processes_wrote_it(tmp_path: Path) -> None:
    for night in range(3):
        measures, file = process(tmp_path)
        for number in range(MOST_VALUES):
            measures.add(table.REQUESTS, 1, f"night{night}-host{number}", "200")
        file.write(measures.samples())
        measures.add(table.REQUESTS, 1, f"night{night}-host0", "200")
        file.write(measures.samples())
    found = read_samples(file.path.read_text())
    assert len(found) == MOST_VALUES + 1
    assert found[table.REQUESTS, ("night0-host0", "200")] == 2
    assert found[table.REQUESTS, (OTHER, "200")] == 2 * (MOST_VALUES + 1)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_pipe_does_not_hold_the_run_up(tmp_path: Path) -> None:
    measures, file = process(tmp_path)
    os.mkfifo(file.path)
    with pytest.raises(ConfigurationError, match="is a folder or a device; name a file"):
        file.write(measures.samples())
    assert file.path.is_fifo()


def test_a_file_that_is_too_large_for_metrics_stays(tmp_path: Path) -> None:
    measures, file = process(tmp_path)
    with file.path.open("wb") as large:
        large.truncate((16 << 20) + 1)
    with pytest.raises(ConfigurationError, match="no file of metrics, and stays as it is"):
        file.write(measures.samples())
    assert file.path.stat().st_size == (16 << 20) + 1


def test_the_file_behind_a_link_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "collector").mkdir()
    measures, file = process(tmp_path)
    file.path.symlink_to(tmp_path / "collector" / "real.prom")
    measures.add(table.RUNS, 1, "FINISHED")
    file.write(measures.samples())
    assert file.path.is_symlink()
    assert [path.name for path in (tmp_path / "collector").iterdir()] == ["real.prom"]
