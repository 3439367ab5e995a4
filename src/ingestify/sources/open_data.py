"""What the sources of open data have in common: files below one base URL, and an index that is asked for whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingestify.domain.resource import DatasetResource
from ingestify.sources.base_url import BaseUrlSource
from ingestify.sources.entries import list_of

__all__ = ["OpenDataSource", "add_url", "match_name", "may_be", "name_of", "same"]


class OpenDataSource(BaseUrlSource):
    """Open data: files below one base URL, and an index that is asked for whole."""

    def _get_entries(self, url: str) -> list[Any]:
        """Return an index: a list of entries, of which none has been looked at.

        Raises:
            SourceError: It is something else.
        """
        return list_of(self.http.get_json(url), url)


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


def may_be(entry: Mapping[str, Any], wanted: Mapping[str, object]) -> bool:
    """Whether filters let an entry through, as far as it says: what it does not say, nobody can rule out."""
    return all(entry.get(key) is None or same(value, entry[key]) for key, value in wanted.items())


def name_of(part: Mapping[str, Any] | None, *keys: str) -> str | None:
    """Return the first of some keys that a JSON object has as text, or None."""
    found = (part.get(key) for key in keys) if isinstance(part, dict) else ()
    return next((text for text in found if isinstance(text, str) and text), None)
