"""Counts, sizes and times in the form that people read."""

from __future__ import annotations

from collections.abc import Sequence

from ingestify.domain.run import Counters, JobSummary, RunReport, RunState
from ingestify.domain.wording import noun

__all__ = ["clock", "counted", "counts", "progress_text", "size", "summary_line", "what_was_done"]


def size(number: float) -> str:
    """Return `84 MB`, `1.2 GB`, `312 kB`; powers of 1,000."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 999.5:
            return f"{number:.0f} {unit}" if unit == "bytes" or number >= 9.95 else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def clock(seconds: float) -> str:
    """Return `0:42`, `12:07`, `1:02:03`."""
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def counted(count: int, word: str) -> str:
    """Return `1 file`, `1,267 files`."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def counts(totals: Counters, *, dry_run: bool = False) -> str:
    """Return `12 new, 3 revised, 365 unchanged, 0 failed`."""
    new, revised = ("to fetch", "to refetch") if dry_run else ("new", "revised")
    parts = [f"{totals.new:,} {new}", f"{totals.revised:,} {revised}"]
    if totals.metadata:
        parts.append(f"{totals.metadata:,} with new metadata")
    parts.append(f"{totals.unchanged:,} unchanged")
    if totals.skipped:
        parts.append(f"{totals.skipped:,} skipped by the fetch policy")
    parts.append(f"{totals.failed:,} failed")
    if totals.quarantined:
        parts.append(f"{totals.quarantined:,} in quarantine")
    if totals.left_out:
        parts.append(f"{totals.left_out:,} without a broken file")
    if totals.warned:
        parts.append(f"{totals.warned:,} with warnings")
    if totals.missing:
        parts.append(f"{totals.missing:,} no longer listed")
    if totals.unlisted:
        parts.append(f"{totals.unlisted:,} not listed, to be confirmed")
    return ", ".join(parts)


def what_was_done(jobs: Sequence[JobSummary], *, dry_run: bool = False, not_begun: int = 0) -> str:
    """Return `380 matches: 12 new, …`; for a stopped run also how much is done, and what was not looked at.

    Args:
        jobs: The jobs of the run.
        dry_run: Whether it was a dry run.
        not_begun: How many selectors had not begun when the run was stopped.
    """
    totals = sum((job.counters for job in jobs), Counters())
    what = noun((job.dataset_type for job in jobs), totals.discovered)
    said = counts(totals, dry_run=dry_run)
    aborted = [job for job in jobs if job.state is RunState.ABORTED]
    if not aborted and not not_begun:
        return f"{totals.discovered:,} {what}: {said}"
    left = []
    if open_count := totals.discovered - totals.ended:
        left.append(f"{open_count:,} {noun((job.dataset_type for job in jobs), open_count)}")
    if in_part := len([job for job in aborted if "discovery" not in job.timings]):
        left.append(f"the rest of {counted(in_part, 'selector')}")
    if not_begun:
        left.append(f"{counted(not_begun, 'selector')} as a whole")
    not_looked_at = f" · not looked at: {', '.join(left)}" if left else ""
    return f"stopped after {totals.ended:,} of {totals.discovered:,} {what}: {said}{not_looked_at}"


def summary_line(report: RunReport) -> str:
    """Return `380 matches: 12 new, 3 revised, 365 unchanged, 0 failed · 41 requests · 84 MB · 0:42`."""
    totals = report.totals
    done = what_was_done(report.jobs, dry_run=report.dry_run, not_begun=len(report.not_begun))
    requests = counted(totals.requests, "request")
    return f"{done} · {requests} · {size(totals.received_bytes)} · {clock(report.duration_seconds)}"


def progress_text(report: RunReport) -> str:
    """Return `12 of 380 matches: 12 new, … · 41 requests · 84 MB · 0:42`: how far a run is."""
    totals = report.totals
    what = noun((job.dataset_type for job in report.jobs), totals.discovered)
    if not totals.discovered:
        return f"finding what there is · {clock(report.duration_seconds)}"
    jobs = sum(job.state is RunState.RUNNING for job in report.jobs)
    return (
        f"{totals.ended:,} of {totals.discovered:,} {what}: {counts(totals, dry_run=report.dry_run)} · "
        f"{counted(totals.requests, 'request')} · {size(totals.received_bytes)} · {clock(report.duration_seconds)}"
        + (f" · {jobs} selectors open" if jobs > 1 else "")
    )
