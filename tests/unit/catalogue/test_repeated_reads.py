"""A connection that is lost while the catalogue is read costs a moment, and no result."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from ingestify.catalogue import SqlCatalogue
from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.databases.database_errors import FileChanged
from ingestify.domain.identifier import Identifier
from ingestify.errors import StoreError
from tests.support.catalogue_data import T0, everything, with_file

READS: dict[str, Callable[[SqlCatalogue, list[str]], object]] = {
    "the last position of the event log": lambda catalogue, _: catalogue.event_log.get_last_position(),
    "what was touched since": lambda catalogue, ids: catalogue.event_log.find_touched(ids, 0),
    "the event log": lambda catalogue, _: catalogue.event_log.read(0, 5),
    "a reader's position": lambda catalogue, _: catalogue.event_readers.find_position("a"),
    "datasets": lambda catalogue, _: list(catalogue.datasets.iter_batches(everything(), 2)),
    "identities": lambda catalogue, _: list(catalogue.datasets.iter_identities(everything())),
    "a count": lambda catalogue, _: catalogue.datasets.read_metadata(everything()),
    "what is known": lambda catalogue, _: catalogue.datasets.find_known(
        "main", "p", "match", [Identifier({"match_id": 1})]
    ),
    "what names objects": lambda catalogue, _: list(catalogue.integrity_check.iter_file_records()),
    "what names some objects": lambda catalogue, _: catalogue.integrity_check.find_file_records(["a"]),
    "other copies": lambda catalogue, _: catalogue.integrity_check.find_records_by_tag(["a"]),
    "damages": lambda catalogue, _: list(catalogue.integrity_check.iter_row_damages()),
    "what no row names": lambda catalogue, _: catalogue.deletions.find_orphaned(["a"], T0 - dt.timedelta(days=1)),
    "heads": lambda catalogue, ids: catalogue.history_import.find_heads(ids),
    "jobs": lambda catalogue, _: catalogue.jobs.load(),
    "the quarantine": lambda catalogue, _: list(catalogue.quarantine.iter_entries(everything())),
    "counts by kind": lambda catalogue, _: catalogue.datasets.count_by_kind(everything()),
    "totals": lambda catalogue, _: catalogue.overview.count_all("main"),
}


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[SqlCatalogue]:
    opened = SqlCatalogue.open(f"sqlite:///{tmp_path}/catalog.db")
    opened.changes.apply([with_file(match_id) for match_id in range(5)])
    yield opened
    opened.close()


@pytest.mark.sampled(5)
@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_each_transaction_that_reads_may_fail_once(
    catalogue: SqlCatalogue, read: Callable[[SqlCatalogue, list[str]], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [dataset_id for dataset_id, _, _ in catalogue.datasets.iter_identities(everything())]
    expected = read(catalogue, ids)
    real = Database.read
    failed = []

    @contextlib.contextmanager
    def read_or_fail(self: Database, doing: str) -> Iterator[sa.Connection]:
        with real(self, doing) as connection:
            yield connection
        if len(failed) % 2 == 0:
            failed.append(doing)
            raise StoreError("lost") from FileChanged()
        failed.append("")

    monkeypatch.setattr(Database, "read", read_or_fail)
    assert read(catalogue, ids) == expected
    assert failed
