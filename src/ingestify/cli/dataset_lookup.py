"""Finds the datasets that a person names, and explains why there are none."""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from ingestify.cli.options import parse_identifier, refuse_option
from ingestify.domain.dataset import Dataset
from ingestify.domain.lock import Lock
from ingestify.domain.ports import DatasetFilter
from ingestify.domain.quarantine import WaitingBundle
from ingestify.errors import ConfigurationError, DatasetNotFound, LockError
from ingestify.remedies import remedy
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.reading.call_options import find_option
from ingestify.store.reading.nothing_found import explain_nothing as _explain_nothing

__all__ = ["count_datasets", "explain_nothing", "find_datasets", "read_lock", "the_one_that_begins"]

_NAMED = ("provider", "dataset_type", "state")
"""The names that may stand beside identifier keys in `provider=small/match_id=12`."""

_KIND = re.compile(r"(?P<provider>[^/=]+)/(?P<dataset_type>[^/=]+)/(?=[^/=]+=)")
"""The beginning of `small/match/match_id=12`, the form in which `list` and `show` write it."""


def find_datasets(store: DatasetStore, what: str, *, least: int = 1, **filters: Any) -> list[Dataset]:
    """Return the datasets that an id, the beginning of one, or `key=value/key=value` names, in the order of `list`.

    The provider and the dataset type may stand before the keys, as `list` writes them: `statsbomb/match/match_id=12`.

    Args:
        store: The lake.
        what: The text as it was typed; blanks around it and the case of an id are ignored.
        least: The least number of characters of an id that is not whole.
        **filters: `provider` and `dataset_type`.

    Raises:
        DatasetNotFound: There is none.
        ConfigurationError: Several ids begin with the text.
    """
    what = what.strip()
    if "=" in what:
        wanted = _read_filter(store, what, filters)
        found = list(store.iter_in_order(wanted))
        if not found:
            _tell_only_in_quarantine(store.quarantine.find_waiting(wanted))
            raise DatasetNotFound(f"{explain_nothing(store, wanted)} See {remedy('list')}.")
        return found
    wanted = store.dataset_filter(**filters)
    whole = next(store.catalogue.datasets.iter_batches(dataclasses.replace(wanted, dataset_ids=[what]), 1), [])
    if whole:
        return whole
    if what and len(what) < least:
        raise click.UsageError(f"'{what}' is too short for an id; give {least} characters or more.")
    ids = (dataset_id for dataset_id, _, _ in store.catalogue.datasets.iter_identities(wanted))
    beginning = what.lower()
    begin_so = [one for one in ids if one.lower().startswith(beginning)]
    if not begin_so and what:
        bundles = store.quarantine.find_waiting(wanted)
        _tell_only_in_quarantine([one for one in bundles if one.dataset_id.startswith(beginning)])
    if not begin_so and what.isdecimal():
        raise DatasetNotFound(
            f"None of the datasets has an id that begins '{what}'. Write a number of the provider with its key, "
            f"such as match_id={what}; see {remedy('list')}."
        )
    chosen = the_one_that_begins(what, begin_so, "datasets", remedy("list"))
    return [store.get_dataset(chosen)]


def _tell_only_in_quarantine(waiting: Sequence[WaitingBundle]) -> None:
    """Raise an error if the datasets are only in quarantine.

    Raises:
        DatasetNotFound: One is.
    """
    if waiting:
        entry = waiting[0]
        raise DatasetNotFound(
            f"{entry.name} is not in the lake: its files failed a check and are in quarantine: "
            f"{'; '.join(entry.reasons)}. See {remedy('quarantine show', entry.entry_id)}."
        )


def _read_filter(store: DatasetStore, what: str, options: Mapping[str, Any]) -> DatasetFilter:
    """Return the filter of `provider=small/match_id=12`, or `small/match/match_id=12`, with the command's options."""
    kind = _KIND.match(what)
    parsed = parse_identifier(what[kind.end() :] if kind else what)
    named = {name: parsed.pop(name) for name in _NAMED if name in parsed} | (kind.groupdict() if kind else {})
    for key, value in parsed.items():
        # The lake knows whether the name of an option is an identifier key too.
        if find_option(key) and key not in store.find_identifier_keys(named.get("provider"), named.get("dataset_type")):
            refuse_option(key, str(value))
    for name, value in named.items():
        if name != "state" and options.get(name) not in (None, value):
            raise click.UsageError(f"{name} is {value} in '{what}', and another one in the option; give it once.")
    try:
        return store.dataset_filter(**{**options, **named}, **parsed)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def count_datasets(store: DatasetStore, wanted: DatasetFilter) -> int:
    """Return how many datasets match a filter; at least one.

    Raises:
        DatasetNotFound: There is none; the message says why.
    """
    count = store.catalogue.datasets.read_metadata(wanted).row_count
    if not count:
        raise DatasetNotFound(f"{explain_nothing(store, wanted)} See {remedy('list')}.")
    return count


def the_one_that_begins(what: str, ids: list[str], kind: str, command: str) -> str:
    """Return the only one of the ids that begin with a text.

    Args:
        what: The text.
        ids: All ids that begin with it.
        kind: What has these ids, in the plural.
        command: The remedy that lists them.

    Raises:
        DatasetNotFound: There is none.
        ConfigurationError: There are several.
        click.UsageError: The text is empty.
    """
    if not what:
        raise click.UsageError(f"The id is empty; {command} shows those of the {kind}.")
    if not ids:
        raise DatasetNotFound(f"None of the {kind} has an id that begins '{what}'; see {command}.")
    if len(ids) > 1:
        raise ConfigurationError(f"{len(ids):,} {kind} have an id that begins '{what}'; give more of it.")
    return ids[0]


def explain_nothing(store: DatasetStore, wanted: DatasetFilter) -> str:
    """Return why no dataset matches, for people: the bucket is empty, or a filter names something unknown."""
    when_empty = f"The bucket '{store.bucket}' is empty; "
    if next(store.quarantine.iter_entries(), None) is not None:
        when_empty += f"{remedy('quarantine list')} shows what failed its checks."
    else:
        when_empty += f"{remedy('run')} fetches what the ingestion plans name."
    return _explain_nothing(store.catalogue, wanted, store.names_of_sources, when_empty)


def read_lock(path: Path) -> Lock:
    """Return the lock in a file; `-` is stdin.

    Raises:
        LockError: It cannot be read, or is no lock.
    """
    if str(path) != "-":
        return Lock.read(path)
    try:
        text = sys.stdin.buffer.read().decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise LockError(f"The lock from stdin cannot be read: {error}") from error
    return Lock.parse(text, "from stdin")
