"""Types of settings that pydantic does not have, with messages that say what to write."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, WithJsonSchema
from pydantic.config import JsonDict

from ingestify.clock import length_of_time
from ingestify.domain.expression import Expression
from ingestify.errors import ConfigurationError
from ingestify.typed_section import wrong
from ingestify.vaults.url import is_vault_url

__all__ = [
    "Age",
    "BucketName",
    "Configuration",
    "LongTime",
    "Name",
    "Seconds",
    "Selector",
    "Size",
    "Url",
    "Versions",
    "items_or_text",
    "or_text",
    "type_or_text",
]


def _url(value: str) -> str:
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", value) or re.match(r"[A-Za-z]:[\\/]", value):
        raise wrong("is no URL; write sqlite:/// or file:// before a path, or another scheme.")
    if re.fullmatch(r"(?i)file:/*", value):
        raise wrong("names no folder; write one, such as file://database/files/.")
    return value


def _bucket(value: str) -> str:
    if not value.strip(". ") or re.search(r"[/\\\x00-\x1f]", value):
        raise wrong("must be a name without / and \\, such as main.")
    return value


def _configuration(value: object) -> object:
    """Check the shape only, and never show the value, which may have secrets."""
    parts = value if isinstance(value, (list, tuple)) else [value]
    for part in parts:
        if isinstance(part, str) and not is_vault_url(part):
            raise wrong("is text, but no vault url (vault+aws:// or vault+gcp://); write key: value.")
        if isinstance(part, Mapping) and not all(isinstance(key, str) for key in part):
            raise wrong("has a key that is not text; put it in quotes.")
        if not isinstance(part, (str, Mapping)):
            raise wrong("must be a mapping (key: value), a vault url, or a list of those.")
    return value


def _long_time(value: object) -> object:
    length = _length(value)
    if length is None or length < dt.timedelta(days=1):
        raise wrong("must be a length of time of at least 1d, such as 90d.")
    return length


def _age(value: object) -> object:
    length = _length(value)
    if not length:
        raise wrong("must be a length of time, such as 36h or 7d.")
    return length


def _length(value: object) -> dt.timedelta | None:
    return value if isinstance(value, dt.timedelta) else length_of_time(value) if isinstance(value, str) else None


_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s*([kMGT]?)B?")
_SIZE_UNITS = {"": 1, "k": 1_000, "M": 1_000_000, "G": 1_000_000_000, "T": 1_000_000_000_000}


def _size(value: object) -> object:
    """Return a number of bytes."""
    if isinstance(value, str):
        found = _SIZE.fullmatch(value.strip().replace("K", "k"))
        if found is None:
            raise wrong("must be a size such as 500 MB or 64 GB, or a number of bytes.")
        return int(float(found[1]) * _SIZE_UNITS[found[2]])
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong("must be a size such as 500 MB or 64 GB, or a number of bytes.")
    return value


def _versions(value: object) -> object:
    """Return feed → tuple of versions; YAML reads a bare 8 as a number."""
    if not isinstance(value, Mapping):
        raise wrong("must be a mapping of feeds to versions, such as {match: v6, events: [v8, v9]}.")
    if not value:
        raise wrong("is empty; leave it out for the default, {default: v1}.")
    return {str(feed): _versions_of(str(feed), wanted) for feed, wanted in value.items()}


def _versions_of(feed: str, wanted: object) -> tuple[str, ...]:
    several = wanted if isinstance(wanted, (list, tuple)) else [wanted]
    versions = []
    for version in several:
        if isinstance(version, float):
            # 1.10 has already become 1.1 here.
            raise wrong(f"the version of '{feed}' is a number with a point; put it in quotes.")
        if isinstance(version, bool) or not isinstance(version, (str, int)) or version == "":
            raise wrong(f"'{feed}' needs a version such as v1, or a list of them.")
        versions.append(str(version))
    if not versions:
        raise wrong(f"'{feed}' has an empty list; write a version such as v1.")
    return tuple(versions)


def _selector(value: object) -> object:
    if isinstance(value, str):
        if value.strip() == "*":
            return "*"
        try:
            return Expression.parse(value).text
        except ConfigurationError as error:
            raise wrong(str(error)) from error
    if value is None or value == []:
        return {}  # empty: everything that the source discovers
    if not isinstance(value, Mapping):
        raise wrong('must be a mapping such as {competition_id: 11}, "*", or an expression in quotes.')
    return {str(key): _selector_value(str(key), each) for key, each in value.items()}


def _selector_value(key: str, value: object) -> object:
    if key.startswith("_"):
        return value  # a hint such as _last_modified
    if isinstance(value, (list, tuple)):
        if not value:
            raise wrong(f"the list of '{key}' is empty, so the selector would select nothing.")
        return tuple(_single_value(key, each) for each in value)
    return _single_value(key, value)


def _single_value(key: str, value: object) -> str | int | float | None:
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, dt.date):
        return value.isoformat()
    raise wrong(f"'{key}' is a {type(value).__name__}; write a single value, or a list of them.")


_VAULT_SCHEMA = {"type": "string", "pattern": r"^vault\+[A-Za-z0-9.-]+://."}
_CONFIGURATION_SCHEMA = {
    "anyOf": [
        {"type": "object"},
        _VAULT_SCHEMA,
        {"type": "array", "items": {"anyOf": [{"type": "object"}, _VAULT_SCHEMA]}},
    ]
}
_VERSION_SCHEMA = {"type": ["string", "integer"]}
_VERSIONS_SCHEMA = {
    "type": "object",
    "additionalProperties": {"anyOf": [_VERSION_SCHEMA, {"type": "array", "items": _VERSION_SCHEMA, "minItems": 1}]},
    "minProperties": 1,
}
_VALUE_SCHEMA = {"type": ["string", "number", "boolean", "null"]}
_SELECTOR_SCHEMA = {
    "anyOf": [
        {
            "type": "object",
            "additionalProperties": {
                "anyOf": [_VALUE_SCHEMA, {"type": "array", "items": _VALUE_SCHEMA, "minItems": 1}]
            },
        },
        {"type": "string"},
        {"type": "null"},
        {"type": "array", "maxItems": 0},
    ]
}

Name = Annotated[str, Field(min_length=1)]
"""Text that is not empty."""

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""A span of time."""

Size = Annotated[
    int,
    BeforeValidator(_size),
    Field(gt=0),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "exclusiveMinimum": 0}, {"type": "string", "pattern": _SIZE.pattern}]}
    ),
]
"""A number of bytes; 64 GB is 64,000,000,000."""

_LENGTH_SCHEMA = {"type": "string", "pattern": r"^\s*[0-9]{1,6}[smhdSMHD]\s*$"}

LongTime = Annotated[dt.timedelta, BeforeValidator(_long_time), WithJsonSchema(_LENGTH_SCHEMA)]
"""A length of time of a day or more: 90d, 48h."""

Age = Annotated[dt.timedelta, BeforeValidator(_age), WithJsonSchema(_LENGTH_SCHEMA)]
"""A length of time: 36h, 7d."""

Url = Annotated[str, AfterValidator(_url)]
"""A URL with a scheme, which may be unknown: opening it checks that."""

BucketName = Annotated[str, AfterValidator(_bucket)]
"""The name of a part of the lake."""

Configuration = Annotated[
    dict[str, Any] | str | list[dict[str, Any] | str],
    PlainValidator(_configuration),
    WithJsonSchema(_CONFIGURATION_SCHEMA),
]
"""The argument of `ingestify.config.secrets.resolve_configuration`."""

Versions = Annotated[dict[str, tuple[str, ...]], BeforeValidator(_versions), WithJsonSchema(_VERSIONS_SCHEMA)]
"""Feed to its wanted versions."""

Selector = Annotated[dict[str, Any] | str, PlainValidator(_selector), WithJsonSchema(_SELECTOR_SCHEMA)]
"""Attributes, of which tuples multiply, and of which none means everything; or `*`; or the text of an expression."""


def type_or_text(value: object) -> object:
    """Return a mapping with the type, if the value is only the type's name."""
    return {"type": value} if isinstance(value, str) else value


def items_or_text(schema: JsonDict) -> None:
    """Allow text as an item of a list in a schema."""
    schema["items"] = {"anyOf": [schema.get("items", {}), {"type": "string"}]}


def or_text(schema: JsonDict) -> None:
    """Allow text in a schema."""
    alternatives = schema.get("anyOf")
    if isinstance(alternatives, list):
        alternatives.append({"type": "string"})
