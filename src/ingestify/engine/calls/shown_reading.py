"""The progress line of a loop over datasets: how many were read."""

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
    """Yield what `reading` yields, and show how many datasets were read; the last line stays.

    Args:
        store: The lake.
        wanted: The filter, whose datasets are counted.
        reading: Yields datasets or collections of datasets.
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
                count += (
                    len(one) if isinstance(one, DatasetCollection) else 1
                )  # the reader asked for the next one, so this one was read
    finally:  # also when the reader leaves the loop
        display.tell(text())
