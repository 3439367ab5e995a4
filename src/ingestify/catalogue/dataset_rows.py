"""The rows of a dataset and its revisions, column by column."""

from __future__ import annotations

from ingestify.catalogue.rows import feeds_to_text, json_text, moment_to_text, names_to_text
from ingestify.domain.dataset import Dataset
from ingestify.domain.revision import Revision

__all__ = ["description_columns", "fixed_columns", "head_columns", "revision_row"]


def fixed_columns(dataset: Dataset) -> dict[str, object]:
    """Return the columns of a dataset that never change; but the identifier of an adopted dataset is completed once."""
    return {
        "dataset_id": dataset.dataset_id,
        "bucket": dataset.bucket,
        "provider": dataset.provider,
        "dataset_type": dataset.dataset_type,
        "identifier": dataset.identifier.to_json(),
        "identifier_key": dataset.identifier.canonical,
        "created_at": moment_to_text(dataset.created_at),
    }


def description_columns(dataset: Dataset, metadata: str) -> dict[str, object]:
    """Return the columns that describe a dataset.

    Args:
        dataset: The dataset.
        metadata: Its metadata, as JSON text.
    """
    return {
        "name": dataset.name,
        "state": dataset.state.value,
        "metadata": metadata,
        "updated_at": moment_to_text(dataset.updated_at),
        "last_modified_at": moment_to_text(dataset.last_modified_at),
        "feeds": feeds_to_text(dataset.feeds),
        "missing_feeds": names_to_text(dataset.missing_feeds),
    }


def head_columns(revision: Revision | None) -> dict[str, object]:
    """Return the columns of a dataset's current revision; None: it has none."""
    return {
        "current_revision_id": None if revision is None else revision.revision_id,
        "current_created_at": None if revision is None else moment_to_text(revision.created_at),
        "current_state": None if revision is None else revision.state.value,
    }


def revision_row(dataset_id: str, revision: Revision) -> dict[str, object]:
    """Return the row of a revision."""
    return {
        "dataset_id": dataset_id,
        "revision_id": revision.revision_id,
        "created_at": moment_to_text(revision.created_at),
        "state": revision.state.value,
        "description": revision.description,
        "source": json_text(revision.source),
        "removed_file_ids": names_to_text(revision.removed_file_ids),
    }
