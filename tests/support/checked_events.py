"""The events of a match, faults in them, and what a lake does with them under a check."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ingestify import BundleCheck, DatasetResource
from ingestify.sources import own_modules
from ingestify.testing.season import Season
from tests.support.lake_in_memory import FunctionSource, Lake

Events = list[dict[str, Any]]

_OWN_MODULES = {"my_schemas", "my_suites", "statsbomb_schemas", "statsbomb_suites"}


@pytest.fixture(autouse=True)
def own_modules_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget the modules of schemas and suites that a test imports: the next one has another of that name."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(own_modules, "_folders", own_modules._Folders())
    yield
    for name in _OWN_MODULES & sys.modules.keys():
        del sys.modules[name]


@functools.cache
def _content() -> bytes:
    season = Season(matches=4, seed=5, events_per_match=300)
    return season.events(season.matches[0].match_id)


def events() -> Events:
    """The events of a simulated match."""
    found: Events = json.loads(_content())
    return found


def code_in_docs(name: str) -> str:
    """Return the code of a file that docs/quality.md shows."""
    page = (Path(__file__).parents[2] / "docs" / "quality.md").read_text(encoding="utf-8")
    return page.partition(f"<!-- file: {name} -->\n```python\n")[2].partition("```")[0]


def without_team(made: Events) -> None:
    made[7]["team"] = None


def off_the_pitch(made: Events) -> None:
    next(event for event in made if "location" in event)["location"][0] = 130.5


def with_an_id_twice(made: Events) -> None:
    made[8]["id"] = made[7]["id"]


def without_a_column(made: Events) -> None:
    for event in made:
        del event["minute"]


@contextmanager
def lake_with(check: BundleCheck, *faults: Callable[[Events], None], feed: str = "events") -> Iterator[Lake]:
    """A lake of one match, whose events have faults, and whose source has a check."""

    def find(**_: Any) -> list[DatasetResource]:
        made = events()
        for fault in faults:
            fault(made)
        resource = DatasetResource({"match_id": 1}, "match", name="match 1")
        return [resource.add_file(None, feed, json_content=made)]

    source = FunctionSource(find)
    source.bundle_checks = (check,)
    lake = Lake(source)
    try:
        yield lake
    finally:
        lake.engine.close()


def reasons_of(check: BundleCheck, *faults: Callable[[Events], None], feed: str = "events") -> tuple[str, ...]:
    """Return why a run rejects the match; empty: it is in the lake."""
    with lake_with(check, *faults, feed=feed) as lake:
        report = lake.engine.load()
        if report.totals.new:
            return ()
        (entry,) = lake.engine.quarantine
        return tuple(entry.reasons)
