"""The pictures of docs/pictures.md, of a season that is invented."""

from __future__ import annotations

import datetime as dt

from ingestify.pictures.change_bars import FeedChanges, change_bars
from ingestify.pictures.coverage import CoverageCell, CoverageRow, coverage_matrix
from ingestify.pictures.freeze_frame import freeze_frame
from ingestify.pictures.line_ups import line_ups
from ingestify.pictures.match_values import Side
from ingestify.pictures.run_history import JobBar, run_history
from ingestify.pictures.shot_map import shot_map
from ingestify.pictures.statsbomb import read_match
from ingestify.pictures.tracking_frame import TrackedPlayer, TrackingFrame, tracking_frame
from ingestify.pictures.xg_race import xg_race
from ingestify.testing.season import Season

__all__ = ["picture_files"]


def picture_files() -> dict[str, str]:
    """Return the pictures: path in the repository to SVG."""
    season = Season(matches=4, seed=1)
    match_id = season.index_entries()[1]["match_id"]
    match = read_match(season.events(match_id), season.lineups(match_id))
    (chance, *_) = (goal.shot for goal in match.goals if goal.shot)
    home, away = match.teams
    starters = [[player for player in team.players if player.is_starter] for team in match.teams]
    players = [
        TrackedPlayer(side, abs(side - (0.06 + 0.041 * n)), ((n * 7 + 5) % 11 + 0.5) / 11, one.name, one.number, n == 0)
        for side in Side
        for n, one in enumerate(starters[side])
    ]
    cells = {"events": CoverageCell(380), "lineups": CoverageCell(380), "360-frames": CoverageCell(311, 4, 1, 64)}
    rows = [
        CoverageRow("Valmerian Premier Division 2024/2025", cells),
        CoverageRow("Valmerian Cup 2024", {"events": CoverageCell(62, missing=1), "lineups": CoverageCell(63)}),
    ]
    states = ["finished"] * 9 + ["with problems", "finished", "failed", "finished", "stopped", "finished", "running"]
    jobs = [
        JobBar(f"{n}", selector, dt.datetime(2024, 9, 1 + n, 4), 20 + n * part % 41, state)
        for part, selector in ((7, "statsbomb, match, Premier Division"), (11, "statsbomb, match, Cup"))
        for n, state in enumerate(states)
    ]
    pictures = {
        "shots": shot_map(match),
        "xg": xg_race(match),
        "frame": freeze_frame(match, chance),
        "lineups": line_ups(match),
        "tracking": tracking_frame(TrackingFrame((home.name, away.name), players, (0.5, 0.4), 1, 12.4)),
        "coverage": coverage_matrix(rows),
        "runs": run_history(jobs),
        "changes": change_bars(
            f"{match.title}, revision 0 → 1",
            "27 shots' xG changed; 1 pass added in minute 63.",
            [FeedChanges("events", added=1, changed=27), FeedChanges("lineups", changed=2, moved=3)],
        ),
    }
    svg = {f"docs/pictures/{name}.svg": picture.plain_svg() + "\n" for name, picture in pictures.items()}
    return {**svg, "docs/pictures/xg-dark.svg": pictures["xg"].plain_svg("dark") + "\n"}
