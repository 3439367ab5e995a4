"""A dataset: a match with its score, shots, line-ups, files and revisions."""

from __future__ import annotations

import importlib.util
from typing import Any

from markupsafe import Markup

from ingestify.documents.datasets import shown_dataset
from ingestify.domain.dataset import Dataset
from ingestify.errors import IngestifyError
from ingestify.masking import mask_text
from ingestify.pictures.match_values import MatchValues
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.reading.dataset_picture import has_quick_picture, read_match_values
from ingestify.web.asked_dataset import asked_dataset, numbered
from ingestify.web.match_line import match_line
from ingestify.web.match_pictures import PICTURES, is_drawn_later
from ingestify.web.match_view import timeline
from ingestify.web.page import Asked, Page, Shown
from ingestify.web.rendering import in_url

__all__ = ["PAGE"]

_SENTENCES = 5
"""Of how many revisions the page says what changed: each compares two revisions, file by file."""


def read(asked: Asked) -> Shown:
    """Return a dataset, as it is or as it was after a revision."""
    store = asked.lake.store
    whole = asked_dataset(asked)
    dataset = numbered(whole, asked.first("revision"))
    waiting = store.quarantine.find_waiting(store.dataset_filter(dataset_id=whole.dataset_id))
    revision = dataset.current_revision
    sentences, lacks = _sentences(asked, whole)
    match = _match(asked, dataset, lacks)
    origin = {} if revision is None else revision.source
    view = {
        "line": match_line(dataset),
        "whole": whole,
        "dataset": dataset,
        "is_older": len(dataset.revisions) < len(whole.revisions),
        "sentences": sentences,
        "terms": [origin[key] for key in ("attribution", "licence") if origin.get(key)],
        "python": _python(asked, dataset, is_older=len(dataset.revisions) < len(whole.revisions)),
        "facts": _facts(dataset),
        **_pictures(asked.lake.store, dataset, match),
    }
    return Shown(dataset.name or str(dataset.identifier), shown_dataset(dataset, waiting), view, lacks)


def _sentences(asked: Asked, dataset: Dataset) -> tuple[dict[int, str], list[str]]:
    """Return what changed in the last revisions, and what could not be compared."""
    sentences: dict[int, str] = {}
    lacks = []
    for revision in dataset.revisions[-_SENTENCES:]:
        number, before = revision.revision_id, dataset.find_before(revision)
        if before is None or revision.is_thinned:
            continue
        try:
            sentences[number] = asked.lake.store.diff(dataset, before, number).sentence
        except IngestifyError as error:
            lacks.append(f"What changed in revision {number}: {mask_text(str(error))}")
    return sentences, lacks


def _match(asked: Asked, dataset: Dataset, lacks: list[str]) -> MatchValues | None:
    """Return the match; None: it cannot be read at once, or not at all, and then `lacks` says why."""
    if not has_quick_picture(asked.lake.store, dataset):
        return None
    try:
        return read_match_values(asked.lake.store, dataset)
    except IngestifyError as error:
        lacks.append(f"The shots and the line-ups cannot be read: {mask_text(str(error))}")
    return None


def _pictures(store: DatasetStore, dataset: Dataset, match: MatchValues | None) -> dict[str, object]:
    """Return the pictures; without a match, their addresses, if kloppy can read one."""
    if match is None and not is_drawn_later(store, dataset):
        return {"match": None, "pictures": []}
    base = f"/datasets/{in_url(dataset.dataset_id)}/r{dataset.revisions[-1].revision_id}"
    pictures = []
    for name, (heading, draw) in PICTURES.items():
        drawn = None if match is None else draw(match)
        # The pictures escape what providers say.
        svg = drawn and Markup(drawn.svg)  # noqa: S704
        pictures.append({"name": name, "heading": heading, "url": f"{base}/{name}", "svg": svg, "table": drawn})
    has_png = importlib.util.find_spec("resvg_py") is not None
    return {"match": match, "pictures": pictures, "timeline": match and timeline(match), "has_png": has_png}


def _facts(dataset: Dataset) -> list[tuple[str, str]]:
    """Return what the provider's list says of a match, but for what the heading has."""
    shown = {"competition": "Competition", "season": "Season", "match_week": "Week", "stage": "Stage"}
    shown |= {"match_date": "Date", "kick_off": "Kick-off", "stadium": "Stadium", "referee": "Referee"}
    facts = [(title, _text(dataset.metadata.get(key))) for key, title in shown.items()]
    facts = [(title, text[:5] if title == "Kick-off" else text) for title, text in facts if text]
    return [*facts, *((key, str(value)) for key, value in dataset.identifier.items())]


def _text(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("name")
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def _python(asked: Asked, dataset: Dataset, *, is_older: bool) -> str:
    keys = ", ".join(f"{key}={value!r}" for key, value in dataset.identifier.items() if key.isidentifier())
    then = f".at(revision={dataset.revisions[-1].revision_id})" if is_older else ""
    return (
        "from ingestify import get_engine\n\n"
        f"engine = get_engine({asked.lake.opening})\n"
        f'dataset = engine.get_dataset(provider="{dataset.provider}", dataset_type="{dataset.dataset_type}", {keys})'
        f"{then}\n"
        "files = engine.store.load_files(dataset)"
    )


PAGE = Page("/datasets/{dataset_id}", "dataset.html", read)
