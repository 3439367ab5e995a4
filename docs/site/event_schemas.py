"""Writes the JSON Schemas of the messages about events, and the AsyncAPI document, from the code.

The words are those of the docstrings in `ingestify.events.payload`, `ingestify.domain.events` and
`ingestify.run_hooks.payload`. `reference.py` writes
the files.

Formats: https://json-schema.org/draft/2020-12 and https://www.asyncapi.com/docs/reference/specification/v3.0.0.
"""

from __future__ import annotations

import inspect
import json
import re
import types
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints, is_typeddict

import yaml

from ingestify.domain.events import LOGGED_EVENTS
from ingestify.events import payload
from ingestify.events.payload import OWN_KEYS, PAYLOAD_VERSION, EventPayload
from ingestify.run_hooks import payload as run_payload

__all__ = ["asyncapi_document", "event_schema", "run_schema", "schema_files", "texts_of_keys"]

_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", types.NoneType: "null"}

_HEADERS = {
    "specversion": "Always `1.0`.",
    "id": "`{lake_id}/{epoch}/{position}`. An event has the same id for ever: a consumer drops repeats by it.",
    "source": "`urn:ingestify:lake:{lake_id}`.",
    "type": "`ingestify.{event_type}.v{version}`.",
    "subject": "The id of the dataset.",
    "time": "When it happened.",
    "dataschema": "The `$id` of the JSON Schema of the payload.",
    "partitionkey": "The id of the dataset.",
    "sequence": "The position in the event log, with 20 digits.",
    "lakeid": "The id of the lake.",
    "epoch": "The epoch of the lake.",
    "provider": "The provider of the dataset.",
    "datasettype": "The type of the dataset, such as `match`.",
}
"""The attributes of the CloudEvent, as `domain.message.Message` writes them."""

_ABOUT = """\
Every change of a football-data lake is an event in its log. A publisher passes the events on to another system, at \
least once. The events of one dataset come in their order.

Each message is a CloudEvent 1.0 (https://cloudevents.io). In the binary mode, the attributes are the headers of the \
message, with the prefix that the CloudEvents binding of the protocol says (`ce_` in Kafka, `ce-` in HTTP and NATS, \
`cloudEvents:` in AMQP, none in MQTT), and the payload is the body. In the structured mode, the body is one JSON \
object with the attributes, and the payload is its `data`.

The settings of the publisher name the topic, the queue or the address, and the servers. Within a version of a type, \
keys are only added: a consumer ignores keys that it does not know.
"""


class _Dumper(yaml.SafeDumper):
    """Writes a text of several lines as such, and nothing by a reference to what it wrote before."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML calls it
        return True


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)


def schema_files() -> dict[str, str]:
    """Return the JSON Schemas and the AsyncAPI document: path in the repository to text."""
    schemas = {
        f"src/ingestify/events/schemas/{name}.v{PAYLOAD_VERSION}.json": json.dumps(event_schema(name), indent=2) + "\n"
        for name in LOGGED_EVENTS
    }
    document = yaml.dump(asyncapi_document(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    of_runs = f"src/ingestify/run_hooks/schemas/run_finished.v{run_payload.PAYLOAD_VERSION}.json"
    return {**schemas, of_runs: json.dumps(run_schema(), indent=2) + "\n", "docs/asyncapi.yaml": document}


def run_schema() -> dict[str, Any]:
    """Return the JSON Schema of the message that says what a run came to."""
    definitions: dict[str, Any] = {}
    shape = run_payload.RunFinishedPayload
    schema = _object(shape, definitions, "#/$defs/")
    schema["properties"]["event_type"]["const"] = "run_finished"
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:ingestify:event:run_finished:v{run_payload.PAYLOAD_VERSION}",
        "title": "run_finished",
        "description": _first_paragraph(shape),
        **schema,
        "$defs": definitions,
    }


def event_schema(event_type: str) -> dict[str, Any]:
    """Return the JSON Schema of the payload of a type of event."""
    definitions: dict[str, Any] = {}
    schema = _event(event_type, definitions, "#/$defs/")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:ingestify:event:{event_type}:v{PAYLOAD_VERSION}",
        **schema,
        "$defs": definitions,
    }


def asyncapi_document() -> dict[str, Any]:
    """Return the AsyncAPI 3.0 document."""
    schemas: dict[str, Any] = {}
    events = {name: _event(name, schemas, "#/components/schemas/") for name in LOGGED_EVENTS}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "The events of an ingestify lake",
            "version": f"{PAYLOAD_VERSION}.0.0",
            "description": _ABOUT,
        },
        "defaultContentType": "application/json",
        "channels": {
            "events": {
                "address": None,
                "title": "The events of a lake",
                "description": "A topic, a queue, a stream or a URL, which the settings of the publisher name.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in LOGGED_EVENTS},
            }
        },
        "operations": {
            "publishEvents": {
                "action": "send",
                "title": "A publisher passes the events of the log on",
                "channel": {"$ref": "#/channels/events"},
                "messages": [{"$ref": f"#/channels/events/messages/{name}"} for name in LOGGED_EVENTS],
            }
        },
        "components": {
            "messages": {name: _message(name, schema) for name, schema in events.items()},
            "schemas": {**events, **schemas},
        },
    }


def _message(event_type: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    known = {
        "specversion": "1.0",
        "type": f"ingestify.{event_type}.v{PAYLOAD_VERSION}",
        "dataschema": f"urn:ingestify:event:{event_type}:v{PAYLOAD_VERSION}",
    }
    attributes = {
        name: {"type": "string", "description": text, **({"const": known[name]} if name in known else {})}
        for name, text in _HEADERS.items()
    }
    return {
        "name": known["type"],
        "title": event_type,
        "summary": schema["description"],
        "contentType": "application/json",
        "headers": {"type": "object", "properties": attributes, "required": list(_HEADERS)},
        "payload": {"$ref": f"#/components/schemas/{event_type}"},
    }


def _event(event_type: str, definitions: dict[str, Any], references: str) -> dict[str, Any]:
    """Return the schema of a type of event; the shapes in it are added to `definitions`."""
    own = OWN_KEYS.get(event_type, ())
    of_others = {key for keys in OWN_KEYS.values() for key in keys}
    schema = _object(EventPayload, definitions, references)
    schema["properties"] = {key: one for key, one in schema["properties"].items() if key in own or key not in of_others}
    schema["properties"]["event_type"]["const"] = event_type
    schema["required"] += own
    if text := texts_of_keys(LOGGED_EVENTS[event_type]).get("dataset"):
        schema["properties"]["dataset"]["description"] = text
    description = _first_paragraph(LOGGED_EVENTS[event_type])
    for name, kind in LOGGED_EVENTS.items():
        description = description.replace(kind.__name__, name)
    return {"title": event_type, "description": description, **schema}


def _object(shape: Any, definitions: dict[str, Any], references: str) -> dict[str, Any]:
    texts: dict[str, str] = {}
    for one in (*(other for other in vars(payload).values() if _is_part(other, shape)), shape):
        texts |= texts_of_keys(one)
    return {
        "type": "object",
        "properties": {
            key: {**_value(hint, definitions, references), "description": texts[key]}
            for key, hint in get_type_hints(shape, include_extras=True).items()
        },
        "required": [key for key in get_type_hints(shape) if key in shape.__required_keys__],
    }


def _is_part(other: object, shape: Any) -> bool:
    return is_typeddict(other) and other.__annotations__.items() <= shape.__annotations__.items()


def _value(hint: Any, definitions: dict[str, Any], references: str) -> dict[str, Any]:
    arguments = get_args(hint)
    origin = get_origin(hint)
    if hint is Any:
        return {}
    if origin is Annotated:
        return {**_value(arguments[0], definitions, references), "format": arguments[1]}
    if origin in (Union, types.UnionType) and all(one in _TYPES for one in arguments):
        return {"type": [_TYPES[one] for one in arguments]}
    if origin in (Union, types.UnionType):
        some, nothing = (_value(one, definitions, references) for one in arguments)
        assert nothing == {"type": "null"}
        return {"anyOf": [some, nothing]} if "$ref" in some else {**some, "type": [some["type"], "null"]}
    if origin is Sequence:
        return {"type": "array", "items": _value(arguments[0], definitions, references)}
    if origin is Mapping:
        of_values = _value(arguments[1], definitions, references)
        return {"type": "object", **({"additionalProperties": of_values} if of_values else {})}
    if is_typeddict(hint):
        name = hint.__name__.removesuffix("Payload")
        definitions[name] = {"description": _first_paragraph(hint), **_object(hint, definitions, references)}
        return {"$ref": f"{references}{name}"}
    return {"type": _TYPES[hint]}


def _first_paragraph(documented: Any) -> str:
    return " ".join(inspect.cleandoc(documented.__doc__).partition("\n\n")[0].split())


def texts_of_keys(documented: Any) -> dict[str, str]:
    """Return what the section `Attributes` of a docstring says of each key."""
    part = inspect.cleandoc(documented.__doc__ or "").partition("\nAttributes:\n")[2]
    found = re.findall(r"^    (\w+): (.+(?:\n {8}.+)*)", part, re.MULTILINE)
    return {key: " ".join(text.split()) for key, text in found}
