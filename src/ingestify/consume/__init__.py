"""What a consumer of the messages of a publisher needs, in Python.

- `event`: reads a message: `parse`.
- `lake`: opens the lake for reading, and loads the dataset of an event: `open_lake`.
- `seen`: which events were handled already: `Seen`.

    event = parse(body, headers)
    if event not in seen:
        dataset = lake.load(event)
        ...
        seen.add(event)
"""

from __future__ import annotations

from ingestify.consume.event import ConsumedEvent, parse, schema_of
from ingestify.consume.lake import Lake, open_lake
from ingestify.consume.seen import Seen
from ingestify.errors import EventError, EventOfAnotherLake, MalformedEvent, UnknownEvent

__all__ = [
    "ConsumedEvent",
    "EventError",
    "EventOfAnotherLake",
    "Lake",
    "MalformedEvent",
    "Seen",
    "UnknownEvent",
    "open_lake",
    "parse",
    "schema_of",
]
