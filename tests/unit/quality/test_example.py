"""The schema of examples/statsbomb_quality on real matches, and in a run by its config.yaml."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingestify import get_engine
from ingestify.quality import PanderaSchema
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator
from tests.support.checked_events import off_the_pitch, with_an_id_twice, without_a_column, without_team

pytest.importorskip("pandera", reason="the extra pandera is not installed")

EXAMPLE = Path(__file__).parents[3] / "examples" / "statsbomb_quality"
MATCHES = (15946, 18236, 3788741, 3847567, 3869685)


@pytest.fixture
def schema(monkeypatch: pytest.MonkeyPatch) -> PanderaSchema:
    monkeypatch.syspath_prepend(EXAMPLE)
    return PanderaSchema("events", "statsbomb_schemas:EVENTS")


def problems(schema: PanderaSchema, content: bytes) -> list[str]:
    from ingestify.store.reading.data_frame import read_polars

    schema.prepare()
    return list(schema.validate(read_polars(io.BytesIO(content), "json", "events")))


@pytest.mark.sampled(5)
@pytest.mark.parametrize("match_id", MATCHES)
def test_real_matches_fit(schema: PanderaSchema, provider_data: Path, match_id: int):
    content = (provider_data / "statsbomb" / "data" / "events" / f"{match_id}.json").read_bytes()
    assert problems(schema, content) == []


@pytest.mark.slow
@pytest.mark.parametrize("fault", [without_team, off_the_pitch, with_an_id_twice, without_a_column])
def test_one_fault_in_a_real_match_is_found(schema: PanderaSchema, provider_data: Path, fault: Callable[[Any], None]):
    made = json.loads((provider_data / "statsbomb" / "data" / "events" / "15946.json").read_bytes())
    fault(made)
    assert len(problems(schema, json.dumps(made).encode())) == 1


def test_the_run_of_the_example_keeps_a_wrong_match_from_readers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Without the suite of Great Expectations, whose tests have an environment of their own."""
    folder = tmp_path / "example"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    config = yaml.safe_load((folder / "config.yaml").read_text())
    (kind,) = config["dataset_types"]
    kind["checks"] = [check for check in kind["checks"] if check["type"] == "ingestify.pandera"]
    season = Season(matches=3, seed=5, competition_id=43, season_id=106, events_per_match=120)
    wrong = season.matches[1].match_id
    made = json.loads(season.events(wrong))
    off_the_pitch(made)
    right = Season.events
    spoiled = json.dumps(made).encode()
    monkeypatch.setattr(
        Season, "events", lambda self, match_id: spoiled if match_id == wrong else right(self, match_id)
    )
    with Simulator(season) as provider:
        config["sources"]["statsbomb"]["configuration"] = {"base_url": provider.base_url}
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        with get_engine(folder / "config.yaml") as engine:
            totals = engine.load().totals
            assert (totals.new, totals.quarantined) == (2, 1)
            (entry,) = engine.quarantine
            assert entry.identifier["match_id"] == wrong
            assert entry.reasons[0].startswith("events: 'location' fails is on the pitch in 1 of ")
            assert engine.check_quality().line == "2 datasets checked: 2 without problems"
