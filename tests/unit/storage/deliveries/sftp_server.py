"""An SFTP server on loopback over a folder, of one user; paramiko's server half."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import socket
import threading
from pathlib import Path
from typing import Any

import paramiko

USER, PASSWORD = "scout", "right-password"


class _Login(paramiko.ServerInterface):
    def __init__(self, public_key: paramiko.PKey | None) -> None:
        self._public_key = public_key

    def check_auth_password(self, username: str, password: str) -> int:
        is_right = (username, password) == (USER, PASSWORD)
        return paramiko.AUTH_SUCCESSFUL if is_right else paramiko.AUTH_FAILED

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        is_right = username == USER and key == self._public_key
        return paramiko.AUTH_SUCCESSFUL if is_right else paramiko.AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:
        return "password,publickey"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED


class _Handle(paramiko.SFTPHandle):
    def __init__(self, server: SftpServer, path: Path) -> None:
        super().__init__(os.O_RDONLY)
        self.readfile = path.open("rb")
        self._server = server
        self._path = path

    def stat(self) -> Any:
        return paramiko.SFTPAttributes.from_stat(os.fstat(self.readfile.fileno()))

    def read(self, offset: int, length: int) -> Any:
        self._server.read_bytes += length
        self._server.furthest_byte = max(self._server.furthest_byte, offset + length)
        if self._server.cut_after is not None and self._server.read_bytes > self._server.cut_after:
            self._server.cut_after = None
            self._server.drop_connections()
        if self._server.on_read is not None:
            self._server.on_read(self._path)
        return super().read(offset, min(length, self._server.most_bytes))


class _Files(paramiko.SFTPServerInterface):
    def __init__(self, login: paramiko.ServerInterface, *, served_by: SftpServer) -> None:
        self._server = served_by
        self._root = served_by.root

    def _real(self, path: str) -> Path:
        return Path(f"{self._root}/{path}")

    def canonicalize(self, path: str) -> str:
        real = os.path.realpath(self._real(path))
        root = os.path.realpath(self._root)
        return real.removeprefix(root) or "/" if real.startswith(root) else f"/outside{real}"

    def list_folder(self, path: str) -> Any:
        self._server.listed.append(path)
        try:
            found = []
            for name in sorted(os.listdir(self._real(path))):  # noqa: PTH208 - names may be no text
                one = paramiko.SFTPAttributes.from_stat(os.lstat(self._real(path) / name))
                one.filename = name if name.isascii() else os.fsencode(name)  # as it is, as other servers do
                found.append(one)
            return found
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    def stat(self, path: str) -> Any:
        return self._attributes(path, follow=True)

    def lstat(self, path: str) -> Any:
        return self._attributes(path, follow=False)

    def _attributes(self, path: str, *, follow: bool) -> Any:
        try:
            return paramiko.SFTPAttributes.from_stat(self._real(path).stat(follow_symlinks=follow))
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    def open(self, path: str, flags: int, attr: Any) -> Any:
        self._server.opened.append(path)
        if flags & (os.O_WRONLY | os.O_RDWR):
            return paramiko.SFTP_PERMISSION_DENIED
        try:
            return _Handle(self._server, self._real(path))
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)


class SftpServer:
    """Serves a folder at `sftp://127.0.0.1:{port}/`.

    Attributes:
        opened: The paths that were opened.
        cut_after: After so many read bytes all connections are closed, once.
        on_read: Called before each read.
        most_bytes: No read returns more.
        furthest_byte: Where the read ends that asked for the most.
    """

    def __init__(self, root: Path, public_key: paramiko.PKey | None = None) -> None:
        self.root = root
        self.opened: list[str] = []
        self.listed: list[str] = []
        self.connections = 0
        self.read_bytes = 0
        self.furthest_byte = 0
        self.cut_after: int | None = None
        self.on_read: Any = None
        self.most_bytes = 1 << 20
        self.key = paramiko.ECDSAKey.generate()
        self._public_key = public_key
        self._transports: list[paramiko.Transport] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def fingerprint(self) -> str:
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.key.asbytes()).digest()).decode().rstrip("=")

    @property
    def known_hosts_line(self) -> str:
        return f"[127.0.0.1]:{self.port} {self.key.get_name()} {self.key.get_base64()}\n"

    def url(self, folder: str = "", user: str = f"{USER}@") -> str:
        return f"sftp://{user}127.0.0.1:{self.port}/{folder}"

    def drop_connections(self) -> None:
        for transport in self._transports:
            transport.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop_connections()
        for transport in self._transports:
            transport.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            transport = paramiko.Transport(connection)
            transport.add_server_key(self.key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Files, served_by=self)
            self._transports.append(transport)
            try:
                transport.start_server(server=_Login(self._public_key))
            except (paramiko.SSHException, EOFError, OSError):
                transport.close()  # a client that did not like our key
