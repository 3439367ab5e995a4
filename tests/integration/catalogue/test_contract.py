"""What every catalogue does, on real servers."""

from __future__ import annotations

import pytest

from ingestify.catalogue import SqlCatalogue
from tests.contracts.test_catalogue import *  # noqa: F403 - all of its tests, with the fixture below in place of theirs


@pytest.fixture
def catalogue(empty: SqlCatalogue) -> SqlCatalogue:
    return empty
