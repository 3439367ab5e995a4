"""A lake with something of everything, filled once and copied for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.damaged_lake import DamagedLake, copied


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template") / "lake"
    folder.mkdir()
    lake = DamagedLake(folder)
    lake.fill()
    lake.engine.close()
    return folder


@pytest.fixture
def lake(template: Path, tmp_path: Path) -> Iterator[DamagedLake]:
    with copied(template, tmp_path / "lake") as opened:
        yield opened
