"""Tables whose files are damaged, and places with files of others: an error says what to do, and nothing is lost."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake.exceptions import DeltaError

from ingestify import ConfigurationError, IngestionEngine
from ingestify.errors import LoadError, StoreError
from ingestify.failpoints import installed
from ingestify.tables.delta import cast
from tests.support.table_lake import TABLE, MatchSource, build_config, open_lake

MATCHES = {number: [{"minute": number}, {"minute": 50 + number}] for number in range(3)}
TABLES = [{"name": name, "function": TABLE} for name in ("shots", "others")]


@pytest.fixture
def lake(tmp_path):
    config = build_config(tmp_path, tables={"own": TABLES, "build": ["shots", "others"]})
    with open_lake(config, MatchSource(matches=dict(MATCHES))) as engine:
        engine.load()
        yield engine


@pytest.fixture
def folder(lake, tmp_path):
    """The folder of a built table with some commits."""
    lake.build_tables()
    for match_id in (1, 2):
        lake.destroy_dataset(match_id=match_id)
        lake.build_tables()
    lake.load()
    return tmp_path / "files/tables/main/shots"


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def is_sound(lake: IngestionEngine) -> bool:
    verified = lake.verify_tables(make_rows=True)
    return not verified.faults and not verified.behind


# ---- damages ---------------------------------------------------------------------------------------------------


def lose_the_first(log: Path) -> None:
    min(log.glob("*.json")).unlink()


def lose_one_between(log: Path) -> None:
    sorted(log.glob("*.json"))[2].unlink()


def cut_the_last(log: Path) -> None:
    last = max(log.glob("*.json"))
    last.write_bytes(last.read_bytes()[:100])


def damage_a_checkpoint(log: Path) -> None:
    (log / "00000000000000000002.checkpoint.parquet").write_bytes(b"PAR1")
    (log / "_last_checkpoint").write_text('{"version":2,"size":9}')
    min(log.glob("*.json")).unlink()


@pytest.mark.sampled(3)
@pytest.mark.parametrize("damage", [lose_the_first, lose_one_between, cut_the_last, damage_a_checkpoint])
def test_a_damaged_log_is_named_with_what_makes_the_table_anew(lake, folder, damage):
    damage(folder / "_delta_log")
    states = {state.name: state for state in lake.list_tables()}
    assert "The table 'shots' cannot be read" in states["shots"].fault
    assert (states["others"].fault, states["others"].rows) == ("", 2)
    assert "cannot be read" in repr(lake.list_tables())
    assert {one.kind for one in lake.verify_tables().faults} == {"unreadable"}
    before = files_of(folder)
    for call in (lake.build_tables, lambda: lake.sql("select * from shots"), lambda: lake.table("shots")):
        with pytest.raises(StoreError, match=r'engine.build_tables\("shots", rebuild=True\) makes it anew'):
            call()
    assert files_of(folder) == before
    assert lake.build_tables("shots", rebuild=True).line == "shots (anew): 3 datasets added · 6 rows"
    lake.build_tables()
    assert is_sound(lake)


def test_a_damaged_table_can_be_dropped(lake, folder):
    cut_the_last(folder / "_delta_log")
    lake.drop_tables("shots")
    assert not folder.exists()


def test_a_commit_that_a_power_loss_left_empty_counts_as_none(lake, folder):
    max((folder / "_delta_log").glob("*.json")).write_bytes(b"")
    assert lake.list_tables()[0].is_built
    lake.build_tables()
    assert is_sound(lake)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("how", ["gone", "cut", "changed"])
def test_a_query_says_which_table_cannot_be_read(lake, folder, how):
    for path in map(Path, lake.tables.place.find("shots").file_uris()):
        content = path.read_bytes()
        if how == "gone":
            path.unlink()
        elif how == "cut":
            path.write_bytes(content[:300])
        else:
            path.write_bytes(content[:4] + b"X" * 200 + content[204:])
    said = r"The table 'shots' cannot be read: .*makes it anew|verify_tables\(make_rows=True\) says which"
    with pytest.raises((StoreError, LoadError), match=said):
        lake.sql("select * from shots order by all")
    assert {one.kind for one in lake.verify_tables("shots", make_rows=True).faults} == {"file"}
    lake.build_tables(rebuild=True)
    assert lake.sql("select count(*) from shots").item() == 6


def test_damaged_notes_of_problems_are_made_anew_with_all_tables(lake, tmp_path):
    lake.ingestion_plans[0].source.matches[1] = {"broken": "no shots"}
    lake.load()
    lake.build_tables()
    cut_the_last(tmp_path / "files/tables/main/problems/_delta_log")
    assert lake.list_tables()[0].fault
    with pytest.raises(StoreError, match=r"'problems' cannot be read.* engine.build_tables\(rebuild=True\) makes"):
        lake.build_tables()
    assert len(lake.build_tables(rebuild=True).problems) == 2
    assert is_sound(lake)


# ---- files of others -------------------------------------------------------------------------------------------


def test_a_table_of_another_program_stays_as_it_is(lake, tmp_path):
    lake.build_tables("others")
    folder = tmp_path / "files/tables/main/shots"
    pl.DataFrame({"a": [1]}).write_delta(folder)
    before = files_of(folder)
    for call in (
        lake.build_tables,
        lambda: lake.build_tables(rebuild=True),
        lambda: lake.drop_tables("others", "shots"),
        lambda: lake.sql("select * from shots"),
        lambda: lake.table("shots"),
    ):
        with pytest.raises(StoreError, match="has the rows of another lake or program"):
            call()
    assert "another lake" in {state.name: state.fault for state in lake.list_tables()}["shots"]
    assert [one.kind for one in lake.verify_tables().faults] == ["unreadable"]
    assert files_of(folder) == before
    assert lake.sql("select count(*) from others").item() == 6


def test_a_damaged_table_of_another_program_stays_too(lake, tmp_path):
    folder = tmp_path / "files/tables/main/shots"
    pl.DataFrame({"a": [1]}).write_delta(folder)
    cut_the_last(folder / "_delta_log")
    before = files_of(folder)
    for call in (lambda: lake.build_tables(rebuild=True), lambda: lake.drop_tables("shots")):
        with pytest.raises(StoreError, match="another lake or program"):
            call()
    assert files_of(folder) == before


def test_no_table_is_built_among_files_of_others(lake, tmp_path):
    folder = tmp_path / "files/tables/main/shots"
    (folder / "season").mkdir(parents=True)
    (folder / "season/thesis.parquet").write_text("years of work")
    before = files_of(folder)
    with pytest.raises(StoreError, match=r"files that are of no table, such as 'season/thesis.parquet'"):
        lake.build_tables()
    with pytest.raises(ConfigurationError, match="is not built"):
        lake.drop_tables("shots")
    assert files_of(folder) == before


def test_a_table_with_a_file_of_others_is_not_dropped(lake, folder):
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(StoreError, match=r"such as 'notes\.txt'"):
        lake.drop_tables("shots")
    assert lake.sql("select count(*) from shots").item() > 0
    (folder / "notes.txt").unlink()
    lake.drop_tables("shots")
    assert not folder.exists()


def test_what_a_drop_that_was_killed_has_left_is_no_obstacle(lake, folder):
    shutil.rmtree(folder / "_delta_log")
    lake.build_tables()
    assert is_sound(lake)


# ---- builds that end early -------------------------------------------------------------------------------------


def test_a_rebuild_that_fails_leaves_nothing_beside(lake, folder, monkeypatch):
    def fail(*_: Any, **__: Any) -> None:
        raise DeltaError("Failed to parse parquet: No space left on device (os error 28)")

    monkeypatch.setattr("deltalake.write_deltalake", fail)
    with pytest.raises(StoreError, match=r"No space left on device; the disk is full: make room, then run again"):
        lake.build_tables(rebuild=True)
    assert sorted(path.name for path in folder.parent.iterdir()) == ["others", "shots"]


def test_what_a_killed_rebuild_left_is_removed_by_the_next_build(lake, folder):
    killed, alive = (lake.tables.place.new_folder("shots") for _ in range(2))
    killed.claim.close()  # as the system does
    lake.build_tables()
    assert {path.name for path in folder.parent.iterdir()} == {"others", "shots", alive.name}
    alive.remove()


def test_a_table_that_is_dropped_beside_a_build_is_told(lake, folder):
    with (
        installed({"tables.noted": lambda: shutil.rmtree(folder, ignore_errors=True)}),
        pytest.raises(StoreError, match="makes it anew"),
    ):
        lake.build_tables("shots")
    lake.build_tables("shots", rebuild=True)
    lake.build_tables()
    assert is_sound(lake)


@pytest.mark.skipif(os.name == "nt", reason="there is no signal of Ctrl-C for one process")
def test_ctrl_c_while_a_new_table_takes_its_place_is_heard(lake, folder, monkeypatch):
    begun: list[bool] = []

    def cast_and_interrupt(frame: Any, schema: Any) -> Any:
        if begun:
            os.kill(os.getpid(), signal.SIGINT)
        return cast(frame, schema)

    monkeypatch.setattr("ingestify.tables.delta.cast", cast_and_interrupt)
    with installed({"tables.made_anew": lambda: begun.append(True)}), pytest.raises(KeyboardInterrupt):
        lake.build_tables("shots", rebuild=True)
    lake.build_tables()
    assert is_sound(lake)


def test_the_first_build_of_a_table_without_rows_says_so(lake):
    assert lake.build_tables("tracking").line == "tracking: no rows"
    assert lake.build_tables("tracking").line == "tracking: unchanged"
