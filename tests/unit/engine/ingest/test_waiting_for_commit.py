"""What a dataset keeps while it waits, beside a hundred others, for its commit."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import msgspec

from ingestify import BundleCheck
from ingestify.domain.bundle_check import Bundle
from tests.support.lake_in_memory import FunctionSource, Lake, match


class Document(msgspec.Struct, weakref=True):
    """What the check wants of the file."""

    n: int


class Decoding(BundleCheck):
    """Remembers what it was given, without keeping it alive."""

    shapes = {"events": Document}  # noqa: RUF012 - as a user may write it

    def __init__(self) -> None:
        self.seen: list[weakref.ref[Document]] = []

    def find_problems(self, bundle: Bundle) -> Iterator[str]:
        document = bundle.require_file("events").json_as(Document)
        assert document.n == 1
        self.seen.append(weakref.ref(document))
        return iter(())


def test_what_was_decoded_for_the_checks_is_not_kept_until_the_commit() -> None:
    lake, check = Lake(FunctionSource(lambda **_: [match(1)])), Decoding()
    lake.source.bundle_checks = (check,)
    alive: list[bool] = []

    def look(event: Any) -> None:  # in the committing thread, before the dataset goes on
        gc.collect()
        alive.extend(one() is not None for one in check.seen)

    lake.recorder.handle = look  # type: ignore[method-assign]
    assert lake.engine.load().totals.new == 1
    assert alive
    assert not any(alive)
    lake.engine.close()
