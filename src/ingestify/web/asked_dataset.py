"""The dataset that an address names."""

from __future__ import annotations

from ingestify.domain.dataset import Dataset
from ingestify.errors import DatasetNotFound, LoadError
from ingestify.web.page import Asked, NotShown

__all__ = ["asked_dataset", "numbered"]


def asked_dataset(asked: Asked) -> Dataset:
    """Return the dataset that the address names."""
    try:
        return asked.lake.store.get_dataset(asked.parts["dataset_id"])
    except DatasetNotFound as error:
        raise NotShown(404, str(error)) from error


def numbered(dataset: Dataset, text: str) -> Dataset:
    """Return a dataset as it was after a revision; for an empty text, as it is."""
    if not text:
        return dataset
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise NotShown(400, f"'{text}' is no number of a revision: write ?revision=0.")
    try:
        return dataset.at(revision=int(text))
    except LoadError as error:
        raise NotShown(404, str(error)) from error
