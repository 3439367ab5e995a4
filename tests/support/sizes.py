"""Parameters of which the default run takes a sample and `make test-exhaustive` the rest. A tuple is several values."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

__all__ = ["check_examples", "is_in_sample", "sample_and_rest", "sizes"]


def sizes(sample: object, full: object) -> list[Any]:
    """Return the size of the default run, and the exhaustive one."""
    return [
        pytest.param(*_values(sample), id="sample"),
        pytest.param(*_values(full), id="full size", marks=pytest.mark.exhaustive),
    ]


def sample_and_rest(sample: Iterable[Any], rest: Iterable[Any]) -> list[Any]:
    """Return the parameters of the default run, and the exhaustive ones."""
    return [*sample, *(pytest.param(*_values(one), marks=pytest.mark.exhaustive) for one in rest)]


def is_in_sample(test: str, number: int, count: int, step: int) -> bool:
    """Return whether the default run has the parameter of that number, of a test that is `sampled(step)`.

    Not always the first: of pairs of servers, say, each is to be in the samples of some tests.
    """
    return number % step == zlib.crc32(test.encode()) % min(step, count)


def check_examples(check: Callable[..., None], examples: int, *invented: st.SearchStrategy[Any]) -> None:
    """Check so many invented examples, in a test whose `sizes` are numbers of them."""
    settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))(given(*invented)(check))()


def _values(one: object) -> tuple[object, ...]:
    return one if isinstance(one, tuple) else (one,)
