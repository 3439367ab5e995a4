"""A TCP relay in front of a server, which cuts, refuses or stalls the connections to it."""

from __future__ import annotations

import contextlib
import socket
import threading

_PART = 65536


class TcpRelay:
    """Listens on a free port of loopback and forwards each connection to a server. Used in a `with` block.

    Args:
        port: The server's.
        host: The server's.

    Attributes:
        port: Where the relay listens; it stays the same after `refuse` and `accept`.
        accepted: How many connections came so far.
    """

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._target = (host, port)
        self._guard = threading.Lock()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._left: dict[str, int | None] = {"up": None, "down": None}
        self._flows = threading.Event()
        self._flows.set()
        self._listener: socket.socket | None = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.accepted = 0

    def __enter__(self) -> TcpRelay:
        assert self._listener is not None, "the relay was closed"
        self._listen(self._listener)
        return self

    def __exit__(self, *_: object) -> None:
        self.refuse()
        self.resume()

    # ---- what goes wrong -------------------------------------------------------------------------------

    def cut(self) -> None:
        """Cut every connection that there is. New ones are accepted."""
        with self._guard:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            for one in pair:
                _close(one)

    def cut_after(self, count: int, *, answers: bool = False) -> None:
        """Cut every connection, once, after `count` more bytes were forwarded.

        Args:
            count: Bytes of all connections together; the server gets exactly so many.
            answers: Count what the server sends, and not what the clients send.
        """
        with self._guard:
            self._left["down" if answers else "up"] = count

    @property
    def is_cut(self) -> bool:
        """Whether no cut of `cut_after` is still to come."""
        return all(one is None for one in self._left.values())

    @property
    def is_unused(self) -> bool:
        """Whether no connection is open."""
        with self._guard:
            return not self._pairs

    def refuse(self) -> None:
        """Cut every connection, and refuse new ones."""
        listener, self._listener = self._listener, None
        if listener is not None:
            _close(listener)
        self.cut()

    def accept(self) -> None:
        """Accept connections again after `refuse`."""
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port))
            self._listen(self._listener)

    def stall(self) -> None:
        """Forward nothing, while the connections stay open and new ones are accepted."""
        self._flows.clear()

    def resume(self) -> None:
        """Forward again after `stall`."""
        self._flows.set()

    # ---- forwarding ------------------------------------------------------------------------------------

    def _listen(self, listener: socket.socket) -> None:
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                self.accepted += 1
                try:
                    server = socket.create_connection(self._target, timeout=10)
                except OSError:
                    _close(client)
                    continue
                server.settimeout(None)
                for one in (client, server):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self._guard:
                    self._pairs.add((client, server))
                if self._listener is not listener:
                    self.cut()
                for ends in ((client, server, "up"), (server, client, "down")):
                    threading.Thread(target=self._forward, args=ends, daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket, direction: str) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_PART):
                self._flows.wait()
                with self._guard:
                    left = self._left[direction]
                    is_last = left is not None and left <= len(data)
                    if left is not None:
                        self._left[direction] = None if is_last else left - len(data)
                target.sendall(data[:left] if is_last else data)
                if is_last:
                    self.cut()
        _close(source)
        _close(target)
        with self._guard:
            self._pairs -= {(source, target), (target, source)}


def _close(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
