"""Names of options: what is given as a filter and is called so is an option in the wrong place.

An identifier key may be called so too. It is taken for a filter where a dataset of the lake has it, or where a source
or a plan names it.
"""

from __future__ import annotations

import difflib

from ingestify.errors import ConfigurationError

__all__ = ["ALL_NAMES", "find_option", "refuse_option"]

_AUTO_INGEST = "auto_ingest of iter_datasets takes it: "
_OPEN_DATA = _AUTO_INGEST + 'auto_ingest={"use_open_data": True, '
_READING = "it narrows what is read: iter_datasets, list_datasets and store.get_dataset_collection take it"
_LOAD = "it is an option of engine.load"
_COLLECTION = "store.get_dataset_collection takes it"
_ENGINE = "get_engine takes it"
_NO_LIMIT = (
    "there is no limit; take the first ones with itertools.islice(engine.iter_datasets(…), 5), or one with .first() of "
    "a collection; on the command line with 'ingestify list --limit 5'"
)

_HOW = {
    "streaming": _AUTO_INGEST + 'auto_ingest={"streaming": True}',
    "use_open_data": _AUTO_INGEST + 'auto_ingest={"use_open_data": True}',
    "data_spec_versions": _OPEN_DATA + '"data_spec_versions": {…}}; of a plan, the plan has them',
    "configuration": _OPEN_DATA + '"configuration": {…}}; of a source in the config.yaml, write it there',
    "base_url": _OPEN_DATA + '"configuration": {"base_url": …}}; of a source in the config.yaml, write it there',
    "auto_ingest": "iter_datasets takes it",
    "batch_size": "iter_datasets takes it",
    "yield_dataset_collection": "iter_datasets takes it",
    "metadata_only": _COLLECTION,
    "page": _COLLECTION,
    "page_size": _COLLECTION,
    "dataset_id": _READING,
    "state": _READING,
    "dataset_state": _READING + ", as state",
    "where": _READING,
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
    "limit": _NO_LIMIT,
}

ALL_NAMES = frozenset(_HOW) | {"provider", "dataset_type"}
"""With those that every call has, of which only a misspelt one can be taken for a filter."""

_LIKENESS = 0.85
"""Less alike than that, it is a word of its own, as `stage` and `state` are."""


def find_option(key: str, *, misspelt: bool = False) -> str | None:
    """Return the option that a filter's key names; None: none.

    Args:
        misspelt: Whether one that is only like it counts too.
    """
    name = key.lower().replace("-", "_")
    if name in ALL_NAMES:
        return name
    close = difflib.get_close_matches(name[:100], ALL_NAMES, n=1, cutoff=_LIKENESS) if misspelt else []
    return close[0] if close else None


def refuse_option(key: str, option: str) -> ConfigurationError:
    """Return the error that says how an option is given."""
    how = _HOW.get(option)
    if how is None:  # every call takes it
        return ConfigurationError(f"There is no filter '{key}'; did you mean '{option}'?")
    if option != key:
        return ConfigurationError(
            f"There is no filter '{key}'; did you mean the option '{option}'? {how[0].upper()}{how[1:]}."
        )
    return ConfigurationError(
        f"'{key}' is an option and no filter, as no dataset has an identifier key that is called so: {how}. Should a "
        f"source have such a key, name it in identifier_keys of its class, or in the selectors of its plan."
    )
