"""The partition key of a selector: one text for Dagster, Airflow and Prefect, that can be read back."""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping

from ingestify.domain.identifier import canonical_value
from ingestify.errors import ConfigurationError

__all__ = ["LONGEST_KEY", "parse_partition_key", "partition_key"]

LONGEST_KEY = 250
"""The most characters of a partition key; Airflow stores no more."""

_KEPT = frozenset(" -_.:+@()")


def partition_key(attributes: Mapping[str, object]) -> str:
    """Return the partition key of a selector: `competition_id=11/season_id=90`.

    The keys keep their order. Letters and digits of all scripts stay as they are, and so do spaces between others and
    `-_.:+@()`. All other characters are written as in a URL, `%2F`, and so is the second of two dots: Dagster reads
    three dots as a range. `parse_partition_key` reads it back.

    Args:
        attributes: A key to a single value.

    Raises:
        ConfigurationError: There is no key, or the text has more than 250 characters.
        SourceError: A value is not a single value.
    """
    text = "/".join(f"{_quoted(key)}={_quoted(canonical_value(value, key))}" for key, value in attributes.items())
    if not text:
        raise ConfigurationError("A selector without attributes has no partition key.")
    if len(text) > LONGEST_KEY:
        raise ConfigurationError(
            f"The partition key {text[:60]}… has {len(text)} characters; orchestrators keep {LONGEST_KEY} at the most."
        )
    return text


def parse_partition_key(text: str) -> dict[str, str]:
    """Return the filters that a partition key stands for: `{"competition_id": "11", "season_id": "90"}`.

    The values are texts; a filter matches the number 11 and the text "11" alike.

    Raises:
        ConfigurationError: It is no partition key.
    """
    filters: dict[str, str] = {}
    for part in text.split("/"):
        key, equals, value = part.partition("=")
        name = urllib.parse.unquote(key)
        if not equals or not name or name in filters:
            raise ConfigurationError(
                f"{text!r:.300} is no partition key: write key=value, such as competition_id=11/season_id=90."
            )
        filters[name] = urllib.parse.unquote(value)
    return filters


def _quoted(text: str) -> str:
    kept = "".join(one if one.isalnum() or one in _KEPT else urllib.parse.quote(one, safe="") for one in text)
    kept = kept.replace("..", ".%2E")
    if kept.startswith(" "):
        kept = f"%20{kept[1:]}"
    return f"{kept[:-1]}%20" if kept.endswith(" ") else kept
