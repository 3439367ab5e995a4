"""The configurations of the docs for two free APIs, against servers that do what the providers' documentation says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ingestify import get_engine
from tests.end_to_end.running import ingestify
from tests.end_to_end.test_sources_without_code import configuration
from tests.end_to_end.tight_apis import TOKEN, ApiFootball, FootballData, TightApi

FASTER = 50
"""A minute has so many times fewer seconds here, in the configuration as at the server."""


def write(folder: Path, name: str, api: TightApi, path: str = "", **replaced: str) -> None:
    """Write the configuration of the docs, for a server whose minutes are shorter."""
    text = configuration("rest.md", name)
    for pattern, value in {
        r"base_url: \S+": f"base_url: {api.url}{path}",
        r"value: !ENV .*\}": f"value: {TOKEN}}}",
        r"rate_limit: \{requests_per_minute: 10.*\}": f"rate_limit: {{requests_per_second: {0.16 * FASTER}}}",
        **replaced,
    }.items():
        text, count = re.subn(pattern, value, text)
        assert count == 1, pattern
    (folder / "config.yaml").write_text(text)


def states(folder: Path) -> list[str]:
    with get_engine(folder / "config.yaml") as engine:
        return sorted(str(dataset.state) for dataset in engine.list_datasets())


@pytest.fixture
def football_data(tmp_path: Path):
    with FootballData(60 / FASTER) as api:
        shorter = {r"backoff_base_seconds: 8": f"backoff_base_seconds: {8 / FASTER}"}
        seasons = ", ".join(f"{{competition: PL, season: {year}}}" for year in range(2010, 2022))
        write(tmp_path, "football-data", api, "/v4", **shorter, **{r"selectors: \[.*\]": f"selectors: [{seasons}]"})
        yield api


def test_ten_requests_a_minute_are_kept_to(football_data: FootballData, tmp_path: Path) -> None:
    ran = ingestify(tmp_path, "run")
    assert ran.code == 0, ran.err
    assert (len(football_data.paths), football_data.refused) == (12, 0), "a season is one request"
    assert states(tmp_path) == ["COMPLETE"] * 24 + ["SCHEDULED"] * 12

    football_data.paths.clear()
    football_data.updated[201501] = "2024-09-01T10:00:00Z"
    again = ingestify(tmp_path, "run")
    assert (again.code, len(football_data.paths)) == (0, 12)
    assert "1 revised" in again.out + again.err
    assert "35 unchanged" in again.out + again.err


def test_a_minute_that_others_used_up_is_waited_for(football_data: FootballData, tmp_path: Path) -> None:
    football_data.use_up_minute()
    ran = ingestify(tmp_path, "run")
    assert ran.code == 0, ran.err
    assert football_data.refused > 0
    assert len(states(tmp_path)) == 36


def test_a_day_that_is_used_up_costs_one_request_and_the_next_goes_on(tmp_path: Path) -> None:
    with ApiFootball(a_day=8) as api:
        write(tmp_path, "api-football", api)
        first = ingestify(tmp_path, "run")
        assert first.code == 3, first.err
        assert (len(api.paths), api.refused) == (8, 1), "what is known to be refused is not asked for"
        assert "You have reached the request limit for the day" in first.err
        assert "asked to be left alone until" in first.err
        assert states(tmp_path) == ["COMPLETE"] * 7 + ["SCHEDULED"] * 2

        at_once = ingestify(tmp_path, "run")
        assert (at_once.code != 0, api.refused) == (True, 1), "nor by another run"
        unlucky = ingestify(tmp_path, "run", "--ignore-waits")  # on the same day
        assert unlucky.code == 1
        assert (len(api.paths), api.refused) == (8, 2)
        assert states(tmp_path) == ["COMPLETE"] * 7 + ["SCHEDULED"] * 2, "an error is no empty listing"

        api.left = 8
        second = ingestify(tmp_path, "run", "--ignore-waits")
        assert second.code == 0, second.err
        assert len(api.paths) == 8 + 1 + 5
        assert states(tmp_path) == ["COMPLETE"] * 12 + ["SCHEDULED"] * 2

        third = ingestify(tmp_path, "run")
        assert (third.code, len(api.paths), api.refused) == (0, 15, 2), "what is over is asked for once"
        with get_engine(tmp_path / "config.yaml") as engine:
            (dataset,) = engine.store.get_dataset_collection(match_id=3)
            content = engine.store.load_files(dataset).get_file("fixture").json()
        assert dataset.name == "Burnley 0-3 Manchester City"
        assert content["response"][0]["events"][0]["type"] == "Goal"


def test_what_others_asked_with_the_same_key_is_known_from_the_headers_so_nothing_is_refused(tmp_path: Path) -> None:
    with ApiFootball(a_day=8) as api:
        limits = r"requests_per_second: 8\.0"
        write(tmp_path, "api-football", api)
        config = tmp_path / "config.yaml"
        config.write_text(re.sub(limits, "requests_per_day: 100", config.read_text()))
        first = ingestify(tmp_path, "run")
        assert first.code == 3, first.err
        assert (len(api.paths), api.refused) == (8, 0)
        assert "the budget of the source 'api_football' is used up (100 requests a day)" in first.err
        assert "it goes on at" in first.err
        assert states(tmp_path) == ["COMPLETE"] * 7 + ["SCHEDULED"] * 2
        again = ingestify(tmp_path, "run")
        assert (again.code, len(api.paths), api.refused) == (3, 8, 0)


def test_a_key_that_is_wrong_and_a_season_that_is_not_in_the_plan_are_told(tmp_path: Path) -> None:
    with ApiFootball(a_day=8) as api:
        write(tmp_path, "api-football", api, **{"season: 2023": "season: 2019"})
        ran = ingestify(tmp_path, "run")
        assert ran.code == 1
        assert "Free plans do not have access to this season" in ran.err
        text = (tmp_path / "config.yaml").read_text()
        (tmp_path / "config.yaml").write_text(text.replace(TOKEN, "another"))
        ran = ingestify(tmp_path, "run")
        assert (ran.code, api.refused) == (1, 1)
        assert "Error/Missing application key" in ran.err
