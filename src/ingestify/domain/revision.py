"""A revision: the files of a dataset that changed together."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
from collections.abc import Collection, Mapping

from ingestify.domain.dump import Dumped
from ingestify.domain.file import File
from ingestify.errors import LoadError
from ingestify.suggestion import did_you_mean

__all__ = ["FilesById", "Revision", "RevisionState", "pick_file"]


class RevisionState(enum.StrEnum):
    """Whether a committed revision is trusted."""

    VALID = "VALID"
    VALIDATION_FAILED = "VALIDATION_FAILED"
    """A person, or an integrity check, found it wrong: the next run fetches it in full."""
    CONFIRMED = "CONFIRMED"
    """It was VALIDATION_FAILED, and the provider served the same bytes again, so they are right."""
    THINNED = "THINNED"
    """It was provisional, as its match was played, and `retention` removed its files. It cannot be read any more."""


@dataclasses.dataclass(frozen=True, slots=True)
class Revision(Dumped):
    """One committed change of a dataset's files.

    Attributes:
        revision_id: 0, 1, 2, … without gaps.
        modified_files: The files that this revision brought. `Dataset.current_revision` is the whole current set, so
            there it is every file: the newest of each.
        created_at: When it was committed.
        state: VALIDATION_FAILED after `store.invalidate_revision`, then CONFIRMED if the provider has the same bytes.
        description: Why it was made or invalidated, for people.
        source: Its origin: the names of the source and of the job, the terms, and as `loader` the format, if the source
            declares one.
        removed_file_ids: Files that it removed from the current set: the provider had them no more. Earlier revisions
            keep them.
        warnings: What the checks in the mode `warn` found in the files of then, a sentence each.
    """

    revision_id: int
    created_at: dt.datetime
    modified_files: tuple[File, ...]
    state: RevisionState = RevisionState.VALID
    description: str = ""
    source: Mapping[str, str] = dataclasses.field(default_factory=dict)
    removed_file_ids: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def is_thinned(self) -> bool:
        """Whether its files were removed, but for those that later revisions have too."""
        return self.state is RevisionState.THINNED

    @property
    def files(self) -> FilesById:
        """The same files by file id, or by feed if the feed has one file."""
        return FilesById((file.file_id, file) for file in self.modified_files)

    @property
    def modified_files_map(self) -> FilesById:
        """Another name of `files`."""
        return self.files

    def require_whole(self) -> None:
        """Refuse a revision that has only the files that changed in it. The first one has all files of then.

        Raises:
            LoadError: It is not sure that it has all files. The message says what to read instead.
        """
        if self.revision_id and all(file.revision_id == self.revision_id for file in self.modified_files):
            raise LoadError(
                f"Revision {self.revision_id} has the files that changed in it, which are not all files of the dataset "
                f"({', '.join(file.file_id for file in self.modified_files) or 'none'}). Read all files of then with "
                f"dataset.at(revision={self.revision_id}), or the current ones with the dataset itself."
            )

    def get_file(self, data_feed_key: str, data_spec_version: str | None = None) -> File:
        """Return the file of a feed; without a version, the highest version there is.

        Raises:
            LoadError: The revision has no such file. The message lists its files.
        """
        return pick_file(self.modified_files, data_feed_key, data_spec_version)

    def __repr__(self) -> str:
        files = ", ".join(file.file_id for file in self.modified_files)
        return f"Revision({self.revision_id}, {self.state.value}: {files})"


class FilesById(dict[str, File]):
    """Files by file id; `files["events"]` works too if the feed has one version.

    `in`, `get` and iteration use the file id alone, so that they cannot confuse two files.
    """

    def __missing__(self, key: str) -> File:
        versions = [file for file in self.values() if file.data_feed_key == key]
        if len(versions) == 1:
            return versions[0]
        if not versions:
            raise _no_file(key, self.values())
        ids = ", ".join(sorted(repr(file.file_id) for file in versions))
        raise LoadError(f"The feed '{key}' has a file of each of several versions: ask for one of {ids}.")


def _no_file(wanted: object, files: Collection[File]) -> LoadError:
    there = sorted(file.file_id for file in files)
    meant = did_you_mean(str(wanted), [*there, *(file.data_feed_key for file in files)])
    listed = ", ".join(there) or "none at all"
    return LoadError(f"There is no file of the feed '{wanted}'; the files are: {listed}{meant or '.'}")


def _version_order(version: str) -> tuple[tuple[int, int | str], ...]:
    """Sort v10 after v9."""
    parts: list[tuple[int, int | str]] = []
    digits = ""
    for character in version + "\0":
        if character.isdecimal():
            digits += character
            continue
        if digits:
            parts.append((1, int(digits)))
            digits = ""
        parts.append((0, character))
    return tuple(parts)


def pick_file(files: tuple[File, ...], data_feed_key: str, data_spec_version: str | None = None) -> File:
    """Return the file of a feed; without a version, the highest version there is.

    Raises:
        LoadError: There is no such file. The message lists the files.
    """
    found = [
        file
        for file in files
        if file.data_feed_key == data_feed_key and data_spec_version in (None, file.data_spec_version)
    ]
    if not found:
        wanted = data_feed_key if data_spec_version is None else f"{data_feed_key} {data_spec_version}"
        raise _no_file(wanted, files)
    return found[0] if len(found) == 1 else max(found, key=lambda file: _version_order(file.data_spec_version))
