"""The matches of the lake that were played lately, or will be."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ingestify.domain.dataset import DatasetState
from ingestify.domain.identifier import Identifier
from ingestify.domain.match_times import GREATEST_LENGTH, MatchState, MatchTimes, read_match_times
from ingestify.domain.plan import IngestionPlan
from ingestify.domain.ports import DatasetFilter
from ingestify.domain.schedule import NEAR_FOR
from ingestify.domain.selector import Selector, identifier_matches
from ingestify.store.dataset_store import DatasetStore

__all__ = ["NearMatches"]

_LISTED = tuple(state for state in DatasetState if state is not DatasetState.MISSING)


class _Match(NamedTuple):
    dataset_id: str
    identifier: Identifier
    times: MatchTimes


class NearMatches:
    """Reads them from the catalogue, and again only if the lake has changed. Those of long ago are not kept.

    Args:
        store: The lake.
    """

    def __init__(self, store: DatasetStore) -> None:
        self._store = store
        self._position = -1
        self._matches: dict[tuple[str, str, str], list[_Match]] = {}
        self._kinds_with_times: set[tuple[str, str, str]] = set()

    def refresh(self) -> None:
        """Forget what was read, if the lake has changed since."""
        position = self._store.catalogue.event_log.get_last_position()
        if position != self._position:
            self._matches.clear()
            self._position = position

    def of(self, plan: IngestionPlan, selector: Selector, moment: dt.datetime) -> Sequence[MatchTimes]:
        """Return the matches of a selector.

        Args:
            plan: The plan of the selector.
            selector: The selector.
            moment: Now, in UTC.
        """
        return [one.times for one in self._of_plan(plan, moment) if _may_be_of(one.identifier, selector.attributes)]

    def have_times(self, plan: IngestionPlan, moment: dt.datetime) -> bool:
        """Whether any dataset of a plan says when its match is played, however long ago."""
        self._of_plan(plan, moment)
        return _kind(plan) in self._kinds_with_times

    def _of_plan(self, plan: IngestionPlan, moment: dt.datetime) -> list[_Match]:
        kind = _kind(plan)
        if kind not in self._matches:
            self._matches[kind] = self._read(plan, moment)
        return self._matches[kind]

    def _read(self, plan: IngestionPlan, moment: dt.datetime) -> list[_Match]:
        catalogue, zone = self._store.catalogue, plan.schedule.zone
        wanted = DatasetFilter(self._store.bucket, plan.dataset_type, plan.source.provider, states=_LISTED)
        near: list[_Match] = []
        for one in catalogue.datasets.iter_descriptions(wanted):
            times = read_match_times(one.name, one.metadata, zone)
            if times is not None:
                self._kinds_with_times.add(_kind(plan))
                if times.kick_off > moment - NEAR_FOR:
                    near.append(_Match(one.dataset_id, Identifier(dict(one.identifier)), times))
        ended = [one.dataset_id for one in near if _has_just_ended(one.times, moment)]
        changed_at = {one.dataset_id: one.updated_at for one in catalogue.datasets.get(ended)} if ended else {}
        return [
            one._replace(times=dataclasses.replace(one.times, changed_at=changed_at.get(one.dataset_id)))
            for one in near
        ]


def _may_be_of(identifier: Identifier, selector: Mapping[str, Any]) -> bool:
    """Whether a dataset may be of a selector: a source need not repeat the selector's keys in its identifiers."""
    return identifier_matches(identifier, {key: value for key, value in selector.items() if key in identifier})


def _has_just_ended(times: MatchTimes, moment: dt.datetime) -> bool:
    has_ended = times.state in (MatchState.FINISHED, MatchState.ABANDONED)
    return has_ended and times.kick_off <= moment <= times.kick_off + 2 * GREATEST_LENGTH


def _kind(plan: IngestionPlan) -> tuple[str, str, str]:
    return plan.source.provider, plan.dataset_type, str(plan.schedule.zone)
