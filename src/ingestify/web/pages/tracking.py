"""Tracking: a page that plays it, its chunks, and one frame of it as a picture."""

from __future__ import annotations

import math
import urllib.parse
from typing import TypedDict

import msgspec
from markupsafe import Markup
from starlette.responses import Response

from ingestify._version import __version__
from ingestify.domain.dataset import Dataset
from ingestify.errors import IngestifyError
from ingestify.masking import mask_text
from ingestify.pictures.match_values import Side
from ingestify.pictures.picture import Picture
from ingestify.pictures.tracking_frame import TrackedPlayer, TrackingFrame, tracking_frame
from ingestify.replay.recording import Recording
from ingestify.web.asked_dataset import asked_dataset, numbered
from ingestify.web.page import FOR_EVER, Asked, Attachment, NotShown, Page, Shown
from ingestify.web.rendering import in_url, with_query

__all__ = ["ATTACHMENTS", "PAGE"]

_LEAP_SECONDS = 10


class TrackingDocument(TypedDict):
    """The addresses of a match's tracking.

    Attributes:
        head: Of the JSON with teams, players, periods and chunks.
        chunks: Of a chunk, with `{number}` in it.
        picture: Of a frame as SVG; it takes `period` and `seconds`.
    """

    dataset_id: str
    name: str
    revision: int
    head: str
    chunks: str
    picture: str


def _asked_tracking(asked: Asked) -> tuple[Dataset, int]:
    """Return the dataset at the revision that the address names, and the number of the revision."""
    dataset = numbered(asked_dataset(asked), asked.parts.get("revision", "") or asked.first("revision"))
    revision = dataset.current_revision
    if dataset.dataset_type != "tracking":
        text = f"{dataset} has no tracking: it is of the type '{dataset.dataset_type}'."
        raise NotShown(404, f"{text} Tracking comes as datasets of the type 'tracking'.")
    if revision is None:
        raise NotShown(404, f"{dataset} has no files yet, so there is nothing to play.")
    return dataset, revision.revision_id


def read(asked: Asked) -> Shown:
    """Return the page. It reads the files only if it is asked for a moment, for those without JavaScript."""
    dataset, number = _asked_tracking(asked)
    base = f"/datasets/{in_url(dataset.dataset_id)}/tracking"
    of_revision, version = f"{base}/r{number}", urllib.parse.quote(__version__)
    document: TrackingDocument = {
        "dataset_id": dataset.dataset_id,
        "name": dataset.name,
        "revision": number,
        "head": f"{of_revision}/head.json?v={version}",
        "chunks": f"{of_revision}/{{number}}.bin?v={version}",
        "picture": f"{of_revision}/frame.svg",
    }
    revision, lacks = asked.first("revision"), []
    view: dict[str, object] = {"picture": None, "revision": revision, "base": base}
    if asked.query.keys() & {"period", "seconds"}:
        try:
            recording = asked.lake.recordings.get(dataset)
        except IngestifyError as error:
            lacks.append(f"The tracking cannot be read: {mask_text(str(error))}")
        else:
            period, seconds = _moment(asked, recording)
            picture = _picture(recording, period, seconds)
            view |= {"picture": picture, "svg": Markup(picture.svg)}  # noqa: S704 - our own
            view["moments"] = [
                (text, with_query(base, period=period, seconds=f"{max(0, seconds + leap):g}", revision=revision))
                for text, leap in (("10 seconds earlier", -_LEAP_SECONDS), ("10 seconds later", _LEAP_SECONDS))
            ]
            view |= {"period": period, "seconds": seconds, "periods": list(recording.periods)}
    return Shown(f"Tracking of {dataset.name or dataset.identifier}", document, view, lacks)


def _moment(asked: Asked, recording: Recording) -> tuple[int, float]:
    """Return the period and the seconds in it that are asked for."""
    first = next(iter(recording.periods))
    try:
        period = int(asked.first("period") or first)
        begin = recording.first_frame / recording.frames_per_second if period == first else 0
        seconds = float(asked.first("seconds") or begin)
    except ValueError:
        raise NotShown(400, "The period and the seconds are numbers, such as ?period=1&seconds=62.5.") from None
    if period not in recording.periods or not math.isfinite(seconds):
        known = ", ".join(map(str, recording.periods))
        raise NotShown(404, f"There is no period {period} at {seconds:g} s; the periods are {known}.")
    return period, min(max(seconds, 0.0), (recording.periods[period] - 1) / recording.frames_per_second)


def _picture(recording: Recording, period: int, seconds: float) -> Picture:
    length, width = recording.pitch
    there = recording.frame(period, seconds)
    places = [(one.player, one.x / length + 0.5, 0.5 - one.y / width) for one in there]
    players = [
        TrackedPlayer(Side(one.side), x, y, one.name, int(one.number) if one.number.isdecimal() else None)
        for one, x, y in places
        if one is not None
    ]
    ball = next(((x, y) for one, x, y in places if one is None), None)
    return tracking_frame(TrackingFrame(recording.teams, players, ball, period, seconds))


def _frame(asked: Asked) -> Response:
    dataset, _ = _asked_tracking(asked)
    recording = asked.lake.recordings.get(dataset)
    svg = _picture(recording, *_moment(asked, recording)).plain_svg(asked.theme)
    return Response(svg, headers=FOR_EVER, media_type="image/svg+xml")


def _head(asked: Asked) -> Response:
    dataset, _ = _asked_tracking(asked)
    try:
        recording = asked.lake.recordings.get(dataset)
    except IngestifyError as error:
        content = msgspec.json.encode({"error": f"The tracking cannot be read: {mask_text(str(error))}"})
        return Response(content, 503, media_type="application/json")
    return Response(msgspec.json.encode(recording.head()), headers=FOR_EVER, media_type="application/json")


def _chunk(asked: Asked) -> Response:
    dataset, _ = _asked_tracking(asked)
    number = asked.parts["number"]
    try:
        content = asked.lake.recordings.get(dataset).chunk(int(number))
    except (ValueError, IndexError):
        raise NotShown(404, f"There is no chunk {number}.") from None
    return Response(content, headers={**FOR_EVER, "Content-Encoding": "gzip"}, media_type="application/octet-stream")


PAGE = Page("/datasets/{dataset_id}/tracking", "tracking.html", read)

ATTACHMENTS = (
    Attachment("/datasets/{dataset_id}/tracking/r{revision}/head.json", _head),
    Attachment("/datasets/{dataset_id}/tracking/r{revision}/frame.svg", _frame),
    Attachment("/datasets/{dataset_id}/tracking/r{revision}/{number}.bin", _chunk),
)
