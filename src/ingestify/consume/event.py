"""Reads a message that a publisher sent: a CloudEvent in either mode, of any of the protocols.

Format: CloudEvents 1.0.2; its bindings say how each protocol names the attributes in the binary mode.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import importlib.resources
import re
import urllib.parse
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from ingestify.domain.events import LOGGED_EVENTS
from ingestify.domain.identifier import Identifier
from ingestify.domain.json_value import JsonValue
from ingestify.errors import ConfigurationError, MalformedEvent, SourceError, UnknownEvent
from ingestify.events.payload import OWN_KEYS, PAYLOAD_VERSION, EventPayload, FilePayload, RevisionPayload
from ingestify.suggestion import did_you_mean

__all__ = ["ConsumedEvent", "Headers", "parse", "schema_of"]

Headers: TypeAlias = Mapping[Any, Any] | Iterable[tuple[Any, Any]]
"""Names to values, or pairs of them, each a text or bytes."""

_PREFIXES = ("ce_", "ce-", "cloudevents:", "cloudevents_")
"""Of Kafka; of HTTP, NATS and Pub/Sub; of AMQP, in both forms."""

_PERCENT_ENCODED = "ce-"

_TYPE = re.compile(r"ingestify\.([a-z_]+)\.v([0-9]{1,9})")

_NEEDED = ("id", "source", "type")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConsumedEvent:
    """An event of a lake, as a message says it.

    Attributes:
        id: `{lake_id}/{epoch}/{position}`: the same for ever, also if the message comes again.
        event_type: Such as `revision_added`.
        occurred_at: When, in UTC.
        lake_id: The lake in which it happened.
        epoch: The epoch of the lake; a lake that was restored from a backup begins a new one.
        position: The number in the event log; it rises within an epoch.
        dataset_id: The dataset's UUID, as text.
        bucket: The part of the lake that the dataset is in.
        provider: Its provider.
        dataset_type: What it is, such as `match`.
        identifier: The provider's keys: `event.identifier["match_id"]`.
        name: Its name, for people.
        state: SCHEDULED, PARTIAL, COMPLETE or MISSING, right after the event.
        revision: Its last revision, right after the event; None: it had none.
        files: Its files right after the event, with path, size and hash; None: the publisher leaves them out.
        metadata: What the provider says of it; None: the publisher leaves it out.
        reason: Why a revision was invalidated; empty for other events.
        warnings: What checks that do not reject found in a new revision, a sentence each; none for other events.
        reasons: Why a bundle was rejected, a sentence each; none for other events.
        entry_id: The entry of the quarantine; empty for an event without one.
        decided_by: Who accepted or discarded the bundle; empty for other events.
        note: What that person said.
        entry_state: What became of a bundle that was withdrawn: `RESOLVED` or `SUPERSEDED`; empty for other events.
        data: The whole payload, with keys that this version does not know.
        attributes: The attributes of the CloudEvent, as text.
    """

    id: str
    event_type: str
    occurred_at: dt.datetime
    lake_id: str
    epoch: int
    position: int
    dataset_id: str
    bucket: str
    provider: str
    dataset_type: str
    identifier: Identifier
    name: str
    state: str
    revision: RevisionPayload | None
    files: Sequence[FilePayload] | None
    metadata: Mapping[str, JsonValue] | None
    reason: str = ""
    warnings: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    entry_id: str = ""
    decided_by: str = ""
    note: str = ""
    entry_state: str = ""
    data: Mapping[str, JsonValue] = dataclasses.field(repr=False)
    attributes: Mapping[str, str] = dataclasses.field(repr=False)

    def __str__(self) -> str:
        return f"{self.event_type} {self.id}: {self.provider} {self.dataset_type} {self.identifier}"


def parse(
    body: bytes | str | Mapping[str, JsonValue], headers: Headers | None = None, *, validate: bool = False
) -> ConsumedEvent:
    """Read a message.

    Example::

        event = parse(message.value(), message.headers())      # confluent-kafka
        event = parse(body, properties.headers)                # pika
        event = parse(fields[b"data"], fields)                 # an entry of a Redis stream
        event = parse(message.payload, message.properties.UserProperty)  # paho-mqtt
        event = parse(record["body"])                          # SQS, and whatever has no headers

    Args:
        body: The body. A mapping is JSON that was decoded already, such as the `detail` of EventBridge.
        headers: The headers, properties or fields of the message: names to values, or pairs of both, as text or bytes.
            If the attributes of the CloudEvent are among them, the body is the payload (the binary mode of Kafka, HTTP,
            NATS, Pub/Sub, AMQP, MQTT or Redis). Otherwise, the body is the whole CloudEvent (the structured mode).
        validate: Check the payload against its JSON Schema too, with `jsonschema` if that is installed. `parse` checks
            the same keys and types in any case.

    Raises:
        MalformedEvent: It is no event of a lake, lacks something, or contradicts itself. It will never be readable.
        UnknownEvent: Its type, or the version of its type, is newer than this ingestify.
    """
    attributes, data = _read(body, headers)
    event_type = _event_type(attributes)
    payload = _payload(event_type, data)
    if validate:
        _check_schema(event_type, data)
    dataset = payload["dataset"]
    event_id = f"{payload['lake_id']}/{payload['epoch']}/{payload['position']}"
    if attributes["id"] != event_id:
        raise MalformedEvent(
            f"The message says its id is '{attributes['id']:.200}', and its data says '{event_id:.200}'."
        )
    return ConsumedEvent(
        id=event_id,
        event_type=event_type,
        occurred_at=_moment(payload["occurred_at"]),
        lake_id=payload["lake_id"],
        epoch=payload["epoch"],
        position=payload["position"],
        dataset_id=dataset["dataset_id"],
        bucket=dataset["bucket"],
        provider=dataset["provider"],
        dataset_type=dataset["dataset_type"],
        identifier=_identifier(dataset["identifier"]),
        name=dataset["name"],
        state=dataset["state"],
        revision=dataset["revision"],
        files=dataset.get("files"),
        metadata=dataset.get("metadata"),
        reason=payload.get("reason", ""),
        warnings=tuple(payload.get("warnings", ())),
        reasons=tuple(payload.get("reasons", ())),
        entry_id=payload.get("entry_id", ""),
        decided_by=payload.get("decided_by", ""),
        note=payload.get("note", ""),
        entry_state=payload.get("state", ""),
        data=data,
        attributes=attributes,
    )


def schema_of(event_type: str) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the payload of a type of event.

    Args:
        event_type: Such as `revision_added`.

    Raises:
        ConfigurationError: There is no such type.
    """
    if event_type not in LOGGED_EVENTS:
        hint = did_you_mean(event_type, LOGGED_EVENTS) or f"; there are {', '.join(LOGGED_EVENTS)}."
        raise ConfigurationError(f"There is no event '{event_type}'{hint}")
    path = importlib.resources.files("ingestify.events") / "schemas" / f"{event_type}.v{PAYLOAD_VERSION}.json"
    schema: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    return schema


# ---- the two modes -------------------------------------------------------------------------------------


def _read(
    body: bytes | str | Mapping[str, JsonValue], headers: Headers | None
) -> tuple[dict[str, str], Mapping[str, JsonValue]]:
    """Return the attributes and the payload."""
    whole = body if isinstance(body, Mapping) else _decoded(body)
    attributes = _attributes(headers)
    if "specversion" in attributes:
        data: Any = whole
    elif "specversion" in whole:
        attributes = {name: str(value) for name, value in whole.items() if name != "data"}
        data = whole.get("data")
    else:
        raise MalformedEvent(
            "The message is no CloudEvent: neither its headers nor its body have 'specversion'. In the binary mode, "
            "parse needs the headers, properties or fields of the message too."
        )
    if attributes["specversion"] != "1.0":
        raise MalformedEvent(f"The message is a CloudEvent {attributes['specversion']:.20}; this reads version 1.0.")
    if missing := [name for name in _NEEDED if not attributes.get(name)]:
        raise MalformedEvent(f"The CloudEvent lacks the attribute '{missing[0]}'.")
    if not isinstance(data, Mapping):
        raise MalformedEvent(f"The CloudEvent '{attributes['id']:.200}' has no 'data' that is an object.")
    return attributes, data


def _decoded(body: object) -> Mapping[str, JsonValue]:
    if not isinstance(body, (bytes, bytearray, memoryview, str)):
        raise MalformedEvent(f"The body of the message is {type(body).__name__}, and not text or bytes.")
    try:
        decoded = msgspec.json.decode(body)
    except (ValueError, RecursionError) as error:  # msgspec.DecodeError is a ValueError, and so is UnicodeDecodeError
        raise MalformedEvent(f"The body of the message is no JSON: {error}.") from error
    if not isinstance(decoded, dict):
        what = "a list; pass its events on one by one" if isinstance(decoded, list) else "no object"
        raise MalformedEvent(f"The body of the message is {what}.")
    return decoded


def _attributes(headers: Headers | None) -> dict[str, str]:
    """Return the attributes of the CloudEvent among headers; of all headers without a prefix, if none has one."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    named = [(_text(name).lower(), value) for name, value in pairs if value is not None]
    found: dict[str, str] = {}
    for name, value in named:
        prefix = next((one for one in _PREFIXES if name.startswith(one)), None)
        if prefix is not None:
            text = _text(value)
            found[name.removeprefix(prefix)] = urllib.parse.unquote(text) if prefix == _PERCENT_ENCODED else text
    if found or not any(name == "specversion" for name, _ in named):
        return found
    return {name: _text(value) for name, value in named if name != "data"}


def _text(value: object) -> str:
    if not isinstance(value, (bytes, bytearray, memoryview)):
        return str(value)
    try:
        return bytes(value).decode()
    except UnicodeDecodeError as error:
        raise MalformedEvent(f"A header of the message is no UTF-8: {error}.") from error


# ---- the payload ---------------------------------------------------------------------------------------


def _event_type(attributes: Mapping[str, str]) -> str:
    name = attributes["type"]
    found = _TYPE.fullmatch(name)
    if found is None:
        raise MalformedEvent(f"The CloudEvent has the type '{name:.200}', which is none of ingestify's.")
    event_type, version = found[1], int(found[2])
    if event_type not in LOGGED_EVENTS or version != PAYLOAD_VERSION:
        raise UnknownEvent(
            f"This ingestify does not know the type '{name}': it reads version {PAYLOAD_VERSION} of "
            f"{', '.join(LOGGED_EVENTS)}. Leave the message out, or install the ingestify that the lake has.",
            type=name,
        )
    return event_type


def _payload(event_type: str, data: Mapping[str, JsonValue]) -> EventPayload:
    """Return the payload, in which each key has its type."""
    try:
        payload = msgspec.convert(data, EventPayload)
    except msgspec.ValidationError as error:
        raise MalformedEvent(f"The data of the message is no {event_type}: {error}.") from error
    if missing := [key for key in OWN_KEYS.get(event_type, ()) if key not in payload]:
        raise MalformedEvent(f"The data of the message is no {event_type}: it lacks the key '{missing[0]}'.")
    if payload["event_type"] != event_type:
        raise MalformedEvent(f"The message says it is {event_type}, and its data says {payload['event_type']:.200}.")
    return payload


def _moment(text: str) -> dt.datetime:
    try:
        return dt.datetime.fromisoformat(text).astimezone(dt.UTC)
    except (ValueError, OverflowError) as error:
        raise MalformedEvent(f"The data of the message has occurred_at '{text:.200}', which is no time.") from error


def _identifier(values: Mapping[str, JsonValue]) -> Identifier:
    try:
        return Identifier(values)
    except SourceError as error:
        raise MalformedEvent(f"The data of the message has an identifier that is none: {error}") from error


@functools.cache
def _validator(event_type: str) -> Any:
    """Return a validator of jsonschema; None: that is not installed."""
    try:
        import jsonschema
    except ModuleNotFoundError:
        return None
    return jsonschema.Draft202012Validator(schema_of(event_type))


def _check_schema(event_type: str, data: Mapping[str, JsonValue]) -> None:
    validator = _validator(event_type)
    error = None if validator is None else next(validator.iter_errors(data), None)
    if error is not None:
        raise MalformedEvent(
            f"The data of the message is no {event_type}: {error.message:.500} - at `{error.json_path}`."
        )
