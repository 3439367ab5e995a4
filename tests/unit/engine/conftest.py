"""Lakes in memory, and a provider on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.lake_in_memory import FunctionSource, Lake
from tests.support.scripted_provider import Provider, provider

from .two_feeds import Files, SameVersion


@pytest.fixture
def make_lake() -> Iterator[Callable[..., Lake]]:
    made: list[Lake] = []

    def make(find: Callable[..., Any], selectors: list[dict[str, Any]] | None = None, **plan: Any) -> Lake:
        made.append(Lake(FunctionSource(find, selectors), **plan))
        return made[-1]

    yield make
    for lake in made:
        lake.engine.close()


@pytest.fixture
def web() -> Iterator[Provider]:
    """A provider on loopback that answers what it is told to."""
    with provider() as server:
        yield server


@pytest.fixture
def files(web: Provider) -> Files:
    """Two feeds of one match that name their versions."""
    return Files(web)


@pytest.fixture
def lake(files: Files) -> Iterator[Lake]:
    """A lake that takes them only if they are of the same version."""
    source = FunctionSource(files.find)
    source.bundle_checks = (SameVersion(),)
    made = Lake(source)
    yield made
    made.engine.close()
