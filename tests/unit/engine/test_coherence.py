"""What a tester found that could be seen in a lake and should not: mixes, lost decisions, states that stuck."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest

from ingestify import BundleCheck, BundleType, DatasetResource, DatasetState, QuarantineState
from ingestify.errors import IntegrityError
from tests.support.lake_in_memory import FunctionSource, Lake, hours
from tests.support.scripted_provider import Provider, answer

from .two_feeds import MATCH, Files, SameVersion, entries, listing, reject_one, states, versions


def optional(files: Files, *feeds: str) -> Callable[..., Any]:
    def find(**_: Any) -> Any:
        (resource,) = files.find()
        for feed in feeds:
            resource.update_file(feed, http_options={"ignore_not_found": True})
        return [resource]

    return find


@pytest.mark.sampled(3)
@pytest.mark.parametrize("etag", [True, False])
@pytest.mark.parametrize("discarded", [True, False])
def test_a_needed_feed_that_is_gone_keeps_the_rest_out_in_every_later_run(web: Provider, etag: bool, discarded: bool):
    files = Files(web, etag=etag)
    lake = Lake(FunctionSource(optional(files, "lineups")))
    lake.source.bundle_types = (MATCH,)
    lake.engine.load()
    files.serve(events={"version": 2})
    web.on("/lineups.json", answer(status=404))
    files.at = 1
    assert lake.engine.load().totals.quarantined == 1
    if discarded:
        lake.engine.store.quarantine.discard([entries(lake)[0].entry_id], "Rinus")
    for _ in range(3):
        assert lake.engine.load().totals.quarantined == (not discarded)
        assert versions(lake) == (1, 1)
    files.serve(lineups={"version": 2})
    lake.engine.load()
    assert versions(lake) == (2, 2)
    lake.engine.close()


def test_one_time_that_moves_asks_for_all_files_of_a_bundle_in_quarantine(web: Provider):
    files = Files(web, etag=False)
    moving = {"events": 0.0, "lineups": 0.0}

    def find(**_: Any) -> Any:
        (resource,) = files.find()
        for feed, at in moving.items():
            resource.update_file(feed, last_modified=hours(at))
        return [resource]

    lake = Lake(FunctionSource(find))
    lake.engine.load()
    files.serve(events=b"We will be back soon")
    moving["events"] = 1
    assert lake.engine.load().totals.quarantined == 1
    files.serve(events={"version": 2}, lineups={"version": 2})
    moving["events"] = 2
    assert lake.engine.load().totals.revised == 1
    assert versions(lake) == (2, 2)
    lake.engine.close()


def test_one_unsteady_dataset_leaves_the_others_protected(web: Provider):
    count = 0

    def by(asked: Any) -> Any:
        nonlocal count
        count += 1
        return answer(json.dumps({"version": count}).encode())

    web.on("/unsteady.json", by=by)
    web.on("/other.json", answer(b"{}"))
    files = Files(web, etag=False)

    def find(**_: Any) -> Any:
        unsteady = DatasetResource({"match_id": 2}, "match")
        for feed in ("unsteady", "other"):
            unsteady.add_file(hours(files.at), feed, url=f"{web.url}/{feed}.json")
        # The same feed as that of the other dataset.
        unsteady.files["events__v1"] = unsteady.files.pop("unsteady__v1")
        unsteady.files["events__v1"].data_feed_key = "events"
        return [unsteady, *files.find()]

    lake = Lake(FunctionSource(find))
    lake.engine.load()
    files.serve(events={"version": 2}, lineups={"version": 2})
    files.at = 1
    lake.engine.load()
    seen = 0

    def flip(feed: str) -> None:
        nonlocal seen
        seen += 1
        if seen == 1:
            files.serve(events={"version": 4}, lineups={"version": 4})

    files.serve(events={"version": 3}, lineups={"version": 3})
    files.at, files.before_answer = 2, flip
    lake.engine.load()
    assert versions(lake)[0] == versions(lake)[1]
    lake.engine.close()


def test_a_discard_in_the_middle_of_a_run_is_seen(lake: Lake, files: Files):
    reject_one(lake, files)
    (entry,) = entries(lake)

    class Discards(BundleCheck):
        def find_problems(self, bundle):
            lake.engine.store.quarantine.discard([entry.entry_id], "Rinus")
            return []

    lake.source.bundle_checks = (Discards(),)
    files.serve(lineups={"version": 2})
    assert lake.engine.load().totals.revised == 1
    assert versions(lake) == (2, 2), "and every object is there"


@pytest.mark.parametrize("state", ["missing", "partial"])
def test_what_is_whole_is_guarded_in_any_state(lake: Lake, files: Files, state: str):
    lake.source.bundle_types, lake.source.bundle_checks = (MATCH,), ()
    lake.engine.load()
    if state == "missing":
        lake.source.find = lambda **_: []
        lake.engine.load(accept_missing=True)
        assert lake.datasets[0].state is DatasetState.MISSING
    else:
        lake.source.find = lambda **_: [setattr(one, "state", "PARTIAL") or one for one in files.find()]
        lake.engine.load()
        assert lake.datasets[0].state is DatasetState.PARTIAL
    files.serve(events={"version": 2})
    files.at = 1
    lake.source.find = files.find_events_only
    assert lake.engine.load().totals.quarantined == 1
    assert versions(lake) == (1, 1)


def test_a_feed_that_appears_in_the_middle_belongs_to_the_moment(web: Provider):
    files = Files(web)
    find = optional(files, "lineups")
    lake = Lake(FunctionSource(find))
    web.on("/lineups.json", answer(status=404))
    lake.engine.load()
    asked = 0

    def by(_: Any) -> Any:
        nonlocal asked
        asked += 1
        return answer(status=404) if asked == 1 else answer(b'{"version": 2}')

    web.on("/lineups.json", by=by)
    files.serve(events={"version": 2})
    files.at = 1
    assert lake.engine.load().totals.revised == 1
    assert versions(lake) == (2, 2)
    lake.engine.close()


def test_a_check_that_cannot_say_what_it_is_for_fails_its_datasets_and_hangs_nothing(lake: Lake):
    class Broken(BundleCheck):
        shapes = None

        def find_problems(self, bundle):
            return []

    lake.source.bundle_checks = (Broken(),)
    report = lake.engine.load()
    assert report.totals.failed == 1


def test_another_source_leaves_an_entry_alone_and_may_add_a_feed(lake: Lake, files: Files):
    lake.source.bundle_types = (MATCH,)
    reject_one(lake, files)
    tracker = FunctionSource(
        lambda **_: [
            DatasetResource({"match_id": 1}, "match", name="match 1").add_file(hours(0), "tracking", json_content=[1])
        ]
    )
    tracker.name = "tracker"
    tracker.bundle_types = (MATCH,)
    lake.add_plan(tracker)
    (entry,) = entries(lake)
    for _ in range(3):
        lake.engine.load()
    assert [one.entry_id for one in entries(lake)] == [entry.entry_id]
    assert len(entries(lake, *QuarantineState)) == 1
    assert lake.content(1, "tracking") == [1]
    assert versions(lake) == (1, 1)


def test_a_discarded_bundle_without_versions_is_loaded_again_in_time(web: Provider, monkeypatch: pytest.MonkeyPatch):
    files = Files(web, etag=False)
    source = FunctionSource(files.find)
    source.bundle_checks = (SameVersion(),)
    lake = Lake(source)
    reject_one(lake, files)
    (entry,) = entries(lake)
    lake.engine.store.quarantine.discard([entry.entry_id], "Rinus")
    files.serve(events={"version": 3}, lineups={"version": 3})
    assert lake.engine.load().totals.unchanged == 1
    later = entry.checked_at + dt.timedelta(hours=21)
    monkeypatch.setattr("ingestify.engine.bundle.bundle_rules.now", lambda: later)
    assert lake.engine.load().totals.revised == 1
    assert versions(lake) == (3, 3)
    lake.engine.close()


def test_names_and_metadata_go_on_after_a_discard(lake: Lake, files: Files):
    reject_one(lake, files)
    lake.engine.store.quarantine.discard([entries(lake)[0].entry_id], "Rinus")
    lake.source.find = lambda **_: [setattr(one, "name", "a new name") or one for one in files.find()]
    assert lake.engine.load().totals.metadata == 1
    assert lake.datasets[0].name == "a new name"
    assert lake.engine.load().totals.unchanged == 1


def test_what_is_listed_again_is_no_longer_missing_although_a_bundle_waits(lake: Lake, files: Files):
    reject_one(lake, files)
    lake.source.find = lambda **_: []
    lake.engine.load(accept_missing=True)
    assert states(lake) == {1: "MISSING"}

    def find(**_: Any) -> list[Any]:
        (resource,) = files.find()
        resource.name = "the name that is of the bundle in quarantine"
        return [resource]

    lake.source.find = find
    lake.engine.load()
    assert (states(lake), lake.datasets[0].name) == ({1: "COMPLETE"}, "match 1")
    assert lake.engine.load().totals.quarantined == 1
    assert versions(lake) == (1, 1)


def test_an_invalidated_revision_with_a_bundle_in_quarantine_is_fetched_in_full_once(lake: Lake, files: Files):
    reject_one(lake, files)
    lake.engine.store.invalidate_revision(lake.datasets[0], "wrong")
    received = [lake.engine.load().totals.received_bytes for _ in range(3)]
    assert received[0] > 0
    assert received[1:] == [0, 0]


def test_content_of_the_index_costs_nothing_to_look_at(make_lake: Callable[..., Lake]):
    content = {"events": 1, "lineups": 1}

    def find(**_: Any) -> Any:
        resource = DatasetResource({"match_id": 1}, "match")
        for feed, version in content.items():
            resource.add_file(None, feed, json_content={"version": version})
        return [resource]

    lake = make_lake(find)
    lake.source.bundle_checks = (SameVersion(),)
    lake.engine.load()
    content["events"] = 2
    assert lake.engine.load().totals.quarantined == 1
    content["lineups"] = 2
    assert lake.engine.load().totals.revised == 1
    assert versions(lake) == (2, 2)


def test_a_feed_that_an_accepted_bundle_took_out_is_asked_for_again(web: Provider):
    files = Files(web)
    lake = Lake(FunctionSource(optional(files, "lineups")))
    lake.source.bundle_types = (MATCH,)
    lake.engine.load()
    files.serve(events={"version": 2})
    web.on("/lineups.json", answer(status=404))
    files.at = 1
    lake.engine.load()
    lake.engine.store.quarantine.accept(entries(lake)[0].entry_id, "Rinus")
    assert set(lake.datasets[0].files) == {"events__v1"}
    files.serve(lineups={"version": 2})
    assert lake.engine.load().totals.revised == 1
    assert versions(lake) == (2, 2)
    lake.engine.close()


def test_what_came_with_a_run_that_broke_off_can_be_missing_too(make_lake: Callable[..., Lake]):
    lake = make_lake(listing(1, 2))
    lake.engine.load()

    def breaks_off(**_: Any) -> Any:
        yield listing(1, 2, 3)()
        raise RuntimeError("half-way")

    lake.source.find = breaks_off
    assert lake.engine.load().state == "FAILED"
    lake.source.find = listing(1, 2)
    lake.engine.load()
    assert states(lake)[3] == "MISSING"


def test_a_missing_dataset_whose_state_its_files_tell_comes_back(make_lake: Callable[..., Lake]):
    def find(**_: Any) -> Any:
        (resource,) = listing(1)()
        resource.post_load_files = lambda *_: None
        return [resource]

    lake = make_lake(find)
    lake.engine.load()
    lake.source.find = lambda **_: []
    lake.engine.load(accept_missing=True)
    assert states(lake) == {1: "MISSING"}
    lake.source.find = find
    lake.engine.load()
    assert states(lake) == {1: "COMPLETE"}


def test_overlapping_selectors_do_not_call_each_others_datasets_missing(make_lake: Callable[..., Lake]):
    lists: dict[bool, tuple[int, ...]] = {False: (1, 2, 3), True: (3, 4)}

    def find(competition_id: int, season_id: int | None = None, **_: Any) -> Any:
        resources = listing(*lists[season_id is not None])()
        for resource in resources:
            resource.dataset_resource_id["season_id"] = 90
        return resources

    lake = make_lake(find, selectors=[{"competition_id": 1}, {"competition_id": 1, "season_id": 90}])
    lake.engine.load()
    lists[False] = (1, 2)
    assert lake.engine.load().totals.missing == 0
    lists[True] = (4,)
    assert lake.engine.load().totals.missing == 1
    assert states(lake)[3] == "MISSING"


def test_a_second_look_does_not_queue_behind_the_first_looks_of_others(web: Provider):
    order: list[str] = []

    def serve(number: int) -> None:
        for feed in ("events", "lineups"):
            web.on(
                f"/{feed}/{number}.json",
                by=lambda asked: order.append(asked.path) or answer(b"{}", etag='"1"'),
            )

    def find(**_: Any) -> Any:
        resources = []
        for number in range(40):
            resource = DatasetResource({"match_id": number}, "match")
            for feed in ("events", "lineups"):
                resource.add_file(hours(0), feed, url=f"{web.url}/{feed}/{number}.json")
            resources.append(resource)
        return resources

    for number in range(40):
        serve(number)
    source = FunctionSource(find)
    source.max_concurrency = 2
    lake = Lake(source)
    lake.engine.load()
    first = order[0]
    # Behind the others it would be the 81st.
    assert order.index(first, 1) < 40
    lake.engine.close()


def test_reasons_are_never_empty(lake: Lake):
    class Silent(BundleCheck):
        def find_problems(self, bundle):
            return [""]

    lake.source.bundle_checks = (Silent(),)
    lake.engine.load()
    assert entries(lake)[0].reasons == ("Silent found something, and did not say what",)


def test_files_of_a_discarded_entry_cannot_be_read(lake: Lake, files: Files):
    reject_one(lake, files)
    (entry,) = entries(lake)
    lake.engine.store.quarantine.discard([entry.entry_id], "Rinus")
    (discarded,) = entries(lake, QuarantineState.DISCARDED)
    with pytest.raises(IntegrityError, match="were discarded"):
        lake.engine.store.quarantine.load_files(discarded)


def test_a_requirement_of_the_source_beats_what_is_built_in(files: Files):
    source = FunctionSource(files.find)
    source.bundle_types = (BundleType("match", requires=("events",)),)
    lake = Lake(source)
    lake.engine.load()
    assert lake.datasets[0].is_complete
    lake.engine.close()


def test_a_date_that_a_file_kept_does_not_refute_that_its_index_says_that_it_changed(web: Provider):
    kept = "Mon, 01 Jan 2024 00:00:00 GMT"
    version = 1

    def by(asked: Any) -> Any:
        is_kept = asked.headers.get("if-modified-since") == kept
        body = b"" if is_kept else json.dumps({"version": version}).encode()
        return answer(body, status=304 if is_kept else 200, last_modified=kept)

    web.on("/events.json", by=by)

    def find(**_: Any) -> Any:
        resource = DatasetResource({"match_id": 1}, "match", name="match 1")
        return [resource.add_file(hours(version), "events", url=f"{web.url}/events.json")]

    lake = Lake(FunctionSource(find))
    lake.engine.load()
    version = 2
    lake.engine.load()
    assert lake.content(1) == {"version": 2}
    lake.engine.close()
