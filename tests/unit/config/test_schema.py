from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ingestify.config.schema import field_description, known_keys, settings_schema


def _properties(node: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        yield from node.get("properties", {}).items()
        for each in node.values():
            yield from _properties(each)
    elif isinstance(node, list):
        for each in node:
            yield from _properties(each)


def test_the_schema_is_json_and_refuses_unknown_keys() -> None:
    schema = settings_schema()

    json.dumps(schema)
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["main"]


def test_every_key_of_the_schema_is_described() -> None:
    schema = settings_schema()

    bare = [name for name, node in _properties(schema) if "description" not in node and "$ref" not in node]
    assert bare == []
    assert all("description" in definition for definition in schema["$defs"].values())


def test_the_keys_of_a_section_are_known_by_its_path() -> None:
    assert known_keys(()) == [
        "main",
        "sources",
        "dataset_types",
        "ingestion_plans",
        "quarantine",
        "retention",
        "freshness",
        "event_subscribers",
        "event_publishers",
        "run_hooks",
        "tables",
        "metrics",
    ]
    assert known_keys(("sources", "any", "rate_limit")) == [
        "requests_per_second",
        "requests_per_minute",
        "requests_per_day",
    ]
    assert known_keys(("ingestion_plans", 3, "fetch_policy")) == ["type", "configuration"]
    assert known_keys(("sources", "any", "configuration")) == []
    assert known_keys(("nowhere", 0)) == []


def test_what_a_key_is_for_is_known_by_its_path() -> None:
    assert field_description(("main",)) == "Where the lake is."
    assert field_description(("ingestion_plans", 0, "source")) == "A name under sources."
    assert field_description(("nowhere",)) == ""
