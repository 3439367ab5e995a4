"""One file that a provider gives in pages.

It is stored as the JSON array that `fetch.paging.pages` describes. When an item is added or removed at the front while
the pages are read, items move from page to page, and come twice or never. If the pages show that, all are read again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

from ingestify.domain.file import NO_VALIDATORS
from ingestify.domain.ports import ByteSink, FetchRequest, FetchResult, FetchStatus, Response
from ingestify.errors import FetchError
from ingestify.fetch.download import not_ready, too_large
from ingestify.fetch.options import HttpOptions
from ingestify.fetch.paging import pages
from ingestify.fetch.paging.page_walk import NOTHING_YET, Doubt
from ingestify.fetch.request_executor import NOT_FOUND
from ingestify.masking import mask_url
from ingestify.progress.printable import PrintableLogger

__all__ = ["PagedFile"]

logger = PrintableLogger(__name__)

_READINGS = 2

Read = Callable[[Callable[[Doubt, str], None]], Iterator[Response]]
"""Begins to read the pages; its argument is called with each sign that they are incomplete."""


class PagedFile:
    """Fetches one file in pages. Used by one thread.

    Args:
        request: The file.
        sink: Takes the bytes.
        pager: Finds the next page.
        url: The URL of the first page, for messages.
        source: The name of the source, for messages.
        options: The settings of the client.
    """

    def __init__(
        self, request: FetchRequest, sink: ByteSink, pager: pages.Pager, url: str, source: str, options: HttpOptions
    ) -> None:
        self._file = request
        self._sink = sink
        self._pager = pager
        self._shown = mask_url(url)
        self._source = source
        self._most_bytes = options.max_file_bytes

    def fetch(self, read: Read) -> FetchResult:
        """Write all pages to the sink.

        Raises:
            FetchError: A page could not be fetched, or tells of an error. Or the pages are incomplete, also when they
                are read again.
            SourceError: A page is not JSON.
        """
        readings: list[str] = []
        for _ in range(_READINGS):
            if readings:
                self._sink.restart()
            doubts: dict[Doubt, str] = {}
            result, digest = self._read_once(read(doubts.__setitem__))
            lacks = doubts.get(Doubt.MISCOUNTED) or doubts.get(Doubt.NOWHERE)
            why = lacks or doubts.get(Doubt.SHIFTED) or doubts.get(Doubt.EMPTY)
            if result.status is not FetchStatus.FETCHED or why is None:
                return result
            if digest in readings and not lacks:
                # Nothing moved, as it is the same again: two items are equal, or one page has no items.
                logger.warning("%s, it seems. A second reading brought the same, so the file is stored as it is.", why)
                return result
            readings.append(digest)
        self._sink.restart()
        raise FetchError(
            f"GET {self._shown}: {why}; read {_READINGS} times, and not stored. Run again when the provider is not "
            "changing it; if the provider always changes it, ask for all of it in one page.",
            url=self._shown,
        )

    def _read_once(self, responses: Iterator[Response]) -> tuple[FetchResult, str]:
        """Write all pages; return the result, and the hash of the written bytes."""
        nothing: FetchStatus | None = None

        def found_pages() -> Iterator[Response]:
            nonlocal nothing
            for page in responses:
                if page.status in NOT_FOUND:
                    nothing = FetchStatus.NOT_FOUND
                    return
                if page.status in NOTHING_YET and not page.content:
                    if not self._file.ignore_not_ready:
                        raise not_ready(mask_url(page.url), page.status)
                    nothing = FetchStatus.NOT_READY
                    return
                yield page

        digest = hashlib.sha256()
        written = 0
        for piece in pages.iter_joined(found_pages(), self._pager):
            if nothing is not None:
                return FetchResult(nothing), ""
            written += len(piece)
            if written > self._most_bytes:
                self._sink.restart()
                raise too_large(self._shown, self._source, self._most_bytes)
            digest.update(piece)
            self._sink.write(piece)
        return FetchResult(FetchStatus.FETCHED, NO_VALIDATORS, "application/json"), digest.hexdigest()
