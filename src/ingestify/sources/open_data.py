"""The base class of sources of open data, and what they share with other sources: names and filters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingestify.domain.resource import DatasetResource
from ingestify.domain.selector import filter_values
from ingestify.sources.base_url import BaseUrlSource
from ingestify.sources.entries import list_of

__all__ = ["MatchIds", "OpenDataSource", "add_url", "match_name", "may_be", "name_of", "same"]

MatchIds = int | str | list[int] | list[str] | None
"""The `match_id` of a call of `find_datasets`: one, several, or None for all."""


class OpenDataSource(BaseUrlSource):
    """Open data: files below one base URL, and an index in one response."""

    def _get_entries(self, url: str) -> list[Any]:
        """Return an index: a list of unchecked entries.

        Raises:
            SourceError: It is no list.
        """
        return list_of(self.http.get_json(url), url)


def add_url(
    resource: DatasetResource,
    feed: str,
    version: str,
    url: str,
    *,
    may_be_absent: bool = False,
) -> None:
    """Announce a file without a time: each run requests it conditionally, by the provider's validators.

    Args:
        resource: The dataset.
        feed: The feed of the file.
        version: Its data_spec_version.
        url: Where the file is.
        may_be_absent: Whether a 404 leaves the file out. False for a dataset's main file: with a wrong base URL, the
            provider would look like one that has no files yet.
    """
    resource.add_file(
        None,
        feed,
        version,
        url=url,
        http_options={"ignore_not_found": True} if may_be_absent else None,
    )


def match_name(
    home: str | None, away: str | None, score: tuple[Any, Any] = (None, None), date: str | None = None
) -> str:
    """Return `Barcelona 3-0 Deportivo Alavés, 2018-08-18`; without score or date if they are None."""
    result = "-" if None in score else f"{score[0]}-{score[1]}"
    return f"{home or '?'} {result} {away or '?'}" + (f", {date}" if date else "")


def same(wanted: object, there: object) -> bool:
    """Return whether a value matches a filter: one of its values, or any for None. `12` and `"12"` are the same."""
    return wanted is None or str(there) in map(str, filter_values(wanted))


def may_be(entry: Mapping[str, Any], wanted: Mapping[str, object]) -> bool:
    """Return whether an entry may match filters. A value that the entry lacks matches every filter."""
    for key, value in wanted.items():  # a generator takes twice as long, for each entry of an index
        if value is not None and (there := entry.get(key)) is not None and not same(value, there):
            return False
    return True


def name_of(part: Mapping[str, Any] | None, *keys: str) -> str | None:
    """Return the first text that a JSON object has under these keys, or None."""
    found = (part.get(key) for key in keys) if isinstance(part, dict) else ()
    return next((text for text in found if isinstance(text, str) and text), None)
