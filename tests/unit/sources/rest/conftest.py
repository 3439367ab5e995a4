from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.fetch.server import Provider, provider


@pytest.fixture
def server() -> Iterator[Provider]:
    with provider() as found:
        yield found


@pytest.fixture
def other_server() -> Iterator[Provider]:
    with provider() as found:
        yield found
