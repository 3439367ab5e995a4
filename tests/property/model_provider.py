"""A provider in memory, in simulated time, that changes at moments, and is as exact or as vague as real ones are.

It answers through the transport of the real HTTP client, so what is conditional, and what headers say, is real.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import email.utils
import json
import threading
import urllib.parse
import zoneinfo
from collections.abc import Iterator, Mapping
from typing import Any

from ingestify.fetch.transport.headers import Headers

__all__ = ["BASE_URL", "FEEDS", "Answered", "Change", "During", "Listing", "ModelProvider", "Moment", "Traits"]

BASE_URL = "http://provider.test"
FEEDS = ("events", "lineups", "frames")
"""A match always has events; the others come, go and come back."""

# Forty minutes before the clocks of Amsterdam go back, and no full minute, which would be taken for a coarse time.
BEGINS = dt.datetime(2026, 10, 25, 0, 20, 7, 200_000, dt.UTC)
# Two pages have room for four matches, one of them twice.
_PAGE_SIZE = 3
_AMSTERDAM = zoneinfo.ZoneInfo("Europe/Amsterdam")
_GRAINS = {
    "microsecond": dt.timedelta(microseconds=1),
    "second": dt.timedelta(seconds=1),
    "minute": dt.timedelta(minutes=1),
    "day": dt.timedelta(days=1),
}


@dataclasses.dataclass(frozen=True)
class Traits:
    """What a provider is like.

    Attributes:
        times: The grain of the times in its index; "none": it has none.
        clock: How these differ from the true time: "true", "ahead" and "behind" by five hours, or "local", written as
            if it were UTC, so that an hour in autumn comes twice.
        times_of: Whether a "match" has one time for all of its files, or each "file" its own.
        validators: "strong" or "weak" ETags, Last-Modified ("date"), strong ETags and that ("both"), "none", another
            ETag with each answer ("new etags"), other bytes with each answer ("new bodies"), or both of these.
        dated: Whether answers have a Date.
        absent_by: How a feed is not there: the "index" does not announce it, or it answers "404".
        entry_is_a_feed: Whether the entry itself is a file, too.
        season_time: The grain of the time of the whole season, by which it is skipped; "none": it has none.
        pages: Of the index.
        unreadable: The number of a match whose entry can never be read; 0: all can.
        lake_is_ahead: By how much the lake's clock is wrong, in seconds; less than a day.
        request_seconds: How long a request takes.
        source: "code", or "rest", which is `ingestify.rest`.
    """

    times: str = "second"
    clock: str = "true"
    times_of: str = "match"
    validators: str = "strong"
    dated: bool = True
    absent_by: str = "index"
    entry_is_a_feed: bool = False
    season_time: str = "none"
    pages: int = 1
    unreadable: int = 0
    lake_is_ahead: float = 0.0
    request_seconds: float = 0.01
    source: str = "code"

    def __repr__(self) -> str:
        return _short(self)

    @property
    def names_versions(self) -> bool:
        """Whether an answer shows that it is the same as another."""
        return self.validators in ("strong", "weak", "date", "both")

    @property
    def body_changes(self) -> bool:
        """Whether bytes differ although nothing changed."""
        return "new bodies" in self.validators


@dataclasses.dataclass(frozen=True)
class Change:
    """What becomes of a match, all at once.

    Attributes:
        match: Its number.
        feeds: Those that get another content.
        takes: Those that are not there any more; `brings`: those that are there again.
        renames: Whether its name and score change, too.
        time: What its index says then: "moves"; "2062"; "typo" (a year ago); "unmoved": its time lies.
        is_listed: Whether it is listed from then on.
    """

    match: int
    feeds: tuple[str, ...] = FEEDS
    takes: tuple[str, ...] = ()
    brings: tuple[str, ...] = ()
    renames: bool = True
    time: str = "moves"
    is_listed: bool = True

    def __repr__(self) -> str:
        return _short(self)


@dataclasses.dataclass(frozen=True)
class During:
    """A change that happens right before or after the provider answers the run's request of that number, from 1."""

    request: int
    change: Change
    when: str = "after"

    def __repr__(self) -> str:
        return _short(self)


@dataclasses.dataclass(frozen=True)
class Listing:
    """What is wrong with the index during one run.

    Attributes:
        fault: "none"; "fails" (its last page); "empty"; "lacks" the match; has it "twice"; or an "unreadable" entry in
            its place.
    """

    fault: str = "none"
    match: int = 1

    def __repr__(self) -> str:
        return _short(self)


def _short(value: Any) -> str:
    """Return what makes it again, without what is by default."""
    parts = [
        f"{field.name}={getattr(value, field.name)!r}"
        for field in dataclasses.fields(value)
        if getattr(value, field.name) != field.default
    ]
    return f"{type(value).__name__}({', '.join(parts)})"


@dataclasses.dataclass(frozen=True)
class Moment:
    """What the provider had of a match at one moment.

    Attributes:
        contents: Feed to the number of the change that its content is of; a feed that is not there is not in it.
    """

    name: str
    score: int
    contents: Mapping[str, int]

    def differs_from(self, name: str, score: object, files: Mapping[str, Any]) -> list[str]:
        """Return in what a bundle is not of this moment; files that it has not are no difference.

        Args:
            files: File id to JSON content.
        """
        found = [] if (name, score) == (self.name, self.score) else [f"{name} is {self.name}"]
        for file_id, content in files.items():
            feed, _, spec = file_id.rpartition("__")
            if feed == "match":
                same = (content.get("name"), content.get("score")) == (self.name, self.score)
            else:
                same = self.contents.get(feed, "absent") == content.get("version") and content.get("spec") == spec
            if not same:
                found.append(f"{file_id} of {content.get('version')} is of {self.contents.get(feed, 'no version')}")
        return found


class _Times:
    """The times that are announced of one thing, each for a change of it."""

    def __init__(self, grain: str, clock: str) -> None:
        self._grain = _GRAINS.get(grain)
        self._clock = clock
        self._used: list[dt.datetime] = []

    def next(self, moment: dt.datetime, kind: str = "moves") -> dt.datetime | None:
        """Return the time that is announced of a change at a moment.

        It is one that was not announced before, as no reader could tell a change from none. Two changes may share it
        if they fall into one grain and the clock is not behind: then whoever read it between them read it within the
        grain, and can know that it was too early to be sure.
        """
        if self._grain is None:
            return None
        wrong = {"true": 0, "ahead": 5, "behind": -5}
        shift = _AMSTERDAM.utcoffset(moment) if self._clock == "local" else dt.timedelta(hours=wrong[self._clock])
        assert shift is not None
        found = moment.astimezone(_AMSTERDAM).replace(tzinfo=dt.UTC) if self._clock == "local" else moment + shift
        if kind == "2062":
            found = dt.datetime(2062, 1, 1, tzinfo=dt.UTC)
        elif kind == "typo":
            found -= dt.timedelta(days=365)
        found = _floor(found, self._grain)
        is_shared = kind == "moves" and self._clock != "behind" and self._used[-1:] == [found]
        while not is_shared and found in self._used:
            found += self._grain
        self._used.append(found)
        return found


def _floor(moment: dt.datetime, grain: dt.timedelta) -> dt.datetime:
    begin = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
    return begin + (moment - begin) // grain * grain


class _Match:
    def __init__(self, number: int, traits: Traits, now: dt.datetime) -> None:
        self.number = number
        self.is_listed = True
        self.version = 0
        self.contents = dict.fromkeys(FEEDS, 0)
        self.changed = dict.fromkeys(FEEDS, now)
        self._times = _Times(traits.times, traits.clock)
        self.announced = dict.fromkeys(FEEDS, self._times.next(now))
        self._traits = traits
        self.history = [self.moment]

    @property
    def moment(self) -> Moment:
        return Moment(f"match {self.number} of {self.version}", self.version, dict(self.contents))

    def apply(self, change: Change, number: int, now: dt.datetime) -> None:
        self.is_listed = change.is_listed
        for feed in change.takes:
            self.contents.pop(feed, None)
        touched = {feed for feed in change.feeds if feed in self.contents} | set(change.brings)
        for feed in touched:
            self.contents[feed], self.changed[feed] = number, now
        if change.renames:
            self.version = number
        if change.time != "unmoved":
            said = self._times.next(now, change.time)
            every = FEEDS if self._traits.times_of == "match" else touched | set(change.takes)
            self.announced.update(dict.fromkeys(every, said))
        self.history.append(self.moment)


@dataclasses.dataclass(frozen=True)
class Answered:
    """An answer, as the transport gives it."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    address: str | None = None

    def iter_wire(self) -> Iterator[bytes]:
        if self.body:
            yield self.body


class ModelProvider:
    """Implements `fetch.transport.Transport`.

    Attributes:
        now: The true time.
        listing: What is wrong with the index at present.
        during: What happens while the run fetches.
        requests: Those of the run, in words.
        bodies: How many files were sent in full in the run.
        log: What happened so far, a line each.
        in_lake: The matches that the lake has files of.
        had_unreadable: Whether the listing of the run had an entry that cannot be read.
        announced_2062: Whether its index ever had a time of that year.
    """

    def __init__(self, traits: Traits, matches: int) -> None:
        self.traits = traits
        self.now = BEGINS
        self.listing = Listing()
        self.during: tuple[During, ...] = ()
        self.requests: list[str] = []
        self.bodies = 0
        self.log: list[str] = []
        self.in_lake: set[int] = set()
        self.announced_2062 = False
        self._lock = threading.RLock()
        self._changes = 0
        self._count = self._pages_read = 0
        self.had_unreadable = False
        self._season_times = _Times(traits.season_time, "true")
        self._season_time = self._season_times.next(self.now)
        self.matches = {number: _Match(number, traits, self.now) for number in range(1, matches + 1)}

    # ---- what happens ----------------------------------------------------------------------------------

    def lake_time(self) -> dt.datetime:
        """The time by the lake's clock."""
        return self.now + dt.timedelta(seconds=self.traits.lake_is_ahead)

    def wait(self, seconds: float) -> None:
        self.now += dt.timedelta(seconds=seconds)

    def apply(self, change: Change) -> None:
        with self._lock:
            self._changes += 1
            self.announced_2062 |= change.time == "2062"
            match = self.matches.get(change.match)
            if match is None:
                match = self.matches[change.match] = _Match(change.match, self.traits, self.now)
            match.apply(change, self._changes, self.now)
            self._season_time = self._season_times.next(self.now)
            said = " ".join(sorted({str(one) for one in match.announced.values()}))
            self.log.append(f"  {self.now:%d %H:%M:%S.%f} change {self._changes}: {change}; announced {said}")

    def begin_run(self, listing: Listing, during: tuple[During, ...]) -> None:
        self.listing, self.during = listing, during
        self.requests, self.bodies, self._count, self._pages_read = [], 0, 0, 0
        self.had_unreadable = False

    @property
    def listed(self) -> dict[int, _Match]:
        return {number: match for number, match in self.matches.items() if match.is_listed}

    # ---- what it answers -------------------------------------------------------------------------------

    @contextlib.contextmanager
    def send(
        self, method: str, url: str, headers: Mapping[str, str], addresses: Any, body: bytes | None = None
    ) -> Iterator[Answered]:
        with self._lock:
            self._count += 1
            count = self._count
            self._happen(count, "before")
            parts = urllib.parse.urlsplit(url)
            status, said, content = self._answer(
                parts.path, dict(urllib.parse.parse_qsl(parts.query)), Headers(headers.items())
            )
            if self.traits.dated:
                said["Date"] = _http_date(self.now)
            if status == 200:
                said.setdefault("Content-Type", "application/json")
                said["Content-Length"] = str(len(content))
            self.requests.append(f"{parts.path.strip('/')} {status}")
            self.log.append(f"  {self.now:%d %H:%M:%S.%f} request {count}: {parts.path} {status}")
            self.bodies += status == 200 and parts.path.count("/") > 1
            self._happen(count, "after")
            self.wait(self.traits.request_seconds)
        yield Answered(status, Headers(said.items()), content)

    def abort(self) -> None:
        """There is nothing on the wire."""

    def close(self) -> None:
        """There are no connections."""

    def _happen(self, count: int, when: str) -> None:
        for one in self.during:
            if (one.request, one.when) != (count, when):
                continue
            # Nobody downloads a season twice because its files name no versions: of what is new, the entry of the index
            # has to show the change. So it has where no two answers are the same.
            is_shown_by_entry = self.traits.validators == "none" and one.change.match not in self.in_lake
            if is_shown_by_entry or self.traits.body_changes:
                self.apply(dataclasses.replace(one.change, renames=True))
            else:
                self.apply(one.change)

    def _answer(
        self, path: str, query: Mapping[str, str], asked: Mapping[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        if path == "/seasons.json":
            time = None if self._season_time is None else self._season_time.isoformat()
            return 200, {}, json.dumps([{"season_id": 1, "changed": time}]).encode()
        if path == "/matches.json":
            return self._index(int(query.get("page", 1)))
        feed, spec, number = path.strip("/").split("/")
        return self._file(self.matches[int(number.removesuffix(".json"))], feed, spec, asked)

    def _index(self, page: int) -> tuple[int, dict[str, str], bytes]:
        fault, number = self.listing.fault, self.listing.match
        self._pages_read += 1
        is_listing = self._pages_read <= self.traits.pages  # and no second look at the entry of a match
        if fault == "fails" and page == self.traits.pages:
            return 500, {}, b""
        entries = []
        for match in self.listed.values():
            if fault == "empty" or (fault == "lacks" and match.number == number):
                continue
            entry = self._entry(match)
            if (fault == "unreadable" and match.number == number) or match.number == self.traits.unreadable:
                entry["id"] = None
            entries += [entry] * (2 if fault == "twice" and match.number == number else 1)
        shown = entries if self.traits.pages == 1 else entries[_PAGE_SIZE * (page - 1) : _PAGE_SIZE * page]
        self.had_unreadable |= is_listing and any(entry["id"] is None for entry in shown)
        return 200, {}, json.dumps(shown).encode()

    def _entry(self, match: _Match) -> dict[str, Any]:
        moment = match.moment
        entry: dict[str, Any] = {"id": match.number, "name": moment.name, "score": moment.score}
        for feed in FEEDS:
            said = match.announced[feed]
            is_there = feed in match.contents or self.traits.absent_by == "404"
            entry[feed] = {"is_there": is_there, "changed": None if said is None else said.isoformat()}
        return entry

    def _file(self, match: _Match, feed: str, spec: str, asked: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        if feed not in match.contents:
            return 404, {}, b""
        content = {"match": match.number, "feed": feed, "spec": spec, "version": match.contents[feed]}
        traits = self.traits
        if traits.body_changes:
            content["generated"] = f"{self.now.isoformat()} {self._count}"
        body = json.dumps(content).encode()
        version = f"{feed}-{spec}-{match.number}-{match.contents[feed]}"
        headers = {}
        if traits.validators in ("strong", "both"):
            headers["ETag"] = f'"{version}"'
        elif traits.validators == "weak":
            headers["ETag"] = f'W/"{version}"'
        elif "new etags" in traits.validators:
            headers["ETag"] = f'"{version}-{self._count}-{self.now.timestamp()}"'
        if traits.validators in ("date", "both"):
            headers["Last-Modified"] = _http_date(match.changed[feed])
        is_same = False
        if "If-None-Match" in asked:
            is_same = asked["If-None-Match"] == headers.get("ETag")
        elif "If-Modified-Since" in asked and "Last-Modified" in headers:
            # Not later: also a second change within that second, of which RFC 9110 (section 8.8.2.2) warns.
            since = email.utils.parsedate_to_datetime(asked["If-Modified-Since"])
            is_same = email.utils.parsedate_to_datetime(headers["Last-Modified"]) <= since
        return (304, headers, b"") if is_same else (200, headers, body)


def _http_date(moment: dt.datetime) -> str:
    return email.utils.format_datetime(moment.replace(microsecond=0), usegmt=True)
