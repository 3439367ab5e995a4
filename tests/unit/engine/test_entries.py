"""One entry is one entry: what cannot be read or stored fails alone, and what is listed twice counts once."""

from __future__ import annotations

import dataclasses
import logging
import time
from typing import Any

import pytest

from ingestify import DatasetResource, DatasetState, DraftFile, SourceError, UnreadableEntry
from ingestify.domain.bundle import MATCH
from ingestify.domain.key_types import KeyTypes
from ingestify.domain.run import RunState
from ingestify.engine.bundle.bundle import LoadedBundle
from tests.support.lake_in_memory import FunctionSource, Lake, hours, match
from tests.support.scripted_provider import answer

# ---- an entry that cannot be read -------------------------------------------------------------------------


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def resource(match_id: object = 50, **kwargs: Any) -> DatasetResource:
    made = DatasetResource({"match_id": match_id}, "match", **{"name": "the bad one", **kwargs})
    return made.add_file(hours(0), "events", json_content={})


@pytest.mark.sampled(5)
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: UnreadableEntry("match 50", "its time is none"), "its time is none"),
        (lambda: resource(object()), "is a object"),
        (lambda: resource("\0"), "a NUL or half a character"),
        (lambda: resource("\ud800"), "a NUL or half a character"),
        (lambda: resource(10**5000), "more than 1000 digits"),
        (lambda: resource(float("inf")), "is a float"),
        (lambda: resource([1]), "is a list"),
        (lambda: resource(provider="fa\0ke"), "its provider 'fa\\x00ke'"),
        (lambda: resource(provider=["fake"]), "its provider ['fake']"),
        (lambda: DatasetResource({"match_id": 50}, "m" * 1000), "its dataset type 'mmm"),
        (lambda: DatasetResource({"match_id": 50}, 7), "its dataset type 7"),
        (lambda: resource(name="a\0b"), "its name 'a\\x00b' holds a NUL"),
        (lambda: resource(name="a\ud83db"), "half of a character"),
        (lambda: resource(metadata={"m": float("nan")}), "the metadata is not JSON"),
        (lambda: resource(metadata={"m": float("inf")}), "the metadata is not JSON"),
        (lambda: resource(metadata={"m": 10**5000}), "the metadata is not JSON"),
        (lambda: resource(metadata={"m": "\udc00"}), "the metadata holds half of a character"),
        (lambda: resource(metadata={"\udc00": 1}), "the metadata holds half of a character"),
        (lambda: resource(metadata={"m": nested(900)}), "more than 100 levels deep"),
        (lambda: resource(metadata={"m": object()}), "another text in each run"),
        (lambda: resource(metadata={"m": [lambda: 1]}), "another text in each run"),
        (lambda: resource(metadata={"m": {"b", "a"}}), "another text in each run"),
        (lambda: resource(metadata={"m": nested(100_000)}), "the metadata is not JSON"),
    ],
)
@pytest.mark.parametrize("form", ["list", "lists", "one by one"])
def test_it_fails_alone_and_early(make_lake, wrong, said, form):
    def find(**_: Any) -> Any:
        all_of_them = [match(1), wrong(), match(2)]
        return {"list": all_of_them, "lists": iter([all_of_them]), "one by one": iter(all_of_them)}[form]

    lake = make_lake(find)
    for state in ("new", "unchanged"):
        report = lake.engine.run_report()
        (task,) = report.failed_tasks
        assert said in task.error
        assert (report.totals.discovered, getattr(report.totals, state), report.state) == (3, 2, RunState.FINISHED)
    assert sorted(one.identifier["match_id"] for one in lake.datasets) == [1, 2]
    assert {(job.state, job.counters.failed) for job in lake.jobs} == {(RunState.FINISHED, 1)}, "the summary is kept"


def test_metadata_that_came_when_less_was_asked_of_it_is_compared_all_the_same(make_lake):
    lake = make_lake(lambda **_: [match(1)])
    lake.engine.load()
    before = dataclasses.replace(lake.datasets[0], metadata={"score": float("nan")})
    assert LoadedBundle(match(1), MATCH, before, None, {}, "fake").is_described_anew


def test_a_dry_run_tells_of_it(make_lake):
    lake = make_lake(lambda **_: [match(1), UnreadableEntry("match 2", "no time")])
    report = lake.engine.run_report(dry_run=True)
    assert [(task.name, task.error) for task in report.failed_tasks] == [("match 2", "no time")]


def test_what_a_source_does_not_list_is_not_missing_while_an_entry_cannot_be_read(make_lake):
    listed = [match(number) for number in range(30)]
    lake = make_lake(lambda **_: listed)
    lake.engine.load()
    listed[3:4] = [UnreadableEntry("entry 3", "it is null")]
    lake.engine.load()
    assert {one.state for one in lake.datasets} == {DatasetState.COMPLETE}


def test_a_value_that_breaks_its_key_type_fails_alone():
    lake = Lake(FunctionSource(lambda **_: [match(1), match("x"), match(2)]))
    lake.engine.store.key_types = KeyTypes({("fake", "match", "match_id"): "int"})
    report = lake.engine.run_report()
    assert (report.totals.new, report.totals.failed) == (2, 1)
    assert "no whole number" in report.failed_tasks[0].error
    lake.engine.close()


def test_an_identifier_that_is_too_long_for_the_catalogue_fails_alone(make_lake):
    lake = make_lake(lambda **_: [match(1), match("x" * 10_000), match("x" * 400)])
    report = lake.engine.run_report()
    assert (report.totals.new, report.totals.failed) == (2, 1)
    assert "a catalogue keeps 512" in report.failed_tasks[0].error


def test_what_was_yielded_before_a_source_raises_comes_in(make_lake):
    def find(**_: Any) -> Any:
        yield match(1)
        yield [match(2), match(2, {"n": 2}, at=1)]
        raise SourceError("the index ends here")

    lake = make_lake(find)
    report = lake.engine.run_report()
    assert (report.state, report.totals.new) == (RunState.FAILED, 2)


def test_what_was_listed_before_an_error_comes_in_although_the_index_is_to_be_read_once_more(make_lake, web):
    web.on("/page-1", answer(b"{}"))
    web.on("/page-2", answer(b"<html>", 400))
    for number in (1, 2):
        web.on(f"/{number}.json", answer(b"{}", ETag='"1"'))  # without dates, only its entry shows when it changed

    def find(**_: Any) -> Any:
        lake.source.http.get_json(f"{web.url}/page-1")
        yield [
            DatasetResource({"match_id": number}, "match").add_file(None, "events", url=f"{web.url}/{number}.json")
            for number in (1, 2)
        ]
        lake.source.http.get_json(f"{web.url}/page-2")

    lake = make_lake(find)
    report = lake.engine.run_report()
    assert (report.jobs[0].state, report.totals.new, report.totals.failed) == (RunState.FAILED, 2, 0)
    assert sum("page-1" in asked.target for asked in web.asked) == 2, "it was read once more"
    assert lake.engine.run_report().totals.unchanged == 2


def test_a_name_that_is_no_text_becomes_one(make_lake):
    lake = make_lake(lambda **_: [resource(1, name=12)])
    lake.engine.load()
    assert lake.engine.run_report().totals.unchanged == 1
    assert lake.datasets[0].name == "12"


def test_what_a_summary_says_can_be_written_whatever_it_is(make_lake):
    long = "x" * 1_000_000
    lake = make_lake(lambda **_: [UnreadableEntry("\ud800\0" + long, "\udc00\0" + long), match(1)])
    report = lake.engine.run_report()
    (task,) = report.failed_tasks
    assert (len(task.name), len(task.error)) == (1000, 10_000)
    (stored,) = [one for one in lake.jobs[0].tasks if one.state is RunState.FAILED]
    assert (stored.name, stored.error) == (task.name, task.error)
    assert stored.name.startswith("\ufffd\ufffdxx")


# ---- selectors -------------------------------------------------------------------------------------------


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "wrong", [UnreadableEntry("season 2", "no id"), {"competition_id": [1]}, {"competition_id": "\ud800"}]
)
@pytest.mark.parametrize("rules", [None, ["competition_id > 0"]])
def test_a_selector_that_cannot_be_read_takes_no_other_with_it(make_lake, wrong, rules):
    lake = make_lake(
        lambda competition_id: [match(competition_id)],
        selectors=[{"competition_id": 1}, wrong, {"competition_id": 3}],
    )
    report = lake.engine.run_report()
    assert (report.totals.new, report.totals.failed, report.state) == (2, 1, RunState.FINISHED)
    assert len(report.failed_tasks) == 1


def test_what_an_entry_holds_comes_with_its_name_though_its_time_lies(make_lake):
    said = {"version": 1}

    def find(**_: Any) -> Any:
        resource = DatasetResource({"match_id": 1}, "match", name=f"match of {said['version']}", metadata=dict(said))
        return [resource.add_file(hours(0), "events", json_content=dict(said))]

    lake = make_lake(find)
    for version in (1, 2, 1):
        said["version"] = version
        lake.engine.run_report()
        dataset = lake.engine.store.get_dataset_collection(match_id=1).first()
        assert (dataset.name, dataset.metadata, lake.content(1)) == (f"match of {version}", said, said)


# ---- listed twice ----------------------------------------------------------------------------------------


def planned() -> DatasetResource:
    return match(1, {"n": "planned"}, at=0, state="SCHEDULED", metadata={"score": None})


def played() -> DatasetResource:
    return match(1, {"n": "played"}, at=5, metadata={"score": 2})


def several(first: int) -> list[DatasetResource]:
    return [match(number) for number in range(first, first + 3)]


FORMS = {
    "in one list": lambda one, other: [[one, *several(10), other]],
    "in two lists": lambda one, other: [[one, *several(10)], [*several(20), other]],
    "one by one": lambda one, other: [one, *several(10), other],
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("order", ["the newer one last", "the newer one first"])
def test_of_what_is_listed_twice_the_newer_counts_and_the_next_run_writes_nothing(make_lake, caplog, form, order):
    def find(**_: Any) -> Any:
        entries = (planned(), played()) if order == "the newer one last" else (played(), planned())
        return iter(FORMS[form](*entries))

    lake = make_lake(find)
    caplog.set_level(logging.WARNING)
    plan = lake.engine.run_report(dry_run=True).totals
    assert (plan.discovered, plan.new, plan.revised, plan.unchanged) == (plan.discovered, plan.discovered, 0, 0)
    caplog.clear()
    report = lake.engine.run_report()
    number = len({id(one) for one in lake.datasets})
    assert (report.totals.discovered, report.totals.new, report.totals.unchanged) == (number, number, 0)
    (warning,) = [one.getMessage() for one in caplog.records if "listed more than once" in one.getMessage()]
    assert "match_id=1" in warning
    written = lake.engine.store.catalogue.event_log.get_last_position()
    for _ in range(2):
        assert lake.content(1) == {"n": "played"}
        dataset = lake.engine.store.get_dataset_collection(match_id=1).first()
        assert (dataset.state, dataset.metadata) == (DatasetState.COMPLETE, {"score": 2})
        report = lake.engine.run_report()
        assert (report.totals.discovered, report.totals.unchanged) == (number, number)
    assert lake.engine.store.catalogue.event_log.get_last_position() == written


@pytest.mark.sampled(3)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("is_last", [True, False], ids=["last", "first"])
def test_of_what_is_listed_twice_an_entry_without_files_is_the_earlier_one(make_lake, form, is_last):
    def find(**_: Any) -> Any:
        bare = DatasetResource({"match_id": 1}, "match", name="match 1", state=DatasetState.SCHEDULED)
        return iter(FORMS[form](*((played(), bare) if is_last else (bare, played()))))

    lake = make_lake(find)
    lake.engine.run_report()
    written = lake.engine.store.catalogue.event_log.get_last_position()
    for _ in range(2):
        assert lake.content(1) == {"n": "played"}
        assert lake.engine.store.get_dataset_collection(match_id=1).first().state is DatasetState.COMPLETE
        lake.engine.run_report()
    assert lake.engine.store.catalogue.event_log.get_last_position() == written


@pytest.mark.parametrize("form", FORMS)
def test_of_two_without_times_the_last_counts(make_lake, form):
    def find(**_: Any) -> Any:
        made = [DatasetResource({"match_id": 1}, "match", name=name) for name in ("first", "last")]
        return iter(FORMS[form](*[one.add_file(None, "events", json_content={"name": one.name}) for one in made]))

    lake = make_lake(find)
    for _ in range(3):
        report = lake.engine.run_report()
        assert lake.content(1) == {"name": "last"}
    assert report.totals.unchanged == report.totals.discovered


@pytest.mark.parametrize("form", FORMS)
def test_the_same_entry_twice_is_asked_for_once(make_lake, form):
    asked = []

    def load(file_resource: Any, current_file: Any) -> Any:
        asked.append(file_resource.dataset_resource.dataset_resource_id["match_id"])
        return DraftFile.from_input("x", "events")

    def one() -> DatasetResource:
        return DatasetResource({"match_id": 1}, "match", name="one").add_file(None, "events", file_loader=load)

    lake = make_lake(lambda **_: iter(FORMS[form](one(), one())))
    report = lake.engine.run_report()
    assert (asked, report.totals.discovered) == ([1], report.totals.new)


def test_what_is_listed_once_again_is_held_back_no_more(make_lake):
    twice = True
    seen: list[Any] = []

    def find(**_: Any) -> Any:
        if twice:
            yield [planned()]
        yield [played()]
        # Whoever is held back is not in the lake before the listing's end.
        seen.append([one.name for one in wait_for(lambda: lake.datasets)])
        yield [match(2)]

    def wait_for(read: Any) -> Any:
        for _ in range(40):
            if found := read():
                return found
            time.sleep(0.01)
        return read()

    lake = make_lake(find)
    lake.engine.load()  # the first is passed on before anybody knows
    for state in (True, False):
        twice = state
        lake.engine.destroy_dataset(competition_id=1)
        lake.engine.load()
    twice = False
    lake.engine.destroy_dataset(competition_id=1)
    lake.engine.load()
    assert seen == [["match 1"], [], [], ["match 1"]]


def test_another_type_of_dataset_with_the_same_identity_is_no_double(make_lake):
    def find(**_: Any) -> Any:
        tracking = DatasetResource({"match_id": 1}, "tracking", name="1").add_file(hours(0), "frames", json_content={})
        return [match(1), tracking]

    lake = make_lake(find)
    assert lake.engine.run_report().totals.new == 2
