"""Bundles that fail a check: kept, not seen, not fetched again for nothing, and decided about."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest

from ingestify import (
    BundleCheck,
    BundleType,
    DatasetResource,
    DatasetState,
    QuarantineState,
    SaveError,
    StopProcessing,
)
from ingestify.domain.bundle import BundleOverride, BundleTypes
from ingestify.engine.bundle.bundle_rules import BundleRules
from ingestify.store.objects.compression import compress
from tests.support.lake_in_memory import FunctionSource, Lake, Recorder, hours
from tests.support.scripted_provider import Provider, answer

from .two_feeds import MATCH, Files, SameVersion, entries, listing, reject_one, states, versions


def test_what_fails_a_check_is_kept_and_not_seen(lake: Lake, files: Files):
    reject_one(lake, files)
    assert versions(lake) == (1, 1)
    (dataset,) = lake.datasets
    assert len(dataset.revisions) == 1
    (entry,) = entries(lake)
    assert entry.reasons == ("the versions differ: 2 and 1",)
    assert entry.dataset_id == dataset.dataset_id
    assert entry.base_revision_id == 0
    assert entry.source["source"] == "fake"
    with lake.engine.store.quarantine.load_files(entry) as kept:
        assert kept.get_file("events").json() == {"version": 2}
    assert lake.recorder.types[-1] == "revision_rejected"
    event = lake.recorder.events[-1]
    assert (event.dataset, event.reasons, event.entry_id) == (dataset, entry.reasons, entry.entry_id)
    logged = lake.engine.store.catalogue.event_log.read(0, 100)[-1]
    assert (logged.event_type, logged.reasons, logged.entry_id) == ("revision_rejected", entry.reasons, entry.entry_id)


def test_a_stream_yields_what_readers_see(lake: Lake, files: Files):
    reject_one(lake, files)
    (dataset,) = lake.engine.iter_datasets(auto_ingest={"streaming": True}, provider="fake", dataset_type="match")
    assert len(dataset.revisions) == 1
    files.serve(events={"version": 3})
    (dataset,) = lake.engine.iter_datasets(auto_ingest={"streaming": True}, provider="fake", dataset_type="match")
    assert len(dataset.revisions) == 1
    assert versions(lake) == (1, 1)


def test_it_is_only_asked_for_conditionally_until_the_provider_changes(lake: Lake, files: Files):
    reject_one(lake, files)
    report = lake.engine.load()
    assert report.totals.quarantined == 1
    assert report.quarantined_tasks[0].error == "the versions differ: 2 and 1"
    assert [one.headers.get("if-none-match") is not None for one in files.web.asked] == [True, True]
    assert report.totals.received_bytes == 0
    assert len(entries(lake)) == 1

    files.serve(lineups={"version": 2})  # and the index says nothing
    assert lake.engine.load().totals.revised == 1
    assert versions(lake) == (2, 2)
    assert entries(lake) == []
    (settled,) = entries(lake, QuarantineState.RESOLVED)
    assert settled.reasons
    files.web.asked.clear()
    assert lake.engine.load().totals.unchanged == 1
    assert files.asked == []


def test_without_validators_nothing_is_asked_until_the_index_moves_or_time_passes(
    web: Provider, monkeypatch: pytest.MonkeyPatch
):
    files = Files(web, etag=False)
    source = FunctionSource(files.find)
    source.bundle_checks = (SameVersion(),)
    lake = Lake(source)
    reject_one(lake, files)
    files.serve(lineups={"version": 2})
    assert lake.engine.load().totals.quarantined == 1
    assert files.asked == []
    (entry,) = entries(lake)
    later = entry.checked_at + dt.timedelta(hours=21)
    monkeypatch.setattr("ingestify.engine.bundle.bundle_rules.now", lambda: later)
    assert lake.engine.load().totals.revised == 1
    assert versions(lake) == (2, 2)
    lake.engine.close()


def test_another_bad_bundle_supersedes_the_first(lake: Lake, files: Files):
    reject_one(lake, files)
    files.serve(events={"version": 3})
    assert lake.engine.load().totals.quarantined == 1
    (entry,) = entries(lake)
    assert entry.reasons == ("the versions differ: 3 and 1",)
    assert len(entries(lake, QuarantineState.SUPERSEDED)) == 1


def test_going_back_settles_it(lake: Lake, files: Files):
    reject_one(lake, files)
    files.serve(events={"version": 1})
    report = lake.engine.load()
    assert (report.totals.unchanged, report.totals.quarantined) == (1, 0)
    assert entries(lake) == []
    assert len(lake.datasets[0].revisions) == 1


def test_a_person_accepts(lake: Lake, files: Files):
    reject_one(lake, files)
    (entry,) = entries(lake)
    dataset = lake.engine.store.quarantine.accept(entry.entry_id, "Rinus", "the provider says it is right")
    assert versions(lake) == (2, 1)
    assert dataset.revisions[1].description.startswith("accepted by Rinus: the provider says it is right")
    (accepted,) = entries(lake, QuarantineState.ACCEPTED)
    assert (accepted.decided_by, accepted.note) == ("Rinus", "the provider says it is right")
    assert lake.recorder.types[-1] == "revision_added"
    files.web.asked.clear()
    assert lake.engine.load().totals.unchanged == 1
    assert files.asked == []
    with pytest.raises(SaveError, match="it is ACCEPTED"):
        lake.engine.store.quarantine.accept(entry.entry_id, "Rinus")


def test_accepting_what_the_dataset_moved_on_from_is_refused(lake: Lake, files: Files):
    reject_one(lake, files)
    (entry,) = entries(lake)
    files.serve(lineups={"version": 2})
    lake.engine.load()
    with pytest.raises(SaveError, match="it is RESOLVED"):
        lake.engine.store.quarantine.accept(entry.entry_id, "Rinus")


def test_a_discarded_bundle_does_not_come_back(lake: Lake, files: Files):
    reject_one(lake, files)
    (entry,) = entries(lake)
    paths = [file.storage_path for file in entry.files]
    assert lake.engine.store.quarantine.discard([entry.entry_id], "Rinus", "nonsense") == 1
    assert [lake.engine.store.storage.get_size(path) for path in paths] == [None]
    for _ in range(2):
        report = lake.engine.load()
        assert (report.totals.unchanged, report.totals.quarantined, report.totals.received_bytes) == (1, 0, 0)
    assert versions(lake) == (1, 1)
    # Its events are fetched again as soon as the other half is there.
    files.serve(lineups={"version": 2})
    assert lake.engine.load().totals.revised == 1
    assert versions(lake) == (2, 2)


def test_objects_that_are_gone_are_fetched_again_and_never_accepted(lake: Lake, files: Files):
    reject_one(lake, files)
    (entry,) = entries(lake)
    lake.engine.store.storage.delete([file.storage_path for file in entry.files])
    with pytest.raises(SaveError, match="its file events__v1 is not in the storage as it was written"):
        lake.engine.store.quarantine.accept(entry.entry_id, "Rinus")
    files.serve(lineups={"version": 2})
    assert lake.engine.load().totals.revised == 1
    assert versions(lake) == (2, 2)


def test_a_bundle_that_was_damaged_in_quarantine_is_never_accepted(lake: Lake, files: Files):
    reject_one(lake, files)
    (entry,) = entries(lake)
    objects = lake.engine.store.storage._objects
    path = entry.files[0].storage_path
    objects[path] = (compress("zstd", b'{"version": 3}'), objects[path][1])  # of the same length
    assert lake.engine.store.storage.get_size(path) == entry.files[0].storage_size
    with pytest.raises(SaveError, match="its file events__v1 is not in the storage as it was written"):
        lake.engine.store.quarantine.accept(entry.entry_id, "Rinus")


def test_a_damaged_object_of_the_lake_says_nothing_against_the_provider(lake: Lake, files: Files):
    lake.engine.load()
    store = lake.engine.store
    objects = store.storage._objects
    path = lake.datasets[0].files["lineups__v1"].storage_path
    whole = objects[path]
    objects[path] = (compress("zstd", b'{"version": 7}'), whole[1])
    files.serve(events={"version": 1, "corrected": True})
    files.at = 1
    report = lake.engine.load()
    assert (report.totals.failed, report.totals.quarantined) == (1, 0)
    assert "lineups__v1 is damaged" in report.failed_tasks[0].error
    # Once it was found damaged, what arrives is what the check sees, and what the object becomes.
    store.invalidate_revision(lake.datasets[0], "damaged")
    assert lake.engine.load().totals.revised == 1
    assert objects[path][0] == whole[0]
    assert versions(lake) == (1, 1)


def test_a_retry_fetches_in_full(lake: Lake, files: Files):
    reject_one(lake, files)
    (entry,) = entries(lake)
    lake.source.bundle_checks = ()  # the check was wrong
    assert lake.engine.load().totals.quarantined == 1, "nothing changed at the provider"
    assert lake.engine.store.quarantine.request_retry([entry.entry_id]) == 1
    files.web.asked.clear()
    assert lake.engine.load().totals.revised == 1
    assert not any("if-none-match" in one.headers for one in files.web.asked[:2])
    assert versions(lake) == (2, 1)


def test_a_retry_that_fails_again_leaves_one_entry(lake: Lake, files: Files):
    reject_one(lake, files)
    (entry,) = entries(lake)
    lake.engine.store.quarantine.request_retry([entry.entry_id])
    assert lake.engine.load().totals.quarantined == 1
    (again,) = entries(lake)
    assert again.entry_id == entry.entry_id
    assert again.retry_requested_at is None
    assert again.checked_at > entry.checked_at


def test_a_dataset_that_was_never_seen_waits_in_quarantine_too(lake: Lake, files: Files):
    files.serve(events={"version": 2})
    report = lake.engine.load()
    assert (report.totals.new, report.totals.quarantined) == (0, 1)
    assert lake.datasets == []
    (entry,) = entries(lake)
    assert entry.base_revision_id is None
    files.serve(lineups={"version": 2})
    assert lake.engine.load().totals.new == 1
    (dataset,) = lake.datasets
    assert dataset.dataset_id == entry.dataset_id


def test_a_check_that_raises_proves_nothing(lake: Lake, files: Files):
    class Broken(BundleCheck):
        def find_problems(self, bundle):
            raise KeyError("oops")

    lake.source.bundle_checks = (Broken(),)
    assert lake.engine.load().totals.quarantined == 1
    (entry,) = entries(lake)
    assert entry.reasons == ("the check Broken raised KeyError: 'oops'",)


def test_a_check_may_stop_the_run(lake: Lake):
    class Stops(BundleCheck):
        def find_problems(self, bundle):
            raise StopProcessing("enough")

    lake.source.bundle_checks = (Stops(),)
    with pytest.raises(StopProcessing, match="enough"):
        lake.engine.load()
    assert lake.datasets == []


def test_a_file_that_is_not_what_it_says_is_a_reason(lake: Lake, files: Files):
    lake.engine.load()
    files.serve(events=b"PK\x03\x04 and so on")
    files.at = 1
    assert lake.engine.load().totals.quarantined == 1
    (entry,) = entries(lake)
    (reason,) = entry.reasons
    assert reason.startswith("events__v1: ")
    assert "a ZIP archive, not JSON" in reason
    assert versions(lake) == (1, 1)


@pytest.mark.parametrize("size", [0, 5_000_000], ids=["small", "larger than what is held in memory"])
def test_a_web_page_in_place_of_a_file_is_a_fetch_that_failed(lake: Lake, files: Files, size: int):
    lake.engine.load()
    files.serve(events=b"<!DOCTYPE html><html><body>We will be back soon</body></html>" + b" " * size)
    files.at = 1
    report = lake.engine.load()
    assert (report.totals.failed, report.totals.quarantined) == (1, 0)
    (task,) = report.failed_tasks
    assert "/events.json: the provider sent an error with the status 200: events__v1: " in task.error
    assert "it is an HTML page, not JSON" in task.error
    assert entries(lake) == []
    assert versions(lake) == (1, 1)
    files.serve(events={"version": 2}, lineups={"version": 2})
    assert lake.engine.load().totals.revised == 1
    assert versions(lake) == (2, 2)


def test_a_bad_file_in_quarantine_still_counts_when_another_file_changes(lake: Lake, files: Files):
    lake.source.bundle_checks = ()
    lake.engine.load()
    files.serve(events=b'{"version": 2')
    files.at = 1
    lake.engine.load()
    files.serve(lineups={"version": 2})
    assert lake.engine.load().totals.quarantined == 1
    (entry,) = entries(lake)
    assert entry.reasons[0].startswith("events__v1: ")
    assert {file.data_feed_key for file in entry.files} == {"events", "lineups"}


def test_file_checks_can_be_switched_off_for_a_kind_of_dataset(files: Files):
    rules = BundleRules(BundleTypes({("fake", "match"): BundleOverride(file_checks=False)}))
    lake = Lake(FunctionSource(files.find))
    lake.engine._rules = rules
    files.serve(events=b"not JSON at all")
    assert lake.engine.load().totals.new == 1
    lake.engine.close()


def test_deleting_a_dataset_empties_its_quarantine(lake: Lake, files: Files):
    reject_one(lake, files)
    assert len(lake.engine.destroy_dataset(match_id=1)) == 1
    assert entries(lake, *QuarantineState) == []
    storage = lake.engine.store.storage
    assert len(list(storage.iter_objects())) == 3, "who reads them reads on"
    assert lake.engine.collect_garbage().objects == 0
    assert lake.engine.collect_garbage(older_than=dt.timedelta(0)).objects == 3
    assert list(storage.iter_objects()) == []
    assert lake.engine.load().totals.quarantined == 1  # it is looked at as if it were new


# ---- one revision is one moment ------------------------------------------------------------------------


def flip_after(files: Files, requests: int, **contents: Any) -> None:
    """Let the provider change its files, and its index, once so many requests have come."""
    count = 0

    def before_answer(feed: str) -> None:
        nonlocal count
        count += 1
        if count == requests:
            files.serve(**contents)
            files.at += 1

    files.before_answer = before_answer


@pytest.mark.sampled(4)
@pytest.mark.parametrize("etag", [True, False])
@pytest.mark.parametrize("requests", [1, 2, 3, 4])
def test_a_provider_that_changes_in_the_middle_of_a_fetch_is_never_mixed(web: Provider, etag: bool, requests: int):
    files = Files(web, etag=etag)
    lake = Lake(FunctionSource(files.find))
    lake.engine.load()
    files.serve(events={"version": 2}, lineups={"version": 2})
    files.at = 1
    flip_after(files, requests, events={"version": 3}, lineups={"version": 3})
    report = lake.engine.load()
    assert (report.totals.revised, report.totals.failed) == (1, 0)
    seen = versions(lake)
    assert seen[0] == seen[1] >= 2
    files.before_answer = lambda feed: None
    lake.engine.load()
    assert versions(lake) == (3, 3)
    lake.engine.close()


@pytest.mark.sampled(3)
@pytest.mark.parametrize("requests", [1, 2, 3, 4])
def test_that_holds_for_the_first_fetch_where_files_have_versions(files: Files, requests: int):
    lake = Lake(FunctionSource(files.find))
    flip_after(files, requests, events={"version": 2}, lineups={"version": 2})
    assert lake.engine.load().totals.new == 1
    seen = versions(lake)
    assert seen[0] == seen[1]
    lake.engine.close()


def test_a_provider_whose_files_were_quiet_is_asked_once(web: Provider):
    for feed in ("events", "lineups"):
        web.on(
            f"/{feed}.json",
            answer(
                b'{"version": 1}',
                etag='"1"',
                last_modified="Wed, 01 May 2024 12:00:00 GMT",
                date="Wed, 01 May 2024 12:00:01 GMT",
            ),
        )
    files = Files.__new__(Files)
    files.web, files.at = web, 0
    lake = Lake(FunctionSource(files.find))
    assert lake.engine.load().totals.requests == 2
    lake.engine.close()


def test_a_feed_that_answers_anew_each_time_comes_in_with_a_warning(web: Provider, caplog: pytest.LogCaptureFixture):
    files = Files(web, etag=False)
    lake = Lake(FunctionSource(files.find))
    lake.engine.load()
    count = 0

    def tick(feed: str) -> None:
        nonlocal count
        count += 1
        files.bodies["events"] = json.dumps({"version": 2, "generated": count}).encode()

    tick("events")
    files.before_answer = tick
    files.at = 1
    report = lake.engine.load()
    assert (report.totals.revised, report.totals.failed) == (1, 0)
    assert "different bytes of events each of three times" in caplog.text
    lake.engine.close()


# ---- what is complete ----------------------------------------------------------------------------------


def test_what_lacks_a_required_feed_is_partial_and_says_so(files: Files, caplog: pytest.LogCaptureFixture):
    def find(feeds: tuple[str, ...]) -> Any:
        resource = DatasetResource({"match_id": 1}, "match")
        for feed in feeds:
            resource.add_file(hours(0), feed, json_content={"version": 1})
        return [resource]

    source = FunctionSource(lambda **_: find(("events",)))
    source.bundle_types = (MATCH,)
    lake = Lake(source)
    lake.engine.load()
    (dataset,) = lake.datasets
    assert (dataset.state, dataset.missing_feeds) == (DatasetState.PARTIAL, ("lineups",))
    assert "lacks lineups" in caplog.text
    report = lake.engine.load()
    assert (report.totals.unchanged, report.totals.metadata) == (1, 0)

    source.find = lambda **_: find(("events", "lineups"))
    lake.engine.load()
    (dataset,) = lake.datasets
    assert (dataset.state, dataset.missing_feeds) == (DatasetState.COMPLETE, ())

    source.find = lambda **_: find(())
    lake.engine.load()
    (dataset,) = lake.datasets
    assert dataset.state is DatasetState.COMPLETE, "what the lake has stays whole"
    lake.engine.close()


def test_a_dataset_without_any_file_is_scheduled(make_lake: Callable[..., Lake]):
    lake = make_lake(lambda **_: [DatasetResource({"match_id": 1}, "match")])
    lake.source.bundle_types = (MATCH,)
    lake.engine.load()
    assert lake.datasets[0].state is DatasetState.SCHEDULED
    assert lake.engine.load().totals.unchanged == 1


def test_a_changed_requirement_changes_states_without_a_request(lake: Lake, files: Files):
    lake.engine.load()
    assert lake.datasets[0].is_complete
    lake.source.bundle_types = (BundleType("match", requires=("events", "lineups", "physical")),)
    files.web.asked.clear()
    assert lake.engine.load().totals.metadata == 1
    (dataset,) = lake.datasets
    assert (dataset.state, dataset.missing_feeds) == (DatasetState.PARTIAL, ("physical",))
    assert files.asked == []
    assert lake.engine.load().totals.unchanged == 1


def test_a_complete_revision_is_not_replaced_by_one_that_lacks_a_feed(lake: Lake, files: Files):
    lake.source.bundle_types = (MATCH,)
    lake.source.bundle_checks = ()
    lake.engine.load()
    files.serve(events={"version": 2})
    files.at = 1
    lake.source.find = files.find_events_only
    assert lake.engine.load().totals.quarantined == 1
    assert versions(lake) == (1, 1)
    (entry,) = entries(lake)
    assert entry.reasons == ("it lacks lineups, which revision 0 has and a complete one needs",)


@pytest.mark.parametrize("how", ["not announced", "answered with 404"])
def test_who_accepts_a_bundle_that_lacks_a_feed_gets_that_bundle(lake: Lake, files: Files, how: str):
    lake.source.bundle_types, lake.source.bundle_checks = (MATCH,), ()
    lake.engine.load()

    def find_less(**_: Any) -> Any:
        (resource,) = files.find()
        resource.update_file("lineups", http_options={"ignore_not_found": True})
        if how == "not announced":
            del resource.files["lineups__v1"]
        return [resource]

    files.serve(events={"version": 2})
    files.web.on("/lineups.json", answer(status=404))
    files.at = 1
    lake.source.find = find_less
    lake.engine.load()
    (entry,) = entries(lake)
    assert (entry.dataset_state, entry.missing_feeds) == (DatasetState.PARTIAL, ("lineups",))
    accepted = lake.engine.store.quarantine.accept(entry.entry_id, "Rinus")
    for dataset in (accepted, lake.datasets[0]):
        assert (dataset.state, dataset.missing_feeds) == (DatasetState.PARTIAL, ("lineups",))
        assert set(dataset.files) == {"events__v1"}, "no old lineups with new events"
    assert lake.engine.load().totals.unchanged == 1
    lake.source.find = files.find
    files.serve(lineups={"version": 2})
    assert lake.engine.load().totals.revised == 1
    assert versions(lake) == (2, 2)
    assert lake.datasets[0].is_complete


def test_a_feed_that_is_announced_no_more_leaves_with_the_revision_in_which_another_changed(lake: Lake, files: Files):
    lake.source.bundle_checks = ()
    lake.engine.load()
    files.serve(events={"version": 2})
    files.at = 1
    lake.source.find = files.find_events_only
    assert lake.engine.load().totals.revised == 1
    (dataset,) = lake.datasets
    assert set(dataset.files) == {"events__v1"}
    assert dataset.revisions[1].removed_file_ids == ("lineups__v1",)
    assert dataset.is_complete
    assert lake.engine.load().totals.unchanged == 1
    # The very lineups of before, without another time.
    lake.source.find = files.find
    assert lake.engine.load().totals.revised == 1
    assert versions(lake) == (2, 1)


def test_what_another_source_brought_stays_when_a_bundle_is_accepted(lake: Lake, files: Files):
    reject_one(lake, files)
    tracker = FunctionSource(
        lambda **_: [DatasetResource({"match_id": 1}, "match").add_file(hours(0), "tracking", json_content=[1])]
    )
    tracker.name = "tracker"
    lake.add_plan(tracker)
    lake.engine.load()
    files.serve(events={"version": 3})
    lake.engine.load()
    (entry,) = entries(lake)
    assert entry.removed_file_ids == ()
    lake.engine.store.quarantine.accept(entry.entry_id, "Rinus")
    assert set(lake.datasets[0].files) == {"events__v1", "lineups__v1", "tracking__v1"}


def test_a_feed_that_is_gone_is_not_mixed_with_new_ones(lake: Lake, files: Files):
    lake.source.bundle_checks = ()
    lake.source.find = optional_lineups(files)
    lake.engine.load()
    files.web.on("/lineups.json", answer(status=404))
    files.at = 1
    assert lake.engine.load().totals.unchanged == 1, "nothing else changed: the lake keeps what it has"
    files.serve(events={"version": 2})
    files.at = 2
    assert lake.engine.load().totals.revised == 1
    (dataset,) = lake.datasets
    assert set(dataset.files) == {"events__v1"}, "also when it is read again"
    assert dataset.revisions[1].removed_file_ids == ("lineups__v1",)
    files.serve(lineups={"version": 2})
    assert lake.engine.load().totals.revised == 1
    assert versions(lake) == (2, 2)


@pytest.mark.parametrize("goes", ["404", "announced no more"])
def test_a_feed_that_alone_is_gone_leaves_when_two_looks_find_that(lake: Lake, files: Files, goes: str):
    lake.source.bundle_checks = ()
    lake.source.find = optional_lineups(files)
    lake.engine.load()
    if goes == "404":
        files.web.on("/lineups.json", answer(status=404))
        files.at = 1
    else:
        lake.source.find = files.find_events_only
    assert lake.engine.load().totals.unchanged == 1
    assert set(lake.datasets[0].files) == {"events__v1", "lineups__v1"}
    assert lake.engine.load().totals.revised == 1
    assert set(lake.datasets[0].files) == {"events__v1"}
    assert lake.engine.load().totals.unchanged == 1
    lake.source.find = optional_lineups(files)
    files.serve(lineups={"version": 1})
    assert lake.engine.load().totals.revised == 1, "it is back"
    assert set(lake.datasets[0].files) == {"events__v1", "lineups__v1"}


def test_a_feed_that_is_back_before_the_second_look_stays(lake: Lake, files: Files):
    lake.source.bundle_checks = ()
    lake.engine.load()
    for _ in range(3):
        lake.source.find = files.find_events_only
        assert lake.engine.load().totals.unchanged == 1
        lake.source.find = files.find
        assert lake.engine.load().totals.unchanged == 1
    assert len(lake.datasets[0].revisions) == 1


def test_a_feed_that_a_complete_dataset_needs_is_kept_when_it_alone_is_gone(lake: Lake, files: Files):
    lake.source.bundle_checks, lake.source.bundle_types = (), (MATCH,)
    lake.engine.load()
    lake.source.find = files.find_events_only
    for _ in range(3):
        assert lake.engine.load().totals.unchanged == 1
    assert versions(lake) == (1, 1)
    files.asked.clear()
    lake.engine.load()
    assert files.asked == [], "once told, it is not looked at again in every run"


def optional_lineups(files: Files) -> Callable[..., Any]:
    def find(**_: Any) -> Any:
        (resource,) = files.find()
        return [resource.update_file("lineups", http_options={"ignore_not_found": True})]

    return find


# ---- what is no longer listed --------------------------------------------------------------------------


def test_what_is_no_longer_listed_is_marked_and_comes_back(make_lake: Callable[..., Lake]):
    lake = make_lake(listing(1, 2, 3))
    lake.engine.load()
    lake.source.find = listing(1, 3)
    report = lake.engine.load()
    assert (report.totals.missing, report.totals.unchanged) == (1, 2)
    assert states(lake) == {1: "COMPLETE", 2: "MISSING", 3: "COMPLETE"}
    assert lake.recorder.types.count("metadata_updated") == 1
    assert lake.content(2) == {"n": 1}
    assert lake.engine.load().totals.missing == 0
    lake.source.find = listing(1, 2, 3)
    assert lake.engine.load().totals.metadata == 1
    assert states(lake)[2] == "COMPLETE"


def test_a_listing_that_only_grows_needs_no_search(make_lake: Callable[..., Lake], monkeypatch: pytest.MonkeyPatch):
    lake = make_lake(listing(1, 2))
    lake.engine.load()
    searched: list[Any] = []
    monkeypatch.setattr(
        lake.engine.store.catalogue.datasets, "iter_identities", lambda wanted: searched.append(wanted) or []
    )
    lake.engine.load()
    lake.source.find = listing(1, 2, 3, 4)
    lake.engine.load()
    lake.engine.load()
    assert searched == []
    lake.source.find = listing(1, 2, 3)
    lake.engine.load()
    assert len(searched) == 1


def test_only_a_whole_listing_says_that_something_is_missing(make_lake: Callable[..., Lake]):
    lake = make_lake(listing(1, 2))
    lake.engine.load()
    lake.source.find = listing(1)
    lake.engine.load(match_id=1)
    assert set(states(lake).values()) == {"COMPLETE"}, "a narrowed run"

    def fails(**_: Any) -> Any:
        yield listing(1)()[0]
        raise RuntimeError("half-way")

    lake.source.find = fails
    assert lake.engine.load().state == "FAILED"
    assert set(states(lake).values()) == {"COMPLETE"}, "a discovery that broke off"
    lake.source.find = listing(1)
    lake.source.lists_everything = False
    lake.engine.load()
    assert set(states(lake).values()) == {"COMPLETE"}, "a source that lists what is new"


def test_a_source_that_looks_at_what_the_lake_has_lists_only_what_is_new(make_lake: Callable[..., Lake]):
    lake = make_lake(listing(1, 2))
    lake.engine.load()

    class Incremental(FunctionSource):
        def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
            assert dataset_collection_metadata.last_modified == hours(0)
            return []

    lake.source.__class__ = Incremental
    lake.engine.load()
    assert set(states(lake).values()) == {"COMPLETE"}


def test_another_source_of_the_same_provider_does_not_say_what_is_missing(make_lake: Callable[..., Lake]):
    lake = make_lake(listing(1, 2))
    lake.engine.load()
    other = FunctionSource(listing(3))
    other.name = "other"
    lake.add_plan(other)
    lake.engine.load()
    assert states(lake) == {1: "COMPLETE", 2: "COMPLETE", 3: "COMPLETE"}


def test_each_selector_is_listed_for_itself(make_lake: Callable[..., Lake]):
    lake = make_lake(listing(1), selectors=[{"competition_id": 1}, {"competition_id": 2}])
    lake.engine.load()
    lake.source.find = lambda competition_id, **_: listing(1)() if competition_id == 1 else []
    assert lake.engine.load(accept_missing=True).totals.missing == 1
    found = {dataset.identifier["competition_id"]: dataset.state.value for dataset in lake.datasets}
    assert found == {1: "COMPLETE", 2: "MISSING"}


# ---- invalidation --------------------------------------------------------------------------------------


def test_many_revisions_are_invalidated_in_batches(make_lake: Callable[..., Lake]):
    lake = make_lake(listing(*range(25)))
    lake.engine.load()
    store = lake.engine.store
    count = store.invalidate_revisions(store.iter_dataset_collection_batches(), "a new rule", batch_size=10)
    assert count == 25
    assert {dataset.current_revision.state.value for dataset in lake.datasets} == {"VALIDATION_FAILED"}
    assert store.invalidate_revisions(lake.datasets) == 0
    assert lake.recorder.types.count("revision_invalidated") == 25
    with pytest.raises(ValueError, match="batch_size"):
        store.invalidate_revisions([], batch_size=0)


def test_the_recorder_hears_of_rejections(lake: Lake, files: Files):
    class Hears(Recorder):
        def on_revision_rejected(self, event: Any) -> None:
            self.events.append(event.reasons)

        def handle(self, event: Any) -> None:
            super(Recorder, self).handle(event)

    hears = Hears(lake.engine.store)
    lake.engine.store.publisher.add_subscriber(hears)
    reject_one(lake, files)
    assert hears.events == [("the versions differ: 2 and 1",)]


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("wrong", "is_asked"),
    [(b'{"error": "quota"}', True), (b"", True), (b"busy", True), (b"busy" + b"x" * 5000, False)],
)
def test_an_error_without_a_version_is_over_in_the_next_run(web: Provider, wrong: bytes, is_asked: bool) -> None:
    """Everything else of the match has a version, and the index says the same as before."""

    def find(**_: Any) -> Any:
        resource = DatasetResource({"match_id": 1}, "match")
        for feed in ("events", "lineups"):
            resource.add_file(hours(0), feed, url=f"{web.url}/{feed}.json")
        return [resource]

    web.on("/events.json", answer(wrong))
    web.on("/lineups.json", answer(b"{}", ETag='"1"'))
    lake = Lake(FunctionSource(find))
    assert lake.engine.load().totals.quarantined == 1
    assert lake.engine.load().totals.quarantined == 1
    web.on("/events.json", answer(b'{"n": 1}'))
    assert lake.engine.load().totals.new == is_asked
    lake.engine.close()


def test_a_file_of_which_nothing_is_announced_is_asked_for_in_each_run_in_quarantine_too(web: Provider) -> None:
    def find(**_: Any) -> Any:
        resource = DatasetResource({"match_id": 1}, "match")
        return [resource.add_file(None, "events", url=f"{web.url}/events.json")]

    web.on("/events.json", answer(b"busy" + b"x" * 5000))
    lake = Lake(FunctionSource(find))
    assert [lake.engine.load().totals.quarantined for _ in range(2)] == [1, 1]
    web.on("/events.json", answer(b'{"n": 1}'))
    assert lake.engine.load().totals.new == 1
    lake.engine.close()
