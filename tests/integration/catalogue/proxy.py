"""A TCP proxy before a database server that cuts a connection at the commit."""

from __future__ import annotations

import contextlib
import enum
import socket
import threading


class Cut(enum.Enum):
    """When the connection is cut."""

    BEFORE = "before the COMMIT is sent"
    ANSWER_LOST = "after the COMMIT was done, before the answer comes back"
    AT_ONCE = "right after the COMMIT was sent, whether it is done by then or not"


class Proxy:
    """Passes on what is sent, both ways, until it is told to cut a connection that commits what it wrote."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._cuts: list[Cut] = []
        self._is_down = False
        self._sockets: set[socket.socket] = set()
        self._guard = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, *cuts: Cut) -> None:
        """Cut the next commits of transactions that wrote."""
        self._cuts += cuts

    def go_down(self) -> None:
        """Cut every connection, and take no new ones."""
        self._is_down = True
        self.cut_all()

    def come_back(self) -> None:
        """Take connections again."""
        self._is_down = False

    def cut_all(self) -> None:
        """Cut every connection that there is."""
        with self._guard:
            for one in self._sockets:
                _close(one)
            self._sockets.clear()

    @property
    def all_cut(self) -> bool:
        """Whether all the cuts were made that were asked for."""
        return not self._cuts

    def close(self) -> None:
        self._listener.close()
        self.cut_all()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self._is_down:
                    _close(client)
                    continue
                server = socket.create_connection(self._target)
                for one in (client, server):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self._guard:
                    self._sockets |= {client, server}
                awaited = threading.Event()
                threading.Thread(target=self._upward, args=(client, server, awaited), daemon=True).start()
                threading.Thread(target=self._downward, args=(client, server, awaited), daemon=True).start()

    def _upward(self, client: socket.socket, server: socket.socket, awaited: threading.Event) -> None:
        wrote = False
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                wrote = wrote or any(word in data for word in (b"INSERT INTO", b"UPDATE ", b"DELETE FROM"))
                if b"COMMIT" in data and b"READ COMMITTED" not in data:
                    if wrote and self._cuts:
                        cut = self._cuts.pop(0)
                        if cut is Cut.BEFORE:
                            break
                        if cut is Cut.ANSWER_LOST:
                            awaited.set()
                        server.sendall(data)
                        if cut is Cut.AT_ONCE:
                            break
                        continue
                    wrote = False
                server.sendall(data)
        _close(client)
        _close(server)

    def _downward(self, client: socket.socket, server: socket.socket, awaited: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if awaited.is_set():
                    break
                client.sendall(data)
        _close(client)
        _close(server)


def _close(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
