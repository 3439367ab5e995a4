"""A lock: which bytes a study was made from, in a text that another lake understands.

A lock names datasets by provider, type and identifier, and each file by its feed, size and sha256. It has no ids of a
lake and no bytes. Its text is JSON with a line for each dataset and each file, sorted, so that it diffs well in git.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ingestify.clock import as_utc
from ingestify.domain.dataset import Dataset
from ingestify.domain.file import File
from ingestify.domain.identifier import Identifier
from ingestify.domain.text import is_storable
from ingestify.errors import LockError, SourceError

__all__ = ["Lock", "LockStatus", "LockedDataset", "LockedFile"]

VERSION = 1

_CONFLICT = re.compile(r"^(<{7}|={7}|>{7})(?: |\r?$)", re.MULTILINE)
_SHA256 = re.compile(r"[0-9a-f]{64}")


class LockStatus(enum.StrEnum):
    """What a lake has of a locked dataset."""

    SAME = "same"
    """Its current files are the locked ones."""
    OTHER_REVISION = "other revision"
    """The locked files are in an earlier revision, or in several."""
    DIFFERS = "differs"
    """The lake has the dataset, and no revision has some of the locked bytes."""
    MISSING = "missing"
    """The lake does not have the dataset."""

    @property
    def is_readable(self) -> bool:
        """Whether the lake has the locked bytes."""
        return self in (LockStatus.SAME, LockStatus.OTHER_REVISION)


@dataclasses.dataclass(frozen=True, slots=True)
class LockedFile:
    """A locked file.

    Attributes:
        size: The number of the provider's bytes.
        sha256: Of the provider's bytes, hexadecimal.
    """

    size: int
    sha256: str


@dataclasses.dataclass(frozen=True, slots=True)
class LockedDataset:
    """A locked dataset.

    Attributes:
        revision_at: When the revision was committed in the lake that the lock was made from.
        files: File id (`events__v8`) to file.
    """

    provider: str
    dataset_type: str
    identifier: Identifier
    revision_at: dt.datetime
    files: Mapping[str, LockedFile]

    @classmethod
    def of(cls, dataset: Dataset) -> LockedDataset:
        """Lock the files that a dataset has now; it has some."""
        files = {file_id: LockedFile(file.size, file.tag) for file_id, file in sorted(dataset.files.items())}
        committed_at = dataset.revisions[-1].created_at
        return cls(dataset.provider, dataset.dataset_type, dataset.identifier, committed_at, files)

    @property
    def place(self) -> tuple[str, str, str]:
        """What locks are sorted by."""
        return self.provider, self.dataset_type, self.identifier.canonical

    def find_in(self, dataset: Dataset) -> Dataset | None:
        """Return a lake's dataset with exactly the locked files, or None if it never had some of them.

        If several revisions have just these files, it is the newest of them; if no revision has all, the files are
        taken from several.
        """
        wanted = {file_id: file.sha256 for file_id, file in self.files.items()}
        for revision in reversed(dataset.revisions):
            if revision.is_thinned:
                continue
            then = dataset.at(revision=revision.revision_id)
            if {file_id: file.tag for file_id, file in then.files.items()} == wanted:
                return then
        chosen = self._choose(dataset)
        return None if len(chosen) < len(wanted) else dataset.with_files(chosen)

    def find_lacking(self, dataset: Dataset | None) -> list[str]:
        """Return the ids of the locked files that no revision of a dataset has; None: the lake does not have it."""
        there = set() if dataset is None else {file.file_id for file in self._choose(dataset)}
        return [file_id for file_id in self.files if file_id not in there]

    def _choose(self, dataset: Dataset) -> list[File]:
        wanted = {(file_id, file.sha256) for file_id, file in self.files.items()}
        found: dict[str, File] = {}
        for revision in dataset.revisions:
            for file in revision.modified_files:
                if (file.file_id, file.tag) in wanted:
                    found[file.file_id] = file
        return list(found.values())

    def status_in(self, dataset: Dataset | None) -> LockStatus:
        """Return what a lake has of it; None: the lake does not have the dataset."""
        if dataset is None:
            return LockStatus.MISSING
        found = self.find_in(dataset)
        if found is None:
            return LockStatus.DIFFERS
        return LockStatus.SAME if found is dataset else LockStatus.OTHER_REVISION

    def __str__(self) -> str:
        return f"{self.provider}/{self.dataset_type}/{self.identifier}"


@dataclasses.dataclass(frozen=True, slots=True)
class Lock:
    """Locked datasets, sorted by provider, type and identifier; see `IngestionEngine.lock`."""

    datasets: tuple[LockedDataset, ...]

    @classmethod
    def of(cls, datasets: Iterable[Dataset]) -> Lock:
        """Lock the files that datasets have now. A dataset without files has nothing to lock and is left out."""
        locked = (LockedDataset.of(dataset) for dataset in datasets if dataset.files)
        return cls(tuple(sorted(locked, key=lambda one: one.place)))

    @classmethod
    def read(cls, path: str | Path) -> Lock:
        """Read a lock.

        Raises:
            LockError: The file cannot be read, or is no lock that this version of ingestify knows.
        """
        try:
            text = Path(path).read_text(encoding="utf-8-sig")  # editors on Windows begin it with a mark
        except (OSError, ValueError) as error:
            raise LockError(f"The lock {path} cannot be read: {error}") from error
        return cls.parse(text, str(path))

    @classmethod
    def parse(cls, text: str, name: str = "text") -> Lock:
        """Return the lock that `text` returned.

        Raises:
            LockError: It is no lock that this version of ingestify knows; the message names the lock and the place.
        """
        if conflict := _CONFLICT.search(text):
            line = text.count("\n", 0, conflict.start()) + 1
            raise LockError(f"The lock {name} has a conflict of git in line {line}: choose what of the two is meant.")
        try:
            content = json.loads(text, object_pairs_hook=_without_twins)
        except (ValueError, RecursionError) as error:
            raise LockError(f"The lock {name} is no JSON: {error}") from error
        version = content.get("ingestify_lock") if isinstance(content, dict) else None
        if version is None:
            raise LockError(f"{name} is no lock of ingestify.")
        if version != VERSION:
            raise LockError(f"The lock {name} has the version {version!r}; this ingestify knows {VERSION}. Update it.")
        datasets = content.get("datasets")
        if not isinstance(datasets, list):
            raise LockError(f"The lock {name} has no list of datasets.")
        return cls(tuple(sorted(_read_all(datasets, name), key=lambda one: one.place)))

    def text(self) -> str:
        """Return the text of the lock."""
        blocks = []
        for dataset in self.datasets:
            head = _line(
                {
                    "provider": dataset.provider,
                    "dataset_type": dataset.dataset_type,
                    "identifier": dict(dataset.identifier),
                    "revision_at": dataset.revision_at.isoformat(),
                }
            )
            files = ",\n".join(
                f"  {_line(file_id)}: {_line({'size': file.size, 'sha256': file.sha256})}"
                for file_id, file in sorted(dataset.files.items())
            )
            blocks.append(f'{head[:-1]}, "files": {{\n{files}}}}}')
        listed = ",\n".join(blocks)
        return f'{{"ingestify_lock": {VERSION}, "datasets": [\n{listed}\n]}}\n'

    def document(self, where: str | Path) -> str:
        """Return the text of a lock that has datasets. `where` it is written to is for the error.

        Raises:
            LockError: There is nothing to lock.
        """
        if not self.datasets:
            raise LockError(f"No dataset with files is meant, so there is nothing to lock; {where} is not written.")
        return self.text()

    def write(self, path: str | Path) -> None:
        """Write the lock to a file.

        Raises:
            LockError: The file cannot be written, or there is nothing to lock. A file that is there stays as it was.
        """
        text = self.document(path)
        part = Path(f"{path}.part")
        try:
            part.write_text(text, encoding="utf-8", newline="\n")
            part.replace(path)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            raise LockError(f"The lock {path} cannot be written: {error}") from error

    def __len__(self) -> int:
        return len(self.datasets)

    def __iter__(self) -> Iterator[LockedDataset]:
        return iter(self.datasets)

    def __repr__(self) -> str:
        return f"Lock({len(self)} datasets, {sum(len(one.files) for one in self.datasets)} files)"


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON. A key that it has twice, as after a merge, is refused: nobody knows which is meant."""
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"{next(key for key in keys if keys.count(key) > 1)!r} is twice in one object")
    return content


def _read_all(datasets: list[Any], name: str) -> Iterator[LockedDataset]:
    seen = set()
    for number, one in enumerate(datasets, start=1):
        try:
            files = {file_id: LockedFile(file["size"], file["sha256"]) for file_id, file in one["files"].items()}
            locked = LockedDataset(
                _kind(one["provider"]),
                _kind(one["dataset_type"]),
                Identifier(one["identifier"].items()),
                as_utc(dt.datetime.fromisoformat(one["revision_at"])),
                files,
            )
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError, SourceError) as error:
            raise LockError(f"Dataset {number} of the lock {name} cannot be read: {error!r}") from error
        if not files or not all(map(_is_file, files.values())):
            raise LockError(f"{locked} in the lock {name} has no files, or a file without size and sha256.")
        if locked.place in seen:
            raise LockError(f"{locked} is twice in the lock {name}.")
        seen.add(locked.place)
        yield locked


def _kind(name: object) -> str:
    if not isinstance(name, str) or not is_storable(name):
        raise ValueError(f"{name!r} is no name of a provider or of a dataset type")
    return name


def _is_file(file: LockedFile) -> bool:
    return type(file.size) is int and isinstance(file.sha256, str) and _SHA256.fullmatch(file.sha256) is not None
