"""Datasets and revisions that the caller's own code writes, without a source.

The way is that of a run: each file is staged and hashed, its own check is made, its object is published, and one
transaction commits all of it, if the dataset is still as the caller saw it. There is no quarantine: what a check
refuses is an error, and nothing is written.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ingestify.checks.files import check_bytes, check_stream
from ingestify.clock import now
from ingestify.domain.change import DatasetChange
from ingestify.domain.dataset import Dataset, DatasetState
from ingestify.domain.file import NO_VALIDATORS, DraftFile, FeedState, NewFile
from ingestify.domain.identifier import Identifier
from ingestify.domain.ports import HeadMoved
from ingestify.errors import DuplicateFile, IntegrityError, SaveError
from ingestify.store.commits import Commits
from ingestify.store.objects.bucket_objects import BucketObjects
from ingestify.store.objects.staging import StagedFile

__all__ = ["write_dataset"]

Staged = tuple[StagedFile, NewFile]


def write_dataset(
    objects: BucketObjects,
    commits: Commits,
    *,
    bucket: str,
    provider: str,
    dataset_type: str,
    identifier: Identifier,
    name: str,
    state: DatasetState,
    metadata: Mapping[str, Any],
    existing: Dataset | None,
    drafts: Sequence[DraftFile],
    source: Mapping[str, str],
    description: str,
) -> Dataset:
    """Write a dataset. The files whose bytes the lake does not have become one revision. Returns the dataset.

    Args:
        objects: Writes the objects.
        commits: Commits the change.
        bucket: The bucket.
        provider: The provider.
        dataset_type: The dataset type.
        identifier: What identifies it.
        name: Its name after that; likewise `state` and `metadata`.
        state: Its state.
        metadata: Its metadata.
        existing: The dataset as the caller sees it; None: a new one.
        drafts: Its new files. Each stream is read to its end and closed.
        source: What is kept with the revision as its origin.
        description: Why the revision is made, for people.

    Raises:
        DuplicateFile: Two drafts have the same feed and version.
        IntegrityError: A file is not of its format; nothing was written.
        SaveError: The dataset is not as the caller saw it any more, or the catalogue refused; nothing was written.
    """
    with commits.writer_lease("write"), _staging(objects, drafts) as staged:
        removals_seen = commits.removals_seen
        current = {} if existing is None else existing.files
        new = [
            (one, draft)
            for one, draft in staged
            if draft.file_id not in current or current[draft.file_id].tag != one.tag
        ]
        files = objects.publish(provider, dataset_type, identifier, new) if new else []
        moment = now()
        change = DatasetChange(
            bucket=bucket,
            provider=provider,
            dataset_type=dataset_type,
            identifier=identifier,
            name=name,
            state=state,
            metadata=metadata,
            existing=existing,
            files=files,
            feeds=[FeedState(one.file_id, True, one.modified_at, NO_VALIDATORS, moment) for _, one in staged],
            description=description,
            source=source,
            missing_feeds=() if existing is None else existing.missing_feeds,
            removals_seen=removals_seen,
        )
        if existing is not None and not change.is_news:
            return existing
        try:
            (applied,) = commits.apply([change])
        except HeadMoved as moved:
            seen = "exists already" if existing is None else "was changed by somebody else since it was read"
            raise SaveError(
                f"{provider}/{dataset_type}/{identifier} {seen}; nothing was written. Read it, and write again."
            ) from moved
        return applied.dataset


@contextlib.contextmanager
def _staging(objects: BucketObjects, drafts: Sequence[DraftFile]) -> Iterator[list[Staged]]:
    """Stage and check files while the block runs; what it did not publish is thrown away."""
    staged: list[Staged] = []
    begun: list[StagedFile] = []
    try:
        for draft in drafts:
            if draft.file_id in [other.file_id for _, other in staged]:
                raise DuplicateFile(f"The file {draft.file_id} is there twice; give each its own data_feed_key.")
            one = objects.stage(draft.data_serialization_format)
            begun.append(one)
            with draft.stream:
                one.copy_from(draft.stream)
            _check(one, draft)
            one.persist()
            staged.append((one, _new_file(one, draft)))
        yield staged
    finally:
        for one in begun:
            one.discard()


def _check(staged: StagedFile, draft: DraftFile) -> None:
    form, problem = draft.data_serialization_format, ""

    def check(body: bytes) -> None:
        nonlocal problem
        problem = check_bytes(body, form).problem

    if not staged.complete(check):
        problem = check_stream(staged.open, staged.size, form).problem
    if problem:
        raise IntegrityError(f"The file {draft.file_id} is refused: {problem}. Nothing was written.")


def _new_file(staged: StagedFile, draft: DraftFile) -> NewFile:
    return NewFile(
        data_feed_key=draft.data_feed_key,
        data_spec_version=draft.data_spec_version,
        data_serialization_format=draft.data_serialization_format,
        size=staged.size,
        tag=staged.tag,
        content_type=draft.content_type,
        storage_size=staged.storage_size,
        storage_compression_method=staged.compression_method,
        storage_path="",
        modified_at=draft.modified_at,
    )
