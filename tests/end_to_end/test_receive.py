"""`ingestify receive` as a process: beside a watch, killed, and told to end; and the commands of docs/push.md."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from ingestify import get_datastore, get_engine
from tests.end_to_end.running import command_beside
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")]

TOKEN = "a-token-of-a-provider"
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
CONFIG = """
main:
  metadata_url: sqlite:///database/catalog.db
  file_url: file://database/files/
sources:
  club:
    type: ingestify.push
    configuration:
      provider: club
      identity: [season_id, match_id]
      types: {match_id: int}
      requires: [events, lineups]
      secret: !ENV "${PUSH_SECRET}"
      token: !ENV "${PUSH_TOKEN}"
      notices: {source: files, keys: {match_id: data.match_id}}
  files:
    type: ingestify.files
    configuration: {provider: files, location: deliveries, pattern: "{match_id}_{data_feed_key}.json"}
ingestion_plans:
  - {source: club, dataset_type: match}
  - {source: files, dataset_type: match}
"""
DOCUMENT = Path(__file__).parents[2] / "docs" / "push.md"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PUSH_TOKEN", TOKEN)
    monkeypatch.setenv("PUSH_SECRET", SECRET)
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "deliveries").mkdir()
    return tmp_path


def running(project: Path, *arguments: str, **environment: str) -> AbstractContextManager[subprocess.Popen[str]]:
    """Run a command beside the block. What it says goes to a file that has its name."""
    return command_beside(project, [*arguments], out=arguments[0], environment=environment)


def said(project: Path, command: str) -> str:
    return (project / command).read_text()


def port_of(project: Path) -> int:
    """Wait until it listens. Returns its port."""
    wait_until(lambda: "Taking pushes at" in said(project, "receive"))
    found = re.search(r"http://127\.0\.0\.1:(\d+)/push/club/files", said(project, "receive"))
    assert found is not None
    return int(found[1])


def push(port: int, feed: str, body: str = "[1]", key: str | None = None) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    headers |= {} if key is None else {"Idempotency-Key": key}
    with contextlib.closing(connection):
        connection.request("POST", f"/push/club/files?season_id=1&match_id=12&data_feed_key={feed}", body, headers)
        answer = connection.getresponse()
        assert answer.status == 202, answer.read()
        return json.loads(answer.read())


def test_what_is_pushed_to_one_process_is_in_the_lake_by_another(project: Path) -> None:
    with running(project, "receive", "--listen", "0") as receiver, running(project, "watch") as watch:
        port = port_of(project)
        wait_until(lambda: "nobody watched" in said(project, "watch"))
        push(port, "events")
        push(port, "lineups")
        with contextlib.closing(get_datastore(project / "config.yaml")) as store:
            wait_until(lambda: len(store.get_dataset_collection(provider="club")) == 1)
        for process in (receiver, watch):
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0, said(project, "receive") + said(project, "watch")
    assert "pushed: " in said(project, "watch")
    for secret in (TOKEN, SECRET, SECRET.removeprefix("whsec_")):
        assert secret not in said(project, "receive") + said(project, "watch")


@pytest.mark.parametrize("failpoint", ["push.stored", "push.announced"])
def test_a_kill_before_the_answer_loses_nothing_and_doubles_nothing(project: Path, failpoint: str) -> None:
    with running(project, "receive", "--listen", "0", INGESTIFY_FAILPOINTS=f"{failpoint}=kill@2") as receiver:
        port = port_of(project)
        push(port, "lineups")
        with pytest.raises((http.client.HTTPException, OSError)):
            push(port, "events", key="a")
        assert receiver.wait(60) == -signal.SIGKILL
    with running(project, "receive", "--listen", "0"):
        assert push(port_of(project), "events", key="a") == {"status": "accepted", "is_new": False}
    with get_engine(project / "config.yaml") as engine:
        totals = engine.load(source="club").totals
        assert (totals.new, totals.failed) == (1, 0)
        (dataset,) = engine.list_datasets(provider="club")
        assert len(dataset.revisions) == 1


def test_sigterm_lets_in_what_has_begun(project: Path) -> None:
    head = (
        f"POST /push/club/files?season_id=1&match_id=12&data_feed_key=events HTTP/1.1\r\nHost: here\r\n"
        f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\nContent-Length: 2000000\r\n\r\n"
    )
    with running(project, "receive", "--listen", "0") as receiver:
        port = port_of(project)
        push(port, "lineups")
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            connection.sendall(head.encode() + bytes(1_500_000))
            staging = project / "database/files/.inbox/main/.staging"
            wait_until(lambda: list(staging.iterdir()))
            receiver.send_signal(signal.SIGTERM)
            wait_until(lambda: "Stopping" in said(project, "receive"))
            assert receiver.poll() is None
            connection.sendall(bytes(500_000))
            assert connection.recv(65536).startswith(b"HTTP/1.1 202")
        assert receiver.wait(60) == 0, said(project, "receive")


def test_the_commands_of_the_document_work(project: Path) -> None:
    blocks = dict(re.findall(r"<!-- push: (\w+) -->\n```sh\n(.*?)```", DOCUMENT.read_text(), re.DOTALL))
    assert list(blocks) == ["token", "signature", "notice"]
    (project / "events.json").write_text("[1]")
    (project / "lineups.json").write_text("[2]")
    with running(project, "receive", "--listen", "0"):
        port = port_of(project)
        for name, code in blocks.items():
            commands = code.replace("127.0.0.1:8643", f"127.0.0.1:{port}")
            ended = subprocess.run(["bash", "-ec", commands], cwd=project, capture_output=True, text=True, check=False)
            assert ended.returncode == 0, f"{name}: {ended.stdout}{ended.stderr}"
    with get_engine(project / "config.yaml") as engine:
        assert engine.load(source="club").totals.new == 1
