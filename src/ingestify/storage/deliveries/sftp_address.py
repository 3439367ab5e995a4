"""The address of a delivery on an SFTP server, and the options for the server."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ingestify.errors import ConfigurationError
from ingestify.masking import mask_url

__all__ = ["SftpAddress", "SftpOptions"]

_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}=?")


@dataclasses.dataclass(frozen=True, slots=True)
class SftpAddress:
    """A folder on a server.

    Attributes:
        username: The user; None: the user of the options, or else the one who runs this process.
        password: The user's password, or None.
        folder: The path behind the host: `sftp://host/deliveries` is `/deliveries`, and `sftp://host/~/in` is `in`
            below the user's home.
    """

    host: str
    port: int
    username: str | None
    password: str | None = dataclasses.field(repr=False)
    folder: str

    @classmethod
    def parse(cls, url: str) -> SftpAddress:
        """Read `sftp://user@host:22/folder`.

        Raises:
            ConfigurationError: The text is no such URL.
        """
        try:
            parts = urlsplit(url)
            port = parts.port or 22
        except ValueError as error:
            raise ConfigurationError(f"location: '{mask_url(url)}' is no URL: {error}.") from error
        if not parts.hostname or parts.query or parts.fragment:
            raise ConfigurationError(f"location: '{mask_url(url)}' must look like sftp://user@host:22/folder.")
        folder = unquote(parts.path)
        folder = folder.removeprefix("/~/")
        username = None if parts.username is None else unquote(parts.username)
        password = None if parts.password is None else unquote(parts.password)
        return cls(parts.hostname, port, username, password, folder.rstrip("/") or ("/" if folder else "."))

    def __str__(self) -> str:
        return f"sftp://{self.host}:{self.port}/{self.folder.lstrip('/')}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SftpOptions:
    """How a server is used.

    Attributes:
        username: The user; None: the user of the address.
        password: The user's password; None: a key, or no credentials.
        private_key: The path of a private key; None: the keys of the agent and in ~/.ssh.
        passphrase: The passphrase of the private key.
        host_key: The server's fingerprint, `SHA256:…`, as `ssh-keyscan HOST | ssh-keygen -lf -` shows it; None: the
            server's key must be in the known_hosts file.
        known_hosts: The path of the known_hosts file; None: ~/.ssh/known_hosts.
        connections: How many files are read at once.
        connect_timeout_seconds: How long a connection may take.
        read_timeout_seconds: How long the next bytes may take.
    """

    username: str | None = None
    password: str | None = dataclasses.field(default=None, repr=False)
    private_key: Path | None = None
    passphrase: str | None = dataclasses.field(default=None, repr=False)
    host_key: str | None = None
    known_hosts: Path | None = None
    connections: int = 4
    connect_timeout_seconds: float = 20.0
    read_timeout_seconds: float = 60.0

    def __post_init__(self) -> None:
        if self.host_key is not None and not _FINGERPRINT.fullmatch(self.host_key):
            raise ConfigurationError(
                "options.host_key: it must be a fingerprint such as SHA256:uNiVztksCsDhcc0u9e8BgrJ…"
            )
        if self.connections < 1:
            raise ConfigurationError("options.connections: it must be at least 1.")
