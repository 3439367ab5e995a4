"""Work that is skipped because a host must be left alone or cannot be reached. It is reported, not failed."""

from __future__ import annotations

from ingestify.errors import HostLeftAlone, IngestifyError

__all__ = ["describe_left_alone", "find_left_alone", "find_unreached"]


def find_left_alone(error: BaseException | None) -> HostLeftAlone | None:
    """Return the `HostLeftAlone` among an error and its causes, or None. A source may have wrapped it."""
    while error is not None:
        if isinstance(error, HostLeftAlone):
            return error
        error = error.__cause__
    return None


def find_unreached(error: BaseException | None) -> str:
    """Return the host that an error or one of its causes could not reach; empty if there is none."""
    while error is not None:
        if isinstance(error, IngestifyError) and error.unreached:
            return error.unreached
        error = error.__cause__
    return ""


def describe_left_alone(reason: str, datasets: int, selectors: int = 0) -> str:
    """Return one line: why the run stopped asking, and how many datasets and selectors it did not look at.

    Args:
        reason: Why the host is left alone.
        datasets: How many datasets were not looked at.
        selectors: How many selectors were not looked at.
    """
    counts = [(datasets, "dataset"), (selectors, "selector")]
    what = [f"{count:,} {noun}{'' if count == 1 else 's'}" for count, noun in counts if count]
    verb = "was" if datasets + selectors == 1 else "were"
    left = f"; {' and '.join(what)} {verb} not looked at" if what else ""
    return f"stopped: {reason}{left}"
