"""The templates, and what they can do with values."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import urllib.parse
from collections.abc import Mapping
from pathlib import Path

import jinja2
from markupsafe import Markup

from ingestify._version import __version__
from ingestify.documents.document import as_json
from ingestify.pictures.palette import stylesheet
from ingestify.progress.formatting import counted, size
from ingestify.progress.printable import printable
from ingestify.remedies import remedy

__all__ = ["render", "static_files", "static_version"]

_HERE = Path(__file__).parent


@functools.cache
def static_files() -> Mapping[str, bytes]:
    """Return the static files by name, and the colours of the pictures as one more."""
    files = {path.name: path.read_bytes() for path in (_HERE / "static").iterdir()}
    return {**files, "pictures.css": stylesheet().encode()}


@functools.cache
def static_version(name: str) -> str:
    """Return a text that changes with a static file, so that browsers may keep the file for ever."""
    return hashlib.sha256(static_files()[name]).hexdigest()[:12]


def static_url(name: str) -> str:
    """Return the address of a static file."""
    return f"/static/{name}?v={static_version(name)}"


def when(moment: dt.datetime | str | None) -> Markup | str:
    """Return a moment for people, to the minute, in UTC."""
    if not moment:
        return "–"
    if isinstance(moment, str):
        moment = dt.datetime.fromisoformat(moment)
    moment = moment.astimezone(dt.UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        moment.isoformat(timespec="seconds"), f"{moment:%Y-%m-%d %H:%M}"
    )


def day(moment: dt.datetime | None) -> str:
    """Return the day of a moment, in UTC."""
    return "–" if moment is None else f"{moment.astimezone(dt.UTC):%Y-%m-%d}"


def block(text: str) -> Markup:
    """Return a text of several lines."""
    return Markup("\n").join(printable(line) for line in text.split("\n"))


def in_url(value: object) -> str:
    """Return a value as one part of the path of an address."""
    return urllib.parse.quote(str(value), safe="")


def with_query(path: str, **values: object) -> str:
    """Return an address with a query, without the empty values."""
    query = urllib.parse.urlencode({key: value for key, value in values.items() if value not in ("", None)})
    return f"{path}?{query}" if query else path


def _shown(value: object) -> object:
    """Return what an expression of a template becomes: no text of a provider may turn the direction of writing."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters.update(
        block=block,
        day=day,
        when=when,
        size=size,
        in_url=in_url,
        number=lambda value: f"{value:,}",
        as_json=as_json,
        counted=counted,
    )
    environment.globals.update(static_url=static_url, with_query=with_query, version=__version__, remedy=remedy)
    return environment


def render(template: str, values: Mapping[str, object]) -> str:
    """Return a page."""
    return _environment().get_template(template).render(values)
