"""The catalogues that the contract is tested on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestify.catalogue import SqlCatalogue
from ingestify.domain.ports import (
    Catalogue,
)


def open_sqlite(folder: Path) -> Catalogue:
    return SqlCatalogue.open(f"sqlite:///{folder}/lake/catalog.db")


def open_sqlite_in_memory(folder: Path) -> Catalogue:
    return SqlCatalogue.open("sqlite:///:memory:", table_prefix="lake_")


@pytest.fixture(params=[open_sqlite, open_sqlite_in_memory])  # another database is another line here
def catalogue(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Catalogue]:
    opened: Catalogue = request.param(tmp_path)
    yield opened
    opened.close()
