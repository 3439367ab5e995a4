"""Entries that move from page to page while a listing is read: one that comes on two pages shows it."""

from __future__ import annotations

from collections.abc import Mapping

from ingestify.fetch.current_context import current_context

__all__ = ["MovedEntries"]


class MovedEntries:
    """The entries of one listing in pages. Used by one thread.

    Where an entry was added at the front, the last one of a page comes again on the next one. Then another may have
    been missed as well, so the listing is not whole (`domain.ports.IndexReading`).
    """

    def __init__(self) -> None:
        self._page = 0
        self._pages: dict[int, int] = {}
        """The hash of an identity to the last page that had it: of a hundred thousand, no more is kept."""
        self._is_told = False

    def next_page(self) -> None:
        """What is seen from now on is of another page."""
        self._page += 1

    def see(self, identity: Mapping[str, object]) -> None:
        """Take note of an entry."""
        key = hash(tuple((name, str(value)) for name, value in identity.items()))
        if self._pages.setdefault(key, self._page) == self._page:
            return
        if not self._is_told:
            self._is_told = True
            shown = "/".join(f"{name}={value}" for name, value in identity.items())
            current_context().index.add_gap(
                f"{shown} is on page {self._pages[key]} of the listing, and on page {self._page} again: what it lists "
                f"moved while it was read"
            )
