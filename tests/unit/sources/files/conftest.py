from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.drop import Drop


@pytest.fixture
def make_drop(tmp_path: Path) -> Iterator[Callable[..., Drop]]:
    with ExitStack() as opened:
        yield lambda **configuration: opened.enter_context(Drop(tmp_path, **configuration))


@pytest.fixture
def drop(make_drop: Callable[..., Any]) -> Drop:
    return make_drop()  # type: ignore[no-any-return]
