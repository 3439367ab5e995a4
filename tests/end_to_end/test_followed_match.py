"""A match is followed by processes of the command line: one is killed, and the next one goes on."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys

from ingestify import FollowedEvent, IngestionPlan, get_engine
from ingestify.testing.season import Season
from tests.support.growing_match import Folded, GrowingMatch


def start(folder, *arguments):
    command = [sys.executable, "-m", "ingestify", "follow", "match_id=1", "--lake", str(folder), "--poll", "0.05"]
    return subprocess.Popen([*command, "--forever", *arguments], stdout=subprocess.PIPE, text=True)


def take(process, folded, count):
    for _ in range(count):
        folded.take(FollowedEvent(**json.loads(process.stdout.readline())))


def test_a_follower_that_is_killed_goes_on_in_another_process(tmp_path):
    events = json.loads(Season(matches=1, events_per_match=60, matches_with_360=0).events(81127001))
    half = len(events) // 2
    provider = GrowingMatch()
    folded = Folded()
    with contextlib.closing(get_engine(str(tmp_path / "lake"))) as engine:
        engine.add_ingestion_plan(IngestionPlan(provider, "match"))
        provider.change(events[:half], "live")
        engine.run()
        first = start(tmp_path / "lake")
        take(first, folded, half - 3)
        first.send_signal(signal.SIGKILL)
        first.wait()
        second = start(tmp_path / "lake", "--after", folded.cursor)
        try:
            take(second, folded, 3)
            provider.change([{**events[0], "duration": 9.5}, *events[1:]])
            engine.run()
            take(second, folded, 1 + len(events) - half)
            second.send_signal(signal.SIGTERM)
            assert second.stdout.read() == ""
            assert second.wait(10) == 0
        finally:
            second.kill()
            second.stdout.close()
            first.stdout.close()
    folded.require_same(provider.events)
    assert folded.kinds() == {"added": len(events), "changed": 1}
