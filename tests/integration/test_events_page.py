"""What docs/events.md tells a reader to do, from nothing to a consumer, works with a real RabbitMQ."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pika
import pytest

from ingestify.consume import Seen, parse
from ingestify.events import relay
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator
from tests.integration.publishers.rabbitmq_server import RabbitNode
from tests.support.waiting import wait_until

PAGE = (Path(__file__).parents[2] / "docs" / "events.md").read_text("utf-8")
BLOCKS = dict(re.findall(r"<!-- \w+: (\S+) -->\n```\w+\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
BROKER = "127.0.0.1:5672"


def run(folder: Path, block: str) -> None:
    for line in BLOCKS[block].splitlines():
        ran = subprocess.run(
            [sys.executable, "-m", *shlex.split(line, comments=True)], cwd=folder, capture_output=True, text=True
        )
        assert ran.returncode == 0, ran.stderr


def status(folder: Path) -> dict[str, object]:
    command = [sys.executable, "-m", "ingestify", "publish", "status", "--json"]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    found: dict[str, object] = json.loads(ran.stdout)
    return found


def ready(node: RabbitNode) -> int:
    """How many messages nobody has yet; -1: there is no queue."""
    with contextlib.closing(node.connect()) as connection:
        try:
            count: int = connection.channel().queue_declare("lake-events", passive=True).method.message_count
        except pika.exceptions.ChannelClosedByBroker:
            return -1
        return count


def queues(node: RabbitNode) -> dict[str, int]:
    """Name to how many messages it has, with those that a consumer has not acknowledged."""
    out = node.control("list_queues", "-q", "--no-table-headers", "name", "messages")
    return {name: int(count) for name, count in map(str.split, out.splitlines())}


def handled(folder: Path) -> int:
    with Seen(folder / "seen.db") as seen:
        return len(seen)


def start(folder: Path, out: Path) -> subprocess.Popen[bytes]:
    with out.open("wb") as file:
        return subprocess.Popen([sys.executable, "consumer.py"], cwd=folder, stdout=file, stderr=subprocess.DEVNULL)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is SIGINT")
def test_a_reader_gets_from_nothing_to_a_consumer(tmp_path: Path, node: RabbitNode) -> None:
    ours = f"127.0.0.1:{node.port}"
    assert BROKER in BLOCKS["consumer.py"]
    assert BROKER in BLOCKS["rabbitmq"]
    (tmp_path / "consumer.py").write_text(BLOCKS["consumer.py"].replace(BROKER, ours))
    consumer = None
    with Simulator(Season(matches=4, seed=3, competition_id=43, season_id=106, events_per_match=60)) as provider:
        source = "type: ingestify.statsbomb_github\n"
        with_url = f"{source}    configuration: {{base_url: '{provider.base_url}'}}\n"
        config = BLOCKS["rabbitmq"].replace(BROKER, ours)
        assert source in config
        (tmp_path / "config.yaml").write_text(config.replace(source, with_url))
        try:
            consumer = start(tmp_path, tmp_path / "first")
            wait_until(lambda: ready(node) == 0)
            run(tmp_path, "run")
            wait_until(lambda: (tmp_path / "first").read_text().count("\n") == 4)
            assert set(re.findall(r" has \d+ events$", (tmp_path / "first").read_text(), re.MULTILINE))
            assert status(tmp_path)["behind"] == 0
            wait_until(lambda: handled(tmp_path) == 8)
            consumer.send_signal(signal.SIGINT)
            consumer.wait(30)

            run(tmp_path, "replay")
            wait_until(lambda: ready(node) >= 8)  # the message in hand at Ctrl-C may be there, too
            consumer = start(tmp_path, tmp_path / "second")
            wait_until(lambda: queues(node) == {"lake-events": 0})
            consumer.send_signal(signal.SIGINT)
            consumer.wait(30)
            assert (tmp_path / "second").read_text() == ""
        finally:
            if consumer is not None:
                consumer.kill()
                consumer.wait()
    with contextlib.closing(node.connect()) as connection:
        connection.channel().queue_delete("lake-events")


def test_the_consumer_is_short() -> None:
    assert len(BLOCKS["consumer.py"].splitlines()) <= 20


def test_the_page_says_how_much_the_relay_reads_and_sends_at_once() -> None:
    assert PAGE.count(f" {relay._PAGE:,} events of the log") == 2
    assert f" {relay._MOST_BYTES >> 20} MB of payloads" in PAGE


def test_the_message_of_the_page_is_one() -> None:
    event = parse(BLOCKS["revision_added"], validate=True)
    assert event.identifier["match_id"] == 3869685
