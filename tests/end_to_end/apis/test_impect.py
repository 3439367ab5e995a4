"""Impect's API: tokens that expire in the middle of a run, and limits that its answers tell of."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestify import DatasetState, IngestionEngine
from ingestify.errors import ConfigurationError, FetchError
from ingestify.sources.impect import Impect
from ingestify.testing.simulator import Fault
from tests.end_to_end.apis.lakes import by_match, feeds_of, make_engine, small_season
from tests.support.provider_apis.impect import ImpectApi
from tests.support.provider_apis.provider_api import ApiAnswer, ApiRequest


@pytest.fixture
def provider() -> Iterator[ImpectApi]:
    with ImpectApi(small_season()) as simulator:
        yield simulator


def engine_of(folder: Path, provider: ImpectApi, password: str | None = None, **plan: Any) -> IngestionEngine:
    source = Impect(
        "impect",
        provider.username,
        password or provider.password,
        base_url=provider.base_url,
        token_url=provider.token_url,
    )
    return make_engine(folder, source, **plan)


def logins(provider: ImpectApi) -> int:
    return sum(request.method == "POST" for request in provider.requests)


def files_asked_for(provider: ImpectApi) -> list[str]:
    return [path for path in provider.paths() if path.startswith("matches/")]


def test_a_season_comes_with_one_login(tmp_path: Path, provider: ImpectApi):
    with engine_of(tmp_path, provider) as engine:
        assert engine.load().totals.new == 6
        dataset = by_match(engine)[provider.match_ids[0]]
        assert feeds_of(dataset) == {"match", "lineups", "events", "squads", "players"}
        loaded = engine.load_dataset_with_kloppy(dataset)
        assert loaded.metadata.teams[0].name == provider.seasons[0].matches[0].home.name
    assert logins(provider) == 1
    assert provider.password not in "".join(provider.paths())


def test_a_second_run_costs_the_indexes_and_a_calculation_its_own_match(tmp_path: Path, provider: ImpectApi):
    match_id = provider.match_ids[3]
    with engine_of(tmp_path, provider) as engine:
        engine.load()
        provider.clear_requests()
        assert engine.load().totals.unchanged == 6
        assert files_asked_for(provider) == []
        provider.calculate(match_id)
        assert engine.load().totals.revised == 1
        assert {path.split("/")[1] for path in files_asked_for(provider)} == {str(match_id)}


def test_the_list_of_iterations_is_requested_once_in_a_run(tmp_path: Path):
    seasons = [small_season(1, season_id=number) for number in range(1, 5)]
    with ImpectApi(seasons) as provider, engine_of(tmp_path, provider) as engine:
        assert engine.load().totals.new == 4
        provider.clear_requests()
        assert engine.load().totals.unchanged == 4
        assert provider.paths().count("iterations") == 1


class ForgetfulApi(ImpectApi):
    """Forgets its tokens once, in the middle of a run."""

    forgets_at = 9

    def answer(self, request: ApiRequest) -> ApiAnswer:
        if len(self.requests) == self.forgets_at:
            self.expire_tokens()
        return super().answer(request)


def test_a_token_that_expires_in_mid_run_is_renewed_and_nothing_fails(tmp_path: Path):
    with ForgetfulApi(small_season()) as provider, engine_of(tmp_path, provider) as engine:
        report = engine.load()
        assert (report.totals.new, report.totals.failed) == (6, 0)
        assert logins(provider) == 2
        assert any(request.status == 401 for request in provider.requests)


def test_a_token_is_replaced_before_it_expires(tmp_path: Path, provider: ImpectApi):
    with engine_of(tmp_path, provider) as engine:
        engine.load()
        later = time.monotonic() + provider.token_seconds - 20
        (plan,) = engine.ingestion_plans
        plan.source._auth._clock = lambda: later  # type: ignore[attr-defined]
        assert engine.load().totals.failed == 0
    assert logins(provider) == 2
    assert not any(request.status == 401 for request in provider.requests)


def test_limits_that_answers_tell_of_are_kept(tmp_path: Path):
    with ImpectApi(small_season(), limit=8, window_seconds=1.0) as provider, engine_of(tmp_path, provider) as engine:
        assert engine.load().totals.new == 6
        statuses = [request.status for request in provider.requests]
    assert len(statuses) > 2 * 8
    # One may be late on a busy machine; who does not look at the headers is refused many.
    assert statuses.count(429) <= 1


def test_a_wrong_password_is_tried_once_and_named(tmp_path: Path, provider: ImpectApi):
    with (
        engine_of(
            tmp_path, provider, password="another-password", selectors=[{"iteration_id": n} for n in range(9)]
        ) as engine,
        pytest.raises(ConfigurationError, match=r"login of the source 'impect' .*configuration") as caught,
    ):
        engine.load(raise_errors=True)
    assert "another-password" not in str(caught.value)
    assert [request.status for request in provider.requests] == [401]


def test_a_login_that_is_down_is_an_error_of_the_network(tmp_path: Path, provider: ImpectApi):
    provider.add_fault(Fault(path="auth/*", kind="status", status=400 + 4))
    with engine_of(tmp_path, provider) as engine, pytest.raises(FetchError, match="404"):
        engine.load(raise_errors=True)


def test_a_match_that_is_not_calculated_is_scheduled(tmp_path: Path, provider: ImpectApi):
    match_id = provider.match_ids[0]
    provider.withdraw(match_id)
    with engine_of(tmp_path, provider) as engine:
        assert engine.load().totals.failed == 0
        assert by_match(engine)[match_id].state is DatasetState.SCHEDULED
        provider.calculate(match_id)
        engine.load()
        assert by_match(engine)[match_id].state is DatasetState.COMPLETE


def test_one_match_costs_one_match_s_requests(tmp_path: Path, provider: ImpectApi):
    match_id = provider.match_ids[0]
    with engine_of(tmp_path, provider, selectors=[{"iteration_id": provider.seasons[0].season_id}]) as engine:
        assert engine.load(match_id=match_id).totals.new == 1
    assert set(files_asked_for(provider)) == {f"matches/{match_id}", f"matches/{match_id}/events"}
