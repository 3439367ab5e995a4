"""That the indexes are made in the words in which the filters ask."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ingestify.catalogue import SqlCatalogue
from ingestify.catalogue.databases.sqlite import SqliteDialect
from ingestify.catalogue.selection import conditions
from ingestify.catalogue.tables import build_tables
from ingestify.domain.dataset import DatasetState
from ingestify.domain.identifier import Identifier
from ingestify.domain.ports import DatasetFilter
from ingestify.errors import ConfigurationError
from tests.support.catalogue_data import change, everything
from tests.support.query_plans import explain


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[SqlCatalogue]:
    opened = SqlCatalogue.open(f"sqlite:///{tmp_path}/c.db")
    yield opened
    opened.close()


def _plans_of(catalogue: SqlCatalogue, ask: Any, holds: str = "json_extract") -> list[str]:
    """Run `ask`, and return SQLite's plan for each of its queries of the dataset table."""
    found = explain(catalogue, ask, holds, "EXPLAIN QUERY PLAN")
    return [" / ".join(row[3] for row in rows) for rows in found]


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("provider", "dataset_type", "key"), [("fake", "match", "match_id"), ("o'ther % :x", "vi?deo", "a.b é 'q'")]
)
@pytest.mark.parametrize("value", [7, [7, 8, "9"]])
def test_a_filter_uses_the_index_of_its_key(catalogue, provider, dataset_type, key, value) -> None:
    catalogue.changes.apply(
        [
            change(provider=provider, dataset_type=dataset_type, identifier=Identifier({key: number, "z": 1}))
            for number in range(500)
        ]
    )
    (name,), _ = catalogue.indexes.sync([(provider, dataset_type, key)])
    wanted = everything(provider=provider, dataset_type=dataset_type, selector={key: value})

    def ask() -> None:
        list(catalogue.datasets.iter_batches(wanted, 1000))
        catalogue.datasets.read_metadata(wanted)

    plans = _plans_of(catalogue, ask)
    assert len(plans) == 2
    assert all(f"INDEX {name} (" in plan for plan in plans), plans


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "filters", [{}, {"provider": "fake"}, {"provider": "fake", "dataset_type": "match"}, {"states": ("COMPLETE",)}]
)
@pytest.mark.parametrize("is_analyzed", [False, True])
def test_no_page_of_a_long_read_is_sorted(catalogue: SqlCatalogue, filters: Any, is_analyzed: bool) -> None:
    """Sorting all that is left for each page makes reading a lake of 200,000 take minutes."""
    if "states" in filters:
        filters = {"states": tuple(DatasetState.parse(state) for state in filters["states"])}
    for start in range(0, 2000, 500):
        catalogue.changes.apply([change(number) for number in range(start, start + 500)])
    if is_analyzed:
        catalogue.indexes.sync([("fake", "match", "match_id")])
    wanted = everything(**filters)
    plans = _plans_of(catalogue, lambda: list(catalogue.datasets.iter_batches(wanted, 500)), "ORDER BY")
    plans += _plans_of(catalogue, lambda: list(catalogue.datasets.iter_identities(wanted)), "ORDER BY")
    of_datasets = [plan for plan in plans if "dataset" in plan]
    assert len(of_datasets) >= 5
    assert not any("TEMP B-TREE" in plan for plan in of_datasets), of_datasets


def test_a_key_that_no_index_can_be_made_for_is_a_setting_to_change(catalogue: SqlCatalogue) -> None:
    with pytest.raises(ConfigurationError, match="identifier_index"):
        catalogue.indexes.sync([("fake", "match", 'a"b')])


def test_look_ups_use_the_unique_index(catalogue: SqlCatalogue) -> None:
    catalogue.changes.apply([change(number) for number in range(500)])
    catalogue.indexes.sync([])
    statements: list[Any] = []
    engine = catalogue._database._engine
    sa.event.listen(engine, "before_cursor_execute", lambda c, cur, s, p, *_: statements.append((s, p)))
    catalogue.datasets.find_known("main", "fake", "match", [Identifier({"match_id": n}) for n in range(1000)])
    (look_up,) = [(s, p) for s, p in statements if s.startswith("SELECT")]
    with catalogue._database.read("explain") as connection:
        plan = " / ".join(row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {look_up[0]}", look_up[1]))
    assert "(bucket=? AND provider=? AND dataset_type=? AND identifier_key=?)" in plan


def test_only_what_is_asked_for_becomes_a_condition() -> None:
    tables = build_tables()
    assert len(conditions(SqliteDialect(), tables.dataset, DatasetFilter("main"))) == 1
    full = everything(provider="p", dataset_type="t", dataset_ids=["i"], selector={"a": 1, "b": [2]})
    assert len(conditions(SqliteDialect(), tables.dataset, full)) == 6
