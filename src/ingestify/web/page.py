"""What a page is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from starlette.responses import Response

from ingestify.pictures.palette import Theme
from ingestify.web.lake import WebLake

__all__ = ["FOR_EVER", "Action", "Asked", "Attachment", "NotShown", "Page", "Shown"]

FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}
"""Headers of what belongs to a revision: no revision ever changes."""


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """What a browser asks for.

    Attributes:
        parts: The parts of the address, such as `dataset_id`.
        query: Behind the question mark: each name to its values.
        form: The fields of a form, likewise; empty for a page.
        path: The address without the query, and without `.json`.
    """

    lake: WebLake
    parts: Mapping[str, str]
    query: Mapping[str, Sequence[str]]
    form: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)
    path: str = "/"

    def first(self, name: str) -> str:
        """Return the first value of a query parameter, or of a field; empty: there is none."""
        values = self.query.get(name) or self.form.get(name) or ("",)
        return values[0].strip()

    @property
    def theme(self) -> Theme:
        """The colours of a picture: `?theme=dark`."""
        return "dark" if self.first("theme") == "dark" else "light"


@dataclasses.dataclass(frozen=True, slots=True)
class Shown:
    """What a page shows.

    Attributes:
        title: The heading of the browser's tab.
        document: The JSON twin, and `document` of the template.
        view: What else the template gets.
        lacks: What could not be read, a sentence each. The page is not cached then.
    """

    title: str
    document: object
    view: Mapping[str, object] = dataclasses.field(default_factory=dict)
    lacks: Sequence[str] = ()


class NotShown(Exception):
    """There is no such page, or it was asked for something that does not make sense.

    Args:
        status: The HTTP status: 400, 404, 409.
        text: What, why, and what to do next.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclasses.dataclass(frozen=True, slots=True)
class Page:
    """A page with its JSON twin.

    Attributes:
        path: Its address, in Starlette's form, such as `/datasets/{dataset_id}`.
        template: Its file in `templates/`.
        read: Returns what it shows.
        menu: Its name in the menu; empty: it is not in the menu.
        is_live: Whether it may change without a commit, a decision, or a job that begins or ends. It gets no ETag.
        json_path: The address of its JSON twin; empty: its own with `.json`.
    """

    path: str
    template: str
    read: Callable[[Asked], Shown]
    menu: str = ""
    is_live: bool = False
    json_path: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Action:
    """What a form does, by POST.

    Attributes:
        act: Does it, and returns the address to go to.
    """

    path: str
    act: Callable[[Asked], str]


@dataclasses.dataclass(frozen=True, slots=True)
class Attachment:
    """What is no page: a picture, a file.

    Attributes:
        respond: Returns the whole response.
    """

    path: str
    respond: Callable[[Asked], Response]
