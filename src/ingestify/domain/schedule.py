"""When a plan's selectors are looked at: around a match often, while providers correct it less often, then rarely.

All of it is computed from what is known. Nothing here reads a clock.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from ingestify.clock import length_text
from ingestify.domain.match_times import MatchState, MatchTimes
from ingestify.errors import ConfigurationError

__all__ = ["NEAR_FOR", "Due", "NearMatch", "QuietHours", "Schedule", "is_over"]

AFTER_THE_END = dt.timedelta(minutes=30)
UNTIL_IT_BEGINS = dt.timedelta(minutes=15)
"""After the kick-off of a postponed match, which may be the new one; two looks at a live match, if that is longer."""

RECENT_FOR = dt.timedelta(hours=48)
LATE_FOR = dt.timedelta(days=7)

NEAR_FOR = dt.timedelta(days=1) + RECENT_FOR + LATE_FOR
"""After the kick-off. Only the day of some matches is known."""

SHORTEST = dt.timedelta(seconds=1)
LONGEST_QUIET = dt.timedelta(hours=23)

_FIRST_RETRY = dt.timedelta(minutes=1)
_LAST_RETRY = dt.timedelta(hours=1)


class Due(NamedTuple):
    """When something is looked at next.

    Attributes:
        at: The moment, in UTC.
        why: A sentence for people, without a full stop.
    """

    at: dt.datetime
    why: str


class NearMatch(NamedTuple):
    """A time in which a match is worth looks of its own.

    Attributes:
        begins: In UTC.
        ends: In UTC.
        every: The time between two looks.
        what: What is said of the match, such as `is played until 17:30 UTC`.
        match: The match.
    """

    begins: dt.datetime
    ends: dt.datetime
    every: dt.timedelta
    what: str
    match: MatchTimes


@dataclasses.dataclass(frozen=True, slots=True)
class QuietHours:
    """A part of each day in which nothing is looked at.

    Args:
        begins: The time of the day at which they begin.
        ends: When they end; before `begins`: on the next day.
    """

    begins: dt.time
    ends: dt.time

    def __str__(self) -> str:
        return f"{self.begins:%H:%M}-{self.ends:%H:%M}"

    def after(self, moment: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
        """Return a moment, or the end of the quiet hours that it is in; in UTC.

        Args:
            moment: In UTC.
            zone: The zone of the quiet hours.
        """
        today = moment.astimezone(zone).date()
        for day in (today - dt.timedelta(days=1), today):
            last = day if self.ends > self.begins else day + dt.timedelta(days=1)
            begins = dt.datetime.combine(day, self.begins, zone).astimezone(dt.UTC)
            ends = dt.datetime.combine(last, self.ends, zone).astimezone(dt.UTC)
            if begins <= moment < ends:
                return ends
        return moment

    @property
    def length(self) -> dt.timedelta:
        """How long they are, on a day on which no clock is changed."""
        day = dt.date(2000, 1, 1)
        length = dt.datetime.combine(day, self.ends) - dt.datetime.combine(day, self.begins)
        return length if length > dt.timedelta() else length + dt.timedelta(days=1)


@dataclasses.dataclass(frozen=True, slots=True)
class Schedule:
    """How often the selectors of a plan are looked at.

    Attributes:
        live: The time between two looks from the kick-off of a match to 30 minutes after its end.
        recent: The same until 48 hours after the end.
        late: The same for a week more.
        settled: The time between two looks at the whole plan, which also find new selectors.
        cron: Returns the next moment of a cron expression after a moment, both in `zone`. Then the whole plan is looked
            at at these moments, whatever matches there are. None: there is none.
        quiet: When nothing is looked at; None: there are no quiet hours.
        zone: The zone of `cron`, of `quiet`, and of a kick-off that has none.
    """

    live: dt.timedelta = dt.timedelta(seconds=60)
    recent: dt.timedelta = dt.timedelta(hours=1)
    late: dt.timedelta = dt.timedelta(hours=6)
    settled: dt.timedelta = dt.timedelta(hours=24)
    cron: Callable[[dt.datetime], dt.datetime] | None = None
    quiet: QuietHours | None = None
    zone: dt.tzinfo = dt.UTC

    def __post_init__(self) -> None:
        spacings = (self.live, self.recent, self.late, self.settled)
        if min(spacings) < SHORTEST or list(spacings) != sorted(spacings):
            raise ConfigurationError(
                f"A schedule's live, recent, late and settled are {', '.join(map(str, spacings))}; each must be at "
                f"least 1s, and none shorter than the one before it."
            )
        if self.quiet is not None and self.quiet.length > LONGEST_QUIET:
            raise ConfigurationError("A schedule's quiet hours must leave an hour of the day.")

    @property
    def longest(self) -> dt.timedelta:
        """How long a selector may rest: `settled`, and the quiet hours that may follow it."""
        return self.settled + (dt.timedelta() if self.quiet is None else self.quiet.length)

    def next_whole_look(self, last: dt.datetime | None, now: dt.datetime) -> Due:
        """Return when the whole plan is looked at next.

        Args:
            last: When it was last looked at, in UTC; None: never.
            now: In UTC.
        """
        if last is None:
            return self._outside_quiet(Due(now, "never looked at"))
        last = min(last, now)
        if self.cron is not None:
            return self._outside_quiet(Due(self.cron(last.astimezone(self.zone)).astimezone(dt.UTC), "by its cron"))
        return self._outside_quiet(Due(last + self.settled, f"every {length_text(self.settled)}"))

    def next_near_look(self, matches: Iterable[MatchTimes], last: dt.datetime, now: dt.datetime) -> Due | None:
        """Return when a selector is looked at next because of its matches; None: no match is near.

        Args:
            matches: The matches of the selector that the lake knows.
            last: When the selector was last looked at, in UTC.
            now: In UTC.
        """
        if self.cron is not None:
            return None
        last = min(last, now)
        matches = (match for match in matches if match.kick_off > last - NEAR_FOR)
        coming: list[tuple[dt.datetime, NearMatch]] = []
        for near in self._near(matches):
            at = max(near.begins, last + near.every)
            if at < near.ends:
                coming.append((at, near))
        if not coming:
            return None
        first = min(at for at, _ in coming)
        spacing = min(near.every for at, near in coming if at == first)
        of_it = [near for at, near in coming if at == first and near.every == spacing]
        return self._outside_quiet(Due(first, _sentence(of_it)))

    def spacing_at(self, match: MatchTimes, now: dt.datetime) -> dt.timedelta:
        """Return the time between two looks that a match is worth at a moment, in UTC."""
        return min((near.every for near in self._near([match]) if near.begins <= now < near.ends), default=self.settled)

    def next_retry(self, failures: int, last: dt.datetime) -> Due:
        """Return the soonest look at a selector whose last looks failed.

        Args:
            failures: How many looks failed in a row, 1 or more.
            last: When the last of them began, in UTC.
        """
        pause = min(_LAST_RETRY, max(_FIRST_RETRY, self.live) * 2 ** min(failures - 1, 10))
        times = "the last look failed" if failures == 1 else f"the last {failures} looks failed"
        return self._outside_quiet(Due(last + pause, times))

    def next_told_look(self, told: Due) -> Due:
        """Return when the plan is looked at because its source told of a change.

        Args:
            told: When, and why, without the quiet hours.
        """
        return self._outside_quiet(told)

    def _outside_quiet(self, due: Due) -> Due:
        at = due.at if self.quiet is None else self.quiet.after(due.at, self.zone)
        return due if at == due.at else Due(at, f"{due.why}, after the quiet hours")

    def _near(self, matches: Iterable[MatchTimes]) -> Iterator[NearMatch]:
        for match in matches:
            if match.state is MatchState.CANCELLED:
                continue
            begins = match.kick_off
            recent = match.ends_at + RECENT_FOR
            state = f"was played on {match.kick_off:%d %b}"
            if match.state is MatchState.POSTPONED:
                # The provider may have written the new date, and not yet that it is no longer postponed.
                state, ends = "is postponed", begins + max(UNTIL_IT_BEGINS, 2 * self.live)
                yield NearMatch(begins, ends, self.live, state, match)
                begins = ends
            elif not match.is_whole_day:
                ends = match.ends_at + AFTER_THE_END
                yield NearMatch(begins, ends, self.live, f"is played until {ends:%H:%M} UTC", match)
                begins = ends
            yield NearMatch(begins, recent, self.recent, state, match)
            yield NearMatch(recent, recent + LATE_FOR, self.late, state, match)


def is_over(match: MatchTimes, now: dt.datetime) -> bool:
    """Whether a match is no longer live: half an hour after its end, or as soon as it is cancelled.

    Args:
        match: The match.
        now: In UTC.
    """
    if match.state in (MatchState.CANCELLED, MatchState.POSTPONED):
        return match.state is MatchState.CANCELLED
    return now >= match.ends_at + AFTER_THE_END


def _sentence(near: list[NearMatch]) -> str:
    match, *others = near
    more = f", and {len(others)} more" if others else ""
    return f"{match.match.name} {match.what}{more}"
