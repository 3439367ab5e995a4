"""Lakes that the published package made: `tests/data/published_lakes.zip`."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(scope="session")
def published_lakes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the lakes by version, and the provider that they were made with. Nobody writes to it.

    They are packed, as some of their paths cannot be checked out everywhere.
    """
    folder = tmp_path_factory.mktemp("published_lakes")
    with zipfile.ZipFile(DATA / "published_lakes.zip") as packed:
        packed.extractall(folder)
    return folder
