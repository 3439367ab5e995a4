"""The runs of a lake: a row for each selector, and a bar for each of its jobs."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence

from ingestify.pictures.match_parts import EDGE, LINE_HEIGHT, sentences
from ingestify.pictures.palette import colour
from ingestify.pictures.picture import Picture
from ingestify.pictures.svg import PLAIN_WIDTH, document, element, escaped, fitted, label, text_width

__all__ = ["LOOKS", "JobBar", "run_history"]

_MOST_SELECTORS, _MOST_RUNS = 20, 40
_ROW_HEIGHT, _LYING_ROW_HEIGHT, _BAR_HEIGHT = 54.0, 36.0, 26.0

LOOKS = ("finished", "with problems", "failed", "stopped", "running", "skipped")
"""The states of a `JobBar`."""


@dataclasses.dataclass(frozen=True, slots=True)
class JobBar:
    """A job of a run.

    Attributes:
        run_id: Of which run.
        selector: What was ingested, for people.
        started_at: In UTC.
        seconds: How long it took; of a running one, until now.
        state: One of `LOOKS`.
        result: What it did, for people.
        job_id: What identifies it.
    """

    run_id: str
    selector: str
    started_at: dt.datetime
    seconds: float
    state: str
    result: str = ""
    job_id: str = ""


def run_history(jobs: Sequence[JobBar]) -> Picture:
    """Return the runs, the oldest on the left: a row for each selector, and a bar for each job, as high as it was long.

    The bars of a single run lie, each as wide as it was long. It draws the last 40 runs and 20 selectors, and the
    table has all.

    Args:
        jobs: In any order.
    """
    jobs = sorted(jobs, key=lambda job: job.started_at)
    begun: dict[str, dt.datetime] = {}
    for job in jobs:
        begun.setdefault(job.run_id, job.started_at)
    runs = list(begun)[-_MOST_RUNS:]
    columns = {run_id: number for number, run_id in enumerate(runs)}
    selectors = list(dict.fromkeys(job.selector for job in reversed(jobs)))
    rows = {selector: number for number, selector in enumerate(selectors[:_MOST_SELECTORS])}
    shown = [job for job in jobs if job.run_id in columns and job.selector in rows]
    longest = max((job.seconds for job in shown), default=0.0)
    step = min(24.0, (PLAIN_WIDTH - 2 * EDGE) / max(1, len(runs)))
    lie = len(runs) == 1
    row_height = _LYING_ROW_HEIGHT if lie else _ROW_HEIGHT
    parts = [
        label(fitted(selector, PLAIN_WIDTH - 2 * EDGE), EDGE, 17 + number * row_height)
        for selector, number in rows.items()
    ]
    for job in shown:
        part = job.seconds / longest if longest else 0.0
        if lie:
            x, width, height = EDGE, 6.0 + (PLAIN_WIDTH - 2 * EDGE - 6) * part, 11.0
        else:
            x, width, height = EDGE + columns[job.run_id] * step, min(step - 2, 14.0), 5 + (_BAR_HEIGHT - 5) * part
        bottom = (rows[job.selector] + 1) * row_height - (2 if lie else 4)
        parts.append(_bar(job, x, bottom, width, height))
    below = 4 + len(rows) * row_height
    legend, legend_height = _legend(shown, below)
    said, said_height = sentences(_notes(jobs, runs, begun, len(selectors) - len(rows), longest), below + legend_height)
    alt = _alt(jobs, len(begun), len(selectors))
    return Picture(
        title="Runs",
        alt=alt,
        svg=document("".join(parts) + legend + said, height=below + legend_height + said_height + EDGE, name=alt),
        columns=("started (UTC)", "selector", "seconds", "state", "result"),
        rows=[
            (f"{job.started_at:%Y-%m-%d %H:%M:%S}", job.selector, round(job.seconds, 1), job.state, job.result)
            for job in jobs
        ],
        row_ids=[job.job_id or job.run_id for job in jobs],
    )


def _alt(jobs: Sequence[JobBar], runs: int, selectors: int) -> str:
    if not jobs:
        return "There are no runs yet."
    states = [job.state for job in jobs]
    counts = ", ".join(f"{states.count(state)} {state}" for state in LOOKS if state in states)
    return (
        f"{runs:,} run{'' if runs == 1 else 's'} of {selectors:,} selector{'' if selectors == 1 else 's'}; "
        f"jobs: {counts}."
    )


def _notes(
    jobs: Sequence[JobBar], runs: Sequence[str], begun: dict[str, dt.datetime], left_out: int, longest: float
) -> list[str]:
    if not jobs:
        return ["There are no runs yet."]
    first, last = begun[runs[0]], begun[runs[-1]]
    notes = [f"{first:%Y-%m-%d %H:%M} UTC" if first == last else f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"]
    notes[0] += f"; the longest took {longest:,.1f} s"
    if len(begun) > len(runs):
        notes.append(f"{len(begun) - len(runs):,} earlier runs are in the table.")
    if left_out:
        notes.append(f"{left_out:,} more selectors are in the table.")
    return notes


def _bar(job: JobBar, x: float, bottom: float, width: float, height: float) -> str:
    title = f"{job.selector}, {job.started_at:%Y-%m-%d %H:%M} UTC, {job.state}: {job.result}"
    return element("g", element("title", escaped(title)), _shape(job.state, x, bottom, width, height))


def _shape(state: str, x: float, bottom: float, width: float, height: float) -> str:
    """Return a bar whose look says the state: full, notched, crossed out, half, dashed or empty."""
    ink, y = colour("text"), bottom - height
    line = {"stroke": ink, "stroke_width": 1.2}
    if state == "finished":
        return element("rect", x=x, y=y, width=width, height=height, fill=ink)
    hollow = element(
        "rect",
        x=x,
        y=y,
        width=width,
        height=height,
        fill=colour("surface"),
        stroke_dasharray="2 2" if state == "running" else None,
        **line,
    )
    if state == "with problems":  # the lower half is full
        return hollow + element("rect", x=x, y=bottom - height / 2, width=width, height=height / 2, fill=ink)
    if state == "failed":
        cross = f"M{x:.1f} {y:.1f}L{x + width:.1f} {bottom:.1f}M{x + width:.1f} {y:.1f}L{x:.1f} {bottom:.1f}"
        return hollow + element("path", d=cross, fill="none", **line)
    if state == "stopped":
        return hollow + element("path", d=f"M{x:.1f} {bottom:.1f}L{x + width:.1f} {y:.1f}", fill="none", **line)
    return hollow


def _legend(jobs: Sequence[JobBar], top: float) -> tuple[str, float]:
    states = {job.state for job in jobs}
    parts, x, line = [], EDGE, 0
    for state in (one for one in LOOKS if one in states):
        wide = 34 + text_width(state)
        if x + wide > PLAIN_WIDTH:
            x, line = EDGE, line + 1
        y = top + line * LINE_HEIGHT + 14
        parts.append(_shape(state, x, y, 10, 11) + label(state, x + 16, y, ink="muted"))
        x += wide
    return element("g", *parts) if parts else "", (line + 1) * LINE_HEIGHT if parts else 0.0
