"""SQL and lazy frames over the tables of a lake."""

from __future__ import annotations

import _thread
import datetime as dt
import os
import subprocess
import sys
import time

import polars as pl
import pytest

from ingestify import ConfigurationError, LoadError, get_dev_engine, get_engine
from ingestify.errors import LakeNotFound
from ingestify.tables.sql import _hearing_ctrl_c, _interruptible
from tests.support.table_lake import MatchSource, build_config

SHOTS = {1: [{"xg": 0.5, "by": "a"}, {"xg": 0.25, "by": "b"}], 2: [{"xg": 1.0, "by": "a"}], "three": []}


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lake")
    config = build_config(folder)
    with get_engine(config) as engine:
        fill(engine, SHOTS)
        engine.build_tables(progress=False)
    return config


def fill(engine, matches):
    from ingestify import IngestionPlan

    engine.add_ingestion_plan(IngestionPlan(MatchSource(matches=matches), "match"))
    engine.load()


@pytest.fixture
def engine(config):
    with get_engine(config) as opened:
        yield opened


def test_a_query_over_a_built_table(engine):
    result = engine.sql("select match_id, sum(xg) as xg, count(*) as shots from shots group by all order by all")
    assert result.rows() == [(1, 0.75, 2), (2, 1.0, 1)]


def test_matches_and_the_files_need_no_build(tmp_path):
    with get_dev_engine(MatchSource(matches=SHOTS), "match") as engine:  # in memory: it has no place for tables
        engine.load()
        assert engine.sql("select name from matches order by name").rows() == [
            ("match 1",),
            ("match 2",),
            ("match three",),
        ]
        assert engine.sql('select "by", count(*) from raw.mine_shots group by all order by all').rows() == [
            ("a", 2),
            ("b", 1),
        ]
        with pytest.raises(ConfigurationError, match="no place for tables"):
            engine.build_tables()


def test_matches_are_those_of_this_moment(tmp_path):
    with get_engine(build_config(tmp_path)) as engine:
        with pytest.raises(LakeNotFound):
            engine.sql("select * from matches")
        fill(engine, {1: []})
        assert engine.sql("select provider, match_id, name, state from matches").rows() == [
            ("mine", 1, "match 1", "COMPLETE")
        ]
        engine.destroy_dataset(match_id=1)
        assert engine.sql("select count(*) from matches").item() == 0


def test_tables_join(engine):
    query = "select m.name, count(s.xg) from matches m left join shots s using (dataset_id) group by all order by all"
    assert engine.sql(query).rows() == [("match 1", 2), ("match 2", 1), ("match three", 0)]


def test_parameters(engine):
    assert engine.sql('select xg from shots where "by" = ? and xg > ?', ["a", 0.6]).rows() == [(1.0,)]
    assert engine.sql('select count(*) from shots where "by" = $who', {"who": "a'; drop"}).item() == 0


@pytest.mark.parametrize(
    "query",
    [
        "",
        "drop table shots",
        "select 1; select 2",
        "copy shots to 'shots.csv'",
        "set threads = 1",
        "install httpfs",
        "create table x as select 1",
        "delete from shots",
    ],
)
def test_only_one_select_is_possible(engine, query):
    with pytest.raises(ConfigurationError, match="only one SELECT is possible"):
        engine.sql(query)


def test_no_other_file_can_be_read(engine, tmp_path):
    (tmp_path / "secret.csv").write_text("a\n1\n")
    for query in (
        f"select * from '{tmp_path}/secret.csv'",
        f"select * from read_csv('{tmp_path}/secret.csv')",
        f"select * from read_text('{tmp_path}/secret.csv')",
        f"select * from glob('{tmp_path}/*')",
    ):
        with pytest.raises((ConfigurationError, LoadError)):
            engine.sql(query)


def test_a_wrong_query_says_what_there_is(engine):
    with pytest.raises(ConfigurationError, match=r"shoots.*Built tables: shots\. .*matches\. .*raw\.mine_shots"):
        engine.sql("select * from shoots")
    with pytest.raises(ConfigurationError, match="xgg"):
        engine.sql("select xgg from shots")
    with pytest.raises(ConfigurationError, match="syntax error"):
        engine.sql("selec")
    with pytest.raises(LoadError, match="three"):
        engine.sql("select match_id::int from matches")


def test_types_of_a_result(engine):
    result = engine.sql("select sum(1) as whole, timestamptz '2024-05-01 12:00+02' as moment, [1] as listed from shots")
    assert result.schema["whole"] == pl.Int64
    assert result["moment"].item() == dt.datetime(2024, 5, 1, 10, tzinfo=dt.UTC)
    with pytest.raises(LoadError, match="INTERVAL"):
        engine.sql("select interval 1 day")


def test_a_sort_that_memory_does_not_hold_goes_to_the_disk_and_leaves_nothing(engine, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    assert engine.sql("select count(*) from (select * from range(1000000) order by hash(range))").item() == 1_000_000
    assert list(tmp_path.iterdir()) == []


def test_a_lazy_frame_of_a_table(engine):
    frame = engine.table("shots", match_id=1)
    assert isinstance(frame, pl.LazyFrame)
    assert sorted(frame.select("xg").collect()["xg"]) == [0.25, 0.5]
    assert engine.table("shots", match_id=[1, "2"], by="a").collect().height == 2
    assert engine.table("shots", match_id=[]).collect().height == 0
    assert engine.table("shots", match_id=None).collect().height == 3
    assert engine.table("matches", match_id="three").collect()["name"].to_list() == ["match three"]


def test_a_table_that_is_not_there(engine):
    with pytest.raises(ConfigurationError, match="did you mean 'shots'"):
        engine.table("shoots")
    with pytest.raises(ConfigurationError, match=r"'events' is not built\..*engine.build_tables\(\) builds"):
        engine.table("events")
    with pytest.raises(ConfigurationError, match="has no column 'match'; did you mean 'match_id'"):
        engine.table("shots", match=1)
    with pytest.raises(ConfigurationError, match="match_id='x': the column 'match_id' has only numbers"):
        engine.table("shots", match_id="x")


def test_a_snapshot_stays_as_it_was(tmp_path):
    with get_engine(build_config(tmp_path)) as engine:
        fill(engine, {1: [{"xg": 1.0}]})
        engine.build_tables()
        before = engine.table("shots")
        engine.destroy_dataset(match_id=1)
        engine.build_tables()
        assert engine.table("shots").collect().height == 0
        assert before.collect().height == 1


def test_matches_have_the_columns_of_their_table(engine):
    engine.build_tables("matches")
    built = pl.scan_delta(str(engine.tables.place.url) + "/matches").collect().sort("name")
    now = engine.table("matches").collect().sort("name")
    assert now.columns == built.columns
    assert now.equals(built)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there is no signal of Ctrl-C for one process")
def test_ctrl_c_stops_a_query(config):
    """A query with much work in one step of DuckDB, which looks for signals between its steps."""
    program = (
        "import os, signal, sys, threading, ingestify\n"
        "long = 'select max(hash(a.range, b.range)) from range(100000000) a, range(100000) b'\n"
        "with ingestify.get_engine(sys.argv[1]) as engine:\n"
        "    for _ in range(2):\n"
        "        threading.Timer(0.7, os.kill, [os.getpid(), signal.SIGINT]).start()\n"
        "        try:\n"
        "            engine.sql(long)\n"
        "        except KeyboardInterrupt:\n"
        "            print('stopped')\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(config)], capture_output=True, text=True, timeout=60)
    assert done.stdout == "stopped\n" * 2, done.stderr


def test_ctrl_c_that_duckdb_hears_first_is_ctrl_c_too():
    """As it may while it is set up: then it raises a RuntimeError in its place."""
    with pytest.raises(KeyboardInterrupt), _hearing_ctrl_c():
        raise RuntimeError("Query interrupted")
    with pytest.raises(RuntimeError, match="of something else"), _hearing_ctrl_c():
        raise RuntimeError("of something else")


def test_ctrl_c_before_a_query_has_begun_stops_it_too():
    class Connection:
        interrupted = 0

        def interrupt(self):
            self.interrupted += 1

    connection = Connection()

    def read():
        _thread.interrupt_main()
        while connection.interrupted < 3:
            time.sleep(0.01)

    with pytest.raises(KeyboardInterrupt):
        _interruptible(connection, read)
    assert connection.interrupted == 3
