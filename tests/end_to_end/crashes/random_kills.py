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
from tests.end_to_end.command_line import CommandLine
from tests.end_to_end.crashes.audit import audit
from tests.end_to_end.crashes.season import ChangingSeason

__all__ = ["live_through"]


def live_through(folder: Path, kills: int, seed: int, matches: int = 8) -> collections.Counter[str]:
    """Kill so many commands. Returns how often each thing was done.

    Raises:
        AssertionError: Something was lost or mixed.
    """
    rng = random.Random(seed)
    done: collections.Counter[str] = collections.Counter()
    story: collections.deque[str] = collections.deque(maxlen=8)
    with ChangingSeason(matches, seed) as season, CommandLine() as command_line:
        project = season.make_project(folder)
        seen: dict[int, int] = {}
        try:
            while done["killed"] < kills:
                seen = _kill_one(project, season, command_line, rng, seen, done, story)
                if rng.random() < 0.1:
                    seen = _converge(project, season, command_line, seen, story)
                    done["converged"] += 1
            _converge(project, season, command_line, seen, story)
            _clean_up(project, season, command_line)
        except AssertionError as error:
            error.add_note("What came before:\n" + "\n".join(story))
            raise
    return done


def _kill_one(
    project: Path,
    season: ChangingSeason,
    command_line: CommandLine,
    rng: random.Random,
    seen: dict[int, int],
    done: collections.Counter[str],
    story: collections.deque[str],
) -> dict[int, int]:
    season.change(rng, rng.choice((0, 1, 1, 2, len(season.simulator.match_ids))))
    action = rng.choices(("run", "two runs", "delete", "gc"), (12, 3, 2, 2))[0]
    failpoint, kill_after = "", None
    if rng.random() < 0.6:
        failpoint = f"{rng.choice(NAMES)}=kill@{int(rng.expovariate(0.2)) + 1}"
    else:
        kill_after = rng.uniform(0.02, 0.35)
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
    for command, one in zip(commands, ended, strict=True):
        story.append(f"{' '.join(command)} {failpoint or kill_after}: {one.code} {one.out[-300:]!r} {one.err[-600:]!r}")
        assert "locked" not in one.err
        assert "Traceback" not in one.err
    return season.check(audit(project), current=False, at_least=seen)


def _converge(
    project: Path,
    season: ChangingSeason,
    command_line: CommandLine,
    seen: dict[int, int],
    story: collections.deque[str],
) -> dict[int, int]:
    """One run that nobody kills brings all that the provider has."""
    ended = command_line.run(project, "run")
    story.append(f"run: {ended.code} {ended.out[-300:]!r} {ended.err[-600:]!r}")
    assert ended.code == 0
    after = audit(project)
    assert after.job_states["RUNNING"] == 0
    return season.check(after, current=True, at_least=seen)


def _clean_up(project: Path, season: ChangingSeason, command_line: CommandLine) -> None:
    """The lake verifies, and once it is collected nothing is left over."""
    verified = command_line.run(project, "verify")
    assert verified.code == 0, verified.out + verified.err
    collected = command_line.run(project, "gc", "--yes", "--older-than", "0s")
    assert collected.code == 0, collected.err
    last = audit(project)
    assert (last.wrong, last.unnamed, last.staged) == ([], set(), set())
    season.check(last, current=True)


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
