"""Several machines on one lake in PostgreSQL and S3: work is shared, never doubled, and nothing is lost when they die.

For as long as you like: `python -m tests.integration.test_several_machines --rounds 500 --seed 1`.
"""

from __future__ import annotations

import argparse
import collections
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa

from ingestify.failpoints import NAMES
from tests.end_to_end.crashes.season import ChangingSeason
from tests.integration.catalogue.proxy import Proxy
from tests.integration.catalogue.servers import SERVERS, reach
from tests.integration.lake_servers import SharedLake, shared_lake
from tests.integration.storage import servers
from tests.integration.storage.conftest import credentials, moto  # noqa: F401 - fixtures
from tests.integration.storage.relay import Exchange, Relay
from tests.support.command_line import Command, CommandLine, Ended, shared_command_line
from tests.support.relay_points import RELAY_POINTS
from tests.support.sizes import sizes

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kill -9 and fork are POSIX")

MACHINES = 4


@pytest.fixture
def lake(moto: str) -> Iterator[SharedLake]:  # noqa: F811 - the fixture
    with shared_lake(reach("postgresql"), moto) as made:
        yield made


@pytest.fixture
def season() -> Iterator[ChangingSeason]:
    with ChangingSeason(matches=2, seed=3, seasons=MACHINES) as opened:
        opened.simulator.prepare()
        yield opened


@pytest.fixture
def command_line(credentials: None) -> CommandLine:  # noqa: F811 - with what it puts into the environment
    return shared_command_line()


def make_machines(folder: Path, lake: SharedLake, season: ChangingSeason) -> list[Path]:
    """Return a folder with settings of its own for each machine."""
    return [lake.write_config(folder / f"machine-{n}", season.simulator.base_url) for n in range(MACHINES)]


def selectors(season: ChangingSeason) -> list[list[str]]:
    return [["run", f"season_id={one.season_id}"] for one in season.simulator.seasons]


def asked_files(season: ChangingSeason) -> collections.Counter[str]:
    """How often each file was asked for."""
    paths = season.simulator.paths()
    return collections.Counter(path for path in paths if path.startswith(("events/", "lineups/", "three-sixty/")))


def check_codes(ended: Sequence[Ended], codes: tuple[int, ...] = (0,)) -> None:
    for one in ended:
        assert one.code in codes, one.err
        assert "Traceback" not in one.err


# ---- work is shared ----------------------------------------------------------------------------------------


@pytest.mark.sampled(2)
@pytest.mark.parametrize("kind", ["the same plan", "a selector each"])
def test_machines_ask_the_provider_for_each_file_once(tmp_path, lake, season, command_line, kind):
    machines = make_machines(tmp_path, lake, season)
    commands = selectors(season) if kind == "a selector each" else [["run"]] * MACHINES
    season.simulator.latency_seconds = 0.1  # so that they meet
    season.simulator.clear_requests()
    ended = command_line.run_all(
        [Command(machine, command) for machine, command in zip(machines, commands, strict=True)]
    )
    check_codes(ended)
    asked = asked_files(season)
    assert set(asked.values()) == {1}
    assert len(asked) >= 2 * len(season.simulator.match_ids)
    if kind == "a selector each":
        assert ["2 new" in one.out for one in ended] == [True] * MACHINES
    after = lake.audit()
    season.check(after, current=True)
    assert after.unnamed == set()
    assert set(after.job_states) <= {"FINISHED", "SKIPPED"}


# ---- they die ----------------------------------------------------------------------------------------------


def live_through(
    folder: Path, lake: SharedLake, season: ChangingSeason, command_line: CommandLine, rounds: int, rng: random.Random
) -> collections.Counter[str]:
    """Let machines run, and die, so many times. Returns how often each thing happened.

    Raises:
        AssertionError: Something was lost, mixed or doubled.
    """
    done: collections.Counter[str] = collections.Counter()
    machines = make_machines(folder, lake, season)
    seen: dict[int, int] = {}
    for number in range(rounds):
        season.change(rng, rng.choice((0, 1, 2, len(season.simulator.match_ids))) if number else 0)
        commands = selectors(season) if rng.random() < 0.5 else [["run"]] * MACHINES
        given = [Command(machine, command, *_death(rng)) for machine, command in zip(machines, commands, strict=True)]
        ended = command_line.run_all(given)
        try:
            # 3: what was corrected while it was fetched, or is at its head another's by now, is left to the next run.
            check_codes(ended, (0, 3, -signal.SIGKILL))
            done["killed"] += sum(one.code == -signal.SIGKILL for one in ended)
            done["ended"] += sum(one.code != -signal.SIGKILL for one in ended)
            seen = season.check(lake.audit(), current=False, at_least=seen)
        except AssertionError as error:
            error.add_note("\n".join(f"{command}: {one}" for command, one in zip(given, ended, strict=True)))
            raise
    converge(lake, season, command_line, machines[0], seen)
    clean_up(lake, season, command_line, machines[0])
    return done


_ELSEWHERE = ("delete.", "partial.", "tables.", "push.", *RELAY_POINTS)
_ON_THE_WAY = [name for name in NAMES if not name.startswith(_ELSEWHERE)]
"""What a run comes by."""


def _death(rng: random.Random) -> tuple[str, float | None]:
    """Return the failpoint, or the seconds, at which a machine dies, if it does."""
    kind = rng.random()
    if kind < 0.45:
        return f"{rng.choice(_ON_THE_WAY)}=kill@{int(rng.expovariate(0.6)) + 1}", None
    return ("", rng.uniform(0.2, 1.5)) if kind < 0.75 else ("", None)


def converge(
    lake: SharedLake, season: ChangingSeason, command_line: CommandLine, machine: Path, seen: dict[int, int]
) -> None:
    """One run that nobody kills brings all that the provider has."""
    check_codes([command_line.run(machine, "run")])
    after = lake.audit()
    season.check(after, current=True, at_least=seen)
    assert after.job_states["RUNNING"] == 0


def clean_up(lake: SharedLake, season: ChangingSeason, command_line: CommandLine, machine: Path) -> None:
    """The lake verifies, and what was left over is collected without taking anything else."""
    check_codes([command_line.run(machine, "verify")])
    deadline = time.monotonic() + 20
    while (last := lake.audit()).unnamed:  # what was written within the last two seconds is left for the next time
        assert time.monotonic() < deadline, last.unnamed
        check_codes([command_line.run(machine, "gc", "--yes", "--older-than", "0s")])
    season.check(last, current=True)


@pytest.mark.parametrize("rounds", sizes(4, 12))
def test_machines_that_are_killed_at_random_lose_nothing_and_double_nothing(
    tmp_path, lake, season, command_line, rounds
):
    done = live_through(tmp_path, lake, season, command_line, rounds, random.Random(5))
    # How many are still running when they are to be killed depends on the machine.
    assert done["killed"] >= 1
    assert done["ended"] >= 1


# ---- a server is gone --------------------------------------------------------------------------------------


def check_one_message(ended: Ended, *texts: str) -> None:
    """One line says what is wrong, and what to do."""
    assert ended.code == 1, ended.err
    errors = [line for line in ended.err.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1, ended.err
    assert ended.err.count(" refused to ") <= 1, "what cannot be written down after that is not told, too"
    for text in texts:
        assert text in errors[0]
    assert "Traceback" not in ended.err
    assert servers.SECRET_KEY not in ended.out + ended.err


def test_a_database_that_is_gone_in_mid_run_is_said_once_and_nothing_is_lost(tmp_path, lake, season, command_line):
    url = sa.make_url(lake.metadata_url)
    proxy = Proxy(url.host, url.port or 5432)
    try:
        through = url.set(host="127.0.0.1", port=proxy.port).render_as_string(hide_password=False)
        machine = lake.write_config(tmp_path, season.simulator.base_url, metadata_url=through)
        check_codes([command_line.run(machine, "init")])  # the tables are there
        season.simulator.clear_requests()
        season.simulator.latency_seconds = 0.3  # so that most files come later than the first one
        cutting = threading.Thread(target=_go_down_at_the_first_file, args=(proxy, season))
        cutting.start()
        (ended,) = command_line.run_all([Command(machine, ["run"], is_waiting=False)])
        cutting.join()
        check_one_message(ended, "the connection to the server was lost", "then run again")
        season.check(lake.audit(), current=False)
        season.simulator.latency_seconds = 0
        proxy.come_back()
        converge(lake, season, command_line, machine, {})
    finally:
        proxy.close()


def _go_down_at_the_first_file(proxy: Proxy, season: ChangingSeason) -> None:
    deadline = time.monotonic() + 60
    while not asked_files(season) and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    proxy.go_down()


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("status", "code", "texts"),
    [
        (404, "NoSuchBucket", ["there is no bucket", "make it, or correct file_url"]),
        (403, "ExpiredToken", ["expired"]),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_bucket_that_is_gone_or_closed_in_mid_run_is_said_once_and_nothing_is_lost(
    tmp_path, lake, season, command_line, status, code, texts
):
    with Relay(lake.endpoint) as relay:
        machine = lake.write_config(tmp_path, season.simulator.base_url, endpoint=relay.url)
        with relay.going_wrong(_from_the_fifth_on(status, code)):
            check_one_message(command_line.run(machine, "run"), *texts)
        season.check(lake.audit(), current=False)
        converge(lake, season, command_line, machine, {})


def _from_the_fifth_on(status: int, code: str):
    def fault(exchange: Exchange, number: int) -> bool:
        return number >= 4 and exchange.fail(status, code)

    return fault


def main() -> None:
    """Print what was done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    os.environ |= {
        "AWS_ACCESS_KEY_ID": servers.ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": servers.SECRET_KEY,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    started = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as folder,
        servers.moto() as url,
        shared_lake(SERVERS["postgresql"], url) as lake,
        ChangingSeason(2, options.seed, MACHINES) as season,
        CommandLine() as command_line,
    ):
        done = live_through(Path(folder), lake, season, command_line, options.rounds, random.Random(options.seed))
    sys.stdout.write(
        f"seed {options.seed}: {options.rounds} rounds, {done['killed']} killed, {done['ended']} ended; "
        f"{time.monotonic() - started:.0f} s; nothing lost, nothing mixed, nothing doubled\n"
    )


if __name__ == "__main__":
    main()
