"""A provider that is down, or behind a page that says so: the lake stays as it was, and the next run goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingestify import Source
from ingestify.errors import FetchError, IngestifyError
from ingestify.sources.impect import Impect
from ingestify.sources.skillcorner import SkillCorner
from ingestify.sources.statsbomb import StatsBomb
from ingestify.sources.wyscout import Wyscout
from ingestify.testing.simulator import Fault
from tests.end_to_end.apis.lakes import by_match, make_engine, small_season
from tests.support.provider_apis.impect import ImpectApi
from tests.support.provider_apis.provider_api import ProviderApi
from tests.support.provider_apis.skillcorner import SkillCornerApi
from tests.support.provider_apis.statsbomb import StatsBombApi
from tests.support.provider_apis.wyscout import WyscoutApi


def wyscout(api: Any) -> Source:
    source = Wyscout("mine", api.username, api.password, competitions=[811], base_url=api.base_url)
    source.requests_per_second = None
    return source


APIS: dict[str, tuple[type[ProviderApi], dict[str, Any], Callable[[Any], Source]]] = {
    "statsbomb": (StatsBombApi, {}, lambda api: StatsBomb("mine", api.username, api.password, api.base_url)),
    "wyscout": (WyscoutApi, {"requests_per_second": None}, wyscout),
    "skillcorner": (
        SkillCornerApi,
        {},
        lambda api: SkillCorner("mine", api.username, api.password, None, api.base_url),
    ),
    "impect": (
        ImpectApi,
        {},
        lambda api: Impect("mine", api.username, api.password, None, api.base_url, api.token_url),
    ),
}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestify.fetch.retries.backoff_seconds", lambda *_: 0.0)


@pytest.mark.parametrize("provider", APIS)
def test_what_the_lake_has_survives_a_provider_that_does_not(tmp_path: Path, provider: str):
    kind, options, make_source = APIS[provider]
    with kind(small_season(2), **options) as api, make_engine(tmp_path, make_source(api)) as engine:
        assert engine.load().totals.new == 2
        before = by_match(engine)
        for fault in (Fault(kind="reset"), Fault(kind="status", status=500), Fault(kind="html")):
            api.add_fault(fault)
            with pytest.raises(IngestifyError):
                engine.load(raise_errors=True)
            assert by_match(engine) == before
            api.clear_faults()
        assert engine.load().totals.failed == 0
        assert by_match(engine) == before


@pytest.mark.parametrize("provider", APIS)
def test_a_provider_that_is_not_there_is_named(tmp_path: Path, provider: str):
    kind, options, make_source = APIS[provider]
    with kind(small_season(1), **options) as api:
        source = make_source(api)
        url = api.url
    with make_engine(tmp_path, source) as engine, pytest.raises(FetchError, match=url):
        engine.load(raise_errors=True)
