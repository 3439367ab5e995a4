"""The ASGI application: addresses, limits and answers.

    POST /push/SOURCE/files?match_id=12&data_feed_key=events    one file of one dataset; its bytes are the body
    POST /push/SOURCE/notices                                   something has changed; JSON
    GET  /healthz                                               whether it takes anything

The answer 202 goes out when what was sent survives a power loss.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
from collections.abc import AsyncGenerator, Mapping, Sequence

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ingestify.clock import monotonic
from ingestify.errors import StoreError
from ingestify.progress.printable import PrintableLogger
from ingestify.receiving.endpoint import MOST_NOTICE_BYTES, Endpoint, Sender
from ingestify.receiving.refused import Refused

__all__ = ["make_app"]

logger = PrintableLogger(__name__)

_PIECE_BYTES = 1 << 20
_PATIENCE_SECONDS = 30.0
"""How long nothing of a body may come."""
_BODY_SECONDS = 3600.0

_RETRY_SECONDS = "60"
_FULL = (errno.ENOSPC, errno.EDQUOT)


def make_app(endpoints: Sequence[Endpoint]) -> ASGIApp:
    """Return the application.

    Args:
        endpoints: One for each source.
    """
    receiving = _Receiving({one.name: one for one in endpoints})
    return Starlette(
        routes=[
            Route("/push/{source}/files", receiving.take_file, methods=["POST"]),
            Route("/push/{source}/notices", receiving.take_notice, methods=["POST"]),
            Route("/healthz", receiving.tell_health, methods=["GET"]),
        ],
        exception_handlers={
            Refused: _refuse,
            StoreError: _excuse,
            HTTPException: _no_such,
            ClientDisconnect: _forget,
            Exception: _fail,
        },
    )


class _Receiving:
    def __init__(self, endpoints: Mapping[str, Endpoint]) -> None:
        self._endpoints = endpoints

    async def take_file(self, request: Request) -> Response:
        endpoint = self._find(request)
        sender = endpoint.meet(request.headers)
        target = endpoint.read_target(request.query_params.multi_items(), request.headers.get("content-type", ""))
        digest, size = hashlib.sha256(), 0
        async with contextlib.aclosing(_iter_body(request, endpoint.max_file_bytes)) as pieces:
            # Of what is announced as too large, or comes too slowly to begin with, there is no file.
            first = await anext(pieces, b"")
            if not first:
                raise Refused(400, "The body is empty.")
            content = await run_in_threadpool(endpoint.begin)
            try:
                piece: bytes | None = first
                while piece is not None:
                    sender.update(piece)
                    digest.update(piece)
                    size += len(piece)
                    await run_in_threadpool(content.write, piece)
                    piece = await anext(pieces, None)
                _check(sender)
                await run_in_threadpool(content.finish)
                is_new = await run_in_threadpool(endpoint.keep, target, content, digest.hexdigest(), sender)
            finally:
                # In this thread: it is short, and a task that is cancelled waits for no other.
                content.discard()
        what = f"{target.feed} of {'/'.join(target.identity)}"
        logger.info("%s: %s, %d bytes%s", endpoint.name, what, size, "" if is_new else ", which came before")
        return JSONResponse({"status": "accepted", "is_new": is_new}, 202)

    async def take_notice(self, request: Request) -> Response:
        endpoint = self._find(request)
        sender = endpoint.meet(request.headers)
        endpoint.check_takes_notices()
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Refused(415, "A notice is application/json.")
        body = b"".join([piece async for piece in _iter_body(request, MOST_NOTICE_BYTES)])
        sender.update(body)
        _check(sender)
        filters = endpoint.read_notice(body)
        await run_in_threadpool(endpoint.keep_notice, filters, sender)
        logger.info("%s: a notice of %s", endpoint.name, filters)
        return JSONResponse({"status": "accepted"}, 202)

    async def tell_health(self, request: Request) -> Response:  # noqa: ARG002 - Starlette's signature
        return JSONResponse({"status": "ready"})

    def _find(self, request: Request) -> Endpoint:
        found = self._endpoints.get(request.path_params["source"])
        if found is None:
            raise Refused(404, "There is no such source.")
        return found


def _check(sender: Sender) -> None:
    if not sender.is_right():
        raise Refused(401, "The signature is wrong.", WWW_Authenticate="Bearer")


async def _iter_body(request: Request, most: int) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of a body, about a megabyte at a time.

    Raises:
        Refused: 408: it comes too slowly. 413: it is larger than `most`; the rest is not read. 415: it is compressed.
        ClientDisconnect: The sender is gone.
    """
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Refused(415, "A Content-Encoding is not taken: send the bytes of the file as they are.")
    too_large = Refused(413, f"The body is larger than {most:,} bytes.", Connection="close")
    too_slow = Refused(408, "The body comes too slowly.", Connection="close")
    announced = request.headers.get("content-length", "0")
    if not announced.isdigit() or int(announced) > most:
        raise too_large
    stream, begun = request.stream(), monotonic()
    waiting, size = bytearray(), 0
    while True:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                piece = await anext(stream, None)
        except TimeoutError:
            raise too_slow from None
        if piece is None:
            break
        if monotonic() - begun > _BODY_SECONDS:
            raise too_slow
        size += len(piece)
        if size > most:
            raise too_large
        waiting += piece
        if len(waiting) >= _PIECE_BYTES:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)


# ---- answers -------------------------------------------------------------------------------------------


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    logger.info("%s: %d: %s", _shown(request), error.status, error.reason)
    return JSONResponse({"error": error.reason}, error.status, error.headers)


async def _excuse(request: Request, error: Exception) -> Response:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__
    status = 507 if isinstance(cause, OSError) and cause.errno in _FULL else 503
    logger.error("%s: nothing of it was kept: %s", _shown(request), error)
    reason = "The disk is full." if status == 507 else "It cannot be stored at the moment."
    return JSONResponse({"error": f"{reason} Send it again later."}, status, {"Retry-After": _RETRY_SECONDS})


async def _no_such(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    logger.info("%s: %d", _shown(request), error.status_code)
    return JSONResponse({"error": f"{error.detail}."}, error.status_code, error.headers)


async def _forget(request: Request, error: Exception) -> Response:  # noqa: ARG001 - Starlette's signature
    logger.info("%s: the sender left before the end of the body; nothing of it was kept", _shown(request))
    return Response(status_code=400)  # nobody reads it


async def _fail(request: Request, error: Exception) -> Response:
    logger.error("%s: %s: %s", _shown(request), type(error).__name__, error)
    return JSONResponse({"error": "It failed. Send it again later."}, 500)


def _shown(request: Request) -> str:
    """Return what a log line says of a request: nothing of its query or its headers."""
    return f"{request.method} {request.url.path:.200}"
