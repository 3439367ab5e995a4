"""A reader who leaves does not wait for the provider."""

from __future__ import annotations

import threading
import time
from typing import Any

from ingestify import DatasetResource
from tests.support.lake_in_memory import FunctionSource, Lake, hours, match
from tests.support.scripted_provider import Provider, answer


def test_a_provider_that_does_not_answer_does_not_hold_up_a_reader_who_leaves(web: Provider):
    silence = threading.Event()
    web.on("/stalled", [silence])

    def find(**_: Any) -> Any:
        yield [match(1)]
        yield [DatasetResource({"match_id": 2}, "match").add_file(hours(0), "events", url=f"{web.url}/stalled")]

    lake = Lake(FunctionSource(find))
    for dataset in lake.engine.iter_datasets(auto_ingest={"streaming": True}):
        assert dataset.identifier["match_id"] == 1
        while not web.asked:
            time.sleep(0.01)
        started = time.monotonic()
        break
    assert time.monotonic() - started < 30
    silence.set()
    # The client can be used again.
    web.on("/stalled", answer(b"{}"))
    assert lake.engine.load().totals.new == 1
    lake.engine.close()
