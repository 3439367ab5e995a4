"""Who gets the events of the lake, and how far each is behind the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from ingestify.documents.datasets import ReaderDocument, reader_document
from ingestify.documents.publishing import PublisherDocument, publisher_document
from ingestify.errors import IngestifyError
from ingestify.masking import mask_text
from ingestify.progress.formatting import clock
from ingestify.web.page import Asked, Page, Shown

__all__ = ["PAGE"]


class PublishersDocument(TypedDict):
    """Publishers, as `publish status --json` has them, and all readers of the event log, as `events readers --json`."""

    publishers: Sequence[PublisherDocument]
    readers: Sequence[ReaderDocument]


def read(asked: Asked) -> Shown:
    """Return the publishers of the settings and the readers of the log."""
    lake = asked.lake
    lacks: list[str] = []
    document: PublishersDocument = {
        "publishers": [],
        "readers": [reader_document(one) for one in lake.store.catalogue.event_readers.list_readers()],
    }
    if lake.open_publishing is not None:
        try:
            with lake.open_publishing() as publishing:
                document["publishers"] = [publisher_document(state) for state in publishing.status()]
        except IngestifyError as error:
            lacks.append(f"How the publishers are: {mask_text(str(error))}")
    return Shown("Who gets the events", document, {"clock": clock}, lacks)


PAGE = Page("/publishers", "publishers.html", read, is_live=True)
