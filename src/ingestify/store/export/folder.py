"""The folder of an export: what is there already, and files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

from ingestify.errors import ExportError
from ingestify.store.export.content import ExportedContent, digest_of

__all__ = ["ExportFolder"]

_CHUNK_BYTES = 1 << 20


class ExportFolder:
    """A folder, which may not exist yet. Any thread may use it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, path: str) -> bytes | None:
        """Return what is in a file; None: there is no such file.

        Raises:
            ExportError: It cannot be read.
        """
        with self._looking_at(path):
            return (self.folder / path).read_bytes() if (self.folder / path).is_file() else None

    def exists(self, path: str) -> bool:
        """Whether something has the name of a file.

        Raises:
            ExportError: A folder has it, or a file has the name of a folder that it needs. Or nobody may look.
        """
        target = self.folder / path
        with self._looking_at(path):
            if target.is_dir():
                raise ExportError(f"{target} is a folder, where a file has to be. Nothing was written.", [path])
            for parent in target.parents:
                if parent.is_dir():
                    break
                if os.path.lexists(parent):
                    raise ExportError(f"{parent} is no folder, where one has to be. Nothing was written.", [path])
            return os.path.lexists(target)

    @contextlib.contextmanager
    def _looking_at(self, path: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            why = error.strerror or error
            raise ExportError(
                f"{self.folder / path} cannot be looked at: {why}. Nothing was written.", [path]
            ) from error

    def has_same(self, path: str, content: ExportedContent) -> bool:
        """Whether a file has exactly these bytes."""
        digest = hashlib.sha256()
        if not (self.folder / path).is_file():
            return False  # such as a pipe, which nobody may ever write to
        try:
            with (self.folder / path).open("rb") as stream:
                while chunk := stream.read(_CHUNK_BYTES):
                    digest.update(chunk)
        except OSError:
            return False  # a link to nothing, or a file that nobody may read
        return digest.hexdigest() == digest_of(content)

    def write(self, path: str, content: ExportedContent, stopping: threading.Event) -> int:
        """Write a file under another name, and rename it. Returns how many bytes it has.

        Args:
            path: Its path.
            content: Its bytes.
            stopping: Once it is set, nobody waits for the file any more, and it is not written.

        Raises:
            ExportError: The disk refused.
            IntegrityError: The lake's object is missing or damaged. Then there is no file.
            LoadError: The content cannot be made. Then there is none, either.
        """
        chunks = iter(content)
        first = next(chunks, b"")  # nothing is made for a file that cannot be read
        target = self.folder / path
        temporary = target.parent / f".ingestify-{uuid.uuid4().hex}.part"
        size = 0
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("xb") as stream:
                for chunk in itertools.chain([first], chunks):
                    stream.write(chunk)
                    size += len(chunk)
                    if stopping.is_set():
                        return 0
            temporary.replace(target)
        except OSError as error:
            raise ExportError(
                f"{target} cannot be written: {error.strerror or error}. The files that were written before are whole; "
                f"the same export goes on where this one ended.",
                [path],
            ) from error
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
        return size
