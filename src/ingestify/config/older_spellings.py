"""The spellings of the published package's config.yaml, in today's words. The rest of ingestify knows only today's."""

from __future__ import annotations

import copy
from typing import Any

import msgspec

from ingestify.config.yaml_document import Document, KeyPath, Problem

__all__ = ["Spelling", "in_todays_words"]

_PREFIX_LENGTH = 2
"""The characters of a `prefix` that says no length. Files keep the paths that they have, whatever it is."""

_SCHEMES = {
    "postgres": "is postgresql://, with the driver psycopg 3.",
    "postgresql+psycopg2": "is postgresql://: the driver is psycopg 3, and psycopg2 is not needed.",
    "mysql+pymysql": "is mysql://, with the same driver.",
}

_EVENT_LOG_SUBSCRIBER = "ingestify.infra.event_log.EventLogSubscriber"
_OLDER_MODULES = ("ingestify.infra.", "ingestify.domain.models.", "ingestify.source_base.")
_STATSBOMB = "ingestify.infra.source.statsbomb_github."


class Spelling(msgspec.Struct, frozen=True):
    """One spelling of the published package, and what it means today.

    Attributes:
        path: The keys and indexes of the value, with today's names.
        written: How the file names it.
        meaning: What it means, as the end of a sentence.
    """

    path: KeyPath
    written: str
    meaning: str

    def __str__(self) -> str:
        return f"{self.written} {self.meaning}"


def in_todays_words(document: Document) -> tuple[Document, tuple[Spelling, ...]]:
    """Return a config.yaml with today's spellings, and the older ones that it has.

    A key that is there by both of its names becomes a problem of the document.
    """
    if not isinstance(document.content, dict):
        return document, ()
    translation = _Translation(document, copy.deepcopy(document.content))
    translation.translate()
    return translation.document(), tuple(translation.found)


class _Translation:
    """Changes a copy of one document's content."""

    def __init__(self, document: Document, content: dict[str, Any]) -> None:
        self._content = content
        self._lines = dict(document.lines)
        self._problems = list(document.problems)
        self.found: list[Spelling] = []

    def document(self) -> Document:
        return Document(self._content, self._lines, tuple(self._problems))

    def translate(self) -> None:
        self._rename((), "extract_jobs", "ingestion_plans")
        self._rename(("main",), "dataset_url", "metadata_url")
        url = self._at(("main", "metadata_url"))
        scheme = url.partition("://")[0].lower() if isinstance(url, str) else ""
        if scheme in _SCHEMES:
            self._note(("main", "metadata_url"), f"{scheme}://", _SCHEMES[scheme])
        for path in self._paths("dataset_types"):
            for key in self._paths(*path, "identifier_keys"):
                self._transformation((*key, "transformation"))
        for path in self._paths("ingestion_plans"):
            for selector in self._paths(*path, "selectors"):
                if self._at(selector) in (None, {}, []) and not self._is_lost(selector):
                    self._put(selector, "*")
                    self._note(selector, "an empty selector", 'is "*": everything that the source discovers.')
            self._type((*path, "fetch_policy"))
            self._type((*path, "fetch_policy", "type"))
        for path in (*self._paths("sources"), *self._paths("event_subscribers")):
            self._type((*path, "type"))

    def _rename(self, parent: KeyPath, old: str, new: str) -> None:
        section = self._at(parent)
        if not isinstance(section, dict) or old not in section:
            return
        path, renamed = (*parent, old), (*parent, new)
        if new in section:
            problem = f"is {new} by its older name, and {new} is there too; move all of it there."
            self._problems.append(Problem(path, problem, self._lines.get(path)))
            del section[old]
            return
        in_order = {new if key == old else key: value for key, value in section.items()}
        section.clear()
        section.update(in_order)
        count = len(path)
        self._lines |= {(*renamed, *one[count:]): line for one, line in self._lines.items() if one[:count] == path}
        self._problems = [
            msgspec.structs.replace(one, path=(*renamed, *one.path[count:])) if one.path[:count] == path else one
            for one in self._problems
        ]
        self._note(renamed, old, f"is called {new} today.")

    def _transformation(self, path: KeyPath) -> None:
        value = self._at(path)
        if isinstance(value, str):
            self._put(path, value := {"type": value})
            self._note(path, str(value["type"]), f"is {{type: {value['type']}}}.")
        if not isinstance(value, dict) or value.get("type") != "prefix":
            return
        self._rename(path, "length", "prefix_length")
        if value.get("prefix_length") is None:
            value["prefix_length"] = _PREFIX_LENGTH
            self._note(path, "prefix without a length", f"has the first {_PREFIX_LENGTH} characters.")

    def _type(self, path: KeyPath) -> None:
        name = self._at(path)
        if not isinstance(name, str):
            return
        if name == _EVENT_LOG_SUBSCRIBER:
            self._note(path, name, "is not needed any more: every lake has an event log.")
        elif name.startswith(_STATSBOMB):
            self._note(path, name, "is ingestify.statsbomb_github.")
        elif name.startswith(_OLDER_MODULES):
            self._note(path, name, f"is ingestify.{name.rpartition('.')[2]}.")

    # ---- the content -------------------------------------------------------------------------------------

    def _paths(self, *path: str | int) -> list[KeyPath]:
        """Return the paths of the entries of a list or mapping; none if it is neither."""
        value = self._at(path)
        keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
        return [(*path, key) for key in keys]

    def _at(self, path: KeyPath) -> Any:
        value: Any = self._content
        for step in path:
            if isinstance(value, list) and isinstance(step, int):
                value = value[step]
            elif isinstance(value, dict):
                value = value.get(step)
            else:
                return None
        return value

    def _put(self, path: KeyPath, value: object) -> None:
        self._at(path[:-1])[path[-1]] = value

    def _is_lost(self, path: KeyPath) -> bool:
        return any(one.is_lost and one.path == path for one in self._problems)

    def _note(self, path: KeyPath, written: str, meaning: str) -> None:
        self.found.append(Spelling(path, written, meaning))
