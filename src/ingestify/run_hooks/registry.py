"""Finds the class of a built-in run hook by its name in the configuration."""

from __future__ import annotations

import importlib

from ingestify.domain.subscriber import Subscriber

__all__ = ["BUILT_IN", "find_built_in"]

BUILT_IN = {
    "ingestify.openlineage": "ingestify.run_hooks.openlineage:OpenLineage",
    "ingestify.webhook": "ingestify.run_hooks.webhook:RunWebhook",
}
"""The built-in types: the value of `type:` to the class."""


def find_built_in(type_name: str) -> type[Subscriber] | None:
    """Return the class of a built-in run hook; None: it is none."""
    if type_name not in BUILT_IN:
        return None
    module, _, name = BUILT_IN[type_name].partition(":")
    found: type[Subscriber] = getattr(importlib.import_module(module), name)
    return found
