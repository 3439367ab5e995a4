"""The ASGI application: which page has which address, ETags, and errors as pages."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import mimetypes
import urllib.parse
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ingestify._version import __version__
from ingestify.documents.document import as_json
from ingestify.errors import ConfigurationError, DatasetNotFound, IngestifyError, MissingExtraError
from ingestify.masking import mask_text
from ingestify.web.guard import Guard, Rules
from ingestify.web.lake import WebLake
from ingestify.web.page import Action, Asked, Attachment, NotShown, Page, Shown
from ingestify.web.pages import ROUTES
from ingestify.web.rendering import render, static_files, static_version

__all__ = ["make_app"]

logger = logging.getLogger(__name__)

_LARGEST_FORM = 1 << 20
"""Bytes."""

Endpoint = Callable[[Request], Awaitable[Response]]


def make_app(lake: WebLake, rules: Rules) -> ASGIApp:
    """Return the application behind its guard.

    Args:
        lake: The lake that the pages show.
        rules: Whom the guard lets through.
    """
    pages = _Pages(lake)
    routes = [Route("/static/{name}", _static)]
    for route in ROUTES:
        match route:
            case Page():
                json_path = route.json_path or f"{route.path}.json"
                routes += [Route(json_path, pages.page(route, is_json=True)), Route(route.path, pages.page(route))]
            case Action():
                routes.append(Route(route.path, pages.action(route), methods=["POST"]))
            case Attachment():
                routes.append(Route(route.path, pages.attachment(route)))
    app = Starlette(routes=routes, exception_handlers={HTTPException: pages.not_found})

    def refuse(path: str, status: int, text: str) -> Response:
        return pages.error(status, text, is_json=path.endswith(".json"))

    return Guard(app, rules, refuse)


class _Pages:
    """Makes endpoints of pages."""

    def __init__(self, lake: WebLake) -> None:
        self._lake = lake
        self._menu = [page for page in ROUTES if isinstance(page, Page) and page.menu]

    def page(self, page: Page, *, is_json: bool = False) -> Endpoint:
        """Return the endpoint of a page, or of its JSON twin."""

        def respond(asked: Asked, if_none_match: str) -> Response:
            tag = "" if page.is_live else self._tag(asked, is_json=is_json)
            if tag and tag in if_none_match:
                return Response(status_code=304, headers={"ETag": tag})
            shown = page.read(asked)
            headers = {"ETag": tag} if tag and not shown.lacks else {}
            if is_json:
                return _json(shown.document, headers=headers)
            return self._html(page, shown, asked, headers)

        async def endpoint(request: Request) -> Response:
            asked = self._asked(request)
            if_none_match = request.headers.get("if-none-match", "")
            return await self._answer(lambda: respond(asked, if_none_match), is_json=is_json)

        return endpoint

    def action(self, action: Action) -> Endpoint:
        """Return the endpoint of a form."""

        async def endpoint(request: Request) -> Response:
            form = await _read_form(request)
            if form is None:
                return self.error(413, "The form is too large.")
            asked = self._asked(request, form)
            return await self._answer(lambda: RedirectResponse(action.act(asked), 303))

        return endpoint

    def attachment(self, attachment: Attachment) -> Endpoint:
        """Return the endpoint of a picture or a file."""

        async def endpoint(request: Request) -> Response:
            asked = self._asked(request)
            return await self._answer(lambda: attachment.respond(asked))

        return endpoint

    def error(self, status: int, text: str, *, is_json: bool = False) -> Response:
        """Return an error as a page."""
        text = mask_text(text)
        if is_json:
            return _json({"error": text}, status)
        values = {"title": _TITLES.get(status, "That did not work"), "text": text, "status": status}
        return Response(render("error.html", {**self._around("", ""), **values}), status, media_type="text/html")

    async def not_found(self, request: Request, error: Exception) -> Response:
        """Return the page for an address that does not exist."""
        assert isinstance(error, HTTPException)
        path = request.url.path
        text = f"There is no page {path}." if error.status_code == 404 else error.detail
        if error.status_code == 405:
            text = f"{path} cannot be asked by {request.method}."
        response = self.error(error.status_code, text, is_json=path.endswith(".json"))
        response.headers.update(error.headers or {})
        return response

    def _asked(self, request: Request, form: Mapping[str, Sequence[str]] | None = None) -> Asked:
        query = urllib.parse.parse_qs(request.scope["query_string"].decode("latin-1"))
        path = urllib.parse.quote(request.url.path.removesuffix(".json"))
        return Asked(self._lake, request.path_params, query, form or {}, path)

    async def _answer(self, respond: Callable[[], Response], *, is_json: bool = False) -> Response:
        try:
            return await run_in_threadpool(respond)
        except asyncio.CancelledError:  # SIGTERM, and it took longer than the server waits for
            return self.error(
                503, "The server ends. Start it again, and open the address that it shows.", is_json=is_json
            )
        except NotShown as error:
            return self.error(error.status, str(error), is_json=is_json)
        except DatasetNotFound as error:
            return self.error(404, str(error), is_json=is_json)
        except IngestifyError as error:
            if isinstance(error, ConfigurationError) and not isinstance(error, MissingExtraError):
                return self.error(400, str(error), is_json=is_json)  # the address has what cannot be asked for
            logger.warning("%s", error)
            return self.error(503, str(error), is_json=is_json)
        # A page that fails is a page, and the others go on.
        except Exception as error:
            logger.exception("A page failed")
            text = f"{type(error).__name__}: {error}. The terminal of the server shows more."
            return self.error(500, text, is_json=is_json)

    def _tag(self, asked: Asked, *, is_json: bool) -> str:
        """Return the ETag: the same until the lake changes."""
        query = sorted((name, tuple(values)) for name, values in asked.query.items())
        what = (
            __version__,
            self._lake.store.overview.read_mark().settled,
            asked.path,
            query,
            is_json,
            self._lake.is_read_only,
        )
        return f'"{hashlib.sha256(repr(what).encode()).hexdigest()[:24]}"'

    def _html(self, page: Page, shown: Shown, asked: Asked, headers: Mapping[str, str]) -> Response:
        twin = page.json_path or f"{asked.path}.json"
        query = urllib.parse.urlencode(asked.query, doseq=True)
        values = {
            **self._around(page.path, f"{twin}?{query}" if query else twin),
            "title": shown.title,
            "document": shown.document,
            "asked": asked,
            "lacks": shown.lacks,
            **shown.view,
        }
        return Response(render(page.template, values), headers=headers, media_type="text/html")

    def _around(self, path: str, json_url: str) -> dict[str, Any]:
        """Return what base.html needs."""
        waiting = len(self._lake.store.quarantine) if path else 0
        return {"menu": self._menu, "page_path": path, "json_url": json_url, "lake": self._lake, "waiting": waiting}


_TITLES = {
    401: "Who is there?",
    403: "Not allowed",
    404: "Not found",
    409: "It is not as it was",
    421: "Another server was meant",
    503: "The lake cannot be read",
}


def _json(document: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    content = msgspec.json.encode(as_json(document))
    return Response(content, status, headers, media_type="application/json")


async def _read_form(request: Request) -> dict[str, list[str]] | None:
    """Return the fields of a form; None: it is too large."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_FORM:
            return None
    return urllib.parse.parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    content = static_files().get(name)
    if content is None:
        raise HTTPException(404)
    is_this = request.query_params.get("v") == static_version(name)
    headers = {"Cache-Control": "public, max-age=31536000, immutable"} if is_this else {}
    return Response(content, headers=headers, media_type=mimetypes.guess_type(name)[0])
