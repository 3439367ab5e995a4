"""A shot: where everybody stood."""

from __future__ import annotations

import dataclasses

from markupsafe import Markup

from ingestify.errors import ConfigurationError, LoadError
from ingestify.pictures.freeze_frame import freeze_frame
from ingestify.pictures.match_values import Shot
from ingestify.store.reading.dataset_picture import read_match_values
from ingestify.web.asked_dataset import asked_dataset, numbered
from ingestify.web.match_line import match_line
from ingestify.web.page import Asked, NotShown, Page, Shown
from ingestify.web.rendering import in_url, with_query

__all__ = ["PAGE"]


def read(asked: Asked) -> Shown:
    """Return a shot with its freeze frame, and its neighbours."""
    dataset = numbered(asked_dataset(asked), asked.first("revision"))
    try:
        match = read_match_values(asked.lake.store, dataset)
    except (LoadError, ConfigurationError) as error:
        raise NotShown(404, str(error)) from error
    shots = list(match.shots)
    place = next((number for number, one in enumerate(shots) if one.event_id == asked.parts["event_id"]), None)
    if place is None:
        raise NotShown(404, f"{dataset.name} has no shot with the id {asked.parts['event_id']} in this revision.")
    shot = shots[place]
    view = {
        "line": match_line(dataset),
        "match": match,
        "dataset": dataset,
        "shot": shot,
        "picture": Markup(freeze_frame(match, shot).svg) if shot.frame else "",  # noqa: S704 - the picture escapes
        "before": _neighbour(dataset.dataset_id, asked, shots[place - 1] if place else None),
        "after": _neighbour(dataset.dataset_id, asked, shots[place + 1] if place + 1 < len(shots) else None),
        "number": place + 1,
    }
    title = f"{shot.player or 'Shot'}, {shot.minute_text}: {dataset.name}"
    document = {"dataset_id": dataset.dataset_id, "title": match.title, **dataclasses.asdict(shot)}
    return Shown(title, document, view)


def _neighbour(dataset_id: str, asked: Asked, shot: Shot | None) -> str:
    if shot is None:
        return ""
    path = f"/datasets/{in_url(dataset_id)}/shots/{in_url(shot.event_id)}"
    return with_query(path, revision=asked.first("revision"))


PAGE = Page("/datasets/{dataset_id}/shots/{event_id:path}", "shot.html", read)
