"""The rows of a dataset and its revisions, column by column."""

from __future__ import annotations

from collections.abc import Iterable

from ingestify.catalogue.rows import feeds_to_text, json_text, moment_to_text, names_to_text
from ingestify.domain.change import DatasetChange
from ingestify.domain.dataset import Dataset
from ingestify.domain.profile import FileProfile
from ingestify.domain.revision import Revision

__all__ = [
    "description_columns",
    "fixed_columns",
    "head_columns",
    "profile_row",
    "revision_row",
    "warning_rows",
]


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


def warning_rows(dataset_id: str, revisions: Iterable[Revision]) -> list[dict[str, object]]:
    """Return the rows of the revisions that have warnings."""
    return [
        {"dataset_id": dataset_id, "revision_id": one.revision_id, "warnings": names_to_text(one.warnings)}
        for one in revisions
        if one.warnings
    ]


def profile_row(dataset_id: str, revision: Revision, change: DatasetChange, profile: FileProfile) -> dict[str, object]:
    """Return the row of the profile of a new file."""
    return {
        "dataset_id": dataset_id,
        "revision_id": revision.revision_id,
        "file_id": profile.file_id,
        "peers_hash": change.peers,
        "created_at": moment_to_text(revision.created_at),
        "size": profile.size,
        "row_count": profile.rows,
        "nulls": json_text(dict(profile.nulls)),
    }
