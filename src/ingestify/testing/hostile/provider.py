"""The hostile provider's server. A thread for each connection plays the requested behaviours."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Mapping

from ingestify.testing.hostile.behaviour import BEHAVIOURS, LARGE_BYTES
from ingestify.testing.hostile.conversation import Conversation
from ingestify.testing.loopback import read_head

__all__ = ["HostileProvider"]


class HostileProvider:
    """A server on a free port. Use it in a `with` block; its methods may be called from any thread.

    Args:
        address: An address of the loopback interface.
        tame: Whether the provider behaves well. May be set at any time.
        version: The version of its documents, each with other bytes. May be set at any time.
        drip_seconds: The pause between two bytes that are sent one by one.

    Attributes:
        locations: Behaviour to where it redirects to, in place of its own Location.
        closing: Set when the provider is about to close.
        targets: The targets of the requests, in order.
        received: The headers of each request, names in lower case.
        finished: The targets of which everything has been sent that is sent, in order.
    """

    def __init__(
        self, *, address: str = "127.0.0.1", tame: bool = False, version: int = 1, drip_seconds: float = 1.0
    ) -> None:
        self.tame = tame
        self.version = version
        self.drip_seconds = drip_seconds
        self.locations: dict[str, str] = {}
        self.closing = threading.Event()
        self.targets: list[str] = []
        self.received: list[Mapping[str, str]] = []
        self.finished: list[str] = []
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
        """Return the URL of a behaviour.

        Raises:
            ValueError: There is no behaviour of that name.
        """
        if behaviour not in BEHAVIOURS:
            raise ValueError(f"There is no behaviour '{behaviour}'; there are {', '.join(sorted(BEHAVIOURS))}.")
        return f"{self.base_url}/{behaviour}{ending}"

    def document(self, behaviour: str) -> bytes:
        """Return a behaviour's document, of the current version: JSON of 20 kB, or of 2 MB for resuming."""
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
                while True:
                    request_line, headers = read_head(reader)
                    if len(request_line) != 3:
                        return
                    target = request_line[1]
                    with self._lock:
                        name = _name_in(target)
                        turn = self._turns.get(name, 0)
                        self._turns[name] = turn + 1
                        self.targets.append(target)
                        self.received.append(headers)
                    keeps = self._reply(self._conversation(sock, target, headers, turn))
                    self.finished.append(target)
                    if not keeps:
                        return
        except OSError:
            pass  # a client that leaves is right
        finally:
            with self._lock:
                self._open.discard(sock)
            sock.close()

    def _conversation(self, sock: socket.socket, target: str, headers: Mapping[str, str], turn: int) -> Conversation:
        name = _name_in(target)
        return Conversation(
            target,
            name,
            headers,
            turn,
            self.document(name),
            self.locations.get(name),
            self.drip_seconds,
            self.closing,
            sock,
        )

    def _reply(self, talk: Conversation) -> bool:
        """Respond to a request. Returns whether the connection is kept."""
        behaviour = BEHAVIOURS.get(talk.path)
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
    """Return the name of the behaviour that a request asks for."""
    return target.partition("?")[0].strip("/").removesuffix(".json").partition("/")[0]
