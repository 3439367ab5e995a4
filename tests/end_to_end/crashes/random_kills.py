"""kill -9 at random, as long as you like: `python -m tests.end_to_end.crashes.random_kills --kills 1000 --seed 1`.

One lake lives through all of it. Between kills the provider corrects matches, datasets are deleted, two runs meet, what
nobody names is collected, also beside a run, and now and then a run may finish. Each process has a clock of its own,
that is up to a day ahead or behind. After each kill the lake is audited; in the end a run brings it to what the
provider has.
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
from tests.end_to_end.crashes.season import ChangingSeason
from tests.support.command_line import Command, CommandLine

__all__ = ["live_through"]

MOST_OFF_SECONDS = 86_400.0
"""How far a process's clock may be off."""


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
                    seen = _converge(project, season, command_line, rng, seen, story)
                    done["converged"] += 1
            _converge(project, season, command_line, rng, seen, story)
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
    action = rng.choices(("run", "two runs", "delete", "gc", "run and gc"), (9, 3, 2, 1, 4))[0]
    failpoint, kill_after = "", None
    if rng.random() < 0.6:
        failpoint = f"{rng.choice(NAMES)}=kill@{int(rng.expovariate(0.2)) + 1}"
    else:
        kill_after = rng.uniform(0.02, 0.35)
    # With an age of an hour it goes on beside a run, and with a clock that is ahead takes what was just written.
    collect = ["gc", "--yes", "--older-than", rng.choice(("0s", "1h"))]
    commands = [["run"]]
    if action == "two runs":
        commands = [["run"], ["run"]]
    elif action == "delete":
        match_id = rng.choice(season.simulator.match_ids)
        commands = [["delete", "--yes", f"match_id={match_id}", *rng.choice(([], ["--now"]))]]
        seen.pop(match_id, None)  # which it may not have come to
    elif action == "gc":
        commands = [collect]
    elif action == "run and gc":
        commands = [["run"], collect]
        rng.shuffle(commands)
    clocks = [rng.uniform(-MOST_OFF_SECONDS, MOST_OFF_SECONDS) for _ in commands]
    ended = command_line.run_all(
        [
            Command(
                project,
                command,
                failpoint if number == 0 else "",
                kill_after if number == 0 else None,
                clock_ahead=clocks[number],
            )
            for number, command in enumerate(commands)
        ]
    )
    done[action] += 1
    done["killed"] += ended[0].code == -signal.SIGKILL
    for command, one, ahead in zip(commands, ended, clocks, strict=True):
        story.append(
            f"{' '.join(command)} ({ahead:+.0f} s) {failpoint or kill_after}: {one.code} {one.out[-300:]!r} "
            f"{one.err[-600:]!r}"
        )
        assert "locked" not in one.err
        assert "Traceback" not in one.err
        if command is collect:
            refused = one.code == 1 and "Somebody writes to the lake" in one.err
            assert refused or one.code in (0, -signal.SIGKILL), one.err
            done["gc refused"] += refused
            done["gc removed objects"] += one.code == 0 and not one.out.startswith("0 files")
    return season.check(audit(project), current=False, at_least=seen)


def _converge(
    project: Path,
    season: ChangingSeason,
    command_line: CommandLine,
    rng: random.Random,
    seen: dict[int, int],
    story: collections.deque[str],
) -> dict[int, int]:
    """One run that nobody kills brings all that the provider has."""
    ahead = rng.uniform(-MOST_OFF_SECONDS, MOST_OFF_SECONDS)
    ended = command_line.run(project, "run", clock_ahead=ahead)
    story.append(f"run ({ahead:+.0f} s): {ended.code} {ended.out[-300:]!r} {ended.err[-600:]!r}")
    assert ended.code == 0
    after = audit(project)
    assert after.job_states["RUNNING"] == 0
    return season.check(after, current=True, at_least=seen)


def _clean_up(project: Path, season: ChangingSeason, command_line: CommandLine) -> None:
    """The lake verifies, and once it is collected nothing is left over."""
    verified = command_line.run(project, "verify")
    assert verified.code == 0, verified.out + verified.err
    # Beyond whatever the clocks were of those that deleted.
    collected = command_line.run(project, "gc", "--yes", "--older-than", "0s", clock_ahead=2 * MOST_OFF_SECONDS)
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
