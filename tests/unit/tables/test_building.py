"""A build brings a table to the state of the lake, whatever happened to the lake since the last one."""

from __future__ import annotations

import datetime as dt
import itertools
import os
import shutil
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ingestify import IngestionEngine, debug_source, get_engine
from ingestify.errors import ConfigurationError, StoreError
from ingestify.failpoints import installed
from ingestify.tables.definition import TableDefinition
from ingestify.tables.lake_tables import LakeTables
from ingestify.tables.pending import LakeMoment
from tests.support.table_lake import MatchSource, build_config, open_lake, shots

_NO_TIME = dt.timedelta(hours=0)


def rows(number: int, count: int = 3) -> list[dict[str, Any]]:
    return [{"minute": number * 10 + one, "player": f"p{one}"} for one in range(count)]


class Lake:
    """A lake with a table of shots."""

    def __init__(self, folder: Path, matches: int = 4, **changes: Any) -> None:
        self.folder = folder
        self.source = MatchSource(matches={number: rows(number) for number in range(matches)})
        self.engine: IngestionEngine = open_lake(build_config(folder, **changes), self.source)
        self.engine.load()

    def frame(self) -> pl.DataFrame:
        return pl.read_delta(f"{self.folder}/files/tables/main/shots")

    def minutes(self) -> dict[Any, list[int]]:
        found: dict[Any, list[int]] = {}
        for match_id, minute in self.frame().sort("match_id", "minute").select("match_id", "minute").iter_rows():
            found.setdefault(match_id, []).append(minute)
        return found

    def expected(self) -> dict[Any, list[int]]:
        return {
            number: sorted(row["minute"] for row in content)
            for number, content in self.source.matches.items()
            if content and not isinstance(content, dict)
        }

    def is_sound(self) -> bool:
        verified = self.engine.verify_tables(make_rows=True)
        return not verified.faults and not verified.behind


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def built(lake: Lake, **options: Any) -> str:
    return lake.engine.build_tables(**options).line


def test_a_first_build_has_all_rows_and_a_second_one_finds_nothing(lake):
    assert built(lake) == "shots: 4 datasets added · 12 rows"
    assert lake.minutes() == lake.expected()
    version = lake.engine.tables.place.find("shots").version()
    assert built(lake) == "shots: unchanged"
    assert lake.engine.tables.place.find("shots").version() == version
    assert lake.is_sound()


def test_the_rows_begin_with_what_says_of_which_dataset_they_are(lake):
    built(lake)
    frame = lake.frame()
    assert frame.columns == [
        "provider",
        "dataset_type",
        "competition_id",
        "match_id",
        "dataset_id",
        "revision",
        "lake_updated_at",
        "minute",
        "player",
    ]
    dataset = lake.engine.get_dataset(match_id=2)
    row = frame.filter(pl.col("match_id") == 2).row(0, named=True)
    assert (row["provider"], row["dataset_type"], row["competition_id"]) == ("mine", "match", 1)
    assert (row["dataset_id"], row["revision"]) == (dataset.dataset_id, 0)
    assert row["lake_updated_at"] == dataset.updated_at


def test_only_what_changed_is_made_again(lake):
    built(lake)
    lake.source.matches[2] = rows(7, 2)
    lake.source.matches[9] = rows(9)
    lake.engine.load()
    assert built(lake) == "shots: 1 dataset added, 1 replaced · 5 rows"
    assert lake.minutes() == lake.expected()
    assert lake.is_sound()


def test_a_new_name_or_new_metadata_is_a_change_too(lake):
    built(lake)
    lake.source.names[1] = "another name"
    lake.engine.load()
    assert built(lake) == "shots: 1 dataset replaced · 3 rows"
    assert lake.is_sound()


def test_a_deleted_dataset_leaves_the_table(lake):
    built(lake)
    lake.engine.destroy_dataset(match_id=2)
    assert built(lake) == "shots: 1 dataset removed"
    del lake.source.matches[2]
    assert lake.minutes() == lake.expected()


def test_a_dataset_that_was_deleted_and_fetched_again_is_there_once(lake):
    built(lake)
    lake.engine.destroy_dataset(match_id=2)
    lake.engine.load()
    assert built(lake) == "shots: 1 dataset added, 1 removed · 3 rows"
    assert lake.minutes() == lake.expected()


def test_an_invalidated_revision_stays_as_it_does_for_readers(lake):
    built(lake)
    lake.engine.store.invalidate_revision(lake.engine.get_dataset(match_id=1), "looks wrong")
    assert built(lake) == "shots: 1 dataset replaced · 3 rows"
    assert lake.minutes() == lake.expected()
    lake.source.matches[1] = rows(5)
    lake.engine.load()
    built(lake)
    assert lake.minutes() == lake.expected()


def test_a_bundle_in_quarantine_is_in_no_table_until_a_person_accepts_it(tmp_path):
    checks = {"provider": "mine", "dataset_type": "match", "checks": ["tests.support.table_lake.NoGhosts"]}
    lake = Lake(tmp_path / "lake", dataset_types=[checks])
    built(lake)
    before = lake.expected()
    lake.source.matches[1] = [{"minute": 99, "player": "ghost"}]
    lake.source.matches[8] = [{"minute": 98, "player": "ghost"}]
    lake.engine.load()
    assert built(lake) == "shots: unchanged"
    assert lake.minutes() == before
    for entry in lake.engine.quarantine.iter_entries():
        lake.engine.quarantine.accept(entry, decided_by="me")
    assert built(lake) == "shots: 1 dataset added, 1 replaced · 2 rows"
    assert lake.minutes() == lake.expected()
    lake.source.matches[8] = [{"minute": 97, "player": "ghost again"}]
    lake.engine.load()
    lake.source.matches[8] = rows(8)  # now the provider has withdrawn it
    lake.engine.load()
    assert built(lake) == "shots: 1 dataset replaced · 3 rows"
    assert lake.minutes() == lake.expected()
    assert lake.is_sound()


def test_an_executor_makes_the_rows(lake):
    with ThreadPoolExecutor(2) as executor:
        assert built(lake, executor=executor) == "shots: 4 datasets added · 12 rows"
        assert not lake.engine.verify_tables(make_rows=True, executor=executor).faults


def test_an_error_that_is_not_about_one_dataset_stops_the_build(tmp_path):
    own = [{"name": "shots", "function": "tests.support.table_lake:no_such_function"}]
    lake = Lake(tmp_path / "lake", tables={"own": own, "build": ["shots"]})
    with pytest.raises(ConfigurationError, match="no_such_function"):
        built(lake)
    with ThreadPoolExecutor(1) as executor, pytest.raises(ConfigurationError, match="no_such_function"):
        built(lake, executor=executor)


def test_readers_and_builds_at_once_see_whole_matches_only(lake):
    built(lake)
    is_done, wrong = threading.Event(), []

    def read() -> None:
        while not is_done.is_set():
            counts = lake.frame().group_by("match_id").agg(pl.len(), pl.col("revision").n_unique().alias("revisions"))
            wrong.extend(row for row in counts.iter_rows() if row[1:] != (3, 1))

    reader = threading.Thread(target=read)
    reader.start()
    other = get_engine(lake.folder / "config.yaml")
    try:
        for number in range(1, 6):
            lake.source.matches = {match_id: rows(100 * number + match_id) for match_id in range(4)}
            lake.engine.load()
            engines = (lake.engine, other)
            builds = [threading.Thread(target=engine.build_tables) for engine in engines]
            for one in builds:
                one.start()
            for one in builds:
                one.join()
            assert lake.minutes() == lake.expected()
    finally:
        is_done.set()
        reader.join()
        other.close()
    assert wrong == []
    assert lake.is_sound()


@pytest.mark.sampled(3)
@pytest.mark.parametrize("point", ["tables.made", "tables.noted", "tables.created", "tables.committed"])
@pytest.mark.parametrize("number", [1, 2])
def test_another_build_that_comes_in_between_doubles_nothing(tmp_path, monkeypatch, point, number):
    monkeypatch.setattr("ingestify.tables.batch._MOST_DATASETS", 2)
    lake = Lake(tmp_path / "lake", matches=7)
    lake.source.matches[3] = {"broken": "no shots"}
    lake.engine.load()
    other = get_engine(lake.folder / "config.yaml")
    for changed in ((), (1, 2, 5)):
        for match_id in changed:
            lake.source.matches[match_id] = rows(50 + match_id, 2)
        lake.engine.load()
        passed = itertools.count(1)
        is_free = threading.Lock()

        def come_by(passed=passed, is_free=is_free) -> None:
            if is_free.acquire(blocking=False):  # not in the other build itself
                if next(passed) == number:
                    other.build_tables()
                is_free.release()

        with installed({point: come_by}):
            built(lake)
        assert lake.minutes() == lake.expected()
        assert lake.is_sound()
    other.close()


def test_a_dataset_without_rows_is_no_problem_and_no_fault(lake):
    lake.source.matches[8] = []
    lake.engine.load()
    report = lake.engine.build_tables()
    assert (report.line, report.problems) == ("shots: 4 datasets added · 12 rows", [])
    assert lake.is_sound()


# ---- failures ----------------------------------------------------------------------------------------------


def test_a_dataset_that_fails_is_named_with_its_reason_and_has_no_rows(lake):
    built(lake)
    lake.source.matches[1] = {"broken": "no shots today"}
    lake.source.matches[5] = rows(5)
    lake.engine.load()
    report = lake.engine.build_tables()
    assert [str(one) for one in report.problems] == [
        "shots: mine/match/competition_id=1/match_id=1: ValueError: no shots today"
    ]
    assert lake.minutes() == lake.expected()
    assert lake.is_sound()
    (state,) = lake.engine.list_tables()
    assert [one.reason for one in state.problems] == ["ValueError: no shots today"]
    problem = pl.read_delta(f"{lake.folder}/files/tables/main/problems").row(0, named=True)
    assert (problem["table_name"], problem["keys"]) == ("shots", '{"competition_id": 1, "match_id": 1}')


def test_a_dataset_that_failed_is_tried_again_when_it_changes(lake):
    lake.source.matches[1] = {"broken": "no shots today"}
    lake.engine.load()
    built(lake)
    assert built(lake) == "shots: unchanged"
    lake.source.matches[1] = rows(1)
    lake.engine.load()
    assert built(lake) == "shots: 1 dataset added · 3 rows"
    assert lake.minutes() == lake.expected()
    assert not lake.engine.list_tables()[0].problems


def test_a_dataset_that_failed_is_tried_again_when_a_person_wants_it(lake, monkeypatch):
    lake.source.matches[1] = {"broken": "no shots today"}
    lake.engine.load()
    built(lake)
    assert built(lake, retry_failed=True) == "shots: 1 dataset failed"
    monkeypatch.setattr("tests.support.table_lake.IS_FORGIVING", True)
    assert built(lake, retry_failed=True) == "shots: 1 dataset added · 1 row"
    assert not lake.engine.list_tables()[0].problems
    assert lake.is_sound()


def test_a_failed_dataset_that_is_deleted_is_no_problem_any_more(lake):
    lake.source.matches[1] = {"broken": "no shots today"}
    lake.engine.load()
    built(lake)
    lake.engine.destroy_dataset(match_id=1)
    built(lake)
    assert not lake.engine.list_tables()[0].problems


# ---- columns -----------------------------------------------------------------------------------------------


def test_new_columns_are_added_and_old_rows_have_no_value(lake):
    built(lake)
    lake.source.matches[5] = [{"minute": 1, "xg": 0.3}]
    lake.engine.load()
    built(lake)
    frame = lake.frame()
    assert frame.columns[-1] == "xg"
    assert frame.filter(pl.col("match_id") != 5)["xg"].null_count() == 12
    assert lake.is_sound()


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("first", "second", "values"),
    [
        (1, 0.5, [0.5, 1.0]),
        (0.5, 1, [0.5, 1.0]),
        (1, "a", ["1", "a"]),
        ("a", 1, ["1", "a"]),
        (True, 1, ["1", "true"]),
        (2**60, 0.5, ["0.5", str(2**60)]),
        (0.5, 2**60, ["0.5", str(2**60)]),
        (None, 1, [None, 1]),
        (1, None, [None, 1]),
    ],
)
def test_a_column_becomes_as_wide_as_its_values_need(tmp_path, first, second, values):
    lake = Lake(tmp_path / "lake", matches=0)
    lake.source.matches = {1: [{"minute": 1, "value": first}]}
    lake.engine.load()
    built(lake)
    lake.source.matches[2] = [{"minute": 2, "value": second}]
    lake.engine.load()
    built(lake)
    assert sorted(lake.frame()["value"].to_list(), key=lambda one: (one is not None, str(one))) == values
    assert lake.is_sound()


def test_a_key_that_is_a_text_once_is_text_everywhere(lake):
    built(lake)
    lake.source.matches["final"] = rows(9)
    lake.engine.load()
    built(lake)
    assert set(lake.frame()["match_id"]) == {"0", "1", "2", "3", "final"}
    assert built(lake) == "shots: unchanged"
    assert lake.is_sound()


def test_names_that_only_differ_in_capitals_are_one_column(lake):
    lake.source.matches[5] = [{"Minute": 1, "player": "p"}]
    lake.engine.load()
    built(lake)
    assert len({name.lower() for name in lake.frame().columns}) == len(lake.frame().columns)


def test_two_such_names_in_one_frame_are_a_problem(lake):
    lake.source.matches[5] = [{"minute": 1, "Minute": 2}]
    lake.engine.load()
    (problem,) = lake.engine.build_tables().problems
    assert problem.reason == "The columns 'minute' and 'Minute' would be one column of the table: rename one of them."


def test_a_name_that_spark_cannot_read_gets_another_character(lake):
    lake.source.matches[5] = [{"minute": 1, "goal = 1": True}]
    lake.engine.load()
    built(lake)
    assert lake.frame().columns[-1] == "goal___1"


def test_a_column_that_another_program_added_is_named(lake):
    built(lake)
    lake.frame().with_columns(pl.lit([1, 2]).alias("numbers")).write_delta(
        f"{lake.folder}/files/tables/main/shots", mode="overwrite", delta_write_options={"schema_mode": "overwrite"}
    )
    lake.source.matches[1] = rows(6)
    lake.engine.load()
    with pytest.raises(StoreError, match="columns that ingestify did not write: numbers"):
        built(lake)
    assert built(lake, rebuild=True) == "shots (anew): 4 datasets added · 12 rows"
    assert lake.minutes() == lake.expected()


def test_a_large_table_has_a_folder_for_each_dataset_and_is_kept_like_the_others(lake):
    tables = lake.engine.tables
    large = TableDefinition("shots", "tests.support.table_lake:shots", is_large=True)
    tables = LakeTables(lake.engine.store, tables.place, [large], ["shots"], lambda _: None)

    def check(line: str) -> None:
        assert tables.build().line == line
        assert lake.minutes() == lake.expected()
        assert tables.verify(makes_rows=True).faults == []

    check("shots: 4 datasets added · 12 rows")
    folder = lake.folder / "files/tables/main/shots"
    assert {path.name for path in folder.iterdir() if path.is_dir()} == {
        "_delta_log",
        *(f"dataset_id={dataset.dataset_id}" for dataset in lake.engine.iter_datasets()),
    }
    version = tables.place.find("shots").version()
    check("shots: unchanged")
    assert tables.place.find("shots").version() == version
    lake.source.matches[1] = [{"minute": "90+2", "player": 7}]
    lake.source.matches[8] = rows(8)
    lake.source.matches[9] = {"broken": "no shots"}
    lake.engine.load()
    lake.engine.destroy_dataset(match_id=3)
    del lake.source.matches[3]
    lake.source.matches = {key: _as_text(content) for key, content in lake.source.matches.items()}
    check("shots: 1 dataset added, 1 replaced, 1 removed, 1 failed · 4 rows")
    moment = LakeMoment.of(lake.engine.store)
    lake.engine.store.catalogue.lake.begin_epoch(moment.lake_id, moment.epoch + 1)
    check("shots: unchanged")
    assert tables.build(is_anew=True).line == "shots (anew): 4 datasets added, 1 failed · 10 rows"
    check("shots: unchanged")


def _as_text(content: Any) -> Any:
    """The rows of a match as the table has them after one of them had a minute that is a text."""
    return content if isinstance(content, dict) else [{**row, "minute": str(row["minute"])} for row in content]


def test_a_column_without_a_name_gets_one(lake):
    lake.source.matches[5] = [{"minute": 1, "": 7}]
    lake.engine.load()
    built(lake)
    assert lake.engine.sql("select _ from shots where _ is not null").rows() == [(7,)]


# ---- cursors -----------------------------------------------------------------------------------------------


def test_a_change_of_the_function_builds_the_table_anew(tmp_path):
    lake = Lake(tmp_path / "lake")
    built(lake)
    own = {"name": "shots", "function": "tests.support.table_lake:shots", "dataset_type": "match", "version": "2"}
    lake.engine = open_lake(build_config(lake.folder, tables={"own": [own], "build": ["shots"]}), lake.source)
    assert built(lake) == "shots (anew): 4 datasets added · 12 rows"
    assert built(lake) == "shots: unchanged"
    assert lake.is_sound()
    assert [path.name for path in (lake.folder / "files/tables/main").iterdir()] == ["shots"]


def test_a_rebuild_is_wanted_once(lake):
    built(lake)
    assert built(lake, rebuild=True) == "shots (anew): 4 datasets added · 12 rows"
    assert built(lake) == "shots: unchanged"
    assert lake.minutes() == lake.expected()


def test_two_builds_that_make_a_table_anew_at_once_both_end(lake, monkeypatch):
    """The second one begins and ends when the first one has committed a part of its rows."""
    built(lake)
    calls, lines = [], []
    with open_lake(lake.folder / "config.yaml", lake.source) as other:

        def shots_beside(files: Any, dataset: Any) -> Any:
            calls.append(dataset)
            if len(calls) == 3:
                lines.append(other.build_tables(rebuild=True).line)
            return shots(files, dataset)

        monkeypatch.setattr("ingestify.tables.batch._MOST_DATASETS", 1)
        monkeypatch.setattr("tests.support.table_lake.shots", shots_beside)
        lines.append(built(lake, rebuild=True))
    assert lines == ["shots (anew): 4 datasets added · 12 rows"] * 2
    assert lake.minutes() == lake.expected()
    assert lake.is_sound()
    assert [path.name for path in (lake.folder / "files/tables/main").iterdir()] == ["shots"]


def test_a_lake_that_was_restored_from_a_backup_is_compared_with_the_table(tmp_path):
    lake = Lake(tmp_path / "lake")
    lake.engine.close()
    shutil.copy(lake.folder / "catalog.db", tmp_path / "backup.db")
    lake.engine = open_lake(lake.folder / "config.yaml", lake.source)
    lake.source.matches[2] = rows(6)
    lake.engine.load()
    built(lake)  # with rows of a revision that the restored lake does not have
    lake.engine.close()
    shutil.copy(tmp_path / "backup.db", lake.folder / "catalog.db")
    lake.engine = open_lake(lake.folder / "config.yaml", lake.source)
    lake.engine.store.identity.restore()
    lake.source.matches[2] = rows(8)  # the second revision of the match once more, with other bytes
    lake.engine.load()
    assert built(lake) == "shots: 1 dataset replaced · 3 rows"
    assert lake.minutes() == lake.expected()
    assert lake.is_sound()


def test_a_backup_that_was_restored_twice_is_compared_each_time(tmp_path):
    lake = Lake(tmp_path / "lake", matches=3)
    built(lake)
    lake.engine.close()
    backup = shutil.copytree(lake.folder, tmp_path / "backup", ignore=shutil.ignore_patterns("tables"))
    for changed in (1, 2):
        shutil.rmtree(lake.folder / "files/main")
        shutil.copytree(backup, lake.folder, dirs_exist_ok=True)
        lake.engine = open_lake(lake.folder / "config.yaml", lake.source)
        lake.engine.store.identity.restore()
        lake.source.matches = {number: rows(number + (5 if number == changed else 0)) for number in range(3)}
        lake.engine.load()
        built(lake)
        assert lake.is_sound()
        assert lake.minutes() == lake.expected()
        lake.engine.close()


def test_where_the_retention_removed_the_last_event_all_datasets_are_compared(lake):
    built(lake)
    lake.source.matches[1] = rows(8)
    lake.engine.load()
    forget_events(lake.engine)
    lake.engine.destroy_dataset(match_id=3)
    del lake.source.matches[3]
    assert built(lake) == "shots: 1 dataset replaced, 1 removed · 3 rows"
    assert lake.minutes() == lake.expected()


def forget_events(engine: IngestionEngine) -> None:
    """Remove all events, as a retention does with old ones."""
    with sqlite3.connect(engine.store.where + "/catalog.db") as connection:
        connection.execute("DELETE FROM event_log")


# ---- places ------------------------------------------------------------------------------------------------


def test_tables_can_be_elsewhere(tmp_path):
    own = [{"name": "shots", "function": "tests.support.table_lake:shots"}]
    lake = Lake(tmp_path / "lake", tables={"url": "file://elsewhere/", "own": own, "build": ["shots"]})
    built(lake)
    assert pl.read_delta(str(tmp_path / "lake/elsewhere/main/shots")).height == 12
    assert not (tmp_path / "lake/files/tables").exists()


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "name", ["a b", "é", "日本", "a%b", "a#b", "{a,b}", "star*", "o'dd", "provider=x", "dataset_id=x"]
)
def test_the_name_of_the_folder_makes_no_difference(tmp_path, name):
    lake = Lake(tmp_path / name, matches=2)
    built(lake)
    lake.source.matches[1] = rows(7, 2)
    lake.engine.load()
    assert built(lake) == "shots: 1 dataset replaced · 2 rows"
    assert lake.is_sound()
    assert sorted(lake.engine.table("shots").collect()["minute"]) == [0, 1, 2, 70, 71]
    query = "select provider, count(distinct dataset_id) from shots group by all"
    assert lake.engine.sql(query).rows() == [("mine", 2)]


@pytest.mark.skipif(os.name == "nt", reason="no such folder is possible")
@pytest.mark.parametrize("name", ["[1]", "a^b", "a|b", "a\\b", "a\nb"])
def test_a_folder_that_delta_lake_cannot_open_is_refused(tmp_path, name):
    lake = Lake(tmp_path / name, matches=1)
    with pytest.raises(ConfigurationError, match="Delta Lake opens no folder"):
        built(lake)
    assert lake.engine.sql("select count(*) from matches").item() == 1


def test_the_tables_of_another_lake_are_not_touched(tmp_path):
    own = [{"name": "shots", "function": "tests.support.table_lake:shots"}]
    tables = {"url": f"file://{tmp_path}/shared/", "own": own, "build": ["shots"]}
    built(Lake(tmp_path / "one", tables=tables))
    with pytest.raises(StoreError, match="rows of another lake"):
        built(Lake(tmp_path / "two", tables=tables))


def test_a_lake_in_memory_has_no_place():
    engine = debug_source(MatchSource(matches={1: rows(1)}), dataset_type="match")
    with pytest.raises(ConfigurationError, match="There is no place for tables"):
        engine.build_tables()


def test_the_lake_does_not_take_tables_for_its_files(lake):
    built(lake)
    assert lake.engine.verify().orphans == 0
    assert not lake.engine.verify().damages
    assert lake.engine.collect_garbage(older_than=_NO_TIME).total_count == 0
    assert lake.minutes() == lake.expected()


# ---- verifying and dropping ----------------------------------------------------------------------------------


def test_a_verification_finds_what_is_lacking_extra_old_and_double(lake):
    built(lake)
    folder = lake.engine.tables.place.folder("shots")
    table = folder.load()
    table.delete("match_id = 0")
    pl.read_delta(folder.url).filter(pl.col("match_id") == 1).write_delta(folder.url, mode="append")
    strange = pl.read_delta(folder.url).filter(pl.col("match_id") == 2)
    strange.with_columns(pl.lit("nobody").alias("dataset_id")).write_delta(folder.url, mode="append")
    strange.with_columns(pl.lit(5, pl.Int64).alias("revision")).write_delta(folder.url, mode="append")
    found = lake.engine.verify_tables(make_rows=True).faults
    assert sorted((one.kind, one.where.rpartition("/")[2]) for one in found) == [
        ("extra", "dataset nobody"),
        ("lacking", "match_id=0"),
        ("mixed", "match_id=2"),
        ("row count", "match_id=1"),
        ("row count", "match_id=2"),
    ]
    built(lake, rebuild=True)
    assert lake.is_sound()


def test_a_verification_finds_a_file_that_is_gone(lake):
    built(lake)
    for path in (lake.folder / "files/tables/main/shots").glob("*.parquet"):
        path.unlink()
    (fault,) = lake.engine.verify_tables().faults
    assert fault.kind == "file"
    lake.engine.destroy_dataset(match_id=2)
    with pytest.raises(StoreError, match="The table 'shots' cannot be read"):
        built(lake)
    assert built(lake, rebuild=True) == "shots (anew): 3 datasets added · 9 rows"


def test_a_verification_says_what_changed_since_the_last_build(lake):
    built(lake)
    lake.source.matches[2] = rows(7, 2)
    lake.engine.load()
    verified = lake.engine.verify_tables()
    assert (verified.behind, verified.faults) == (1, [])


def test_a_dropped_table_is_gone_and_can_be_built_again(lake):
    lake.source.matches[1] = {"broken": "no shots today"}
    lake.engine.load()
    built(lake)
    assert lake.engine.drop_tables("shots") == ["shots"]
    assert not lake.engine.list_tables()[0].is_built
    assert not lake.engine.list_tables()[0].problems
    assert built(lake) == "shots: 3 datasets added, 1 failed · 9 rows"


@pytest.mark.parametrize("name", ["matches", "problems", "shots"])
def test_a_table_of_ones_own_needs_a_name_of_its_own(tmp_path, name):
    own = [{"name": one, "function": "tests.support.table_lake:shots"} for one in ("shots", name)]
    lake = Lake(tmp_path / "lake", tables={"own": own})
    with pytest.raises(ConfigurationError, match=f"there is another table '{name}'"):
        built(lake)


def test_a_table_that_is_not_there_cannot_be_dropped(lake):
    built(lake)
    with pytest.raises(ConfigurationError, match="'shot' is not built; did you mean 'shots'"):
        lake.engine.drop_tables("shot")
    with pytest.raises(ConfigurationError, match="needs the names"):
        lake.engine.drop_tables()


def test_a_list_of_names_says_how_names_are_given(tmp_path):
    with get_engine(build_config(tmp_path)) as engine, pytest.raises(ConfigurationError, match="write them one by one"):
        engine.build_tables(["shots"])
