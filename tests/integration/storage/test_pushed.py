"""Pushes to a lake in an object store: several machines have one inbox."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from ingestify import IngestionEngine, IngestionPlan, get_engine
from ingestify.receiving.app import make_app
from ingestify.receiving.endpoint import Endpoint
from ingestify.sources.push.source import PushSource

from . import servers
from .conftest import NOWHERE

_numbers = itertools.count(1)
TOKEN = "a-token-of-a-provider"


class Machine:
    """A machine with the lake in S3. Its catalogue is its own: a receiver does not need it."""

    def __init__(self, folder: Path, file_url: str, endpoint: str) -> None:
        self.source = PushSource(
            "club", provider="club", identity=["match_id"], requires=["events", "tracking"], token=TOKEN
        )
        self.engine: IngestionEngine = get_engine(
            metadata_url=f"sqlite:///{folder}/catalog-{next(_numbers)}.db",
            file_url=file_url,
            file_options={"endpoint": endpoint, "attempts": 2},
        )
        self.engine.add_ingestion_plan(IngestionPlan(self.source, "match"))
        self.client = TestClient(make_app([Endpoint(self.source)]), raise_server_exceptions=False)

    def push(self, feed: str, body: bytes, key: str) -> tuple[int, object]:
        answer = self.client.post(
            f"/push/club/files?match_id=12&data_feed_key={feed}",
            content=body,
            headers={
                "Authorization": f"Bearer {TOKEN}",
                "Content-Type": "application/json",
                "Idempotency-Key": key,
            },
        )
        return answer.status_code, answer.json().get("is_new")


@pytest.fixture
def file_url() -> str:
    return f"s3://{servers.BUCKET}/pushed-{next(_numbers)}"


def test_what_came_to_one_machine_is_known_to_all_of_them(tmp_path: Path, moto: str, file_url: str) -> None:
    first, second, third = (Machine(tmp_path, file_url, moto) for _ in range(3))
    large = b"[" + b"1," * (5 << 20) + b"1]"
    with first.engine, second.engine, third.engine:
        assert first.push("events", b"[1]", "a") == (202, True)
        assert second.push("events", b"[1]", "a") == (202, False)
        assert second.push("tracking", large, "b") == (202, True)
        assert third.engine.load().totals.new == 1
        (dataset,) = third.engine.list_datasets()
        with third.engine.store.load_files(dataset) as files:
            assert files["tracking"].read() == large
        assert len(third.source.inbox.list_notice_paths()) == 3
        third.source.inbox.remove_notices(first.source.inbox.list_notice_paths())
        assert second.source.inbox.list_notice_paths() == []
        assert not third.engine.verify().damages
        assert third.engine.collect_garbage().objects == 0


def test_a_store_that_is_away_is_503_and_nothing_is_kept(tmp_path: Path, moto: str, file_url: str) -> None:
    machine = Machine(tmp_path, file_url, NOWHERE)
    with machine.engine:
        assert machine.push("events", b"[1]", "a") == (503, None)
    there = Machine(tmp_path, file_url, moto)
    with there.engine:
        assert there.push("events", b"[1]", "a") == (202, True)
