"""Detects that entries moved between the pages of a listing while it was read: an entry is on two pages."""

from __future__ import annotations

from collections.abc import Mapping

from ingestify.fetch.current_context import current_context

__all__ = ["MovedEntries"]


class MovedEntries:
    """The entries of one listing in pages. Used by one thread.

    If the provider adds an entry at the front, the last entry of a page comes again on the next page. Another entry
    may have moved the other way and be missed, so the listing does not count as complete (`domain.ports.IndexReading`).
    """

    def __init__(self) -> None:
        self._page = 0
        self._pages: dict[int, int] = {}
        """The hash of an identity to the last page that had it. A hash keeps a hundred thousand entries small."""
        self._is_reported = False

    def next_page(self) -> None:
        """Begin the next page."""
        self._page += 1

    def see(self, identity: Mapping[str, object]) -> None:
        """Note an entry of the current page."""
        key = hash(tuple((name, str(value)) for name, value in identity.items()))
        if self._pages.setdefault(key, self._page) == self._page:
            return
        if not self._is_reported:
            self._is_reported = True
            shown = "/".join(f"{name}={value}" for name, value in identity.items())
            current_context().index.add_gap(
                f"{shown} is on page {self._pages[key]} of the listing, and on page {self._page} again: what it lists "
                f"moved while it was read"
            )
