"""The tables that there are, by name.

- The standard ones have the same columns for all providers.
- `{provider}_{feed}`, such as `statsbomb_events`, has the provider's own fields of a feed.
- Installed packages bring tables of their own by entry points of the group `ingestify.tables`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ingestify.errors import ConfigurationError
from ingestify.plugins import Plugin, find_plugin, find_plugins
from ingestify.suggestion import did_you_mean
from ingestify.tables.definition import TableDefinition

__all__ = ["STANDARD", "TABLES_GROUP", "flat_definition", "get_definition", "installed_definitions"]

TABLES_GROUP = "ingestify.tables"
"""The entry point group of a package's tables: `name = "package.module:function"`."""

_ROWS = "ingestify.tables.rows"

STANDARD: tuple[TableDefinition, ...] = (
    TableDefinition("matches", f"{_ROWS}.matches:make_frame", takes_input=True),
    TableDefinition("events", f"{_ROWS}.events:make_frame", takes_input=True, kloppy_type="events"),
    TableDefinition("lineups", f"{_ROWS}.lineups:make_frame", takes_input=True, kloppy_type="any"),
    TableDefinition(
        "tracking", f"{_ROWS}.tracking:make_frames", takes_input=True, kloppy_type="tracking", is_large=True
    ),
    TableDefinition("freeze_frames", f"{_ROWS}.freeze_frames:make_frame", takes_input=True, kloppy_type="events"),
)
"""The tables that are built if the settings say nothing."""


def get_definition(
    name: str, feeds: Iterable[tuple[str, str]] = (), own: Iterable[TableDefinition] = ()
) -> TableDefinition:
    """Return the table of a name: a standard one, one of the settings or of a package, or that of a provider's feed.

    Args:
        name: The name.
        feeds: Provider and feed of the files in the lake, for the tables of a provider's feeds.
        own: The tables of the settings.

    Raises:
        ConfigurationError: There is no such table, or there are several. Or the function of an installed package cannot
            be imported.
    """
    known = [*STANDARD, *own]
    named = next((one for one in known if one.name == name), None)
    if named is not None:
        return named
    plugin = find_plugin(TABLES_GROUP, name)
    if plugin is not None:
        return _definition_of(plugin)
    flat = [flat_definition(provider, feed) for provider, feed in dict.fromkeys(feeds)]
    found = [one for one in flat if one.name == name]
    if len(found) == 1:
        return found[0]
    if found:
        meant = " and ".join(f"'{one.feeds[0]}' of {one.provider}" for one in found)
        raise ConfigurationError(f"The table name '{name}' means several feeds: {meant}.")
    names = sorted({*(one.name for one in (*known, *flat)), *(one.name for one in find_plugins(TABLES_GROUP))})
    raise ConfigurationError(
        f"There is no table '{name}'{did_you_mean(name, names) or '.'} There are {', '.join(names)}."
    )


def installed_definitions() -> list[TableDefinition]:
    """Return the tables of installed packages.

    Raises:
        ConfigurationError: Its function cannot be imported, or is no function.
    """
    return [_definition_of(plugin) for plugin in find_plugins(TABLES_GROUP)]


def flat_definition(provider: str, feed: str) -> TableDefinition:
    """Return the table with the provider's own fields of a feed; `statsbomb_360_frames` of the feed `360-frames`."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", f"{provider}_{feed}").strip("_").lower()
    return TableDefinition(
        name if name[:1].isalpha() else f"feed_{name}",
        f"{_ROWS}.flat:make_frame",
        takes_input=True,
        provider=provider,
        feeds=(feed,),
    )


def _definition_of(plugin: Plugin) -> TableDefinition:
    """Return the table of an entry point. The function may have the attributes of `TableDefinition`."""
    function = plugin.load()
    if not callable(function):
        raise ConfigurationError(f"{plugin.title} is {function!r}; it must be a function of (files, dataset).")
    return TableDefinition(
        plugin.name,
        plugin.value.partition("[")[0].strip(),
        version=str(getattr(function, "version", "1")),
        provider=getattr(function, "provider", None),
        dataset_type=getattr(function, "dataset_type", None),
        feeds=tuple(getattr(function, "feeds", ())),
    )
