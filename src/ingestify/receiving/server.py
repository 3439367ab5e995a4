"""The socket, and how the endpoint ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from ingestify.listening import address_text, listen
from ingestify.receiving.app import make_app
from ingestify.receiving.endpoint import Endpoint

__all__ = ["PushServer"]

_DRAIN_SECONDS = 30
_CONNECTIONS = 128
"""More of them are told to come again later, and above twice as many are not taken at all."""
_HEAD_SECONDS = 30.0
"""How long a connection may be open without a request on it."""
_LONGEST_HEAD = 32 << 10


class PushServer:
    """Serves the endpoints of sources until it is stopped.

    Args:
        endpoints: One for each source.
        host: The address to listen on.
        port: 0: any free one.

    Attributes:
        url: Where it listens.

    Raises:
        ConfigurationError: The address is not this machine's, or is taken.
    """

    def __init__(self, endpoints: Sequence[Endpoint], host: str, port: int) -> None:
        self._socket = listen(host, port)
        self.url = f"http://{address_text(host, self._socket.getsockname()[1])}"
        self._server = _Server(
            uvicorn.Config(
                make_app(endpoints),
                http=_Connection,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=_CONNECTIONS,
                h11_max_incomplete_event_size=_LONGEST_HEAD,
                timeout_graceful_shutdown=_DRAIN_SECONDS,
            )
        )

    def serve(self) -> None:
        """Answer until `stop`; what it has begun to receive is received."""
        with contextlib.closing(self._socket):
            self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """End it. The handler of a signal may call it, and any thread."""
        self._server.should_exit = True


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the command."""
        yield


class _Connection(H11Protocol):
    """A connection. Those of senders that are gone without a word, as after a loss of power, do not stay for ever."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._look_later()
        if len(self.connections) > 2 * _CONNECTIONS:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._look.cancel()
        super().connection_lost(exc)

    def _look_later(self) -> None:
        self._look = self.loop.call_later(_HEAD_SECONDS, self._close_if_nothing_comes, self.cycle)

    def _close_if_nothing_comes(self, before: RequestResponseCycle | None) -> None:
        if self.cycle is before and (before is None or before.response_complete):
            self.transport.close()
        else:
            self._look_later()
