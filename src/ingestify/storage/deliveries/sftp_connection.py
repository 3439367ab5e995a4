"""A connection to an SFTP server: the server's identity, our credentials, and the meaning of its errors."""

from __future__ import annotations

import base64
import contextlib
import getpass
import hashlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ingestify.errors import ConfigurationError, SourceError
from ingestify.masking import mask_text
from ingestify.storage.deliveries.sftp_address import SftpAddress, SftpOptions

if TYPE_CHECKING:
    import paramiko

__all__ = ["SftpConnection", "reason_of"]


class SftpConnection:
    """One connection to a server, with several channels. It is made at the first use. Safe to use from any thread."""

    def __init__(self, address: SftpAddress, options: SftpOptions) -> None:
        self._address = address
        self._options = options
        self._lock = threading.Lock()
        self._client: paramiko.SSHClient | None = None
        self._free: list[paramiko.SFTPClient] = []
        self._places = threading.BoundedSemaphore(options.connections)

    @contextlib.contextmanager
    def channel(self) -> Iterator[paramiko.SFTPClient]:
        """Give a channel to one thread; it waits while as many channels as `connections` are in use.

        Raises:
            ConfigurationError: The server is not known, or refuses the credentials.
            SourceError: The server cannot be reached.
        """
        with self._places:
            sftp = self._take_channel()
            try:
                yield sftp
            finally:
                self._give_back(sftp)

    def _take_channel(self) -> paramiko.SFTPClient:
        import paramiko

        with self._lock:
            transport = None if self._client is None else self._client.get_transport()
            if transport is None or not transport.is_active():
                self._forget()
                self._client = self._connect()
            elif self._free:
                return self._free.pop()
            assert self._client is not None
            try:
                sftp = self._client.open_sftp()
            except (paramiko.SSHException, OSError, EOFError) as error:
                self._forget()
                raise SourceError(f"{self._address}: no SFTP channel can be opened: {reason_of(error)}.") from error
            channel = sftp.get_channel()
            if channel is not None:
                channel.settimeout(self._options.read_timeout_seconds)
            return sftp

    def _give_back(self, sftp: paramiko.SFTPClient) -> None:
        with self._lock:
            channel = sftp.get_channel()
            if channel is not None and not channel.closed and self._client is not None:
                self._free.append(sftp)

    def _connect(self) -> paramiko.SSHClient:
        import paramiko

        options, address = self._options, self._address
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(_Fingerprint(options.host_key, address))
        try:
            if options.host_key is None:
                self._load_known_hosts(client)
            client.connect(
                address.host,
                address.port,
                username=options.username or address.username or getpass.getuser(),
                password=options.password or address.password,
                pkey=None if options.private_key is None else _read_key(options.private_key, options.passphrase),
                timeout=options.connect_timeout_seconds,
                banner_timeout=options.connect_timeout_seconds,
                auth_timeout=options.connect_timeout_seconds,
                # If a password is given, other keys would only use up the server's number of tries.
                allow_agent=options.password is None and options.private_key is None,
                look_for_keys=options.password is None and options.private_key is None,
            )
        except BaseException as error:
            client.close()
            translated = _connect_error(error, address, options)
            if translated is None:
                raise
            raise translated from error
        if (transport := client.get_transport()) is not None:
            # Else each request for a piece of a file may wait 40 ms for the answer to the one before.
            with contextlib.suppress(OSError):
                transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client

    def _load_known_hosts(self, client: paramiko.SSHClient) -> None:
        path = self._options.known_hosts or Path("~/.ssh/known_hosts").expanduser()
        if path.is_file():
            client.load_host_keys(str(path))
        elif self._options.known_hosts is not None:
            raise ConfigurationError(f"options.known_hosts: there is no file {path}.")

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        self._free.clear()
        client, self._client = self._client, None
        if client is not None:
            client.close()


class _Fingerprint:
    """Compares a server's key with the fingerprint of the options; a MissingHostKeyPolicy of paramiko."""

    def __init__(self, wanted: str | None, address: SftpAddress) -> None:
        self._wanted = wanted
        self._address = address

    def missing_host_key(self, client: object, hostname: str, key: paramiko.PKey) -> None:  # noqa: ARG002 - paramiko's
        digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
        found = f"SHA256:{digest}"
        if self._wanted is None:
            raise ConfigurationError(
                f"{self._address}: the server is not in known_hosts. It shows the key {found}; ask whoever runs it "
                f"whether that is right, then write it as options.host_key, or add it with  ssh-keyscan -p "
                f"{self._address.port} {self._address.host} >> ~/.ssh/known_hosts ."
            )
        if self._wanted.rstrip("=") != found:
            raise ConfigurationError(
                f"{self._address}: the server shows the key {found}, and options.host_key is {self._wanted}: it is "
                f"another server, or it has a new key. Ask whoever runs it; nothing was sent to it."
            )


def _read_key(path: Path, passphrase: str | None) -> paramiko.PKey:
    """Return a private key. Each type is tried, because paramiko does not recognize it."""
    import paramiko

    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key_file(str(path), passphrase)
        except paramiko.PasswordRequiredException as error:
            raise ConfigurationError(
                f"options.private_key: {path} needs a passphrase; write it as options.passphrase."
            ) from error
        except OSError as error:
            raise ConfigurationError(f"options.private_key: {path} cannot be read: {error.strerror}.") from error
        except (paramiko.SSHException, ValueError, TypeError):
            continue  # usually a key of another type
    raise ConfigurationError(
        f"options.private_key: {path} is no private key that can be read (Ed25519, ECDSA or RSA), or the passphrase "
        "is wrong."
    )


def _connect_error(
    error: BaseException, address: SftpAddress, options: SftpOptions
) -> SourceError | ConfigurationError | None:
    import paramiko

    shown = str(address)
    match error:
        case paramiko.BadHostKeyException():
            return ConfigurationError(
                f"{shown}: the server shows another key than the one in known_hosts: it is another server, or it has "
                f"a new key. Ask whoever runs it; nothing was sent to it."
            )
        case paramiko.AuthenticationException():
            return ConfigurationError(
                f"{shown}: the server refuses the user or the {'key' if options.private_key else 'password'}; check "
                f"username, password and private_key of options."
            )
        case socket.gaierror():
            return _unreached(
                address, f"{shown}: the host's name cannot be looked up; check the location, or the network."
            )
        case paramiko.SSHException() | OSError() | EOFError():
            return _unreached(address, f"{shown} cannot be reached: {reason_of(error)}; run again later.")
    return None


def _unreached(address: SftpAddress, message: str) -> SourceError:
    error = SourceError(message)
    error.unreached = address.host
    return error


def reason_of(error: BaseException) -> str:
    """Return the words of an error, without secrets."""
    if isinstance(error, TimeoutError):
        return "the server did not answer in time"
    text = getattr(error, "strerror", None) or str(error) or "the connection broke"
    return mask_text(str(text)).rstrip(".")
