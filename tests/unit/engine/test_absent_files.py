"""A file that the provider does not have costs one request in the next run, and not its dataset."""

from __future__ import annotations

import dataclasses

import pytest

from ingestify import DatasetResource, FetchPolicy
from ingestify.engine.report.report import RunListener
from tests.support.adopted_lake import adopt
from tests.support.lake_in_memory import hours
from tests.support.scripted_provider import answer


class Match:
    """Events and lineups without an ETag, and a file that may be absent."""

    def __init__(self, web):
        self.web = web
        self.at = 0.0
        for feed in ("events", "lineups"):
            self.serve(feed, b'{"n": 1}')
        self.serve("360", None)

    def serve(self, feed, body):
        self.web.on(f"/{feed}.json", by=lambda _: answer(status=404) if body is None else answer(body))

    def find(self, **_):
        resource = DatasetResource({"match_id": 1}, "set", name="match 1")
        for feed in ("events", "lineups"):
            resource.add_file(hours(self.at), feed, url=f"{self.web.url}/{feed}.json")
        return [
            resource.add_file(
                hours(self.at), "360", url=f"{self.web.url}/360.json", http_options={"ignore_not_found": True}
            )
        ]

    @property
    def asked(self):
        seen = [one.path.strip("/").removesuffix(".json") for one in self.web.asked]
        self.web.asked.clear()
        return seen


@pytest.fixture
def at_provider(web):
    return Match(web)


@pytest.fixture
def lake(make_lake, at_provider):
    made = make_lake(at_provider.find)
    made.engine.load()
    assert "360" in at_provider.asked
    made.recorder.events.clear()
    return made


def told(lake):
    return [kind for kind in lake.recorder.types if kind != "dataset_skipped"]


def test_the_next_run_asks_for_it_alone(lake, at_provider):
    for _ in range(2):
        report = lake.engine.load()
        assert (report.totals.unchanged, at_provider.asked, told(lake)) == (1, ["360"], [])


class Plan(RunListener):
    def __init__(self):
        self.reasons = ()

    def planned(self, dataset):
        self.reasons = dataset.reasons


def test_the_plan_says_that_it_is_asked_for_alone(lake, at_provider):
    plan, alone = Plan(), "the other files are asked for only if it is there"
    lake.engine.load(dry_run=True, listener=plan)
    assert (len(plan.reasons), plan.reasons[1]) == (2, alone)
    at_provider.at = 1
    lake.engine.load(dry_run=True, listener=plan)
    assert plan.reasons
    assert alone not in plan.reasons


def test_if_it_is_there_the_other_files_are_asked_for_too(lake, at_provider):
    at_provider.serve("360", b'{"n": 3}')
    at_provider.serve("events", b'{"n": 2}')
    report = lake.engine.load()
    assert (report.totals.revised, told(lake)) == (1, ["revision_added"])
    assert {"360", "events", "lineups"} == set(at_provider.asked)
    (dataset,) = lake.datasets
    assert sorted(file.file_id for file in dataset.revisions[-1].modified_files) == ["360__v1", "events__v1"]
    lake.engine.load()
    assert at_provider.asked == []


def test_a_file_that_the_lake_lost_at_the_provider_is_no_such_file(lake, at_provider):
    at_provider.serve("360", b"{}")
    lake.engine.load()
    at_provider.serve("360", None)
    at_provider.at = 1
    lake.engine.load()
    lake.engine.load()
    (dataset,) = lake.datasets
    assert sorted(dataset.files) == ["events__v1", "lineups__v1"]


def test_with_another_time_each_file_is_asked_for(lake, at_provider):
    at_provider.at = 1
    lake.engine.load()
    assert set(at_provider.asked) == {"360", "events", "lineups"}


def test_an_invalidated_revision_is_fetched_in_full(lake, at_provider):
    (dataset,) = lake.datasets
    lake.engine.store.invalidate_revision(dataset, "wrong")
    lake.engine.load()
    assert set(at_provider.asked) == {"360", "events", "lineups"}


def test_a_new_feed_that_may_be_absent_is_asked_for_alone(make_lake, at_provider):
    find = at_provider.find

    def without(**selector):
        (resource,) = find(**selector)
        del resource.files["360__v1"]
        return [resource]

    lake = make_lake(without)
    lake.engine.load()
    assert at_provider.asked
    lake.source.find = find
    lake.engine.load()
    assert at_provider.asked == ["360"]


class Cadence(FetchPolicy):
    """The base policy, and everything again when it is time."""

    is_time = False

    def should_refetch(self, dataset, dataset_resource):
        return self.is_time or super().should_refetch(dataset, dataset_resource)


def test_with_a_policy_that_adds_to_the_base_policy_too(make_lake, at_provider):
    policy = Cadence()
    lake = make_lake(at_provider.find, fetch_policy=policy)
    lake.engine.load()
    assert at_provider.asked
    lake.engine.load()
    assert at_provider.asked == ["360"]
    policy.is_time = True
    lake.engine.load()
    assert set(at_provider.asked) == {"360", "events", "lineups"}


def test_after_an_adoption_too(lake, at_provider):
    adopt(lake, lambda dataset: dataclasses.replace(dataset, name="as another program called it"))
    report = lake.engine.load()
    assert (report.totals.metadata, at_provider.asked, told(lake)) == (1, ["360"], ["metadata_updated"])
    (dataset,) = lake.datasets
    assert (dataset.is_adopted, dataset.feeds["360__v1"].present) == (False, False)
    lake.engine.load()
    assert at_provider.asked == ["360"]
