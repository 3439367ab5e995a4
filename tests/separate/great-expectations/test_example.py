"""The suite of examples/statsbomb_quality on real matches, and in a run by its config.yaml."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.checked_events import off_the_pitch, with_an_id_twice, without_a_column, without_team

from ingestify import get_engine
from ingestify.quality import GreatExpectationsSuite
from ingestify.store.reading.data_frame import read_pandas
from ingestify.testing.season import Season

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "statsbomb_quality"
MATCHES = (15946, 18236, 3788741, 3847567, 3869685)


def real_events(match_id: int) -> bytes:
    """The events of a match of the open data, which is kept outside the project."""
    folder = Path(os.environ.get("INGESTIFY_PROVIDER_DATA") or ROOT.parent / "shared" / "data")
    path = folder / "statsbomb" / "data" / "events" / f"{match_id}.json"
    if not path.exists():
        reason = f"there are no real provider files in {folder}; INGESTIFY_PROVIDER_DATA names their folder"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return path.read_bytes()


def problems(content: bytes, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.syspath_prepend(EXAMPLE)
    import statsbomb_suites

    check = GreatExpectationsSuite("events", statsbomb_suites.EVENTS)
    frame = read_pandas(io.BytesIO(content), "json", "events")
    return list(check.validate(statsbomb_suites.with_coordinates(frame)))


@pytest.mark.parametrize("match_id", MATCHES)
def test_real_matches_meet_the_suite(match_id: int, monkeypatch: pytest.MonkeyPatch):
    assert problems(real_events(match_id), monkeypatch) == []


@pytest.mark.parametrize("fault", [without_team, off_the_pitch, with_an_id_twice, without_a_column])
def test_one_fault_in_a_real_match_is_found(fault: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch):
    made = json.loads(real_events(15946))
    fault(made)
    assert len(problems(json.dumps(made).encode(), monkeypatch)) == 1


def test_the_run_of_the_example_publishes_a_wrong_match_with_a_warning(
    example: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
):
    """Without the schema of pandera, which this environment does not have."""
    folder = example("statsbomb_quality")
    config = yaml.safe_load((folder / "config.yaml").read_text())
    (kind,) = config["dataset_types"]
    kind["checks"] = [check for check in kind["checks"] if check["type"] == "ingestify.great_expectations"]
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    right = Season.events

    def spoiled(season: Season, match_id: int) -> bytes:
        made = json.loads(right(season, match_id))
        if match_id == season.matches[0].match_id:
            off_the_pitch(made)
        return json.dumps(made).encode()

    monkeypatch.setattr(Season, "events", spoiled)
    with get_engine(folder / "config.yaml") as engine:
        assert engine.load().totals.new == 3
        wrong = [one for one in engine.list_datasets() if any("max_value 120.0" in text for text in one.warnings)]
        assert len(wrong) == 1
        report = engine.check_quality()
        assert (report.datasets, report.is_good) == (3, True)
        assert [
            one.dataset for one in report.findings if any("max_value 120.0" in text for text in one.problems)
        ] == wrong
