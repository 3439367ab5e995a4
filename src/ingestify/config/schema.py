"""The JSON schema of config.yaml, for editors that check and complete while typing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ingestify.config.settings import Settings

__all__ = ["field_description", "known_keys", "settings_schema"]


def settings_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of a config.yaml. It does not cover `!ENV` values."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Settings.model_json_schema()}


def known_keys(path: Sequence[str | int]) -> list[str]:
    """Return the keys that the mapping at `path` may have; an empty list if it may have any, or is no mapping.

    Args:
        path: Keys and list indexes from the top of the file: `("ingestion_plans", 0)`.
    """
    root = settings_schema()
    nodes = _nodes_at(root, path)
    return [key for node in nodes for option in _options(root, node) for key in option.get("properties", ())]


def field_description(path: Sequence[str | int]) -> str:
    """Return the description of the key at `path`, or an empty string."""
    root = settings_schema()
    nodes = _nodes_at(root, path)
    # If a section has the same description as its key, the schema has it only behind the reference.
    described = [*nodes, *(option for node in nodes for option in _options(root, node))]
    return next((str(node["description"]) for node in described if "description" in node), "")


def _nodes_at(root: dict[str, Any], path: Sequence[str | int]) -> list[dict[str, Any]]:
    nodes = [root]
    for step in path:
        nodes = [child for node in nodes for child in _children(root, node, step)]
    return nodes


def _children(root: Mapping[str, Any], node: dict[str, Any], step: str | int) -> list[dict[str, Any]]:
    children: list[Any] = []
    for option in _options(root, node):
        if isinstance(step, int):
            children.append(option.get("items"))
        else:
            children.append(option.get("properties", {}).get(step, option.get("additionalProperties")))
    return [child for child in children if isinstance(child, dict)]


def _options(root: Mapping[str, Any], node: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the schemas of a node: the target of its reference, or its alternatives."""
    if "$ref" in node:
        return [root["$defs"][node["$ref"].rpartition("/")[2]]]
    if "anyOf" in node:
        return [option for each in node["anyOf"] for option in _options(root, each)]
    return [node]
