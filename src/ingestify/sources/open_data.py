"""What the sources of open data have in common: files below one base URL, and an index that is asked for whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingestify.domain.bundle import BundleType
from ingestify.domain.feeds import DataSpecVersionCollection
from ingestify.domain.resource import DatasetResource
from ingestify.domain.source import Source
from ingestify.errors import ConfigurationError, SourceError

__all__ = ["OpenDataSource", "add_url", "checked_entries", "match_name", "name_of", "same"]


class OpenDataSource(Source):
    """Open data below one base URL, so that a mirror of the files is the provider, too. A subclass says `bundle_types`.

    Args:
        name: The source's name in the configuration.
        base_url: Below which the files are.
        **configuration: What the configuration says besides.

    Raises:
        ConfigurationError: The base URL is none.
    """

    def __init__(self, name: str, base_url: str, **configuration: Any) -> None:
        super().__init__(name, base_url=base_url, **configuration)
        self._base_url = self._checked_url("base_url", base_url).rstrip("/")

    def _checked_url(self, option: str, url: object) -> str:
        if not isinstance(url, str) or not url.startswith(("http://", "https://")):
            raise ConfigurationError(
                f"The source '{self.name}' has {option} {url!r}; it must begin with https:// or http://."
            )
        return url

    def _bundle_type(self, dataset_type: str, versions: DataSpecVersionCollection | None = None) -> BundleType:
        """Return what a dataset of a type holds.

        Raises:
            ConfigurationError: The source has no such type, or the type has not all of the feeds that are named.
        """
        chosen = next((one for one in self.bundle_types if one.dataset_type == dataset_type), None)
        if chosen is None:
            there = " and ".join(f"'{one.dataset_type}'" for one in self.bundle_types)
            raise ConfigurationError(
                f"The source '{self.name}' has no datasets of the type '{dataset_type}'; it has {there}."
            )
        if versions is not None and (unknown := chosen.unknown(versions)):
            raise ConfigurationError(
                f"The source '{self.name}' has no feed {', '.join(unknown)}; "
                f"a {dataset_type} has {', '.join((*chosen.requires, *chosen.optional))}."
            )
        return chosen

    def _get_entries(self, url: str, *keys: str) -> list[dict[str, Any]]:
        """Return an index: a list of entries that each have `keys`.

        Raises:
            SourceError: It is something else.
        """
        return checked_entries(self.http.get_json(url), url, *keys)


def checked_entries(entries: object, where: str, *keys: str) -> list[dict[str, Any]]:
    """Return an index as it is, or raise a SourceError unless it is a list of entries that have `keys`."""
    if not isinstance(entries, list):
        raise SourceError(
            f"{where} is a JSON {type(entries).__name__}; a list was expected. Is base_url the data root?"
        )
    for number, entry in enumerate(entries):
        missing = [key for key in keys if not isinstance(entry, dict) or entry.get(key) is None]
        if missing:
            raise SourceError(f"Entry {number} of {where} has no {', '.join(missing)}.")
    return entries


def add_url(
    resource: DatasetResource,
    feed: str,
    version: str,
    url: str,
    *,
    form: str | None = None,
    may_be_absent: bool = False,
) -> None:
    """Announce a file whose provider gives no time: each run asks for it by the provider's own validators.

    Args:
        may_be_absent: Whether a 404 leaves the file out. What makes a dataset what it is must be there: a base URL
            that is wrong would look like a provider that has nothing yet.
    """
    resource.add_file(
        None,
        feed,
        version,
        url=url,
        http_options={"ignore_not_found": True} if may_be_absent else None,
        data_serialization_format=form,
    )


def match_name(
    home: str | None, away: str | None, score: tuple[Any, Any] = (None, None), date: str | None = None
) -> str:
    """Return `Barcelona 3-0 Deportivo Alavés, 2018-08-18`; score and date are left out while there is none."""
    result = "-" if None in score else f"{score[0]}-{score[1]}"
    return f"{home or '?'} {result} {away or '?'}" + (f", {date}" if date else "")


def same(wanted: object, there: object) -> bool:
    """Whether a filter lets a value through: `12` and `"12"` are the same, and None is no filter."""
    return wanted is None or str(wanted) == str(there)


def name_of(part: Mapping[str, Any] | None, *keys: str) -> str | None:
    """Return the first of some keys that a JSON object has as text, or None."""
    found = (part.get(key) for key in keys) if isinstance(part, dict) else ()
    return next((text for text in found if isinstance(text, str) and text), None)
