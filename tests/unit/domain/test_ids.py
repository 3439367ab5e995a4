from __future__ import annotations

import time
import uuid

from ingestify.domain.ids import new_id


def test_ids_are_uuids_of_version_7_and_differ() -> None:
    ids = {new_id() for _ in range(10_000)}
    assert len(ids) == 10_000
    for one in list(ids)[:100]:
        parsed = uuid.UUID(one)
        assert (parsed.version, parsed.variant, str(parsed)) == (7, uuid.RFC_4122, one)


def test_later_ids_sort_after_earlier_ones() -> None:
    before = new_id()
    began = time.time_ns() // 1_000_000
    while time.time_ns() // 1_000_000 <= began:
        pass
    assert before < new_id()


def test_an_id_says_when_it_was_made() -> None:
    milliseconds = uuid.UUID(new_id()).int >> 80
    assert abs(milliseconds - time.time() * 1000) < 60_000
