"""A simulated week of `ingestify watch`: when the lake has each change of a provider, and what that costs in requests.

The time is simulated, and the provider is real HTTP on loopback; it takes some minutes.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Sequence

from setting import HERE, table, work_folder

sys.path.insert(0, str(HERE.parent))

from tests.support.saturday import DAYS, MADRID, Week, play_week

from ingestify import Schedule, get_engine
from ingestify.clock import length_text

_NAMES = {"live": "while matches are played", "recent": "until two days after", "late": "in the week after that"}


def watched(live: dt.timedelta) -> tuple[Schedule, Week]:
    """Watch an empty lake for the week."""
    schedule = Schedule(live=live, zone=MADRID)
    with work_folder() as folder:
        place = {"metadata_url": f"sqlite:///{folder}/catalog.db", "file_url": f"file://{folder}/files"}
        with get_engine(**place) as engine:
            return schedule, play_week(engine, schedule)


def seconds(delays: Sequence[dt.timedelta]) -> str:
    """The longest of them, for people."""
    longest = int(max(delays).total_seconds() + 0.999)
    return f"{longest} s" if longest < 120 else f"{longest // 60} min"


def main() -> None:
    """Print two tables."""
    schedule, week = watched(dt.timedelta(seconds=60))
    rows = [
        [what, str(len(week.delays(name))), length_text(getattr(schedule, name)), seconds(week.delays(name))]
        for name, what in _NAMES.items()
    ]
    table("Changes of the provider", ["when", "changes", "interval", "longest until the lake has it"], rows)
    _, slower = watched(dt.timedelta(minutes=5))
    cron = week.requests_of_cron
    table(
        f"{DAYS} days",
        ["", "runs", "requests", "of those of cron"],
        [
            ["`ingestify run` each minute", f"{DAYS * 24 * 60:,}", f"at least {cron:,}", "100 %"],
            ["`ingestify watch`", f"{week.looks:,}", f"{week.requests:,}", f"{week.requests / cron:.1%}"],
            [
                "… on Saturday and Sunday",
                "",
                f"{week.requests_of_weekend:,} of at least {week.requests_of_weekend_of_cron:,}",
                f"{week.requests_of_weekend / week.requests_of_weekend_of_cron:.1%}",
            ],
            [
                "`ingestify watch` with `live: 5m`",
                f"{slower.looks:,}",
                f"{slower.requests:,}",
                f"{slower.requests / cron:.1%}",
            ],
        ],
    )


if __name__ == "__main__":
    main()
