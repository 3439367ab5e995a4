"""A match whose events come minute by minute, and what a reader makes of what it follows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from typing import Any

from ingestify import DatasetResource, FollowedEvent, Source
from ingestify.comparison.records import find_record_changes
from ingestify.domain.record_key import record_key_of
from ingestify.sources.statsbomb_records import RECORD_KEYS

__all__ = ["KICK_OFF", "Folded", "GrowingMatch", "until_minute"]

KICK_OFF = dt.datetime(2026, 10, 24, 15, tzinfo=dt.UTC)

Events = list[dict[str, Any]]


def until_minute(events: Events, minute: int) -> Events:
    """The events of a match that were there in a minute."""
    return [event for event in events if event["minute"] <= minute]


class GrowingMatch(Source):
    """A provider of one match. A test changes `events` and `status`; each change is a new version.

    Attributes:
        events: The events now; None: there is no file.
        status: As the provider says it.
    """

    provider = "statsbomb"
    record_keys = RECORD_KEYS
    lists_everything = True

    def __init__(self, name: str = "growing") -> None:
        super().__init__(name)
        self.events: Events | None = None
        self.status = "scheduled"
        self.version = 0

    def change(self, events: Events | None = None, status: str | None = None) -> None:
        self.events = self.events if events is None else events
        self.status = status or self.status
        self.version += 1

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        metadata = {
            "match_date": f"{KICK_OFF:%Y-%m-%d}",
            "kick_off": f"{KICK_OFF:%H:%M:%S}",
            "match_status": self.status,
        }
        match = DatasetResource({"match_id": 1}, "match", name="Ajax - PSV", metadata=metadata)
        moment = dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(minutes=self.version)
        match.add_file(moment, "match", json_content={"version": self.version})
        if self.events is not None:
            match.add_file(moment, "events", json_content=self.events)
        yield match


class Folded:
    """What a reader knows of a match: the events by their key, with each line applied once."""

    def __init__(self, events: Iterable[dict[str, Any]] = ()) -> None:
        self.events = {event["id"]: event for event in events}
        self.lines: list[FollowedEvent] = []

    @property
    def cursor(self) -> str | None:
        return self.lines[-1].cursor if self.lines else None

    def take(self, one: FollowedEvent) -> None:
        """Apply a line; what cannot be applied is an error."""
        self.lines.append(one)
        if one.kind == "rekeyed":
            names = dict(one.new_keys)
            self.events = {event["id"]: event for event in _renamed(list(self.events.values()), names.get)}
            return
        event: Any = one.event
        if one.kind == "added":
            assert event["id"] not in self.events, "each event is added once"
        else:
            before = self.events.pop(event["id"])
            assert find_record_changes([before], [one.previous or event], _KEY).changes == []
        if one.kind != "removed":
            self.events[event["id"]] = event

    def kinds(self) -> dict[str, int]:
        return {kind: sum(one.kind == kind for one in self.lines) for kind in sorted({one.kind for one in self.lines})}

    def require_same(self, events: Events) -> None:
        """Require that nothing differs from the events of a revision but their order."""
        found = find_record_changes(list(self.events.values()), events, _KEY)
        assert (found.new_keys, found.changes) == ([], [])


_KEY = record_key_of(RECORD_KEYS["events"])


def _renamed(value: Any, name_of: Callable[..., Any]) -> Any:
    if isinstance(value, dict):
        return {key: _renamed(one, name_of) for key, one in value.items()}
    if isinstance(value, list):
        return [_renamed(one, name_of) for one in value]
    return name_of(value, value) if isinstance(value, str) else value
