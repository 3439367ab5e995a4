"""What a short command does not spend its time on: modules that it does not need, and looking for garbage in them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ingestify import get_engine

UNNEEDED = (
    "alembic",
    "dotenv",
    "ingestify.domain.adoption",
    "ingestify.engine.keeping.mirroring",
    "ingestify.engine.keeping.verifying",
    "ingestify.fetch.paging",
    "obstore",
    "psycopg",
    "sqlalchemy.dialects.mysql",
)

UNNEEDED_BY_AN_ENGINE = (
    *UNNEEDED,
    "ingestify.comparison",
    "ingestify.domain.lock",
    "ingestify.store.export",
    "ingestify.store.reading.dataset_diff",
)

CODE = """
import atexit, gc, json, sys
def tell():
    collections = [generation["collections"] - before for generation, before in zip(gc.get_stats(), at_start)]
    told = {"modules": sorted(sys.modules), "looks": sum(collections), "left_out": gc.get_freeze_count()}
    print("\\n" + json.dumps(told))
atexit.register(tell)
at_start = [generation["collections"] for generation in gc.get_stats()]
from ingestify.cli import main
main()
"""


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    with get_engine(tmp_path / "lake") as engine:
        engine.store.create()
    return tmp_path / "lake"


def test_a_lake_that_is_up_to_date_costs_neither_alembic_nor_rooms_of_other_commands(lake: Path) -> None:
    told = told_at_the_end("list", "--lake", str(lake), "--json")
    assert "sqlalchemy" in told["modules"]
    assert [name for name in UNNEEDED if name in told["modules"]] == []


def test_and_neither_does_an_engine(lake: Path) -> None:
    code = "import sys, ingestify; ingestify.get_engine(sys.argv[1]); print(*sys.modules)"
    command = [sys.executable, "-c", code, str(lake)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "ingestify.engine.run.run" in (modules := done.stdout.split())
    assert [name for name in UNNEEDED_BY_AN_ENGINE if name in modules] == []


def test_a_new_lake_is_made_without_alembic(tmp_path: Path) -> None:
    code = "import sys, ingestify; ingestify.get_engine(sys.argv[1]).store.create(); print('alembic' in sys.modules)"
    command = [sys.executable, "-c", code, str(tmp_path / "lake")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["False"]
    assert (tmp_path / "lake" / "catalog.db").exists()


def test_python_does_not_look_for_garbage_in_what_a_command_imported(lake: Path) -> None:
    told = told_at_the_end("list", "--lake", str(lake), "--json")
    assert told["looks"] < 20  # nearly 200 by itself; a few come before the command line begins
    assert told["left_out"] > 50_000


def told_at_the_end(*arguments: str) -> dict:
    command = [sys.executable, "-c", CODE, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout.splitlines()[-1])
