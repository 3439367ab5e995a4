"""What is not done as its host is left alone, or cannot be reached: no failure of the data, but told."""

from __future__ import annotations

from ingestify.errors import HostLeftAlone, IngestifyError

__all__ = ["describe_left_alone", "find_left_alone", "find_unreached"]


def find_left_alone(error: BaseException | None) -> HostLeftAlone | None:
    """Return why a host is left alone, if that is behind an error; a source may have put it in other words."""
    while error is not None:
        if isinstance(error, HostLeftAlone):
            return error
        error = error.__cause__
    return None


def find_unreached(error: BaseException | None) -> str:
    """Return the host that was not reached, if that is behind an error; else empty."""
    while error is not None:
        if isinstance(error, IngestifyError) and error.unreached:
            return error.unreached
        error = error.__cause__
    return ""


def describe_left_alone(reason: str, datasets: int, selectors: int = 0) -> str:
    """Return what was not looked at, and why."""
    counts = [(datasets, "dataset"), (selectors, "selector")]
    what = [f"{count:,} {noun}{'' if count == 1 else 's'}" for count, noun in counts if count]
    verb = "was" if datasets + selectors == 1 else "were"
    left = f"; {' and '.join(what)} {verb} not looked at" if what else ""
    return f"stopped: {reason}{left}"
