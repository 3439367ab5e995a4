"""One file whose provider hands it out in pages.

It is stored as the JSON array that `fetch.pages` describes. Items that move from page to page while they are read,
because one was added or taken away at the front, would be in it twice, or never: if pages show that, all of them are
read once more.
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
"""Begins to read the pages; takes what is told of what speaks against their being whole."""


class PagedFile:
    """One file. Used by one thread.

    Args:
        url: The first page's, for messages.
        source: The name of the source, for messages.
    """

    def __init__(
        self, request: FetchRequest, sink: ByteSink, pager: pages.Pager, url: str, source: str, options: HttpOptions
    ) -> None:
        self._asked = request
        self._sink = sink
        self._pager = pager
        self._shown = mask_url(url)
        self._source = source
        self._most_bytes = options.max_file_bytes

    def fetch(self, read: Read) -> FetchResult:
        """Write all pages to the sink.

        Raises:
            FetchError: A page could not be had, says that an error occurred, or the pages do not go together, also
                when they are read once more.
            SourceError: A page is no JSON.
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
                # It stays like that, so nothing moved: two of its items are the same, or one of its pages has none.
                logger.warning("%s, or so it looks; read once more, it is the same, and is taken as it is.", why)
                return result
            readings.append(digest)
        self._sink.restart()
        raise FetchError(
            f"GET {self._shown}: {why}; read {_READINGS} times, and not stored. Run again when the provider is not "
            f"changing it; if it always is, ask for all of it in one page.",
            url=self._shown,
        )

    def _read_once(self, answers: Iterator[Response]) -> tuple[FetchResult, str]:
        """Return what came of it, and the hash of what was written."""
        nothing: FetchStatus | None = None

        def found_answers() -> Iterator[Response]:
            nonlocal nothing
            for answer in answers:
                if answer.status in NOT_FOUND:
                    nothing = FetchStatus.NOT_FOUND
                    return
                if answer.status in NOTHING_YET and not answer.content:
                    if not self._asked.ignore_not_ready:
                        raise not_ready(mask_url(answer.url), answer.status)
                    nothing = FetchStatus.NOT_READY
                    return
                yield answer

        digest = hashlib.sha256()
        written = 0
        for piece in pages.iter_joined(found_answers(), self._pager):
            if nothing is not None:
                return FetchResult(nothing, url=self._shown), ""
            written += len(piece)
            if written > self._most_bytes:
                self._sink.restart()
                raise too_large(self._shown, self._source, self._most_bytes)
            digest.update(piece)
            self._sink.write(piece)
        return FetchResult(FetchStatus.FETCHED, NO_VALIDATORS, "application/json", self._shown), digest.hexdigest()
