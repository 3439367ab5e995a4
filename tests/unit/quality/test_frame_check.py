"""A check of a frame by another package, and what a check costs who only reads."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestify.domain.bundle_check import BundleFile
from ingestify.quality import FrameCheck
from tests.support.checked_events import events, reasons_of, without_team


class Columns(FrameCheck):
    """The frame has the columns that were given."""

    package = "polars"
    extra = "polars"
    what = "list of columns"

    def load(self) -> Any:
        return self._load_given()

    def read_frame(self, file: BundleFile, records: str | None, encoding: str | None) -> Any:
        return file.to_polars(records, encoding)

    def validate(self, frame: Any) -> Iterator[str]:
        yield from (f"no {name} in {len(frame)} rows" for name in self.load() if name not in frame.columns)


def test_a_subclass_gets_the_frame_and_its_problems_name_the_feed():
    assert reasons_of(Columns("events", ["id", "team"]), without_team) == ()
    assert reasons_of(Columns("events", ["id", "xg"])) == (f"events: no xg in {len(events())} rows",)


@pytest.mark.parametrize("transform", [lambda frame: None, lambda frame: frame.lazy(), lambda frame: frame["id"]])
def test_what_a_transform_returns_is_a_frame(transform: Callable[[Any], Any]):
    (reason,) = reasons_of(Columns("events", [], transform=transform))
    assert reason.startswith("Columns of events: the function that transforms the frame returned ")
    assert reason.endswith("and not a DataFrame of the package of what it got")


CONFIG = """
main: {metadata_url: "sqlite:///catalog.db", file_url: "file://files/"}
sources: {statsbomb: {type: ingestify.statsbomb_github}}
ingestion_plans: [{source: statsbomb, dataset_type: match}]
dataset_types:
  - provider: statsbomb
    dataset_type: match
    checks:
      - {type: ingestify.pandera, feed: events, schema: my_schemas:Events}
      - {type: ingestify.great_expectations, feed: events, suite: my_suites:EVENTS}
"""


def test_a_lake_with_such_checks_is_opened_without_their_packages(tmp_path: Path):
    (tmp_path / "config.yaml").write_text(CONFIG)
    script = (
        "import sys, ingestify.quality\n"
        f"with __import__('ingestify').get_engine({str(tmp_path / 'config.yaml')!r}) as engine:\n"
        "    engine.store.create()\n"
        "    engine.list_datasets()\n"
        "print({'pandera', 'great_expectations', 'polars', 'pandas'} & sys.modules.keys())"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"
