"""Counts, sizes and times as people read them."""

from __future__ import annotations

from collections.abc import Iterable

from ingestify.domain.run import Counters, RunReport

__all__ = ["clock", "counted", "noun", "size", "summary_line"]

_PLURALS = {"match": ("match", "matches"), "video": ("video", "videos")}


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


def noun(dataset_types: Iterable[str], count: int) -> str:
    """Return `matches`, or `datasets` where there are several types or an unknown one."""
    types = set(dataset_types)
    singular, plural = (
        _PLURALS.get(next(iter(types)), ("dataset", "datasets"))
        if len(types) == 1
        else (
            "dataset",
            "datasets",
        )
    )
    return singular if count == 1 else plural


def _requests(count: int) -> str:
    return f"{count:,} request" if count == 1 else f"{count:,} requests"


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
    if totals.missing:
        parts.append(f"{totals.missing:,} no longer listed")
    if totals.unlisted:
        parts.append(f"{totals.unlisted:,} not listed, to be confirmed")
    return ", ".join(parts)


def summary_line(report: RunReport) -> str:
    """Return `380 matches: 12 new, 3 revised, 365 unchanged, 0 failed · 41 requests · 84 MB · 0:42`."""
    totals = report.totals
    what = noun((job.dataset_type for job in report.jobs), totals.discovered)
    return (
        f"{totals.discovered:,} {what}: {counts(totals, dry_run=report.dry_run)} · {_requests(totals.requests)} · "
        f"{size(totals.received_bytes)} · {clock(report.duration_seconds)}"
    )
