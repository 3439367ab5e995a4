"""Deliveries on an SFTP server, through paramiko.

The server must prove its identity by a host key in a known_hosts file, or with the fingerprint in the options.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import io
import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from ingestify.domain.delivery import DeliveredFile, SkippedEntry
from ingestify.errors import MissingExtraError, SourceError
from ingestify.masking import hide
from ingestify.storage.deliveries.sftp_address import SftpAddress, SftpOptions
from ingestify.storage.deliveries.sftp_connection import SftpConnection, reason_of
from ingestify.storage.deliveries.stream import DeliveredStream, changed_error

if TYPE_CHECKING:
    import paramiko

__all__ = ["SftpDelivery"]

_PIECE_BYTES = 32 << 10
"""Every server sends so much at once; larger requests may be cut."""
_WINDOW_BYTES = 1 << 20
"""So much is requested ahead, so that a far server is as fast as the line."""


class SftpDelivery:
    """Reads a folder on a server over one connection, on which several files are read at once.

    Raises:
        MissingExtraError: paramiko is not installed.
    """

    def __init__(self, address: SftpAddress, options: SftpOptions | None = None) -> None:
        try:
            import paramiko  # noqa: F401 - an extra; its absence is an error now, not in the middle of a run
        except ImportError as error:
            raise MissingExtraError("sftp", f"The location {address}") from error
        self._address = address
        self._options = options or SftpOptions()
        for secret in (self._options.password, self._options.passphrase, address.password):
            hide(secret)
        self._connection = SftpConnection(address, self._options)

    # ---- listing ---------------------------------------------------------------------------------------

    def iter_files(self, folder: str = "") -> Iterator[DeliveredFile | SkippedEntry]:
        """Yield files, folder by folder, each in the order of their names; see `Delivery.iter_files`."""
        with self._connection.channel() as sftp:
            real_root = self._real_root(sftp)
            waiting = [folder]
            while waiting:
                prefix = waiting.pop()
                try:
                    entries = sorted(sftp.listdir_attr(f"{real_root}/{prefix}"), key=lambda entry: entry.filename)
                except UnicodeDecodeError:
                    # paramiko cannot read a folder if one name in it is no UTF-8.
                    shown = prefix or "The location"
                    yield SkippedEntry(
                        shown, "holds a name that is no text (UTF-8), and so cannot be listed", hides=True
                    )
                    continue
                except OSError as error:
                    if not prefix:
                        raise SourceError(
                            f"The location {self._address} cannot be read: {reason_of(error)}."
                        ) from error
                    if error.errno != errno.ENOENT:
                        yield SkippedEntry(prefix, f"cannot be read: {reason_of(error)}", hides=True)
                    continue
                inner = []
                for entry in entries:
                    name = f"{prefix}{entry.filename}"
                    if stat.S_ISDIR(entry.st_mode or 0):
                        inner.append(f"{name}/")
                    else:
                        yield self._examine(sftp, name, entry, real_root)
                waiting += reversed(inner)

    def _examine(
        self, sftp: paramiko.SFTPClient, name: str, found: paramiko.SFTPAttributes, real_root: str
    ) -> DeliveredFile | SkippedEntry:
        if stat.S_ISLNK(found.st_mode or 0):
            try:
                target = sftp.normalize(f"{real_root}/{name}")
                found = sftp.stat(f"{real_root}/{name}")
            except OSError:
                return SkippedEntry(name, "is a link that leads nowhere")
            if not f"{target}/".startswith(f"{real_root}/"):
                return SkippedEntry(name, "is a link that leads out of the location")
            if stat.S_ISDIR(found.st_mode or 0):
                return SkippedEntry(name, "is a link to a folder, which is not followed")
        # Without a mode, which some servers do not give, it is a file.
        if found.st_mode is not None and not stat.S_ISREG(found.st_mode):
            return SkippedEntry(name, "is no file")
        if found.st_size is None or found.st_mtime is None:
            return SkippedEntry(name, "has no size or no time, so nobody can tell when it changes")
        modified_at = dt.datetime.fromtimestamp(found.st_mtime, dt.UTC)
        return DeliveredFile(name, found.st_size, modified_at, _version(found))

    def _real_root(self, sftp: paramiko.SFTPClient) -> str:
        try:
            return (sftp.normalize(self._address.folder) or "/").rstrip("/") or ""
        except OSError as error:
            raise SourceError(
                f"The location {self._address} is not there: {reason_of(error)}. Nothing was changed in the lake."
            ) from error

    # ---- files -----------------------------------------------------------------------------------------

    def open(self, file: DeliveredFile) -> BinaryIO:
        """Open a file; it waits while as many files as `connections` are open. See `Delivery.open`."""
        holding = contextlib.ExitStack()
        try:
            sftp = holding.enter_context(self._connection.channel())
            path = f"{self._real_root(sftp)}/{file.path}"
            real = sftp.normalize(path)
            if not real.startswith(f"{self._real_root(sftp)}/"):
                raise SourceError(f"{file.path} is a link that leads out of the location")
            handle = holding.enter_context(sftp.open(real, "rb"))
            raw = _RawFile(handle, holding)
            if raw.read_version() != file.version:
                raise changed_error(file)
        except BaseException as error:
            holding.close()
            translated = _translate(file, error) if isinstance(error, Exception) else None
            if translated is None:
                raise
            raise translated from error
        stream = DeliveredStream(file, raw, lambda error: _translate(file, error))
        return cast(BinaryIO, io.BufferedReader(stream, _WINDOW_BYTES))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class _RawFile:
    def __init__(self, handle: Any, holding: contextlib.ExitStack) -> None:
        self._handle = handle
        self._holding = holding

    def read_at(self, position: int, size: int) -> bytes:
        pieces = [
            (start, min(_PIECE_BYTES, position + size - start))
            for start in range(position, position + size, _PIECE_BYTES)
        ]
        if len(pieces) == 1:
            self._handle.seek(position)
            return bytes(self._handle.read(size))
        data = bytearray()
        for (_, wanted), piece in zip(pieces, self._handle.readv(pieces), strict=True):
            data += piece
            if len(piece) < wanted:
                break  # the file is shorter by now
        return bytes(data)

    def read_version(self) -> str:
        return _version(self._handle.stat())

    def close(self) -> None:
        self._holding.close()


def _version(found: paramiko.SFTPAttributes) -> str:
    return f"{found.st_mtime}-{found.st_size}"


def _translate(file: DeliveredFile, error: BaseException) -> SourceError | None:
    import paramiko

    if isinstance(error, (OSError, EOFError, paramiko.SSHException)):
        return SourceError(f"{file.path} cannot be read: {reason_of(error)}")
    return None
