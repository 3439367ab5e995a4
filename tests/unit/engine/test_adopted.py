"""The first run over datasets that the published package made."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json

import pytest

from ingestify import DatasetResource, FetchPolicy, Identifier
from ingestify.sources.statsbomb_github import StatsBombGithub
from tests.support.adopted_lake import adopt, with_files
from tests.support.lake_in_memory import FunctionSource, Lake, hours, match
from tests.support.scripted_provider import answer


def told(lake):
    """The events of the lake's log; a skipped dataset is not in it."""
    return [kind for kind in lake.recorder.types if kind != "dataset_skipped"]


def feeds_of(lake):
    (dataset,) = lake.datasets
    return dict(dataset.feeds)


@pytest.fixture
def adopted(make_lake, files):
    lake = make_lake(files.find)
    files.at = 2
    lake.engine.load()
    adopt(lake)
    assert files.asked
    return lake


def test_nothing_is_asked_for_and_nothing_told(adopted, files):
    report = adopted.engine.load()
    assert (report.totals.unchanged, report.totals.failed) == (1, 0)
    assert (files.asked, told(adopted)) == ([], [])
    (dataset,) = adopted.datasets
    assert len(dataset.revisions) == 1


def test_what_the_first_run_takes_over_is_its_own_from_then_on(adopted, files):
    adopted.engine.load()
    (dataset,) = adopted.datasets
    assert not dataset.is_adopted
    assert {feed.announced for feed in dataset.feeds.values()} == {hours(2).isoformat()}
    before, updated_at = feeds_of(adopted), dataset.updated_at
    adopted.engine.load()
    assert (files.asked, feeds_of(adopted), adopted.datasets[0].updated_at) == ([], before, updated_at)


def test_an_older_time_of_a_file_is_one_that_the_published_package_knew_and_a_later_run_does_not(adopted, files):
    files.at = 1
    adopted.engine.load()
    assert files.asked == []
    files.at = 2
    adopted.engine.load()
    assert sorted(files.asked) == ["events", "lineups"]


def test_the_zone_of_a_time_does_not_matter(adopted, files, make_lake):
    find = files.find

    def elsewhere(**selector):
        (resource,) = find(**selector)
        for file in resource.files.values():
            file.last_modified = file.last_modified.astimezone(dt.timezone(dt.timedelta(hours=-5)))
        return [resource]

    adopted.source.find = elsewhere
    adopted.engine.load()
    assert files.asked == []


def test_a_newer_time_is_asked_for_with_the_etag_of_whatever_url_it_had(adopted, files):
    files.at = 3
    report = adopted.engine.load()
    assert [one.headers["if-none-match"] for one in files.web.asked] == [
        feeds_of(adopted)[f"{one.path.strip('/').removesuffix('.json')}__v1"].validators.etag for one in files.web.asked
    ]
    assert (report.totals.unchanged, told(adopted)) == (1, [])
    files.web.asked.clear()
    adopted.engine.load()
    assert files.asked == []


def test_a_changed_file_is_a_revision(adopted, files):
    files.at = 3
    files.serve(events={"version": 2})
    adopted.engine.load()
    assert told(adopted) == ["revision_added"]
    assert [file.file_id for file in adopted.datasets[0].revisions[-1].modified_files] == ["events__v1"]


def test_another_name_and_state_are_told_and_no_file_is_asked_for(adopted, files):
    find = files.find

    def renamed(**selector):
        (resource,) = find(**selector)
        resource.name, resource.metadata, resource.state = "another", {"a": 1}, "PARTIAL"
        return [resource]

    adopted.source.find = renamed
    report = adopted.engine.load()
    assert (report.totals.metadata, files.asked, told(adopted)) == (1, [], ["metadata_updated"])
    adopted.engine.load()
    assert (files.asked, told(adopted)) == ([], ["metadata_updated"])


def test_the_order_of_keys_and_the_spelling_of_numbers_in_the_description_do_not_matter(make_lake):
    find = lambda **_: [match(1, metadata={"bb": {"y": 1.0, "x": None}, "a": [1, 2]})]  # noqa: E731
    lake = make_lake(find)
    lake.engine.load()
    # PostgreSQL's JSONB puts shorter keys first.
    adopt(
        lake,
        lambda dataset: dataclasses.replace(
            dataset,
            identifier=Identifier({"match_id": 1, "competition_id": "1"}),
            metadata={"a": [1, 2], "bb": {"x": None, "y": 1.0}},
        ),
    )
    report = lake.engine.load()
    assert (report.totals.unchanged, told(lake)) == (1, [])
    assert list(lake.datasets[0].identifier) == ["match_id", "competition_id"]


def test_a_dry_run_calls_it_unchanged(adopted, files):
    report = adopted.engine.load(dry_run=True)
    assert (report.totals.unchanged, files.asked) == (1, [])
    assert adopted.datasets[0].is_adopted


def test_a_policy_of_its_own_decides(make_lake, files):
    class Always(FetchPolicy):
        def should_refetch(self, dataset, dataset_resource):
            return True

    with_policy = make_lake(files.find, fetch_policy=Always())
    with_policy.engine.load()
    adopt(with_policy)
    files.asked.clear()
    with_policy.engine.load()
    assert sorted(files.asked) == ["events", "lineups"]


def test_a_file_that_its_source_does_not_announce_stays(adopted, files):
    adopted.source.find = files.find_events_only
    adopted.engine.load()
    files.at = 3
    files.serve(events={"version": 2})
    adopted.engine.load()
    assert sorted(adopted.datasets[0].files) == ["events__v1", "lineups__v1"]


# ---- identities without the selector's attributes --------------------------------------------------------


def keywords(content, at=0.0):
    def find(region, **_):
        resource = DatasetResource({"keyword": "arsenal"}, "match", name="arsenal")
        return [resource.add_file(hours(at), "serp", json_content=content(region))]

    return find


def without_region(dataset):
    return dataclasses.replace(dataset, identifier=Identifier({"keyword": "arsenal"}))


def test_an_identity_gets_the_attributes_of_its_selector_without_an_event(make_lake):
    lake = make_lake(keywords(lambda region: {"n": 1}), [{"region": "eu"}])
    lake.engine.load()
    (before,) = lake.datasets
    adopt(lake, without_region)
    report = lake.engine.load()
    (after,) = lake.datasets
    assert (report.totals.unchanged, told(lake)) == (1, [])
    assert dict(after.identifier) == {"region": "eu", "keyword": "arsenal"}
    assert (after.dataset_id, len(after.revisions)) == (before.dataset_id, 1)
    assert [one.dataset_id for one in lake.engine.iter_datasets(region="eu")] == [before.dataset_id]
    assert lake.engine.load().totals.unchanged == 1


def test_of_two_selectors_one_gets_it_and_each_has_its_own_content(make_lake):
    find = keywords(lambda region: {"region": region})
    lake = make_lake(find, [{"region": "eu"}])
    lake.engine.load()
    adopt(lake, without_region)
    lake.source.selectors = [{"region": "us"}, {"region": "eu"}]
    lake.engine.load()
    lake.engine.load()
    found = {
        one.identifier["region"]: lake.engine.store.load_files(one).get_file("serp").json() for one in lake.datasets
    }
    assert found == {"us": {"region": "us"}, "eu": {"region": "eu"}}
    assert len(lake.datasets) == 2


def test_a_dataset_that_no_adoption_brought_keeps_its_identity(make_lake):
    lake = make_lake(lambda **_: [match(1)], [{}])
    lake.engine.load()
    lake.source.selectors = [{"region": "eu"}]
    lake.engine.load()
    assert {"region": "eu", "match_id": 1} in [dict(one.identifier) for one in lake.datasets]
    assert {"match_id": 1} in [dict(one.identifier) for one in lake.datasets]


# ---- versions that are labels ------------------------------------------------------------------------------


class OpenData(FunctionSource):
    former_versions = ("v1-open-data",)


@pytest.fixture
def labelled(files):
    lake = Lake(OpenData(files.find))
    lake.engine.load()
    adopt(lake, lambda dataset: with_files(dataset, data_spec_version=lambda file: "v1-open-data"))
    assert files.asked
    yield lake
    lake.engine.close()


def test_a_dataset_keeps_the_version_that_is_a_label(labelled, files):
    report = labelled.engine.load()
    assert (report.totals.unchanged, files.asked, told(labelled)) == (1, [], [])


def test_a_change_stays_under_the_label(labelled, files):
    files.at = 1
    files.serve(events={"version": 2}, lineups={"version": 2})
    labelled.engine.load()
    (dataset,) = labelled.datasets
    assert sorted(dataset.files) == ["events__v1-open-data", "lineups__v1-open-data"]
    assert [file.file_id for file in dataset.revisions[-1].modified_files] == [
        "events__v1-open-data",
        "lineups__v1-open-data",
    ]
    files.asked.clear()
    labelled.engine.load()
    assert files.asked == []


def test_of_another_source_the_version_is_another_file(labelled, files):
    labelled.source.former_versions = ()
    labelled.engine.load()
    assert sorted(labelled.datasets[0].files)[:2] == ["events__v1", "events__v1-open-data"]


def test_a_match_of_the_open_data_is_as_the_published_package_had_it(web):
    entry = {
        "match_id": 5,
        "match_date": "2021-06-11",
        "home_team": {"home_team_id": 1, "home_team_name": "Turkey"},
        "away_team": {"away_team_id": 2, "away_team_name": "Italy"},
        "home_score": 0,
        "away_score": 3,
        "match_status_360": "available",
        "last_updated": "2022-12-01T16:06:42.263441",
        "last_updated_360": "2022-08-04T12:00",
    }
    documents = {
        "/competitions.json": [{"competition_id": 11, "season_id": 90}],
        "/matches/11/90.json": [entry],
        "/lineups/5.json": [{"team_id": 1, "lineup": []}, {"team_id": 2, "lineup": []}],
        "/events/5.json": [{"id": "a", "type": {"id": 35, "name": "Starting XI"}, "team": {"id": 1}}],
        "/three-sixty/5.json": [{"event_uuid": "a", "freeze_frame": []}],
    }
    for path, document in documents.items():
        web.on(path, by=lambda _, document=document: answer(json.dumps(document).encode()))
    lake = Lake(StatsBombGithub("statsbomb", base_url=web.url))
    assert lake.engine.load().totals.new == 1

    def as_published(dataset):
        labelled = with_files(dataset, data_spec_version=lambda file: "v1-open-data")
        return dataclasses.replace(labelled, name="Turkey - Italy", metadata=entry)

    adopt(lake, as_published)
    web.asked.clear()
    report = lake.engine.load()
    assert {one.path for one in web.asked} == {"/competitions.json", "/matches/11/90.json"}
    assert (report.totals.metadata, told(lake)) == (1, ["metadata_updated"])
    (dataset,) = lake.datasets
    assert (dataset.name, len(dataset.revisions)) == ("Turkey 0-3 Italy, 2021-06-11", 1)
    assert {file.data_spec_version for file in dataset.files.values()} == {"v1-open-data"}
    lake.engine.load()
    assert {one.path for one in web.asked} == {"/competitions.json", "/matches/11/90.json"}
    lake.engine.close()
