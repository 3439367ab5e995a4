"""Cron expressions, as the settings have them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from ingestify.errors import ConfigurationError, MissingExtraError

__all__ = ["make_cron"]


def make_cron(text: str) -> Callable[[dt.datetime], dt.datetime]:
    """Return what finds the next moment of a cron expression after a moment with a time zone.

    Raises:
        ConfigurationError: It is no cron expression, or none of its moments ever comes.
        MissingExtraError: The extra `cron` is not installed.
    """
    try:
        from cronsim import CronSim, CronSimError
    except ImportError as error:
        raise MissingExtraError("cron", "A schedule with cron") from error

    def find_next(moment: dt.datetime) -> dt.datetime:
        found: dt.datetime = next(CronSim(text, moment))
        return found

    try:
        find_next(dt.datetime(2000, 1, 1, tzinfo=dt.UTC))
    except (CronSimError, StopIteration) as error:
        said = f": {error}" if str(error) else ""
        raise ConfigurationError(
            f"'{text}' is no cron expression{said}; write minute, hour, day, month and weekday, such as '0 */2 * * *'."
        ) from error
    return find_next
