"""What the endpoint takes and refuses, and that it answers 202 only for what is durable."""

from __future__ import annotations

import base64
import datetime as dt
import errno
import hashlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st
from standardwebhooks import Webhook
from starlette.testclient import TestClient

from ingestify import IngestionEngine, IngestionPlan, get_engine
from ingestify.errors import ConfigurationError
from ingestify.failpoints import installed, parse
from ingestify.receiving.app import make_app
from ingestify.receiving.endpoint import Endpoint
from ingestify.sources.push.source import PushSource
from tests.support.simulated_time import simulated_time

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
OTHER_SECRET = "whsec_" + base64.b64encode(b"o" * 32).decode()
TOKEN = "a-token-of-a-provider"
BODY = b'[{"id": 1}]'
EVENTS = "/push/club/files?season_id=2026&match_id=12&data_feed_key=events"
LINEUPS = EVENTS.replace("=events", "=lineups")
NOTICES = "/push/club/notices"
CONFIGURATION = {
    "provider": "club",
    "identity": ["season_id", "match_id"],
    "types": {"match_id": "int"},
    "requires": ["events", "lineups"],
    "optional": ["ball-*"],
    "secret": [OTHER_SECRET, SECRET],
    "token": TOKEN,
    "max_file_bytes": 3_000_000,
    "notices": {"source": "statsbomb", "keys": {"match_id": "data.match.id"}},
}


class Receiver:
    """An endpoint, and the lake behind it."""

    def __init__(self, folder: Path, **configuration: Any) -> None:
        self.source = PushSource("club", **{**CONFIGURATION, **configuration})
        self.engine: IngestionEngine = get_engine(folder / "lake")
        self.engine.add_ingestion_plan(IngestionPlan(self.source, "match"))
        self.client = TestClient(make_app([Endpoint(self.source)]), raise_server_exceptions=False)
        self.folder = folder

    def post(self, url: str = EVENTS, body: bytes = BODY, **headers: str) -> tuple[int, Any]:
        """Send something with the token. Returns the status, and the JSON of the answer."""
        given = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self.client.post(url, content=body, headers=given)
        return answer.status_code, answer.json()

    def signed(
        self, url: str = EVENTS, body: bytes = BODY, *, key: str = "msg_1", secret: str = SECRET, age: float = 0
    ) -> tuple[int, Any]:
        """Send something with a signature, made by the library of Standard Webhooks."""
        moment = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=age)
        headers = {
            "webhook-id": key,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": Webhook(secret).sign(key, moment, body.decode()),
            "Content-Type": "application/json",
        }
        answer = self.client.post(url, content=body, headers=headers)
        return answer.status_code, answer.json()

    @property
    def received(self) -> list[str]:
        """The paths of all files in the inbox, also unfinished ones."""
        inbox = self.folder / "lake" / "files" / ".inbox"
        return sorted(path.relative_to(inbox).as_posix() for path in inbox.rglob("*") if path.is_file())

    def load(self) -> tuple[int, int, int]:
        totals = self.engine.load().totals
        return totals.new, totals.revised, totals.skipped


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    made = Receiver(tmp_path)
    with made.engine:
        yield made


def test_a_match_comes_into_the_lake_when_all_of_its_feeds_came(receiver: Receiver) -> None:
    assert receiver.post(EVENTS) == (202, {"status": "accepted", "is_new": True})
    assert receiver.load() == (0, 0, 1)
    assert receiver.post(LINEUPS, b"[2]")[0] == 202
    assert receiver.load() == (1, 0, 0)
    (dataset,) = receiver.engine.list_datasets()
    assert dict(dataset.identifier) == {"season_id": "2026", "match_id": 12}
    with receiver.engine.store.load_files(dataset) as files:
        assert (files["events"].json(), files["lineups"].json()) == ([{"id": 1}], [2])
    assert receiver.post(EVENTS, b"[9]")[0] == 202
    assert receiver.load() == (0, 1, 0)
    assert receiver.load() == (0, 0, 0)


def test_the_same_push_is_one_file(receiver: Receiver) -> None:
    for _ in range(2):
        receiver.post(EVENTS, Idempotency_Key="a")
    assert receiver.post(EVENTS, b"[8]", Idempotency_Key="b")[1]["is_new"]
    late = receiver.post(EVENTS, Idempotency_Key="a")
    assert late == (202, {"status": "accepted", "is_new": False}), "a late retry is older than what came since"
    assert [pushed.digest for pushed in receiver.source.inbox.iter_files()] == [_digest(b"[8]")]
    assert receiver.post(EVENTS, b"[7]", Idempotency_Key="a")[0] == 409
    assert len([path for path in receiver.received if "/files/" in path]) == 2


def test_without_a_key_the_bytes_of_the_newest_file_are_the_same_push(receiver: Receiver) -> None:
    found = [receiver.post(EVENTS, body)[1]["is_new"] for body in (b"[1]", b"[1]", b"[2]", b"[1]")]
    assert found == [True, False, True, True], "a file may get its old bytes again"


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:32]


def test_a_signature_of_standard_webhooks_is_taken_whose_secret_is_replaced_meanwhile(receiver: Receiver) -> None:
    assert receiver.signed()[0] == 202
    assert receiver.signed(key="msg_2", secret=OTHER_SECRET)[0] == 202
    assert receiver.signed(NOTICES, b'{"data": {"match": {"id": 7}}}')[0] == 202


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"secret": "whsec_" + base64.b64encode(b"x" * 32).decode()}, "The signature is wrong."),
        ({"age": 301}, "webhook-timestamp is more than 300 s from now: sign each try anew."),
        ({"age": -400}, "webhook-timestamp is more than 300 s from now: sign each try anew."),
    ],
)
@pytest.mark.parametrize("url", [EVENTS, NOTICES])
def test_a_wrong_or_old_signature_is_refused(receiver: Receiver, url: str, given: dict[str, Any], reason: str) -> None:
    assert receiver.signed(url, **given) == (401, {"error": reason})
    assert receiver.received == []


def test_a_wrong_token_is_refused(receiver: Receiver) -> None:
    assert receiver.post(Authorization="Bearer wrong") == (401, {"error": "The token is wrong."})
    assert receiver.post(Authorization="")[0] == 401
    assert receiver.received == []


def test_what_is_too_large_is_refused_before_all_of_it_is_read(receiver: Receiver) -> None:
    read = 0

    def body() -> Iterator[bytes]:
        nonlocal read
        for _ in range(100):
            read += 1
            yield bytes(1_000_000)

    large = {"error": "The body is larger than 3,000,000 bytes."}
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    announced = receiver.client.post(EVENTS, content=b"1", headers={**headers, "Content-Length": "3000001"})
    assert (announced.status_code, announced.json()) == (413, large)
    answer = receiver.client.post(EVENTS, content=body(), headers=headers)
    assert (answer.status_code, answer.json()) == (413, large)
    assert receiver.received == []


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("season_id=2026&match_id=12", 400),
        ("match_id=12&data_feed_key=events", 400),
        ("season_id=2026&match_id=x&data_feed_key=events", 400),
        ("season_id=2026&match_id=012&data_feed_key=events", 400),
        (f"season_id={'9' * 61}&match_id=12&data_feed_key=events", 400),
        (f"season_id={'%E6%97%A5' * 28}&match_id=12&data_feed_key=events", 202),
        (f"season_id={'%E6%97%A5' * 29}&match_id=12&data_feed_key=events", 400),
        ("season_id=%FF&match_id=12&data_feed_key=events", 400),
        ("season_id=2026&match_id=12&data_feed_key=freeze", 400),
        ("season_id=2026&match_id=12&data_feed_key=..%2fevents", 400),
        ("season_id=2026&match_id=12&match_id=13&data_feed_key=events", 400),
        ("season_id=2026&match_id=12&data_feed_key=events&color=red", 400),
        ("season_id=2026&match_id=12&data_feed_key=events&data_serialization_format=xml", 415),
        ("season_id=2026&match_id=12&data_feed_key=ball-1&data_spec_version=v2", 202),
        ("season_id=..%2f..%2fx&match_id=12&data_feed_key=events", 202),
    ],
)
def test_an_address_says_which_file_it_is(receiver: Receiver, query: str, status: int) -> None:
    assert receiver.post(f"/push/club/files?{query}")[0] == status
    assert bool(receiver.received) is (status == 202)


@pytest.mark.parametrize(
    ("content_type", "added", "status"),
    [
        ("application/x-www-form-urlencoded", "", 415),
        ("", "", 415),
        ("application/octet-stream", "", 415),
        ("application/octet-stream", "&data_serialization_format=csv.gz", 202),
        ("application/gzip", "&data_serialization_format=csv.gz", 202),
        ("application/json; charset=utf-8", "", 202),
        ("application/xml", "", 202),
    ],
)
def test_the_type_says_the_format(receiver: Receiver, content_type: str, added: str, status: int) -> None:
    assert receiver.post(EVENTS + added, Content_Type=content_type)[0] == status


def test_a_compressed_or_empty_body_is_refused(receiver: Receiver) -> None:
    assert receiver.post(Content_Encoding="gzip")[0] == 415
    assert receiver.post(body=b"")[0] == 400
    assert receiver.received == []


@pytest.mark.parametrize(
    ("failing", "status"),
    [
        ("staging.written=error:ENOSPC", 507),
        ("staging.written=error:EDQUOT@2", 507),
        ("staging.synced=error:EIO", 503),
        ("staging.synced=error:ENOSPC@2", 507),
        ("publish.folder_made=error:ENOSPC", 507),
        ("publish.renamed=error:EIO", 503),
    ],
)
def test_a_disk_that_refuses_keeps_nothing_half(
    receiver: Receiver, failing: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    with installed(parse(failing)):
        assert receiver.post()[0] == status
    assert receiver.received == []
    assert "nothing of it was kept" in caplog.text
    assert receiver.post()[1]["is_new"]


def test_an_inbox_whose_disk_was_unmounted_is_not_made_again(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    assert receiver.post()[0] == 202
    files = receiver.folder / "lake/files"
    files.rename(receiver.folder / "away")
    files.mkdir()  # where it is mounted
    assert receiver.post(LINEUPS)[0] == 503
    assert list(files.iterdir()) == []
    assert "is not there any more. If its disk was unmounted, mount it again" in caplog.text
    files.rmdir()
    (receiver.folder / "away").rename(files)
    assert receiver.post(LINEUPS)[0] == 202


def test_what_a_killed_process_left_unfinished_is_removed_after_a_day(receiver: Receiver) -> None:
    receiver.source.inbox.begin().write(b"half of")
    (path,) = (receiver.folder / "lake/files/.inbox").rglob(".staging/*")
    with simulated_time(dt.datetime.now(dt.UTC) + dt.timedelta(hours=25)):
        receiver.post()
    assert not path.exists()


def test_what_was_durable_before_the_answer_was_lost_is_not_doubled(receiver: Receiver) -> None:
    def die() -> None:
        raise OSError(errno.EIO, "the process ends here")

    with installed({"push.stored": die}):
        assert receiver.post(Idempotency_Key="a")[0] == 500
    assert receiver.source.inbox.list_notice_paths() == []
    assert receiver.post(Idempotency_Key="a")[1] == {"status": "accepted", "is_new": False}
    assert len(receiver.source.inbox.list_notice_paths()) == 1, "the watch hears of it now"


def test_a_notice_is_kept_with_its_values(receiver: Receiver) -> None:
    assert receiver.post(NOTICES, b'{"data": {"match": {"id": 12}}}') == (202, {"status": "accepted"})
    (path,) = receiver.source.inbox.list_notice_paths()
    stored = receiver.source.inbox.read_notice(path)
    assert (stored.what, stored.filters) == ("match_id 12", {"match_id": 12})


@pytest.mark.parametrize(
    "body", [b"", b"[", b"[]", b'{"data": 1}', b'{"data": {"match": {"id": true}}}', b"\xff", b"[" * 60_000]
)
def test_a_notice_without_a_value_is_refused(receiver: Receiver, body: bytes) -> None:
    assert receiver.post(NOTICES, body)[0] == 400
    assert receiver.received == []


def test_other_addresses_and_methods(tmp_path: Path) -> None:
    without = Receiver(tmp_path, notices=None)
    with without.engine:
        assert without.post(NOTICES)[0] == 404
        assert without.post("/push/other/files")[0] == 404
        assert without.client.get("/push/club/files").status_code == 405
        assert without.client.get("/").json() == {"error": "Not Found."}
        assert without.client.get("/healthz").status_code == 200


def test_no_secret_is_in_the_log_or_in_an_answer(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        answers = [
            receiver.post(),
            receiver.post(Authorization="Bearer canary-of-a-stranger"),
            receiver.post(f"{EVENTS}&token={TOKEN}"),
            receiver.signed(),
            receiver.signed(age=999),
        ]
    logged = "".join(one.getMessage() for one in caplog.records if one.name.startswith("ingestify"))
    said = logged + json.dumps(answers) + repr(receiver.source) + repr(receiver.source.settings)
    for secret in (TOKEN, SECRET, SECRET.removeprefix("whsec_"), "canary"):
        assert secret not in said


HEADERS = st.dictionaries(
    st.sampled_from(
        (
            *("authorization", "content-type", "content-encoding", "content-length", "idempotency-key"),
            *("webhook-id", "webhook-timestamp", "webhook-signature"),
        )
    ),
    st.one_of(
        st.sampled_from([f"Bearer {TOKEN}", "application/json", "v1,", "v1,====", "0", "-1", "9" * 5000, "identity"]),
        st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40),
    ),
)


@hypothesis.given(
    path=st.one_of(st.sampled_from(["/push/club/files", "/push/club/notices", "/push//files"]), st.text(max_size=20)),
    query=st.lists(
        st.tuples(
            st.one_of(st.sampled_from(["season_id", "match_id", "data_feed_key"]), st.text(max_size=10)),
            st.one_of(st.sampled_from(["12", "events"]), st.text(max_size=70)),
        ),
        max_size=6,
    ),
    headers=HEADERS,
    body=st.one_of(st.binary(max_size=200), st.sampled_from([BODY, b'{"data": {"match": {"id": 1}}}'])),
)
@hypothesis.settings(
    max_examples=150, deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
def test_garbage_is_answered_and_never_an_error_of_ours(
    receiver: Receiver, path: str, query: list[tuple[str, str]], headers: dict[str, str], body: bytes
) -> None:
    url = "http://testserver/" + path.lstrip("/").replace("\\", "")
    try:
        request = receiver.client.build_request("POST", url, params=query, content=body)
    except Exception:
        hypothesis.reject()
    for name, value in headers.items():
        request.headers[name] = value.encode("latin-1").decode("latin-1")
    answer = receiver.client.send(request)
    assert answer.status_code in (202, 307, 400, 401, 404, 405, 408, 409, 413, 415)
    assert answer.status_code != 202 or headers.get("authorization") == f"Bearer {TOKEN}"


def test_a_secret_that_is_none_names_its_source() -> None:
    source = PushSource("club", **{**CONFIGURATION, "secret": "none"})
    with pytest.raises(ConfigurationError, match="The source 'club' cannot take pushes: secret is none of Standard"):
        Endpoint(source)
