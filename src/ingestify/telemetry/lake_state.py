"""The metrics of the lake, read from its catalogue: a few statements, whatever the lake's size."""

from __future__ import annotations

import datetime as dt
import logging

from ingestify.clock import now
from ingestify.domain.ports import Catalogue, DatasetFilter
from ingestify.errors import StoreError
from ingestify.progress.printable import PrintableLogger
from ingestify.telemetry import table
from ingestify.telemetry.measures import Measures
from ingestify.telemetry.table import Scope

__all__ = ["PUBLISHER", "read_lake"]

logger = PrintableLogger(__name__)

PUBLISHER = "publisher "
"""How the name of a publisher's reader of the event log begins."""


def read_lake(catalogue: Catalogue, bucket: str, measures: Measures) -> bool:
    """Set the metrics of the lake, in place of those that were read before.

    Args:
        catalogue: The lake's catalogue.
        bucket: Which bucket of the lake the datasets and the quarantine are of.
        measures: Keeps the values.

    Returns:
        Whether the catalogue could be read. If not, the metrics of the lake are gone, but for one that says so.
    """
    was_away = measures.samples().get((table.LAKE_READABLE, ())) == 0
    measures.forget(Scope.LAKE)
    try:
        _read(catalogue, bucket, measures)
    except StoreError as error:
        # Once for each time that it is away: a monitor asks each few seconds.
        logger.log(logging.DEBUG if was_away else logging.WARNING, "The metrics of the lake cannot be read: %s", error)
        measures.forget(Scope.LAKE)
        measures.set(table.LAKE_READABLE, 0)
        return False
    measures.set(table.LAKE_READABLE, 1)
    return True


def _read(catalogue: Catalogue, bucket: str, measures: Measures) -> None:
    moment = now()
    newest: dict[tuple[str, str, str], dt.datetime] = {}
    for one in catalogue.coverage.count(DatasetFilter(bucket)):
        measures.add(table.LAKE_DATASETS, one.number, one.provider, one.dataset_type, one.state.value)
        if one.newest is not None:
            competition = (one.provider, one.dataset_type, one.competition)
            newest[competition] = max(one.newest, newest.get(competition, one.newest))
    # The newest first: of more competitions than a label may have, the old ones are those that nobody watches.
    for competition, created_at in sorted(newest.items(), key=lambda pair: pair[1], reverse=True):
        measures.set(table.NEWEST_REVISION, created_at.timestamp(), *competition)
    for of_source, ended_at in catalogue.jobs.find_last_done().items():
        measures.set(table.LAST_SUCCESS, ended_at.timestamp(), *of_source)
    for of_type, number in catalogue.quarantine.count_open(bucket).items():
        measures.add(table.QUARANTINE, number, *of_type)
    for wait in catalogue.host_waits.find():
        if wait.holds_at(moment):
            measures.set(table.HOST_LEFT_ALONE, wait.until.timestamp(), wait.host)
    for reader in catalogue.event_readers.list_readers():
        is_publisher = reader.name.startswith(PUBLISHER)
        labels = (reader.name.removeprefix(PUBLISHER), "publisher" if is_publisher else "consumer")
        waiting = catalogue.event_log.read(reader.position, 1, has_history=False) if reader.behind else []
        lag = max(0.0, (moment - waiting[0].occurred_at).total_seconds()) if waiting else 0.0
        measures.set(table.READER_BEHIND, reader.behind, *labels)
        measures.set(table.READER_LAG, lag, *labels)
        measures.set(table.READER_FAILED, len(reader.failed), *labels)
