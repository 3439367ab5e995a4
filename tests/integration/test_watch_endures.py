"""Hours of a watch, in simulated time, whose provider and whose database are away for a while in each hour."""

from __future__ import annotations

import datetime as dt
import gc
import logging
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from ingestify import IngestionPlan, Schedule, get_engine
from ingestify.cli.health import Health
from ingestify.sources.statsbomb_github import StatsBombGithub
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator
from tests.integration.catalogue.proxy import Proxy
from tests.integration.catalogue.servers import reach
from tests.support.passing_time import letting_time_pass
from tests.support.simulated_time import SimulatedTime, simulated_time
from tests.support.sizes import sizes
from tests.support.tcp_relay import TcpRelay

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

BEGIN = dt.datetime(2026, 10, 24, 12, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
MATCHES = 24
MEGABYTE = 1 << 20


@pytest.fixture
def database() -> Iterator[tuple[str, Proxy]]:
    """A new database in PostgreSQL, and the proxy through which it is reached."""
    server = reach("postgresql")
    url = sa.make_url(server.url)
    proxy = Proxy(url.host or "127.0.0.1", url.port or 5432)
    try:
        with server.temporary_database() as name:
            yield server.url_of(name, host="127.0.0.1", port=proxy.port, query={"sslmode": "disable"}), proxy
    finally:
        proxy.close()


def play(time: SimulatedTime, provider: Simulator, hours: int) -> None:
    """Let a match begin in each hour, and let a match be corrected several times an hour."""
    for number, match_id in enumerate(provider.match_ids):
        kick_off = (BEGIN + number * 60 * MINUTE).replace(tzinfo=None)
        provider.reschedule(match_id, kick_off, dt.datetime(2026, 10, 1))
    for number in range(hours * 4):
        moment = BEGIN + (number * 15 + 7) * MINUTE
        match_id = provider.match_ids[number % MATCHES]
        time.at(moment, lambda match_id=match_id, at=moment: provider.correct(match_id, updated_at=_naive(at)))


def _naive(moment: dt.datetime) -> dt.datetime:
    return moment.replace(tzinfo=None)


def take_away(time: SimulatedTime, network: TcpRelay, database: Proxy, hours: int) -> None:
    """In each hour, let the network be away for 12 minutes, the database for 10, and both for 5."""
    for hour in range(hours):
        begin = BEGIN + hour * 60 * MINUTE
        time.at(begin + 20 * MINUTE, network.refuse)
        time.at(begin + 32 * MINUTE, network.accept)
        time.at(begin + 27 * MINUTE, database.go_down)
        time.at(begin + 37 * MINUTE, database.come_back)


@pytest.mark.parametrize(("hours", "live_minutes"), sizes((2, 4), (24, 1)))
def test_it_loses_nothing_and_does_not_grow(
    tmp_path: Path, database: tuple[str, Proxy], caplog: pytest.LogCaptureFixture, hours: int, live_minutes: int
) -> None:
    url, proxy = database
    season = Season(matches=MATCHES, events_per_match=20, matches_with_360=0)
    process = psutil.Process()
    with (
        Simulator(season) as provider,
        TcpRelay(int(provider.base_url.split(":")[2].split("/")[0])) as network,
        simulated_time(BEGIN) as time,
        get_engine(metadata_url=url, file_url=f"file://{tmp_path}/files") as engine,
    ):
        play(time, provider, hours)
        base_url = f"http://127.0.0.1:{network.port}/data"
        source = StatsBombGithub("statsbomb", base_url=base_url)
        schedule = Schedule(live=live_minutes * MINUTE)
        engine.add_ingestion_plan(IngestionPlan(source, "match", schedule=schedule))
        take_away(time, network, proxy, hours)
        watching = engine.watching()
        time.at(BEGIN + (hours * 60 + 30) * MINUTE, watching.stop)
        sizes_of_process: list[tuple[int, int]] = []
        with caplog.at_level(logging.WARNING, logger="ingestify"):
            for _ in watching.iterate():
                if (time.now() - BEGIN) % (60 * MINUTE) > 40 * MINUTE:
                    gc.collect()
                    sizes_of_process.append((process.num_fds(), process.memory_info().rss))
        # The connections of a pool come and go, so the most of both halves are compared.
        half = len(sizes_of_process) // 2
        files, memory = zip(*sizes_of_process, strict=True)
        assert max(files[half:]) <= max(files[:half]) + 4
        assert max(memory[half:]) < max(memory[:half]) + 20 * MEGABYTE
        report = engine.run()
        assert (report.totals.new, report.totals.revised, report.totals.failed) == (0, 0, 0), "nothing was left out"
        assert report.totals.unchanged == MATCHES
        assert not engine.verify().damages
        assert len(caplog.records) <= 8 * hours, "each outage is told, and not each attempt"


def test_while_the_database_is_away_the_watch_is_alive_but_not_ready(
    tmp_path: Path, database: tuple[str, Proxy], caplog: pytest.LogCaptureFixture
) -> None:
    url, proxy = database
    health = Health()
    metrics = health.answers["/metrics"]
    with letting_time_pass() as time, get_engine(metadata_url=url, file_url=f"file://{tmp_path}/files") as engine:
        engine.add_ingestion_plan(IngestionPlan(StatsBombGithub("statsbomb"), "match"))
        assert engine.store.create()
        health.show(engine, engine.watching())
        assert health.ready().status == 200
        assert 'ingestify_lake_readable{bucket="main"} 1\n' in metrics().text
        proxy.go_down()
        for _ in range(3):
            time.sleep(10)
            assert health.ready().text == "The catalogue cannot be read. The log says why."
            assert 'ingestify_lake_readable{bucket="main"} 0\n' in metrics().text
            assert health.live().status == 200
        assert caplog.text.count("The metrics of the lake cannot be read") == 1
        proxy.come_back()
        time.sleep(10)
        assert health.ready().status == 200
        assert 'ingestify_lake_readable{bucket="main"} 1\n' in metrics().text
