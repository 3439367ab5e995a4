"""Every built-in source, in the suite that every source passes.

A new source is a class of a few lines here: what simulates its provider, and how it is made. One that is built in and
has none fails the last test.
"""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import pytest

from ingestify import Source
from ingestify.sources.files.source import FilesSource
from ingestify.sources.impect import Impect
from ingestify.sources.impect_github import ImpectGithub
from ingestify.sources.metrica_github import MetricaGithub
from ingestify.sources.push.inbox import Inbox, PushedFile
from ingestify.sources.push.source import PushSource
from ingestify.sources.registry import BUILT_IN, find_source_class
from ingestify.sources.rest.source import RestSource
from ingestify.sources.skillcorner import SkillCorner
from ingestify.sources.skillcorner_github import SkillCornerGithub
from ingestify.sources.sportec_huggingface import SportecHuggingFace
from ingestify.sources.statsbomb import StatsBomb
from ingestify.sources.statsbomb_github import StatsBombGithub
from ingestify.sources.wyscout import Wyscout
from ingestify.sources.wyscout_github import WyscoutGithub
from ingestify.storage.memory import MemoryStorage
from ingestify.testing.document_provider import DocumentProvider
from ingestify.testing.relay import Relay
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator
from ingestify.testing.source_contract import SourceContract
from tests.support.provider_apis.impect import ImpectApi
from tests.support.provider_apis.skillcorner import SkillCornerApi
from tests.support.provider_apis.statsbomb import StatsBombApi
from tests.support.provider_apis.wyscout import WyscoutApi
from tests.unit.sources.push.test_inbox import keep

SEASONS = [Season(matches=3, seed=4, events_per_match=30, season_id=season) for season in (27, 28)]


class TestStatsBombGithub(SourceContract):
    def make_provider(self) -> Simulator:
        return Simulator(SEASONS)

    def make_source(self, provider: Relay) -> Source:
        return StatsBombGithub("statsbomb", base_url=provider.base_url)


class TestWyscoutGithub(SourceContract):
    def make_provider(self) -> DocumentProvider:
        entries = [
            {"wyId": number, "competitionId": 364, "seasonId": season, "dateutc": f"2018-0{number}-01 14:00:00"}
            for number, season in ((1, 181150), (2, 181150), (3, 181151))
        ]
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("matches_England.json", json.dumps(entries))
        files = {f"processed-v2/files/{number}.json": {"events": [{"id": number}]} for number in (1, 2, 3)}
        return DocumentProvider({"raw_data/matches.zip": packed.getvalue(), **files})

    def make_source(self, provider: Relay) -> Source:
        return WyscoutGithub("wyscout", base_url=provider.base_url)


class TestImpectGithub(SourceContract):
    requests_before_first = 4  # the matches, and the iteration with its squads and players, which name them

    def make_provider(self) -> DocumentProvider:
        documents: dict[str, Any] = {
            "iterations.json": [{"id": number, "season": "23/24"} for number in (743, 744)],
        }
        for iteration, matches in ((743, (1, 2)), (744, (3,))):
            times = {"scheduledDate": "2023-08-18T18:30:00Z", "lastCalculationDate": "2025-08-28T06:30:00.471380Z"}
            documents[f"matches/matches_{iteration}.json"] = [{"id": number, **times} for number in matches]
            documents[f"squads/squads_{iteration}.json"] = [{"id": 38, "name": "Home"}]
            documents[f"players/players_{iteration}.json"] = [{"id": 7, "commonname": "Somebody"}]
            for number in matches:
                documents[f"lineups/lineups_{number}.json"] = {"id": number}
                documents[f"events/events_{number}.json"] = [{"id": number}]
        return DocumentProvider(documents)

    def make_source(self, provider: Relay) -> Source:
        return ImpectGithub("impect", base_url=provider.base_url)


class TestMetricaGithub(SourceContract):
    requests_before_first = 0

    def make_provider(self) -> DocumentProvider:
        csv = b"Team,Type,Subtype,Period\nAway,SET PIECE,KICK OFF,1\n"
        names = {number: f"Sample_Game_{number}/Sample_Game_{number}" for number in (1, 2, 3)}
        return DocumentProvider(
            {
                f"{names[1]}_RawEventsData.csv": csv,
                f"{names[2]}_RawEventsData.csv": csv.replace(b"Away", b"Home"),
                f"{names[3]}_events.json": {"data": [{"index": 1}]},
                f"{names[3]}_metadata.xml": b"<?xml version='1.0'?><main><Metadata/></main>",
            }
        )

    def make_source(self, provider: Relay) -> Source:
        return MetricaGithub("metrica", base_url=provider.base_url)


class TestSportecHuggingFace(SourceContract):
    requests_before_first = 0

    def make_provider(self) -> DocumentProvider:
        matches = (("DFL-COM-000001", "J03WMX"), ("DFL-COM-000001", "J03WN1"))
        kinds = ("02_01_matchinformation", "03_02_events_raw")
        return DocumentProvider(
            {
                f"DFL_{kind}_{competition}_DFL-MAT-{match}.xml": f"<PutDataRequest Id='{match}'/>".encode()
                for competition, match in matches
                for kind in kinds
            }
        )

    def make_source(self, provider: Relay) -> Source:
        return SportecHuggingFace("sportec", base_url=provider.base_url)


class TestSkillCornerGithub(SourceContract):
    def make_provider(self) -> DocumentProvider:
        entries = [
            {"id": number, "status": "closed", "competition_id": 61, "season_id": season, "date_time": None}
            for number, season in ((11, 95), (12, 95), (13, 96))
        ]
        documents: dict[str, Any] = {"matches.json": entries}
        for entry in entries:
            start = f"matches/{entry['id']}/{entry['id']}"
            documents[f"{start}_match.json"] = entry
            documents[f"{start}_dynamic_events.csv"] = b"event_id,frame_start\n1_1,10\n"
            documents[f"{start}_phases_of_play.csv"] = b"index,frame_start\n0,10\n"
            documents[f"{start}_tracking_extrapolated.jsonl"] = b'{"frame": 1, "player_data": []}\n'
        return DocumentProvider(documents)

    def make_source(self, provider: Relay) -> Source:
        return SkillCornerGithub("skillcorner", base_url=provider.base_url)


class TestSkillCornerTracking(TestSkillCornerGithub):
    dataset_type = "tracking"


# ---- the paid APIs -------------------------------------------------------------------------------------


class TestStatsBomb(SourceContract):
    uses_secret = True
    data_spec_versions = MappingProxyType({"match": "v6", "events": ["v8", "v9"], "lineups": "v5", "360-frames": "v2"})

    def make_provider(self) -> StatsBombApi:
        return StatsBombApi(SEASONS, password=self.secret)

    def make_source(self, provider: Relay) -> Source:
        return StatsBomb("statsbomb", "analyst", self.secret, base_url=provider.base_url)


class TestWyscout(SourceContract):
    uses_secret = True

    def make_provider(self) -> WyscoutApi:
        return WyscoutApi(SEASONS, password=self.secret, requests_per_second=None)

    def make_source(self, provider: Relay) -> Source:
        source = Wyscout("wyscout", "analyst", self.secret, competitions=[811], base_url=provider.base_url)
        source.requests_per_second = None  # 12 would make the suite slow
        return source


class TestSkillCorner(SourceContract):
    uses_secret = True
    requests_before_first = 2  # the editions, and the first page of matches

    def make_provider(self) -> SkillCornerApi:
        return SkillCornerApi(SEASONS, password=self.secret, page_size=2)

    def make_source(self, provider: Relay) -> Source:
        return SkillCorner("skillcorner", "analyst", self.secret, base_url=provider.base_url)


class TestSkillCornerApiTracking(TestSkillCorner):
    dataset_type = "tracking"


class TestImpect(SourceContract):
    uses_secret = True
    requests_before_first = 5  # a token, and what names matches, squads and players

    def make_provider(self) -> ImpectApi:
        return ImpectApi(SEASONS, password=self.secret)

    def make_source(self, provider: Relay) -> Source:
        token_url = provider.relayed(provider.upstream.token_url)
        return Impect("impect", "analyst", self.secret, base_url=provider.base_url, token_url=token_url)


# ---- sources without code ------------------------------------------------------------------------------


class TestRest(SourceContract):
    uses_secret = True

    def make_provider(self) -> DocumentProvider:
        documents: dict[str, Any] = {"seasons": [{"id": 1}, {"id": 2}]}
        for season, matches in ((1, (11, 12)), (2, (21,))):
            documents[f"seasons/{season}/matches"] = [
                {"id": match, "updated": f"2024-05-{match}T20:00:00Z"} for match in matches
            ]
            for match in matches:
                documents[f"matches/{match}/events"] = [{"match": match}]
                documents[f"matches/{match}/lineups"] = [{"match": match}]
        return DocumentProvider(documents, token=self.secret)

    def make_source(self, provider: Relay) -> Source:
        feeds = {feed: {"url": f"/matches/{{match_id}}/{feed}"} for feed in ("events", "lineups")}
        match = {
            "selectors": {"endpoint": "/seasons", "values": {"season_id": "id"}},
            "index": {"endpoint": "/seasons/{season_id}/matches"},
            "identity": {"match_id": "id"},
            "name": "Match {id}",
            "last_modified": "updated",
            "feeds": feeds,
        }
        return RestSource(
            "rest",
            provider="example",
            base_url=provider.base_url,
            auth={"type": "bearer", "token": self.secret},
            dataset_types={"match": match},
        )


class Delivery(DocumentProvider):
    """A folder in place of a server; nothing is asked of the server."""

    def __enter__(self) -> Self:
        self.folder = tempfile.TemporaryDirectory()
        for match in (11, 12):
            for feed in ("events", "lineups"):
                Path(self.folder.name, f"{match}_{feed}.json").write_text(json.dumps([match]))
        super().__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self.folder.cleanup()


class TestFiles(SourceContract):
    requests_before_first = 0

    def make_provider(self) -> Delivery:
        return Delivery()

    def make_source(self, provider: Relay) -> Source:
        folder = provider.upstream.folder.name if isinstance(provider.upstream, Delivery) else "."
        return FilesSource(
            "files",
            provider="club",
            location=folder,
            pattern="{match_id}_{data_feed_key}.{data_serialization_format}",
            types={"match_id": "int"},
            dataset_name="Match {match_id}",
            settle_seconds=0,
        )


class Pushed(DocumentProvider):
    """What a provider has pushed, in place of a server; nothing is asked of the server."""

    def __init__(self) -> None:
        super().__init__({})
        self.storage = MemoryStorage()
        inbox = Inbox(self.storage, "push")
        for match in ("11", "12"):
            for feed in ("events", "lineups"):
                keep(inbox, b"[%s]" % match.encode(), file=PushedFile((match,), feed, "v1", "json"))


class TestPush(SourceContract):
    requests_before_first = 0
    secret = "a-token-of-a-provider"

    def make_provider(self) -> Pushed:
        return Pushed()

    def make_source(self, provider: Relay) -> Source:
        storage = provider.upstream.storage if isinstance(provider.upstream, Pushed) else MemoryStorage()
        source = PushSource(
            "push",
            provider="club",
            identity=["match_id"],
            types={"match_id": "int"},
            requires=["events", "lineups"],
            token=self.secret,
        )
        source.attach_inbox(lambda: storage)
        assert source.inbox is not None, "it is opened now: the lake of the suite would give it an empty one"
        return source

    def test_the_versions_that_are_asked_for_are_those_announced(self, trial, facts, part):
        pytest.skip("a version that nobody has pushed may still come, so the source waits for it")


def test_every_built_in_source_is_in_the_suite():
    suites = [one for one in globals().values() if isinstance(one, type) and issubclass(one, SourceContract)]
    made = {type(suite().make_source(_Nowhere())) for suite in suites if suite is not SourceContract}
    assert {find_source_class(name) for name in BUILT_IN} == made


class _Nowhere:
    base_url = "http://127.0.0.1:9/v1"
    token_url = base_url

    @property
    def upstream(self) -> _Nowhere:
        return self

    def relayed(self, url: str) -> str:
        return url
