"""A file of CloudEvents, one in each line; or stdout.

Format: each line is a CloudEvent in the JSON format, https://jsonlines.org.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Sequence
from pathlib import Path

from ingestify.data_stdout import stdout
from ingestify.domain.message import Message
from ingestify.domain.publisher import Publisher
from ingestify.durable_folders import sync_folder
from ingestify.errors import ConfigurationError, PublishUnavailable

__all__ = ["JsonLines"]


_WRONG = (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)
"""What stays until somebody changes the path, or the rights of its folder. A pipe is no file to append to, either."""


class JsonLines(Publisher):
    """Appends each message to a file, and syncs it; or writes it to stdout.

    Args:
        path: The file, which is made if it is not there, with its folder; a relative path is below the current folder.
            Left out: stdout.
    """

    keeps_order = True

    def __init__(self, path: str | None = None) -> None:
        if path is not None and (not isinstance(path, str) or not path.strip()):
            raise ConfigurationError(f"path is {path!r}; write the path of a file, or leave it out for stdout.")
        self.is_persistent = path is not None  # type: ignore[misc] # stdout keeps nothing
        self._path = None if path is None else Path(path).expanduser()

    def publish(self, messages: Sequence[Message]) -> None:
        """Write messages, and sync the file. It is opened anew each time, so that it can be rotated."""
        lines = b"".join(message.structured() + b"\n" for message in messages)
        try:
            if self._path is None:
                stdout().buffer.write(lines)
                stdout().buffer.flush()
            elif lines:
                _append(self._path, lines)
        except BrokenPipeError:
            raise PublishUnavailable("Nobody reads stdout any more.") from None
        except OSError as error:
            text = f"{self._path or 'stdout'}: {error.strerror or error}."
            is_wrong = isinstance(error, _WRONG) or error.errno == errno.ESPIPE
            raise (ConfigurationError if is_wrong else PublishUnavailable)(text) from error


def _append(path: Path, lines: bytes) -> None:
    """Append whole lines to a file. A line that a killed process left half written is ended first."""
    is_new = not path.exists()
    if is_new:
        path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(size - 1)
            if file.read(1) != b"\n":
                lines = b"\n" + lines
        remaining = memoryview(lines)
        try:
            while remaining:
                remaining = remaining[file.write(remaining) :]
            os.fsync(file.fileno())
        except OSError:
            with contextlib.suppress(OSError):
                if file.seek(0, os.SEEK_END) == size + len(lines) - len(remaining):  # nobody else wrote to it
                    file.truncate(size)
            raise
    if is_new:
        sync_folder(str(path.parent))
