"""A simulated week of a league, from Friday to Friday: ten matches on a Saturday, and clocks that change at night."""

from __future__ import annotations

import dataclasses
import datetime as dt
import time as real_time
from collections.abc import Callable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from ingestify import IngestionEngine, IngestionPlan, Schedule, Subscriber
from ingestify.sources.statsbomb_github import StatsBombGithub
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator
from tests.support.simulated_time import SimulatedTime, simulated_time

MADRID = ZoneInfo("Europe/Madrid")
BEGIN = dt.datetime(2026, 10, 23, 12, tzinfo=dt.UTC)
DAYS = 7

_KICK_OFFS = ["14:00"] * 3 + ["16:15"] * 3 + ["18:30"] * 2 + ["21:00"] * 2
POSTPONED, ABANDONED, CORRECTED = 4, 7, (0, 1)

MINUTE = dt.timedelta(minutes=1)
HOUR = dt.timedelta(hours=1)


@dataclasses.dataclass
class Change:
    """What the provider does to a match.

    Attributes:
        at: When, in UTC.
        what: A word or two.
        spacing: The name of the time of the schedule that counts at this moment.
        delay: After how long the lake had it; None: never.
    """

    at: dt.datetime
    match: int
    what: str
    spacing: str
    act: Callable[[Simulator, int, dt.datetime], object]
    delay: dt.timedelta | None = None


@dataclasses.dataclass
class Week:
    """What came of the week.

    Attributes:
        looks: How many runs there were.
        requests: How many requests they made.
        requests_of_weekend: How many of them on Saturday and Sunday.
        requests_of_an_idle_run: How many requests `ingestify run` makes if nothing has changed.
        seconds: How long the simulation took.
    """

    changes: Sequence[Change]
    looks: int
    requests: int
    requests_of_weekend: int
    requests_of_an_idle_run: int
    seconds: float

    @property
    def requests_of_cron(self) -> int:
        """How many requests a run each minute makes at least."""
        return DAYS * 24 * 60 * self.requests_of_an_idle_run

    @property
    def requests_of_weekend_of_cron(self) -> int:
        """How many of these on Saturday and Sunday, which have an hour more this year."""
        return (2 * 24 + 1) * 60 * self.requests_of_an_idle_run

    def delays(self, spacing: str) -> list[dt.timedelta]:
        """Return the delays of the changes at which a time of the schedule counted."""
        return [one.delay for one in self.changes if one.spacing == spacing and one.delay is not None]


def local(day: int, time: str) -> dt.datetime:
    """A moment of October 2026 in Madrid, in UTC."""
    hour, minute = map(int, time.split(":"))
    return dt.datetime(2026, 10, day, hour, minute, tzinfo=MADRID).astimezone(dt.UTC)


def play_week(
    engine: IngestionEngine, schedule: Schedule, on_look: Callable[[SimulatedTime], object] = lambda _: None
) -> Week:
    """Watch an empty lake for the week. The engine has no plan yet.

    Args:
        engine: The engine.
        schedule: The schedule of the plan.
        on_look: Called after each look.
    """
    seasons = [Season(matches=10, events_per_match=20, matches_with_360=0), _old_season()]
    changes = _changes()
    with Simulator(seasons) as provider, simulated_time(BEGIN) as time:
        matches = provider.match_ids[:10]
        _announce(provider, matches)
        for change in changes:
            time.at(change.at, _acting(change, provider, matches))
        seen = _Seen(engine.store)
        engine.store.publisher.add_subscriber(seen)
        source = StatsBombGithub("statsbomb", base_url=provider.base_url)
        engine.add_ingestion_plan(IngestionPlan(source, "match", schedule=schedule))
        watching = engine.watching()
        time.at(BEGIN + dt.timedelta(days=DAYS), watching.stop)
        counts: list[int] = []
        for day in (24, 26):
            time.at(local(day, "00:00"), lambda: counts.append(len(provider.requests)))
        began, looks = real_time.perf_counter(), 0
        for _ in watching.iterate():
            looks += 1
            on_look(time)
        requests = len(provider.requests)
        engine.run()  # the hints are known by then
        provider.clear_requests()
        engine.run()
        for change in changes:
            change.delay = seen.delay_of(matches[change.match], change.at)
        return Week(
            changes, looks, requests, counts[1] - counts[0], len(provider.requests), real_time.perf_counter() - began
        )


class _Seen(Subscriber):
    """When the lake got changes of each match."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self._moments: dict[int, list[dt.datetime]] = {}

    def on_revision_added(self, event: Any) -> None:
        self._add(event)

    def on_metadata_updated(self, event: Any) -> None:
        self._add(event)

    def _add(self, event: Any) -> None:
        self._moments.setdefault(event.dataset.identifier["match_id"], []).append(event.occurred_at)

    def delay_of(self, match_id: int, at: dt.datetime) -> dt.timedelta | None:
        return next((moment - at for moment in self._moments.get(match_id, ()) if moment >= at), None)


def _old_season() -> Season:
    return Season(matches=4, season_id=26, seed=2, events_per_match=20, matches_with_360=0)


def _announce(provider: Simulator, matches: Sequence[int]) -> None:
    announced = dt.datetime(2026, 10, 16)
    for match_id, time in zip(matches, _KICK_OFFS, strict=True):
        hour, minute = map(int, time.split(":"))
        provider.reschedule(match_id, dt.datetime(2026, 10, 24, hour, minute), announced)
        provider.set_status(match_id, "scheduled", announced)


def _acting(change: Change, provider: Simulator, matches: Sequence[int]) -> Callable[[], object]:
    return lambda: change.act(provider, matches[change.match], change.at.replace(tzinfo=None))


def _changes() -> list[Change]:
    """Return what the provider does, with the time of the schedule that counts when it does it."""

    def status(word: str) -> Callable[[Simulator, int, dt.datetime], object]:
        return lambda provider, match_id, at: provider.set_status(match_id, word, at)

    def correct(provider: Simulator, match_id: int, at: dt.datetime) -> None:
        provider.correct(match_id, "events", updated_at=at)

    def put_off(provider: Simulator, match_id: int, at: dt.datetime) -> None:
        provider.reschedule(match_id, dt.datetime(2026, 10, 25, 16), at)
        provider.set_status(match_id, "postponed", at)

    found = []
    for match, time in enumerate(_KICK_OFFS):
        kick_off = local(24, time)
        if match == POSTPONED:
            found.append(Change(kick_off - 30 * MINUTE, match, "postponed to Sunday", "live", put_off))
            kick_off = local(25, "16:00")  # 15:00 UTC, as the clocks have changed
        found.append(Change(kick_off + 2 * MINUTE, match, "begins", "live", status("live")))
        if match == ABANDONED:
            found.append(Change(kick_off + 40 * MINUTE, match, "abandoned", "live", status("abandoned")))
        else:
            length = (108 + match) * MINUTE
            found.append(Change(kick_off + length, match, "finished", "live", status("available")))
    first, second = CORRECTED
    found += [
        # 2:30 comes twice in this night; this is the second one.
        Change(dt.datetime(2026, 10, 25, 1, 30, tzinfo=dt.UTC), first, "corrected at night", "recent", correct),
        Change(local(25, "11:20"), second, "corrected", "recent", correct),
        Change(local(28, "11:20"), first, "corrected again", "late", correct),
    ]
    # Nobody begins on the full minute.
    return [
        dataclasses.replace(one, at=one.at + dt.timedelta(seconds=(number * 37 + 11) % 60))
        for number, one in enumerate(found)
    ]
