"""One request to the hostile provider, and the means to respond to it in a wrong way."""

from __future__ import annotations

import dataclasses
import socket
import struct
import threading
from collections.abc import Mapping

from ingestify.clock import wait_for

__all__ = ["Conversation"]


@dataclasses.dataclass(frozen=True, slots=True)
class Conversation:
    """One request, and the connection on which a behaviour responds to it. Used by the thread of its connection.

    Attributes:
        target: Path and query of the request.
        path: The path without its ending, such as `truncated`.
        headers: The request's headers, names in lower case.
        turn: The number of earlier requests for this behaviour.
        document: The document that a well-behaved provider has there.
        location: Where a redirect of this behaviour leads, in place of its own Location; None: to its own.
        drip_seconds: The pause between two bytes that are sent one by one.
        closing: Set when the provider is about to close.
    """

    target: str
    path: str
    headers: Mapping[str, str]
    turn: int
    document: bytes
    location: str | None
    drip_seconds: float
    closing: threading.Event
    _sock: socket.socket

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._sock.sendall(data)

    def answer(self, body: bytes, *lines: str, status: str = "200 OK", length: int | None = None) -> None:
        """Send a whole response.

        Args:
            body: The body.
            *lines: Header lines besides the Content-Length.
            status: Status code and reason.
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
        """Send bytes one by one, with a pause of `drip_seconds` after each."""
        for byte in data:
            self.send(bytes([byte]))
            self._check(wait_for(self.closing, self.drip_seconds))

    def wait(self, seconds: float) -> None:
        """Do nothing for a time.

        Raises:
            ConnectionAbortedError: The provider is being closed.
        """
        self._check(self.closing.wait(seconds))

    @staticmethod
    def _check(is_closing: bool) -> None:
        if is_closing:
            raise ConnectionAbortedError("the provider is being closed")

    def reset(self) -> None:
        """Reset the connection (RST), a moment later than the bytes that were sent."""
        self.wait(0.05)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()
