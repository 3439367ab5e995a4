"""A source that takes many resources before it submits one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ingestify import DatasetResource
from tests.support.lake_in_memory import FunctionSource, Lake, match


class Collecting(FunctionSource):
    """Takes everything at once, and gives it back one by one."""

    def __init__(self, number: int) -> None:
        super().__init__(lambda **_: [match(one) for one in range(number)])
        self.pending: list[DatasetResource] = []

    def submit(self, iterator: Iterator[DatasetResource]) -> bool:
        self.pending.extend(iterator)
        return True

    def collect(self) -> Iterator[DatasetResource]:
        while self.pending:
            yield self.pending.pop()

    def has_pending(self) -> bool:
        return bool(self.pending)


@pytest.mark.slow
def test_a_source_may_take_as_many_as_it_likes():
    lake = Lake(Collecting(500))
    assert lake.engine.load().totals.new == 500
    lake.engine.close()


def test_a_stream_of_such_a_source_yields_what_is_unchanged():
    lake = Lake(Collecting(5))
    for _ in range(2):
        assert len(list(lake.engine.iter_datasets(auto_ingest={"streaming": True}))) == 5
    lake.engine.close()


@pytest.mark.timeout(20)
@pytest.mark.parametrize("is_kept_back", [False, True])
def test_a_source_that_does_not_say_that_it_took_all_ends_when_nothing_is_left(is_kept_back):
    class Silent(Collecting):
        kept: list[DatasetResource]

        def submit(self, iterator):
            taken = list(iterator)
            if is_kept_back and taken:
                self.kept = taken
            else:
                self.pending.extend(self.kept if is_kept_back else taken)
                self.kept = []

    lake = Lake(Silent(5))
    assert lake.engine.load().totals.new == 5
    lake.engine.close()
