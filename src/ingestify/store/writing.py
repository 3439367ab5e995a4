"""Datasets and revisions that the caller's own code writes, without a source.

The way is that of a run: each file is staged and hashed, its own check is made, its object is published, and one
transaction commits all of it, if the dataset is still as the caller saw it. There is no quarantine: what a check
refuses is an error, and nothing is written.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ingestify.checks.files import check_bytes, check_stream
from ingestify.clock import now
from ingestify.domain import formats
from ingestify.domain.change import DatasetChange
from ingestify.domain.dataset import Dataset, DatasetState
from ingestify.domain.file import LONGEST_FILE_ID, NO_VALIDATORS, DraftFile, FeedState, NewFile
from ingestify.domain.identifier import Identifier
from ingestify.domain.json_value import JsonValue
from ingestify.domain.key_types import KeyTypes
from ingestify.domain.ports import HeadMoved
from ingestify.domain.text import LONGEST_KIND, problem_of_name, storable
from ingestify.errors import ConfigurationError, DuplicateFile, IntegrityError, SaveError, SourceError
from ingestify.store.commits import Commits
from ingestify.store.objects.bucket_objects import BucketObjects
from ingestify.store.objects.staging import StagedFile
from ingestify.store.reading.dataset_reader import DatasetReader

__all__ = ["DatasetWriter"]

Staged = tuple[StagedFile, NewFile]


class DatasetWriter(DatasetReader):
    """Writes datasets of one bucket without a source. Every method may be called from any thread.

    Attributes:
        objects: Writes the objects of the bucket.
        commits: Writes to the catalogue, and tells subscribers.
        key_types: The types of the values of identifier keys.
    """

    objects: BucketObjects
    commits: Commits
    key_types: KeyTypes

    def create_dataset(
        self,
        dataset_type: str,
        provider: str,
        dataset_identifier: Identifier | Mapping[str, object],
        name: str,
        state: DatasetState | str = DatasetState.COMPLETE,
        metadata: Mapping[str, JsonValue] | None = None,
        files: Mapping[str, DraftFile] | Iterable[DraftFile] = (),
        revision_source: Mapping[str, str] | None = None,
        description: str = "",
    ) -> Dataset:
        """Write a dataset without a source, with its files as the first revision. Returns the dataset.

        If the lake does not exist, it is created. The files are checked, and committed with the dataset in one
        transaction, as those of a run; the checks between files are made only in a run.

        Example::

            draft = ingestify.DraftFile.from_input('{"home": 2}', "score", data_serialization_format="json")
            note = engine.store.create_dataset("note", "me", {"match_id": 12}, "my score", files=[draft])

        Args:
            dataset_type: Such as `match`.
            provider: Whose dataset it is.
            dataset_identifier: What identifies it within its provider and type.
            name: For people; empty or None: the identifier.
            state: A `DatasetState` or its name.
            metadata: JSON values.
            files: Its files; of a mapping, the values. Their streams are read and closed.
            revision_source: What is kept with the revision as its origin.
            description: Why it is written, for people.

        Raises:
            ConfigurationError: The catalogue cannot store the provider's name or the type's.
            SourceError: The catalogue cannot store the identifier, the metadata or a file's names.
            IntegrityError: A file is not of its format; nothing was written.
            SaveError: There is such a dataset, or the catalogue refused; nothing was written.
        """
        for called, text in (("provider", provider), ("dataset_type", dataset_type)):
            if problem := problem_of_name(text, LONGEST_KIND):
                raise ConfigurationError(f"A dataset's {called} {text!r:.80} {problem}.")
        identifier = self.key_types.apply(provider, dataset_type, Identifier(dataset_identifier), name)
        identifier.check_length()
        self.catalogue.create()
        change = DatasetChange(
            bucket=self.bucket,
            provider=provider,
            dataset_type=dataset_type,
            identifier=identifier,
            name=storable(str(name or identifier) or dataset_type),
            state=DatasetState.parse(state),
            metadata=metadata or {},
            existing=None,
            description=description,
            source=revision_source or {},
        )
        self.catalogue.selector_syncs.forget_listings()  # before the commit, which may be the last thing that succeeds
        return self._write(change, files)

    def update_dataset(
        self,
        dataset: Dataset,
        name: str | None = None,
        state: DatasetState | str | None = None,
        metadata: Mapping[str, JsonValue] | None = None,
        files: Mapping[str, DraftFile] | Iterable[DraftFile] = (),
        revision_source: Mapping[str, str] | None = None,
        description: str = "",
    ) -> Dataset:
        """Change a dataset without a source; see `create_dataset`. What is None stays as it is.

        Files whose bytes the lake does not have become one revision; without one, this is a `MetadataUpdated`.

        Returns:
            The dataset as it is now.

        Raises:
            DatasetNotFound: It is not in the lake any more.
            SourceError: The catalogue cannot store the metadata or a file's names.
            IntegrityError: A file is not of its format; nothing was written.
            SaveError: The dataset was changed since it was read, or the catalogue refused; nothing was written.
        """
        known = self.get_dataset(dataset.dataset_id)
        if known.updated_at != dataset.updated_at:
            raise SaveError(f"{dataset} was changed since it was read; nothing was written. Read it, and write again.")
        change = DatasetChange(
            bucket=self.bucket,
            provider=known.provider,
            dataset_type=known.dataset_type,
            identifier=known.identifier,
            name=storable(str(name or known.name)),
            state=known.state if state is None else DatasetState.parse(state),
            metadata=known.metadata if metadata is None else metadata,
            existing=known,
            description=description,
            source=revision_source or {},
            missing_feeds=known.missing_feeds,
        )
        return self._write(change, files)

    def add_revision(
        self,
        dataset: Dataset,
        files: Mapping[str, DraftFile] | Iterable[DraftFile],
        revision_source: Mapping[str, str] | None = None,
        description: str = "",
    ) -> Dataset:
        """Write files of a dataset without a source; see `update_dataset`. Returns the dataset as it is now."""
        return self.update_dataset(dataset, files=files, revision_source=revision_source, description=description)

    def _write(self, change: DatasetChange, files: Mapping[str, DraftFile] | Iterable[DraftFile]) -> Dataset:
        """Commit a change with the files whose bytes the lake does not have. Returns the dataset as it is then."""
        drafts = list(files.values() if isinstance(files, Mapping) else files or ())
        existing = change.existing
        current = {} if existing is None else existing.files
        with self.commits.writer_lease("write"), _staging(self.objects, drafts) as staged:
            removals_seen = self.commits.removals_seen
            new = [one for one in staged if one[1].file_id not in current or current[one[1].file_id].tag != one[1].tag]
            moment = now()
            change = dataclasses.replace(
                change,
                files=self.objects.publish(change.provider, change.dataset_type, change.identifier, new) if new else (),
                feeds=[FeedState(one.file_id, True, one.modified_at, NO_VALIDATORS, moment) for _, one in staged],
                removals_seen=removals_seen,
            )
            if existing is not None and not change.is_news:
                return existing
            try:
                (applied,) = self.commits.apply([change])
            except HeadMoved as moved:
                seen = "exists already" if existing is None else "was changed by somebody else since it was read"
                raise SaveError(
                    f"{change.provider}/{change.dataset_type}/{change.identifier} {seen}; nothing was written. Read "
                    f"it, and write again."
                ) from moved
        return applied.dataset.read_from(self)


@contextlib.contextmanager
def _staging(objects: BucketObjects, drafts: Sequence[DraftFile]) -> Iterator[list[Staged]]:
    """Stage and check files while the block runs; what it did not publish is thrown away."""
    staged: list[Staged] = []
    begun: list[StagedFile] = []
    try:
        for draft in drafts:
            if not isinstance(draft, DraftFile):
                raise SourceError(
                    f"A file is a {type(draft).__name__}; make a DraftFile of it: DraftFile.from_input(…)."
                )
            _check_names(draft)
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


def _check_names(draft: DraftFile) -> None:
    if not draft.data_feed_key or not draft.data_spec_version:
        raise SourceError(f"The file '{draft.file_id}' needs a data_feed_key and a data_spec_version.")
    for called, name, most in (
        ("id", draft.file_id, LONGEST_FILE_ID),
        ("data_serialization_format", draft.data_serialization_format, formats.LONGEST),
    ):
        if problem := problem_of_name(name, most):
            raise SourceError(f"A file's {called} {name!r:.80} {problem}.")


def _check(staged: StagedFile, draft: DraftFile) -> None:
    form, body = draft.data_serialization_format, staged.complete()
    found = check_stream(staged.open, staged.size, form) if body is None else check_bytes(body, form)
    if problem := found.problem:
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
