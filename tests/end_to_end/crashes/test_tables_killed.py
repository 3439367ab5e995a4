"""kill -9 at each point of a build of tables, on the real command line: the next build loses and doubles nothing."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from ingestify import IngestionEngine, get_engine
from ingestify.failpoints import NAMES
from tests.end_to_end.crashes.season import ChangingSeason
from tests.support.command_line import TABLE_MODULES, CommandLine, shared_command_line

pytestmark = [pytest.mark.skipif(os.name != "posix", reason="signals of POSIX"), pytest.mark.slow]

_POINTS = [name for name in NAMES if name.startswith("tables.")]
_SECOND = [("tables.made", 2), ("tables.noted", 2), ("tables.committed", 2)]
"""Between the commits of two tables."""

# Of the first revision of a match `value` is a number, later a text: the column has to become wider.
FUNCTIONS = """
import pathlib

import polars as pl


def events(files, dataset):
    revision = dataset.revisions[-1].revision_id
    ids = [one["id"] for one in files["events"].json()]
    return pl.DataFrame({"event_id": ids, "value": [f"r{revision}" if revision else 0] * len(ids)})


def flaky(files, dataset):
    if not dataset.revisions[-1].revision_id and not pathlib.Path(__file__).with_name("is_forgiving").exists():
        raise ValueError("it has only one revision")
    return pl.DataFrame({"x": [1]})
"""

TABLES = """
tables:
  build: [own_events, flaky]
  own:
    - {name: own_events, function: "functions:events"}
    - {name: flaky, function: "functions:flaky"}
"""


@pytest.fixture
def command_line() -> CommandLine:
    return shared_command_line(*TABLE_MODULES)


def expected(engine: IngestionEngine) -> dict[str, Counter[str]]:
    """The events of each dataset, from the lake's files."""
    return {
        dataset.dataset_id: Counter(one["id"] for one in dataset.require_file("events").json())
        for dataset in engine.iter_datasets()
    }


def there(project: Path, name: str = "own_events") -> dict[str, Counter[str]]:
    """The rows of each dataset in a table, read without ingestify; none if there is no table."""
    try:
        rows = pl.DataFrame(DeltaTable(project / "lake/files/tables/main" / name).to_pyarrow_table())
    except TableNotFoundError:
        return {}
    found: dict[str, Counter[str]] = {}
    for row in rows.to_dicts():
        found.setdefault(row["dataset_id"], Counter())[row.get("event_id", "")] += 1
    return found


@pytest.mark.timeout(300)
@pytest.mark.sampled(6)
@pytest.mark.parametrize(("failpoint", "number"), [*((name, 1) for name in _POINTS), *_SECOND])
def test_a_build_that_is_killed_there_loses_and_doubles_nothing(
    tmp_path: Path, command_line: CommandLine, failpoint: str, number: int
):
    with ChangingSeason() as season:
        project = season.make_project(tmp_path)
        module = f"functions_{tmp_path.name}".replace("-", "_")  # no other test of this process has it imported
        (project / f"{module}.py").write_text(FUNCTIONS)
        with (project / "config.yaml").open("a") as config:
            config.write(TABLES.replace("functions:", f"{module}:"))
        with get_engine(project / "config.yaml") as engine:
            engine.load()
            moments = [expected(engine)]
            was_killed = False
            for options in ([], ["--retry-failed"], ["--rebuild"]):
                ended = command_line.run(project, "tables", "build", *options, failpoints=f"{failpoint}=kill@{number}")
                assert ended.code in (-signal.SIGKILL, 0, 3), ended.err
                was_killed |= ended.code == -signal.SIGKILL
                for dataset_id, rows in there(project).items():
                    assert any(moment.get(dataset_id) == rows for moment in moments), (
                        "a dataset is half there, or mixed"
                    )
                again = command_line.run(project, "tables", "build", *options)
                assert again.code in (0, 3), again.err
                assert there(project) == moments[-1]
                assert not engine.verify_tables(make_rows=True).faults
                change_something(project, season, engine)
                moments.append(expected(engine))
        assert was_killed, "it never came by"


def change_something(project: Path, season: ChangingSeason, engine: IngestionEngine) -> None:
    """Correct a match, and replace another; before a retry, let what failed succeed."""
    engine.destroy_dataset(match_id=season.simulator.match_ids[-1])
    season.change(random.Random(len(season.served)), 1)
    engine.load()
    engine.destroy_dataset(match_id=season.simulator.match_ids[-1])
    (project / "is_forgiving").touch()
