"""kill -9 at random, as long as you like: `python -m tests.end_to_end.crashes.random_kills --kills 1000 --seed 1`.

One lake lives through all of it. Between kills the provider corrects matches, datasets are deleted, two runs meet, what
nobody names is collected, and now and then a run may finish. After each kill the lake is audited; in the end a run
brings it to what the provider has.
"""

from __future__ import annotations

import argparse
import collections
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

from ingestify.failpoints import NAMES
from tests.end_to_end.crashes.audit import audit
from tests.end_to_end.crashes.command_line import CommandLine
from tests.end_to_end.crashes.season import ChangingSeason

__all__ = ["live_through"]


def live_through(folder: Path, kills: int, seed: int, matches: int = 8) -> collections.Counter[str]:
    """Kill so many commands. Returns how often each thing was done.

    Raises:
        AssertionError: Something was lost or mixed.
    """
    rng = random.Random(seed)
    done: collections.Counter[str] = collections.Counter()
    with ChangingSeason(matches, seed) as season, CommandLine() as command_line:
        project = season.make_project(folder)
        seen: dict[int, int] = {}
        while done["killed"] < kills:
            season.change(rng, rng.choice((0, 1, 1, 2, matches)))
            action = rng.choices(("run", "two runs", "delete", "gc"), (12, 3, 2, 2))[0]
            if rng.random() < 0.6:
                failpoint, kill_after = f"{rng.choice(NAMES)}=kill@{int(rng.expovariate(0.2)) + 1}", None
            else:
                failpoint, kill_after = "", rng.uniform(0.02, 0.35)
            commands = [["run"]]
            if action == "two runs":
                commands = [["run"], ["run"]]
            elif action == "delete":
                match_id = rng.choice(season.simulator.match_ids)
                commands = [["delete", "--yes", f"match_id={match_id}"]]
                seen.pop(match_id, None)  # which it may not have come to
            elif action == "gc":
                commands = [["gc", "--yes", "--older-than", "0s"]]
            ended = command_line.run_side_by_side(project, commands, failpoints=failpoint, kill_after=kill_after)
            done[action] += 1
            done["killed"] += ended[0].code == -signal.SIGKILL
            for one in ended:
                assert "locked" not in one.err, one.err
                assert "Traceback" not in one.err, one.err
            seen = season.check(audit(project), current=False, at_least=seen)
            if rng.random() < 0.1:
                assert command_line.run(project, "run").code == 0
                seen = season.check(audit(project), current=True, at_least=seen)
                done["converged"] += 1
        assert command_line.run(project, "run").code == 0
        after = audit(project)
        season.check(after, current=True, at_least=seen)
        assert after.job_states["RUNNING"] == 0
        verified = command_line.run(project, "verify")
        assert verified.code == 0, verified.out + verified.err
        collected = command_line.run(project, "gc", "--yes", "--older-than", "0s")
        assert collected.code == 0, collected.err
        last = audit(project)
        assert (last.wrong, last.unnamed, last.staged) == ([], set(), set())
        season.check(last, current=True)
    return done


def main() -> None:
    """Print what was done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        done = live_through(Path(folder), options.kills, options.seed)
    figures = ", ".join(f"{name} {number}" for name, number in sorted(done.items()))
    sys.stdout.write(
        f"seed {options.seed}: {figures}; {time.monotonic() - started:.0f} s; nothing lost, nothing mixed\n"
    )


if __name__ == "__main__":
    main()
