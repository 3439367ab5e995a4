"""Pictures of a stored dataset: which reader its files have, and which picture is made of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ingestify.domain.dataset import PICTURES, Dataset
from ingestify.domain.match_facts import match_facts
from ingestify.errors import ConfigurationError, LoadError
from ingestify.pictures.freeze_frame import freeze_frame
from ingestify.pictures.line_ups import line_ups
from ingestify.pictures.match_values import MatchValues, Shot
from ingestify.pictures.picture import Picture
from ingestify.pictures.shot_map import shot_map
from ingestify.pictures.xg_race import xg_race
from ingestify.store.reading.file_collection import PRELOAD_BYTES, FileCollection
from ingestify.suggestion import did_you_mean

__all__ = ["has_quick_picture", "picture_of", "preview_of", "read_match_values"]

_NATIVE = ("statsbomb", "match")
"""The format and the type of the datasets that are read without kloppy."""


class MatchStore(Protocol):
    """The store of a dataset."""

    def load_files(
        self, dataset: Dataset, data_feed_keys: Sequence[str] | None = None, lazy: bool = False
    ) -> FileCollection:
        """Return the dataset's files."""

    def loader_of(self, dataset: Dataset, /) -> str | None:
        """Return the format that settings or a source name for a dataset."""

    def load_with_kloppy(self, dataset: Dataset, **kwargs: Any) -> Any:
        """Return kloppy's object of a dataset."""


def picture_of(store: MatchStore, dataset: Dataset, kind: str, *, shot: str | None, frame: int) -> Picture:
    """Return a picture of a dataset; see `Dataset.plot`."""
    if kind not in PICTURES:
        raise ConfigurationError(
            f"There is no picture '{kind}' of a dataset{did_you_mean(kind, PICTURES) or '.'} There are "
            f"{', '.join(PICTURES)}."
        )
    if kind == "frame" and dataset.dataset_type == "tracking":
        return _tracking(store, dataset, frame)
    match = read_match_values(store, dataset)
    if kind == "frame":
        return freeze_frame(match, _find_shot(match, shot, dataset))
    return {"shots": shot_map, "xg": xg_race, "lineups": line_ups}[kind](match)


def has_quick_picture(store: MatchStore, dataset: Dataset) -> bool:
    """Return whether the shots of a dataset are read in a fraction of a second."""
    has_events = any(one.data_feed_key == "events" for one in dataset.files.values())
    return has_events and _format_of(store, dataset) == _NATIVE


def preview_of(store: MatchStore, dataset: Dataset) -> Picture:
    """Return the shot map of a dataset, if that takes a fraction of a second.

    Raises:
        LoadError: It would take longer, or there is none.
    """
    name, kind = _format_of(store, dataset)
    if (name, kind) == _NATIVE:
        return shot_map(read_match_values(store, dataset))
    if kind == "match":
        raise LoadError(f"plot() reads {name}'s matches with kloppy, which takes seconds")
    raise LoadError("plot('frame') draws a frame of tracking data" if kind == "tracking" else f"it is a {kind}")


def read_match_values(store: MatchStore, dataset: Dataset) -> MatchValues:
    """Return what pictures need of a match.

    Raises:
        LoadError: The files are no match that can be drawn.
        IntegrityError: An object of the lake is missing or damaged.
        MissingExtraError: Its format is read with kloppy, which is not installed.
    """
    facts = match_facts(dataset.metadata)
    native = _format_of(store, dataset) == _NATIVE
    match = _read_statsbomb(store, dataset, facts) if native else _match_by_kloppy(store, dataset)
    home, away = facts["home_score"], facts["away_score"]
    return dataclasses.replace(match, result=(home, away)) if isinstance(home, int) and isinstance(away, int) else match


def _read_statsbomb(store: MatchStore, dataset: Dataset, facts: Mapping[str, Any]) -> MatchValues:
    from ingestify.pictures.statsbomb import read_match  # only matches of StatsBomb need it

    with store.load_files(dataset, ["events", "lineups"], lazy=True) as files:
        events, lineups = files.require_file("events"), files.get_file("lineups")
        if events.size > PRELOAD_BYTES:
            raise LoadError(f"{dataset} cannot be drawn. Its events have {events.size >> 20:,} MB, which no match has.")
        try:
            return read_match(
                events.read(),
                None if lineups is None else lineups.read(),
                str(facts["home_team"] or ""),
                str(facts["away_team"] or ""),
            )
        except LoadError as error:
            raise LoadError(f"{dataset} cannot be drawn. {error}") from error


def _format_of(store: MatchStore, dataset: Dataset) -> tuple[str, str]:
    return store.loader_of(dataset) or dataset.loader, dataset.dataset_type


def _match_by_kloppy(store: MatchStore, dataset: Dataset) -> MatchValues:
    from ingestify.pictures.kloppy_match import match_from_kloppy

    loaded = store.load_with_kloppy(dataset)
    if not hasattr(loaded, "events"):
        raise LoadError(f"{dataset} has no shots: it is tracking data. Draw a frame of it: plot('frame', frame=0).")
    try:
        return match_from_kloppy(loaded)
    except Exception as error:
        raise LoadError(f"{dataset} cannot be drawn: {type(error).__name__}: {error}") from error


def _tracking(store: MatchStore, dataset: Dataset, number: int) -> Picture:
    from ingestify.pictures.kloppy_match import frame_from_kloppy
    from ingestify.pictures.tracking_frame import tracking_frame

    if number < 0:
        raise LoadError(f"{dataset} has no frame {number}; the first one is 0.")
    loaded = store.load_with_kloppy(dataset, limit=number + 1)
    found = frame_from_kloppy(loaded, number)
    if found is None:
        raise LoadError(f"{dataset} has no frame {number}; it has {len(loaded.frames):,} frames.")
    return tracking_frame(found)


def _find_shot(match: MatchValues, event_id: str | None, dataset: Dataset) -> Shot:
    """Return a shot: the one with that id, else the one with the most xG that is no penalty."""
    if not match.shots:
        raise LoadError(f"{dataset} has no shots.")
    if event_id is None:
        return max(match.shots, key=lambda one: (bool(one.frame), one.kind != "penalty", one.xg or 0))
    found = next((one for one in match.shots if one.event_id == event_id), None)
    if found is None:
        raise LoadError(f"{dataset} has no shot '{event_id}'; plot('shots').row_ids has the ids of its shots.")
    return found
