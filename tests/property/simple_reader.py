"""The rules of change and absence, in their simplest form: a reader of the model provider without the engine.

It keeps its lake in a dictionary and saves no request. It shows that what the tests demand can be had by somebody who
only asks conditionally and believes settled times, and each of its rules can be taken out, to show which test finds it.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from ingestify import DatasetState, clock
from ingestify.domain.announcement import is_settled, read_http_date

from .model_lake import PLANS, ModelLake, _Seen
from .model_provider import BASE_URL, FEEDS, ModelProvider
from .rules import RULES

__all__ = ["SimpleReader"]


class _Failed(Exception):
    """Something is not there, or changes each time; the next run tries again."""


@dataclasses.dataclass(frozen=True)
class _File:
    """A file as it was confirmed; `is_settled`, `is_date_settled`: nothing can have changed since under that time."""

    content: Any
    announced: str | None = None
    is_settled: bool = True
    etag: str | None = None
    date: str | None = None
    is_date_settled: bool = False


@dataclasses.dataclass(frozen=True)
class _Bundle:
    name: str
    score: int
    files: Mapping[str, _File]
    wanted: frozenset[str]
    is_missing: bool = False

    @property
    def shown(self) -> tuple[Any, ...]:
        return self.name, self.score, self.is_missing, {file_id: file.content for file_id, file in self.files.items()}


class SimpleReader(ModelLake):
    """A lake in a dictionary.

    Args:
        without: Rules that it does not follow.
    """

    def __init__(self, provider: ModelProvider, without: str = "") -> None:
        super().__init__(provider)
        assert not without or without in RULES, without
        self._without = without
        self._bundles: dict[int, _Bundle] = {}
        self._season: dict[str, str | None] = {}
        self._suspects: set[int] = set()

    def _follows(self, rule: str) -> bool:
        assert rule in RULES, rule
        return rule != self._without

    def _quarantined(self) -> set[Any]:
        return set()

    def _read(self) -> dict[int, _Seen]:
        return {
            number: _Seen(
                bundle.name,
                bundle.score,
                DatasetState.MISSING if bundle.is_missing else DatasetState.COMPLETE,
                {file_id: file.content for file_id, file in bundle.files.items()},
            )
            for number, bundle in self._bundles.items()
        }

    def _fill(self, plan: str) -> None:
        season, is_sure = self._read_season()
        if season is not None and self._is_season_known(season, plan):
            return
        try:
            listing = self._read_index()
        except _Failed:
            return
        entries = {entry["id"]: entry for entry in listing}
        is_whole = bool(listing)
        if None in entries:
            if not self._follows("an entry that cannot be read is one entry"):
                return
            del entries[None]
            is_whole = not self._follows("a listing with an entry that cannot be read is not whole")
        for number, entry in entries.items():
            try:
                self._bring(number, entry, plan)
            except _Failed:
                is_whole = False
        if is_whole or not listing:
            is_whole = self._mark_missing(set(entries)) and is_whole
        is_sure = is_sure or not self._follows("a season's time has a grain")
        if self.events:
            self._season.clear()  # another plan may have lost feeds to this one
        self._season[plan] = season if is_whole and is_sure else None

    # ---- the season and its listing --------------------------------------------------------------------

    def _get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, Mapping[str, str], bytes]:
        with self.provider.send("GET", BASE_URL + path, headers or {}, None) as answer:
            return answer.status, answer.headers, answer.body

    def _read_season(self) -> tuple[str | None, bool]:
        """Return the time of the season, and whether nothing else can have changed under it."""
        if self.provider.traits.season_time == "none":
            return None, True
        asked_at = clock.now()
        _, headers, body = self._get("/seasons.json")
        time: str = json.loads(body)[0]["changed"]
        return time, _is_sure(time, None, headers, asked_at)

    def _is_season_known(self, time: str, plan: str) -> bool:
        if not self._follows("a season's time is compared with its own"):
            files = [file for bundle in self._bundles.values() for file in bundle.files.values()]
            return time <= max((file.announced for file in files if file.announced), default="")
        return self._season.get(plan) == time

    def _read_index(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = []
        for page in range(1, self.provider.traits.pages + 1):
            status, _, body = self._get(f"/matches.json?page={page}")
            if status != 200:
                raise _Failed
            entries += json.loads(body)
        return entries

    def _mark_missing(self, listed: set[int]) -> bool:
        """Return whether it is settled what is missing."""
        known = [number for number, bundle in self._bundles.items() if not bundle.is_missing]
        gone = {number for number in known if number not in listed}
        is_much = bool(gone) and (not listed or (len(gone) >= 3 and len(gone) > 0.2 * len(known)))
        if is_much and not gone <= self._suspects and self._follows("absence needs two witnesses"):
            self._suspects = gone
            return False
        self._suspects = set()
        for number in gone:
            self._keep(number, dataclasses.replace(self._bundles[number], is_missing=True))
        return True

    # ---- a match ---------------------------------------------------------------------------------------

    def _keep(self, number: int, bundle: _Bundle) -> None:
        known = self._bundles.get(number)
        if known is None or known.shown != bundle.shown:
            self.events.append("written")
        self._bundles[number] = bundle

    def _wanted(self, entry: Mapping[str, Any], plan: str) -> dict[str, str | None]:
        """Return file id to the time that is announced of it."""
        asked = {feed: PLANS[plan].get(feed, PLANS[plan].get("default")) for feed in (*FEEDS, "match")}
        asked["events"] = asked["events"] or "v1"  # what a complete one needs is asked for along with the rest
        wanted = {
            f"{feed}__{asked[feed]}": entry[feed]["changed"]
            for feed in FEEDS
            if asked[feed] and entry[feed]["is_there"]
        }
        if asked["match"] and self.provider.traits.entry_is_a_feed:
            wanted["match__v1"] = None
        return wanted

    def _is_due(self, entry: Mapping[str, Any], known: _Bundle, wanted: Mapping[str, str | None]) -> bool:
        is_renamed = (known.name, known.score) != (entry["name"], entry["score"])
        if is_renamed and self._follows("a name comes with its files"):
            return True
        if known.wanted != set(wanted) and self._follows("the announced set belongs to the bundle"):
            return True
        for file_id, announced in wanted.items():
            file = known.files.get(file_id)
            if file is None:
                return True  # an allowed 404 is asked for again
            if file_id == "match__v1":
                if file.content != entry:
                    return True
            elif self._may_have_changed(file, announced):
                return True
        return False

    def _may_have_changed(self, file: _File, announced: str | None) -> bool:
        if announced is None or file.announced is None:
            return True
        if announced != file.announced:
            return announced > file.announced or self._follows("a time is no order")
        return not file.is_settled and self._follows("a time has a grain")

    def _bring(self, number: int, entry: dict[str, Any], plan: str) -> None:
        known = self._bundles.get(number)
        for _ in range(4):
            wanted = self._wanted(entry, plan)
            if known is not None and not self._is_due(entry, known, wanted):
                self._keep(
                    number, dataclasses.replace(known, name=entry["name"], score=entry["score"], is_missing=False)
                )
                return
            files = {} if known is None else known.files
            found = self._ask_all(number, wanted, entry, files)
            has_moved = self._looks_twice(is_new=known is None) and not _same(
                found, self._ask_all(number, wanted, entry, found)
            )
            again = [one for one in self._read_index() if one["id"] == number]
            if not self._follows("the entry is looked at twice"):
                again = [entry]
            if not again:
                raise _Failed
            if has_moved or again[0] != entry:
                entry = again[0]
                continue
            if not self._follows("the announced set belongs to the bundle"):
                found = {**files, **found}
            self._keep(number, _Bundle(entry["name"], entry["score"], found, frozenset(wanted)))
            return
        raise _Failed

    def _looks_twice(self, *, is_new: bool) -> bool:
        traits = self.provider.traits
        if traits.body_changes and self._follows("answers that differ each time settle"):
            return False
        # Nobody downloads a season twice because its files name no versions.
        return self._follows("files are looked at twice") and not (is_new and traits.validators == "none")

    def _ask_all(
        self, number: int, wanted: Mapping[str, str | None], entry: Any, known: Mapping[str, _File]
    ) -> dict[str, _File]:
        found = {}
        for file_id, announced in wanted.items():
            if file_id == "match__v1":
                found[file_id] = _File(entry)
                continue
            file = self._ask(number, file_id, announced, known.get(file_id))
            if file is not None:
                found[file_id] = file
            elif self.provider.traits.absent_by != "404" or file_id == "events__v1":
                raise _Failed
        return found

    def _ask(self, number: int, file_id: str, announced: str | None, known: _File | None) -> _File | None:
        conditions = {}
        if known is not None and known.etag:
            conditions["If-None-Match"] = known.etag
        elif known is not None and known.date and known.is_date_settled and known.announced == announced:
            conditions["If-Modified-Since"] = known.date
        feed, _, spec = file_id.rpartition("__")
        asked_at = clock.now()
        status, headers, body = self._get(f"/{feed}/{spec}/{number}.json", conditions)
        if status == 404:
            return None
        assert known is not None or status == 200
        date = headers.get("Last-Modified")
        moment = read_http_date(date)
        is_date_settled = moment is not None and (
            _is_sure(moment.isoformat(), dt.timedelta(seconds=1), headers, asked_at)
            or not self._follows("Last-Modified has a grain")
        )
        return _File(
            json.loads(body) if known is None or status == 200 else known.content,
            announced,
            _is_sure(announced, None, headers, asked_at),
            headers.get("ETag"),
            date,
            is_date_settled,
        )


def _is_sure(time: str | None, grain: dt.timedelta | None, headers: Mapping[str, str], asked_at: dt.datetime) -> bool:
    announced = None if time is None else dt.datetime.fromisoformat(time)
    return is_settled(announced, grain, answered_at=read_http_date(headers.get("Date")), asked_at=asked_at)


def _same(files: Mapping[str, _File], others: Mapping[str, _File]) -> bool:
    return {file_id: file.content for file_id, file in files.items()} == {
        file_id: file.content for file_id, file in others.items()
    }
