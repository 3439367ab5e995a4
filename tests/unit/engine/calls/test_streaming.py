"""Datasets reach the reader the moment they land, each once, and errors reach it too."""

from __future__ import annotations

import threading

import pytest

from ingestify import ConfigurationError, DatasetResource, DraftFile
from ingestify.domain.run import RunState
from tests.support.lake_in_memory import hours, match

STREAMING = {"streaming": True}


def ids(datasets):
    return sorted(dataset.identifier["match_id"] for dataset in datasets)


def test_streaming_yields_each_dataset_once_also_when_the_lake_is_in_sync(make_lake):
    lake = make_lake(lambda **_: [match(number) for number in range(50)])
    for _ in range(3):
        assert ids(lake.engine.iter_datasets(auto_ingest=STREAMING)) == list(range(50))


def test_streaming_yields_a_dataset_before_the_source_has_ended(make_lake):
    taken = threading.Event()

    def find(**_):
        yield match(1)
        assert taken.wait(10)
        yield match(2)

    lake = make_lake(find)
    stream = lake.engine.iter_datasets(auto_ingest=STREAMING)
    assert next(stream).identifier["match_id"] == 1
    taken.set()
    assert ids(stream) == [2]


def test_streaming_yields_what_a_skipped_selector_holds(make_lake):
    lake = make_lake(lambda **_: [match(1), match(2)], [{"competition_id": 1, "_last_modified": hours(0)}])
    assert ids(lake.engine.iter_datasets(auto_ingest=STREAMING)) == [1, 2]
    assert ids(lake.engine.iter_datasets(auto_ingest=STREAMING)) == [1, 2]
    assert len(lake.source.calls) == 1


def test_an_error_of_the_ingest_reaches_the_reader_after_what_finished(make_lake):
    def find(**_):
        yield match(1)
        raise ZeroDivisionError("half an index")

    lake = make_lake(find)
    stream = lake.engine.iter_datasets(auto_ingest=STREAMING)
    assert next(stream).identifier["match_id"] == 1
    with pytest.raises(ZeroDivisionError, match="half an index"):
        next(stream)


def test_leaving_the_loop_early_stops_the_ingest_cleanly(make_lake):
    def find(**_):
        number = 0
        while True:
            number += 1
            yield match(number)

    lake = make_lake(find)
    stream = lake.engine.iter_datasets(auto_ingest=STREAMING)
    next(stream)
    stream.close()  # what Python does with a generator when the loop over it is left
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ingestify")]
    (job,) = lake.jobs
    assert job.state is RunState.ABORTED
    assert job.error == "its reader left the loop"
    for kept in lake.datasets:
        assert lake.content(kept.identifier["match_id"]) == {"n": 1}


def test_filters_apply_to_what_is_streamed(make_lake):
    lake = make_lake(lambda **_: [match(1), match(2, state="PARTIAL")])
    stream = lake.engine.iter_datasets(auto_ingest=STREAMING, dataset_state="partial")
    assert ids(stream) == [2]


@pytest.mark.parametrize("auto_ingest", [STREAMING, True], ids=["streaming", "first"])
def test_a_condition_that_says_nothing_of_some_is_told_once_and_of_none_is_an_error(make_lake, caplog, auto_ingest):
    def find(**_):
        for number in range(1, 6):
            team = {"name": "Ajax"} if number < 4 else "Ajax"
            yield match(number, metadata={"team": team, "both": {"name": "Ajax"}})

    lake = make_lake(find)
    assert ids(lake.engine.iter_datasets(auto_ingest=auto_ingest, where="metadata.team == 'Ajax'")) == [4, 5]
    (said,) = caplog.messages
    assert said.startswith("3 datasets are left out. The where `metadata.team == 'Ajax'` cannot be decided")
    caplog.clear()
    with pytest.raises(ConfigurationError, match=r"name one, such as metadata\.both\.name\."):
        list(lake.engine.iter_datasets(auto_ingest=auto_ingest, where="metadata.both == 'Ajax'"))
    assert caplog.messages == []


def test_auto_ingest_true_syncs_first_and_then_reads(make_lake):
    lake = make_lake(lambda **_: [match(1), match(2)])
    assert ids(lake.engine.iter_datasets(auto_ingest=True, match_id=1)) == [1]
    assert ids(lake.engine.iter_datasets()) == [1]
    assert ids(lake.engine.iter_datasets(auto_ingest=True)) == [1, 2]


def test_collections_can_be_yielded(make_lake):
    lake = make_lake(lambda **_: [match(number) for number in range(5)])
    lake.engine.load()
    collections = list(lake.engine.iter_datasets(batch_size=2, yield_dataset_collection=True))
    assert [len(collection) for collection in collections] == [2, 2, 1]
    streamed = list(lake.engine.iter_datasets(auto_ingest=STREAMING, yield_dataset_collection=True))
    assert sum(len(collection) for collection in streamed) == 5


@pytest.mark.slow
def test_a_slow_reader_slows_the_ingest_down(make_lake):
    found = 0

    def find(**_):
        nonlocal found
        for number in range(2000):
            found += 1
            yield match(number)

    lake = make_lake(find)
    stream = lake.engine.iter_datasets(auto_ingest=STREAMING)
    next(stream)
    threading.Event().wait(0.5)
    assert found < 1500
    assert sum(1 for _ in stream) == 1999


def test_unknown_states_and_options_are_errors_of_the_call(make_lake):
    lake = make_lake(lambda **_: [])
    with pytest.raises(ValueError, match="SCHEDULED, PARTIAL, COMPLETE, MISSING"):
        lake.engine.iter_datasets(dataset_state="finished")
    with pytest.raises(ConfigurationError, match="stream"):
        lake.engine.iter_datasets(auto_ingest={"stream": True})
    with pytest.raises(ConfigurationError, match="provider="):
        lake.engine.iter_datasets(auto_ingest={"use_open_data": True})


def test_a_failed_dataset_is_not_yielded_and_is_warned_of(make_lake, caplog):
    def broken(file_resource, current_file):
        raise OSError("cut")

    bad = DatasetResource({"match_id": 2}, "match", name="bad one").add_file(hours(0), "events", file_loader=broken)
    lake = make_lake(lambda **_: [match(1), bad])
    assert ids(lake.engine.iter_datasets(auto_ingest=STREAMING)) == [1]
    assert "2 matches: 1 failed and were not yielded (the first: bad one: " in caplog.text


def test_streams_of_large_files_do_not_pass_through_memory_twice(make_lake):
    payload = bytes(range(256)) * 40_000  # 10 MB, above what is buffered whole

    def loader(file_resource, current_file):
        return DraftFile.from_input(payload, "events", data_serialization_format="bin")

    resource = DatasetResource({"match_id": 1}, "match").add_file(hours(0), "events", file_loader=loader)
    lake = make_lake(lambda **_: [resource])
    (dataset,) = lake.engine.iter_datasets(auto_ingest=STREAMING)
    stream = lake.engine.store.load_files(dataset, lazy=True).get_file("events").stream
    assert stream.read() == payload
    stream.seek(1000)
    assert stream.read(3) == payload[1000:1003]
