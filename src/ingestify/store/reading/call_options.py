"""The names of options, to recognize an option that is given as a filter.

An identifier key may have the same name. Then it is a filter, if a dataset of the lake has the key, or a source or a
plan names it.
"""

from __future__ import annotations

import difflib

from ingestify.errors import ConfigurationError

__all__ = ["ALL_NAMES", "find_option", "refuse_option"]

_OPEN_DATA = 'write auto_ingest={"use_open_data": True, '
_OR_IN_FILE = ", or, of a source in the config.yaml, write it there"
_ITERATING = "give it to iter_datasets"
_COLLECTION = "give it to store.get_dataset_collection"
_READING = (
    "give it to iter_datasets, list_datasets or store.get_dataset_collection, as it narrows what is read, and not what "
    "is fetched"
)
_LOAD = "give it to engine.load"
_ENGINE = "give it to get_engine"

_HOW = {
    "streaming": 'write auto_ingest={"streaming": True}',
    "use_open_data": 'write auto_ingest={"use_open_data": True}',
    "if_offline": 'write auto_ingest={"if_offline": …}',
    "data_spec_versions": _OPEN_DATA
    + '"data_spec_versions": {…}}'
    + ", or, of a plan in the config.yaml, write it there",
    "configuration": _OPEN_DATA + '"configuration": {…}}' + _OR_IN_FILE,
    "base_url": _OPEN_DATA + '"configuration": {"base_url": …}}' + _OR_IN_FILE,
    "auto_ingest": _ITERATING,
    "batch_size": _ITERATING,
    "yield_dataset_collection": _ITERATING,
    "progress": "give it to iter_datasets or engine.load",
    "everything": "give it to engine.matches",
    "metadata_only": _COLLECTION,
    "page": _COLLECTION,
    "page_size": _COLLECTION,
    "dataset_id": _READING,
    "state": _READING,
    "dataset_state": _READING,
    "where": _READING,
    "as_of": _READING,
    "lock": _ITERATING,
    "selector": "give its keys one by one: competition_id=11, season_id=90",
    "source": _LOAD,
    "dry_run": _LOAD,
    "listener": _LOAD,
    "accept_missing": _LOAD,
    "deadline": _LOAD,
    "ignore_waits": _LOAD,
    "refetch": _LOAD,
    "bucket": _ENGINE,
    "config_file": _ENGINE,
    "disable_events": _ENGINE,
    "metadata_url": _ENGINE,
    "file_url": _ENGINE,
    "file_options": _ENGINE,
    "limit": (
        "there is none; take the first datasets of the list, engine.list_datasets(…)[:5], or of the loop, "
        "itertools.islice(engine.iter_datasets(…), 5)"
    ),
}

ALL_NAMES = frozenset(_HOW) | {"provider", "dataset_type"}
"""Also with the options of every call: only a misspelt one of these can be taken for a filter."""

_LIKENESS = 0.85
"""Names that are less alike are different words, such as `stage` and `state`."""


def find_option(key: str, *, misspelt: bool = False) -> str | None:
    """Return the option with the name of a filter's key, or None. With `misspelt`, a similar name counts too."""
    name = key.lower().replace("-", "_")
    if name in ALL_NAMES:
        return name
    close = difflib.get_close_matches(name[:100], ALL_NAMES, n=1, cutoff=_LIKENESS) if misspelt else []
    return close[0] if close else None


def refuse_option(key: str, option: str, *, may_be_key: bool = False) -> ConfigurationError:
    """Return the error that says how an option is given. With `may_be_key`, a source may have such a key, too."""
    how = _HOW.get(option)
    if how is None:  # every call takes it
        return ConfigurationError(f"There is no filter '{key}'; did you mean '{option}'?")
    if option != key:
        return ConfigurationError(f"There is no filter '{key}'; did you mean the option '{option}'? If so, {how}.")
    besides = " If the source's datasets have such a key, name it in its identifier_keys." if may_be_key else ""
    return ConfigurationError(f"'{key}' is an option and no filter: {how}.{besides}")
