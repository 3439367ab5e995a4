"""A loop over datasets of the lake, as who looks is shown it: how many of them were read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from ingestify.domain.dataset import DatasetCollection
from ingestify.domain.ports import DatasetFilter
from ingestify.domain.wording import noun
from ingestify.progress.display import Display
from ingestify.progress.formatting import clock
from ingestify.store.dataset_store import DatasetStore

__all__ = ["iter_shown"]


def iter_shown(store: DatasetStore, wanted: DatasetFilter, reading: Iterator[Any]) -> Iterator[Any]:
    """Yield what is read, and show how far its reader is; at the end, how many there were.

    Args:
        reading: Yields datasets or collections of them.
    """
    total = store.catalogue.datasets.read_metadata(wanted).row_count
    what = noun([wanted.dataset_type] if wanted.dataset_type else [], total)
    began = time.monotonic()
    count = 0

    def text() -> str:
        return f"{count:,} of {total:,} {what} read · {clock(time.monotonic() - began)}"

    display = Display(progress=True)
    try:
        with display.moving(text):
            for one in reading:
                yield one
                count += len(one) if isinstance(one, DatasetCollection) else 1  # its reader asks for the next one
    finally:  # also where the reader left the loop
        display.tell(text())
