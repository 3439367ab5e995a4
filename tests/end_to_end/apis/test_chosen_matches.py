"""A plan that names ten matches of a season: its index is requested once, and not for each of them."""

from __future__ import annotations

import collections
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingestify import Source
from ingestify.sources import wyscout_changes
from ingestify.sources.impect import Impect
from ingestify.sources.skillcorner import SkillCorner
from ingestify.sources.statsbomb import StatsBomb
from ingestify.sources.statsbomb_github import StatsBombGithub
from ingestify.sources.wyscout import Wyscout
from ingestify.testing.simulator import Simulator
from tests.end_to_end.apis.lakes import by_match, make_engine, small_season
from tests.support.provider_apis.impect import ImpectApi
from tests.support.provider_apis.provider_api import ProviderApi
from tests.support.provider_apis.skillcorner import SkillCornerApi
from tests.support.provider_apis.statsbomb import StatsBombApi
from tests.support.provider_apis.wyscout import WyscoutApi

MATCHES, CHOSEN = 12, 10


def _statsbomb(api: Any) -> Source:
    return StatsBomb("mine", api.username, api.password, base_url=api.base_url)


def _wyscout(api: Any) -> Source:
    return Wyscout("mine", api.username, api.password, competitions=[811], base_url=api.base_url)


def _skillcorner(api: Any) -> Source:
    return SkillCorner("mine", username=api.username, password=api.password, base_url=api.base_url)


def _impect(api: Any) -> Source:
    return Impect("mine", api.username, api.password, base_url=api.base_url, token_url=api.token_url)


def _open_data(simulator: Any) -> Source:
    return StatsBombGithub("mine", base_url=simulator.base_url)


APIS: dict[str, tuple[Callable[..., Any], Callable[[Any], Source], str]] = {
    "statsbomb": (StatsBombApi, _statsbomb, "/matches"),
    "wyscout": (lambda season: WyscoutApi(season, requests_per_second=None), _wyscout, "/matches"),
    "skillcorner": (SkillCornerApi, _skillcorner, "matches?"),
    "impect": (ImpectApi, _impect, "/matches"),
    "open data": (Simulator, _open_data, "matches/"),
}


@pytest.fixture(autouse=True)
def _each_run_looks_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wyscout_changes, "KEPT_SECONDS", 0.0)


def indexes(api: ProviderApi, part: str) -> dict[str, int]:
    """How often each URL of the list of matches was requested."""
    asked = collections.Counter(path for path in api.paths() if part in path)
    assert asked
    return asked


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", APIS)
@pytest.mark.usefixtures("passing_time")  # Wyscout's rate limit
def test_the_index_of_ten_matches_is_requested_once(tmp_path: Path, name: str):
    make_api, make_source, part = APIS[name]
    with make_api(small_season(MATCHES)) as api:
        season = api.seasons[0]
        ids = [match.match_id for match in season.matches]
        selector: dict[str, Any] = {"competition_id": season.competition_id, "season_id": season.season_id}
        if name == "impect":
            with make_engine(tmp_path / "look", make_source(api)) as engine:
                engine.load(match_id=ids[0])
                selector = {"iteration_id": engine.list_datasets()[0].identifier["iteration_id"]}
        api.clear_requests()
        with make_engine(tmp_path / "season", make_source(api), selectors=[selector]) as engine:
            engine.load()
        of_the_season = indexes(api, part)
        api.clear_requests()
        with make_engine(tmp_path, make_source(api), selectors=[{**selector, "match_id": ids[:CHOSEN]}]) as engine:
            report = engine.load()
            assert (report.totals.new, report.totals.failed, len(report.jobs)) == (CHOSEN, 0, 1)
            assert sorted(by_match(engine)) == sorted(ids[:CHOSEN])
            # As often as for all matches: once, and once more where no dates say that the entries belong to the files.
            assert indexes(api, part) == of_the_season
            assert set(of_the_season.values()) <= {1, 2}
            assert not [path for path in api.paths() if any(str(one) in path for one in ids[CHOSEN:])]
            for _ in range(2):
                api.clear_requests()
                again = engine.load()
                assert (again.totals.discovered, again.totals.unchanged) == (CHOSEN, CHOSEN)
                assert set(indexes(api, part).values()) == {1}
