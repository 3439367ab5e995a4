"""A function applied to datasets side by side."""

from __future__ import annotations

import datetime as dt
import os
import threading
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import loky
import pytest

from ingestify import DatasetResource, IntegrityError, Source, get_dev_engine, get_engine
from ingestify.errors import ConfigurationError, LoadError, MissingExtraError

CHANGED = dt.datetime(2024, 5, 1, 18, 30, tzinfo=dt.UTC)


class Matches(Source):
    provider = "mine"

    def __init__(self, count):
        super().__init__("mine")
        self.count = count

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        for number in range(self.count):
            resource = DatasetResource({"match_id": number}, dataset_type, name=f"match {number}")
            resource.add_file(CHANGED, "events", json_content=[{"id": number}] * number)
            yield resource


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lake")
    with get_dev_engine(Matches(6), "match", dev_dir=folder) as engine:
        engine.load()
    return folder


@pytest.fixture
def engine(lake):
    with get_engine(lake) as opened:
        yield opened


@pytest.fixture
def one_process(monkeypatch):
    """Have one process, whatever the machine has: each takes a second of CPU to start."""
    monkeypatch.setattr(loky, "cpu_count", lambda: 1)


def test_a_lambda_reads_each_match_in_another_process(engine):
    unit = "events"  # goes there too
    results = list(engine.map(lambda one: (os.getpid(), len(one.require_file(unit).json()))))
    assert sorted((result.dataset.identifier["match_id"], result.value[1]) for result in results) == [
        (number, number) for number in range(6)
    ]
    assert os.getpid() not in {result.value[0] for result in results}
    assert all(result.error is None for result in results)


@pytest.mark.slow
@pytest.mark.usefixtures("one_process")
def test_filters_are_those_of_iter_datasets(engine):
    results = engine.map(lambda one: one.name, match_id=[2, 3], provider="mine")
    assert sorted(result.value for result in results) == ["match 2", "match 3"]
    with pytest.raises(ConfigurationError, match="whre"):
        engine.map(lambda one: one.name, where="whre is this")


def fail_at_two(dataset):
    if dataset.identifier["match_id"] == 2:
        raise ValueError("two is no good")
    return dataset.identifier["match_id"]


@pytest.mark.slow
@pytest.mark.usefixtures("one_process")
def test_a_failure_is_the_result_of_its_dataset_and_is_told(engine, caplog):
    results = list(engine.map(fail_at_two))
    assert len(results) == 6
    [failed] = [result for result in results if result.error is not None]
    assert failed.dataset.identifier["match_id"] == 2
    with pytest.raises(ValueError, match="two is no good") as caught:
        _ = failed.value
    assert caught.value.__notes__ == [f"It happened at {failed.dataset}."]
    assert "6 datasets done, 1 failed; the first: mine/match" in caplog.text
    assert "ValueError: two is no good" in caplog.text


def die_at_three(dataset):
    if dataset.identifier["match_id"] == 3:
        os._exit(1)
    return dataset.identifier["match_id"]


@pytest.mark.slow
@pytest.mark.usefixtures("one_process")
def test_a_process_that_dies_costs_only_its_dataset(engine):
    mapped = engine.map(die_at_three, match_id=[2, 3, 4])
    results = {result.dataset.identifier["match_id"]: result for result in mapped}
    assert {number: one.value for number, one in results.items() if number != 3} == {2: 2, 4: 4}
    assert "died" in str(results[3].error)


class NeedsTwo(Exception):
    """Python makes it anew of its message alone, which is not enough."""

    def __init__(self, what, why):
        super().__init__(f"{what}, as {why}")


class HasLock(Exception):
    def __init__(self):
        super().__init__("it is locked")
        self.lock = threading.Lock()


class Mute(Exception):
    def __str__(self):
        raise ValueError("no words")


def fail_strangely(dataset):
    match dataset.identifier["match_id"]:
        case 1:
            raise NeedsTwo("no shots", "it rained")
        case 2:
            raise HasLock
        case 3:
            raise Mute
        case 4:
            raise MissingExtraError("kloppy", "To load it")
        case 5:
            return threading.Lock()
    return "fine"


@pytest.mark.slow
@pytest.mark.usefixtures("one_process")
def test_an_error_that_cannot_be_sent_back_is_told_by_another(engine, capfd):
    results = {result.dataset.identifier["match_id"]: result for result in engine.map(fail_strangely)}
    assert results[0].value == "fine"
    assert (type(results[1].error), str(results[1].error)) == (LoadError, "NeedsTwo: no shots, as it rained")
    assert "fail_strangely" in "".join(results[1].error.__notes__)
    assert str(results[2].error) == "HasLock: it is locked"
    assert "Mute" in str(results[3].error)
    assert (type(results[4].error), results[4].error.extra) == (MissingExtraError, "kloppy")
    assert "pickle" in str(results[5].error)
    assert "Traceback" not in capfd.readouterr().err


def test_in_a_thread_an_error_stays_what_it_is(engine):
    with ThreadPoolExecutor(2) as threads:
        found = {result.dataset.identifier["match_id"]: result.error for result in engine.map(fail_strangely, threads)}
    assert [type(found[number]) for number in range(1, 5)] == [NeedsTwo, HasLock, Mute, MissingExtraError]


@pytest.mark.slow
def test_a_function_that_cannot_be_sent_is_refused_once(engine):
    lock = threading.Lock()
    with pytest.raises(ConfigurationError, match=r"cannot be sent to another process.*_thread\.lock"):
        list(engine.map(lambda one: lock))
    with pytest.raises(ConfigurationError, match="5 is no function"):
        engine.map(5)


@pytest.mark.slow
@pytest.mark.usefixtures("one_process")
def test_a_function_may_map_too(engine, lake):
    def count(dataset):
        with get_engine(lake) as inner:
            return sum(result.value for result in inner.map(lambda one: one.identifier["match_id"], progress=False))

    assert [result.value for result in engine.map(count, match_id=1)] == [15]


def test_threads_need_no_other_process(lake):
    with get_dev_engine(Matches(4), "match") as in_memory, ThreadPoolExecutor(2) as threads:
        in_memory.load()
        results = list(in_memory.map(lambda one: threading.current_thread().name, threads))
        assert len(results) == 4
        assert all(result.value.startswith("ThreadPool") for result in results)
        assert threads.submit(len, "ab").result() == 2  # it is the caller's, and still open


class Slow(Executor):
    """Notes how much is on its way, and never begins."""

    def __init__(self):
        self.futures = []

    def submit(self, function, /, *args, **kwargs):
        self.futures.append(Future())
        if len(self.futures) == 1:
            self.futures[0].set_result("first")
        return self.futures[-1]


def test_leaving_the_loop_cancels_what_waits(engine):
    executor = Slow()
    for result in engine.map(len, executor):
        assert result.value == "first"
        break
    assert [one.cancelled() for one in executor.futures[1:]] == [True] * 5


@pytest.mark.slow
def test_leaving_the_loop_ends_the_processes(engine):
    begun = time.monotonic()
    for _ in engine.map(lambda one: time.sleep(0 if one.identifier["match_id"] else 100)):
        break
    assert time.monotonic() - begun < 60


@pytest.mark.slow
@pytest.mark.usefixtures("one_process")
def test_a_missing_object_is_the_error_of_its_dataset(tmp_path):
    with get_dev_engine(Matches(3), "match", dev_dir=tmp_path) as engine:
        engine.load()
        [lost] = engine.iter_datasets(match_id=1)
        (tmp_path / "files" / lost.current_revision.files["events"].storage_path).unlink()
        results = list(engine.map(lambda one: one.require_file("events").json()))
    assert [type(result.error) for result in results if result.error is not None] == [IntegrityError]
