"""The server: a thread for each connection, which sends what the behaviours say."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Iterator, Mapping

from ingestify.testing.hostile.behaviour import BEHAVIOURS, LARGE_BYTES

__all__ = ["Conversation", "HostileProvider"]


class Conversation:
    """One request and what is sent for it. Used by the thread of its connection.

    Attributes:
        target: Path and query, as they were asked for.
        path: Without the query and its ending, such as `truncated` or `redirect_endless/4`.
        headers: Names in lower case.
        turn: How often this behaviour was asked for before.
    """

    def __init__(
        self, provider: HostileProvider, sock: socket.socket, target: str, headers: Mapping[str, str], turn: int
    ) -> None:
        self.provider = provider
        self.target = target
        self.path = _name_in(target)
        self.headers = headers
        self.turn = turn
        self._sock = sock

    @property
    def document(self) -> bytes:
        """What the provider has there, if it behaves."""
        return self.provider.document(self.path.partition("/")[0])

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._sock.sendall(data)

    def answer(self, body: bytes, *lines: str, status: str = "200 OK", length: int | None = None) -> None:
        """Send a whole answer, with header lines of its own.

        Args:
            length: The Content-Length; None: that of the body.
        """
        self.head(*lines, f"Content-Length: {len(body) if length is None else length}", status=status)
        self.send(body)

    def head(self, *lines: str, status: str = "200 OK") -> None:
        """Send a status line and header lines."""
        typed = (
            ()
            if any(line.lower().startswith("content-type") for line in lines)
            else ("Content-Type: application/json",)
        )
        self.send("\r\n".join((f"HTTP/1.1 {status}", *typed, *lines, "", "")).encode("latin-1"))

    def drip(self, data: bytes) -> None:
        """Send bytes one by one, each after the provider's `drip_seconds`."""
        for byte in data:
            self.send(bytes([byte]))
            self.wait(self.provider.drip_seconds)

    def wait(self, seconds: float) -> None:
        """Do nothing for so long, or until the provider is closed."""
        if self.provider.closing.wait(seconds):
            raise ConnectionAbortedError("the provider is being closed")

    def reset(self) -> None:
        """Close with RST, as soon as what was sent has had the time to arrive."""
        self.wait(0.05)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()


class HostileProvider:
    """Serves on a free port while it is open. Use it in a `with` block; its methods may be called from any thread.

    Args:
        address: Of the loopback interface.
        tame: Whether it behaves. May be set at any time.
        version: Of its documents: other bytes for each. May be set at any time.
        drip_seconds: How long it takes from one byte to the next where it drips.
    """

    def __init__(
        self, *, address: str = "127.0.0.1", tame: bool = False, version: int = 1, drip_seconds: float = 1.0
    ) -> None:
        self.tame = tame
        self.version = version
        self.drip_seconds = drip_seconds
        self.locations: dict[str, str] = {}
        """Behaviour to where it redirects to, in place of its own Location."""
        self.closing = threading.Event()
        self.targets: list[str] = []
        """What was asked for, in order."""
        self.received: list[Mapping[str, str]] = []
        """The headers of each request, names in lower case."""
        self.finished: list[str] = []
        """The targets of which everything has been sent that is sent, in order."""
        self._lock = threading.Lock()
        self._turns: dict[str, int] = {}
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server((address, 0), backlog=256)
        self._acceptor = threading.Thread(target=self._accept, name="hostile provider", daemon=True)
        self.base_url = f"http://{address}:{self._listener.getsockname()[1]}"

    def __enter__(self) -> HostileProvider:
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            still_open = list(self._open)
        for sock in still_open:
            with contextlib.suppress(OSError):  # its client was faster
                sock.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        for thread in self._threads:
            thread.join()

    def url(self, behaviour: str, ending: str = ".json") -> str:
        """Return where a behaviour is met.

        Raises:
            ValueError: There is none of that name.
        """
        if behaviour not in BEHAVIOURS:
            raise ValueError(f"There is no behaviour '{behaviour}'; there are {', '.join(sorted(BEHAVIOURS))}.")
        return f"{self.base_url}/{behaviour}{ending}"

    def document(self, behaviour: str) -> bytes:
        """Return the document that belongs there, of the current version: JSON of 20 kB, or of 2 MB for resuming."""
        known = BEHAVIOURS.get(behaviour)
        return make_document(self.version, LARGE_BYTES if known is not None and known.is_large else 20_000)

    # ---- serving: a thread for each connection ---------------------------------------------------------

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            with self._lock:
                self._open.add(sock)
                self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with sock.makefile("rb") as reader:
                for target, headers in _iter_requests(reader):
                    with self._lock:
                        name = _name_in(target).partition("/")[0]
                        turn = self._turns.get(name, 0)
                        self._turns[name] = turn + 1
                        self.targets.append(target)
                        self.received.append(headers)
                    keeps = self._reply(Conversation(self, sock, target, headers, turn))
                    self.finished.append(target)
                    if not keeps:
                        return
        except OSError:
            pass  # a client that leaves is right
        finally:
            with self._lock:
                self._open.discard(sock)
            sock.close()

    def _reply(self, talk: Conversation) -> bool:
        """Returns whether the connection is kept."""
        behaviour = BEHAVIOURS.get(talk.path.partition("/")[0])
        if behaviour is None:
            talk.answer(b"nothing here", "Content-Type: text/plain", status="404 Not Found")
            return True
        if self.tame:
            talk.answer(talk.document)
            return True
        return bool(behaviour.play(talk))


def make_document(version: int, size: int) -> bytes:
    """Return a JSON document of at least so many bytes; two versions have the same length and differ everywhere."""
    entry = json.dumps({"version": version, "text": "on the left wing, " * 4})
    return ("[" + ",\n".join([entry] * (size // len(entry) + 1)) + "]").encode()


def _name_in(target: str) -> str:
    return target.partition("?")[0].strip("/").removesuffix(".json")


def _iter_requests(reader: object) -> Iterator[tuple[str, dict[str, str]]]:
    readline = reader.readline  # type: ignore[attr-defined]
    while line := readline(65536):
        headers: dict[str, str] = {}
        while (header := readline(65536)) not in (b"\r\n", b"\n", b""):
            name, _, value = header.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        parts = line.decode("latin-1").split(" ")
        if len(parts) != 3:
            return
        yield parts[1], headers
