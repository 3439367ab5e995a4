"""Broken files of feeds that a dataset is complete without: left out, told, asked for again, and decided about."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ingestify import (
    BundleCheck,
    BundleType,
    ConfigurationError,
    DatasetResource,
    DatasetState,
    DraftFile,
    FetchPolicy,
    QuarantineState,
    SaveError,
)
from tests.support.lake_in_memory import FunctionSource, Lake, hours
from tests.support.scripted_provider import Provider, answer
from tests.unit.engine.two_feeds import entries

MATCH = BundleType("match", requires=("events", "lineups"), optional=("frames", "heatmap"))
BROKEN = b'{"version": 1, "frames": [' + b"\0" * 8


class Match:
    """Feeds of match 1 at a provider, each of which names a version."""

    def __init__(self, web: Provider, *, etag: bool = True, last_modified: bool = False) -> None:
        self.web = web
        self.etag = etag
        self.last_modified = last_modified
        self.at: dict[str, float] = {}
        self.bodies: dict[str, Any] = {}
        self.serve(events=1, lineups=1, frames=1)

    def serve(self, **versions: Any) -> None:
        for feed, version in versions.items():
            self.bodies[feed] = version if isinstance(version, bytes) else json.dumps({"version": version}).encode()
            self.web.on(f"/{feed}.json", by=lambda asked, feed=feed: self._answer(feed, asked))

    def _answer(self, feed: str, asked: Any) -> Any:
        body = self.bodies[feed]
        tag = f'"{hash(body) & 0xFFFFFFFF:x}"'
        headers = {}
        if self.etag:
            headers["etag"] = tag
        if self.last_modified:
            headers["last-modified"] = "Wed, 01 May 2024 12:00:00 GMT"  # it never moves
        is_same = (self.etag and asked.headers.get("if-none-match") == tag) or (
            self.last_modified and asked.headers.get("if-modified-since") == headers.get("last-modified")
        )
        return answer(status=304, **headers) if is_same else answer(body, **headers)

    def find(self, **_: Any) -> list[DatasetResource]:
        resource = DatasetResource({"match_id": 1}, "match", name="match 1")
        for feed in self.bodies:
            resource.add_file(
                hours(self.at.get(feed, 0)),
                feed,
                url=f"{self.web.url}/{feed}.json",
                http_options={"ignore_not_found": True},
            )
        return [resource]

    @property
    def asked(self) -> list[tuple[str, bool]]:
        """Each feed that was asked for since the last look, and whether that was conditional."""
        seen = [
            (
                one.path.strip("/").removesuffix(".json"),
                "if-none-match" in one.headers or "if-modified-since" in one.headers,
            )
            for one in self.web.asked
        ]
        self.web.asked.clear()
        return seen


class SameVersion(BundleCheck):
    """Frames are of the version of the events."""

    def find_problems(self, bundle):
        versions = {file.data_feed_key: file.json()["version"] for file in bundle.files.values()}
        if "frames" in versions and "events" in versions and versions["frames"] != versions["events"]:
            yield f"frames {versions['frames']} do not belong to events {versions['events']}"


def make(match: Match, bundle_type: BundleType | None = MATCH, **plan: Any) -> Lake:
    source = FunctionSource(match.find)
    source.bundle_types = () if bundle_type is None else (bundle_type,)
    source.bundle_checks = (SameVersion(),)
    return Lake(source, **plan)


@pytest.fixture
def match(web: Provider) -> Match:
    return Match(web)


@pytest.fixture
def lake(match: Match) -> Iterator[Lake]:
    made = make(match)
    yield made
    made.engine.close()


def current(lake: Lake) -> dict[str, Any]:
    (dataset,) = lake.datasets
    files = lake.engine.store.load_files(dataset)
    return {one.data_feed_key: files.get_file(one.data_feed_key).json()["version"] for one in dataset.files.values()}


def plan_reasons(lake: Lake) -> list[str]:
    """What a dry run says of why."""
    planned: list[str] = []

    class Listener:
        def planned(self, dataset: Any) -> None:
            planned.extend(dataset.reasons)

        def __getattr__(self, name: str) -> Any:
            return lambda *_: None

    lake.engine.run_report(dry_run=True, listener=Listener())
    assert not any("left out: left out" in reason for reason in planned)
    return planned


# ---- left out ------------------------------------------------------------------------------------------------


def test_a_broken_optional_file_does_not_keep_the_others_out(lake: Lake, match: Match):
    match.serve(frames=BROKEN)
    report = lake.engine.run_report()
    assert current(lake) == {"events": 1, "lineups": 1}
    assert (report.totals.new, report.totals.quarantined, report.totals.left_out) == (1, 0, 1)
    assert report.exit_code == 3
    (task,) = report.left_out_tasks
    assert task.error.startswith("frames__v1 is left out: ")
    (dataset,) = lake.datasets
    assert dataset.state is DatasetState.COMPLETE
    assert dataset.missing_feeds == ()
    assert list(dataset.left_out_files) == ["frames__v1"]
    assert "NUL" in dataset.left_out_files["frames__v1"]
    assert entries(lake) == []
    kept = [task for job in lake.jobs for task in job.tasks]
    assert [(one.outcome.value, one.error) for one in kept] == [("new", task.error)]


def test_it_is_asked_for_again_in_each_run_by_the_etag_of_the_broken_answer(lake: Lake, match: Match):
    match.serve(frames=BROKEN)
    lake.engine.load()
    assert match.asked
    for _ in range(2):
        report = lake.engine.run_report()
        assert report.exit_code == 3
        assert (report.totals.unchanged, report.totals.left_out, report.totals.received_bytes) == (1, 1, 0)
        assert report.left_out_tasks[0].error.startswith("frames__v1 is left out: ")
        assert ("frames", True) in match.asked
    assert len(lake.datasets[0].revisions) == 1


def test_what_is_still_broken_writes_nothing_new(lake: Lake, match: Match):
    match.serve(frames=BROKEN)
    lake.engine.load()
    before = lake.datasets[0]
    lake.engine.load()
    assert lake.datasets[0] == before
    assert lake.recorder.types[:2] == ["dataset_created", "revision_added"]
    assert set(lake.recorder.types[2:]) == {"dataset_skipped"}


@pytest.mark.parametrize("validators", [{"etag": False}, {"etag": False, "last_modified": True}])
def test_a_repaired_file_comes_in_whatever_versions_the_provider_names(web: Provider, validators: dict[str, bool]):
    match = Match(web, **validators)
    lake = make(match)
    match.serve(frames=BROKEN)
    lake.engine.load()
    report = lake.engine.run_report()
    assert (report.exit_code, report.totals.unchanged) == (3, 1)
    match.serve(frames=1)  # with the same Last-Modified
    report = lake.engine.run_report()
    assert (report.exit_code, report.totals.revised, report.totals.left_out) == (0, 1, 0)
    assert current(lake) == {"events": 1, "lineups": 1, "frames": 1}
    assert lake.datasets[0].left_out_files == {}
    lake.engine.close()


def test_another_broken_answer_is_told_with_its_own_reason(lake: Lake, match: Match):
    match.serve(frames=BROKEN)
    lake.engine.load()
    match.serve(frames=b"")
    report = lake.engine.run_report()
    assert (report.exit_code, report.totals.left_out) == (3, 1)
    assert "NUL" not in report.left_out_tasks[0].error
    assert "NUL" not in lake.datasets[0].left_out_files["frames__v1"]


def test_what_is_gone_is_no_more_broken(lake: Lake, match: Match):
    match.serve(frames=BROKEN)
    lake.engine.load()
    match.web.on("/frames.json", answer(b"", status=404))
    assert lake.engine.run_report().exit_code == 0
    assert lake.datasets[0].left_out_files == {}


def test_several_broken_files_are_left_out(lake: Lake, match: Match):
    match.serve(frames=BROKEN, heatmap=b"<html><body>maintenance</body></html>")
    report = lake.engine.run_report()
    assert report.totals.left_out == 1
    assert current(lake) == {"events": 1, "lineups": 1}
    assert list(lake.datasets[0].left_out_files) == ["frames__v1", "heatmap__v1"]
    match.serve(frames=1)
    report = lake.engine.run_report()
    assert (report.totals.revised, report.totals.left_out, report.exit_code) == (1, 1, 3)
    assert current(lake) == {"events": 1, "lineups": 1, "frames": 1}


def test_beside_changed_files_an_old_copy_does_not_stay(lake: Lake, match: Match):
    lake.engine.load()
    match.serve(events=2, frames=BROKEN)
    match.at = {"events": 1, "frames": 1}
    report = lake.engine.run_report()
    assert (report.totals.revised, report.totals.quarantined, report.exit_code) == (1, 0, 3)
    assert current(lake) == {"events": 2, "lineups": 1}
    (dataset,) = lake.datasets
    assert dataset.state is DatasetState.COMPLETE
    assert dataset.revisions[1].removed_file_ids == ("frames__v1",)
    assert "frames__v1" in dataset.revisions[0].files
    match.serve(frames=2)
    assert lake.engine.run_report().exit_code == 0
    assert current(lake) == {"events": 2, "lineups": 1, "frames": 2}


def test_while_nothing_else_changes_the_lake_keeps_its_copy_and_says_so(
    lake: Lake, match: Match, caplog: pytest.LogCaptureFixture
):
    lake.engine.load()
    match.serve(frames=BROKEN)
    match.at = {"frames": 1}
    for _ in range(2):
        report = lake.engine.run_report()
        assert (report.totals.unchanged, report.totals.left_out, report.exit_code) == (1, 1, 3)
        assert current(lake) == {"events": 1, "lineups": 1, "frames": 1}
    assert "the provider has a broken 'frames__v1'" in caplog.text
    assert len(lake.datasets[0].revisions) == 1
    # Then another file changes, and nothing new is said of the broken one.
    match.serve(events=2)
    match.at = {"frames": 1, "events": 2}
    assert lake.engine.run_report().exit_code == 3
    assert current(lake) == {"events": 2, "lineups": 1}


@pytest.mark.parametrize("auto_ingest", [True, {"streaming": True}, None])
def test_python_is_told_of_what_is_left_out_and_of_what_waits(
    lake: Lake, match: Match, auto_ingest: Any, caplog: pytest.LogCaptureFixture
):
    def ingest() -> list[str]:
        caplog.clear()
        if auto_ingest is None:
            lake.engine.load()
        else:
            assert sum(1 for _ in lake.engine.iter_datasets(auto_ingest=auto_ingest)) == 1, "what it had is yielded"
        return [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]

    match.serve(frames=BROKEN)
    (left_out,) = ingest()
    assert left_out.startswith(
        "1 match: 1 without a file that is broken at the provider, see dataset.left_out_files (the first: match 1: "
        "frames__v1 is left out: "
    )
    assert left_out.endswith(". engine.last_report lists them.")
    match.serve(frames=1, lineups=BROKEN)
    match.at = {"lineups": 1}
    (waits,) = ingest()
    assert waits.startswith("1 match: 1 in quarantine, ")
    assert "(the first: match 1: lineups__v1: " in waits
    assert waits.endswith("). engine.last_report lists them, engine.quarantine what waits.")


def test_a_report_is_one_line(lake: Lake, match: Match):
    assert repr(lake.engine.load()).startswith("RunReport(FINISHED: discovered=1, new=1, requests=")
    assert repr(lake.engine.load(dry_run=True)).startswith("RunReport(FINISHED, dry_run: discovered=1, unchanged=1; ")


def test_what_somebody_left_out_is_not_told_as_lacking(lake: Lake, match: Match, caplog: pytest.LogCaptureFixture):
    match.serve(lineups=BROKEN)
    lake.engine.load()
    (entry,) = lake.engine.store.quarantine.list_entries()
    lake.engine.store.quarantine.accept(entry.entry_id, "Ada", "there are none", without=["lineups"])
    caplog.clear()
    match.at = {"events": 1}
    assert lake.engine.run_report().exit_code == 0
    assert not [one for one in caplog.records if one.levelname == "WARNING"]
    assert any("left out by Ada" in reason for reason in plan_reasons(lake))


def test_what_is_withdrawn_of_many_is_told_once_with_their_number(web: Provider, caplog: pytest.LogCaptureFixture):
    there = {"frames": True}

    def find(**_: Any) -> list[DatasetResource]:
        found = []
        for number in range(3):
            resource = DatasetResource({"match_id": number}, "match", name=f"match {number}")
            for feed in ("events", "lineups", *(["frames"] if there["frames"] else [])):
                resource.add_file(None, feed, json_content={"version": 1})
            found.append(resource)
        return found

    source = FunctionSource(find)
    source.bundle_types = (MATCH,)
    lake = Lake(source)
    lake.engine.load()
    there["frames"] = False
    lake.engine.load()
    first, more = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert "the provider no longer has 'frames__v1'; nothing else changed, so the lake keeps its copy." in first
    assert more.startswith(
        "fake: the same for 2 more datasets of the type 'match': the provider no longer has 'frames__v1'; nothing else "
    )
    lake.engine.close()


def test_a_provider_that_goes_back_to_the_good_copy_settles_it(lake: Lake, match: Match):
    lake.engine.load()
    match.serve(frames=BROKEN)
    match.at = {"frames": 1}
    assert lake.engine.run_report().exit_code == 3
    match.serve(frames=1)
    assert lake.engine.run_report().exit_code == 0
    assert lake.datasets[0].left_out_files == {}
    assert len(lake.datasets[0].revisions) == 1


def test_what_is_left_beside_a_broken_file_is_still_checked(lake: Lake, match: Match):
    lake.source.bundle_checks = (*lake.source.bundle_checks, NeverTwo())
    match.serve(events=2, frames=BROKEN)
    report = lake.engine.run_report()
    assert (report.totals.quarantined, report.exit_code) == (1, 3)
    (entry,) = entries(lake)
    assert [file.file_id for file in entry.files] == ["events__v1", "lineups__v1"]
    assert lake.engine.run_report().totals.quarantined == 1
    assert len(lake.engine.store.quarantine.list_entries(states=())) == 1, "it is the same bundle"


class NeverTwo(BundleCheck):
    def find_problems(self, bundle):
        if bundle.get_file("events").json() == {"version": 2}:
            yield "version 2 is wrong"


def test_a_broken_required_file_is_rejected_as_ever(lake: Lake, match: Match):
    match.serve(events=BROKEN)
    report = lake.engine.run_report()
    assert (report.totals.quarantined, report.totals.new) == (1, 0)
    assert lake.datasets == []


def test_only_what_is_named_as_optional_is_left_out(match: Match):
    for bundle_type in (None, BundleType("match", requires=("events", "lineups"))):
        lake = make(match, bundle_type)
        match.serve(frames=BROKEN)
        report = lake.engine.run_report()
        assert (report.totals.quarantined, report.totals.new, report.totals.left_out) == (1, 0, 0)
        lake.engine.close()


def test_a_bundle_of_which_nothing_is_left_is_rejected(match: Match):
    lake = make(match, BundleType("match", optional=("events", "lineups", "frames")))
    match.serve(events=BROKEN, lineups=BROKEN, frames=BROKEN)
    report = lake.engine.run_report()
    assert (report.totals.quarantined, report.totals.new) == (1, 0)
    match.serve(lineups=1)
    report = lake.engine.run_report()
    assert (report.totals.new, report.totals.left_out) == (1, 1)
    assert current(lake) == {"lineups": 1}
    lake.engine.close()


def test_what_a_loader_brings_broken_is_left_out_too(web: Provider):
    match = Match(web)
    body = [BROKEN]

    def find(**_: Any) -> list[DatasetResource]:
        (resource,) = match.find()
        del resource.files["frames__v1"]
        return [
            resource.add_file(
                None,
                "frames",
                data_serialization_format="json",
                file_loader=lambda file, current: DraftFile.from_input(body[0], "frames", "v1", "json"),
            )
        ]

    lake = make(match)
    lake.source.find = find
    assert lake.engine.run_report().exit_code == 3
    assert lake.engine.run_report().exit_code == 3
    assert current(lake) == {"events": 1, "lineups": 1}
    body[0] = b'{"version": 1}'
    assert lake.engine.run_report().exit_code == 0
    assert current(lake) == {"events": 1, "lineups": 1, "frames": 1}
    lake.engine.close()


def test_a_delivered_file_is_read_again_once_it_is_another(web: Provider):
    match = Match(web)
    delivered = {"version": "1", "body": BROKEN, "reads": 0}

    def load(file: Any, current: Any) -> DraftFile:
        delivered["reads"] += 1
        return DraftFile.from_input(delivered["body"], "frames", "v1", "json")

    def find(**_: Any) -> list[DatasetResource]:
        (resource,) = match.find()
        del resource.files["frames__v1"]
        return [
            resource.add_file(
                None,
                "frames",
                data_serialization_format="json",
                file_loader=load,
                content_version=delivered["version"],
            )
        ]

    lake = make(match)
    lake.source.find = find
    for _ in range(3):
        assert lake.engine.run_report().exit_code == 3
    assert delivered["reads"] == 1
    delivered.update(version="2", body=b'{"version": 1}')
    assert lake.engine.run_report().exit_code == 0
    assert current(lake) == {"events": 1, "lineups": 1, "frames": 1}
    lake.engine.close()


def test_it_is_told_also_where_a_fetch_policy_does_not_want_to_ask(match: Match):
    class OnlyOnce(FetchPolicy):
        def should_refetch(self, dataset: Any, dataset_resource: Any) -> bool:
            return False

    class Sure(FetchPolicy):
        def can_skip(self, summary: Any, dataset_resource: Any) -> bool:
            return True

    for policy in (OnlyOnce(), Sure()):
        lake = make(match, fetch_policy=policy)
        match.serve(frames=BROKEN)
        assert lake.engine.run_report().totals.left_out == 1
        match.asked  # noqa: B018 - it forgets them
        report = lake.engine.run_report()
        assert (report.exit_code, report.totals.unchanged, report.totals.left_out) == (3, 1, 1)
        assert match.asked == []
        lake.engine.close()


def test_a_stream_yields_a_dataset_of_which_a_file_is_left_out(lake: Lake, match: Match):
    match.serve(frames=BROKEN)
    for _ in range(2):
        found = list(lake.engine.iter_datasets(auto_ingest={"streaming": True}, provider="fake", dataset_type="match"))
        assert [sorted(dataset.files) for dataset in found] == [["events__v1", "lineups__v1"]]


def test_a_plan_tells_why_it_would_be_asked_for(lake: Lake, match: Match):
    match.serve(frames=BROKEN)
    lake.engine.load()
    planned: list[Any] = []

    class Listener:
        def __getattr__(self, name: str) -> Any:
            return lambda *arguments: planned.extend(arguments) if name == "planned" else None

    lake.engine.load(dry_run=True, listener=Listener())
    (one,) = planned
    assert one.action == "refetch"
    assert one.reasons[0].startswith("frames__v1: its newest version is left out: ")


# ---- accepted without -----------------------------------------------------------------------------------------


def reject_frames(lake: Lake, match: Match) -> str:
    """Bring version 1 into the lake, and events 2 with frames 1 into quarantine."""
    lake.engine.load()
    match.serve(events=2)
    match.at = {"events": 1}
    assert lake.engine.run_report().totals.quarantined == 1
    (entry,) = entries(lake)
    return str(entry.entry_id)


def test_a_person_accepts_without_a_feed(lake: Lake, match: Match):
    entry_id = reject_frames(lake, match)
    dataset = lake.engine.store.quarantine.accept(entry_id, "Rinus", "events are right", without=["frames"])
    assert current(lake) == {"events": 2, "lineups": 1}
    assert dataset.state is DatasetState.COMPLETE
    assert dataset.revisions[1].removed_file_ids == ("frames__v1",)
    assert dataset.revisions[1].description.startswith("accepted by Rinus, without frames__v1: events are right")
    assert dataset.left_out_files == {"frames__v1": "left out by Rinus: events are right"}
    assert len(entries(lake, QuarantineState.ACCEPTED)) == 1


def test_what_a_person_left_out_is_asked_for_again_and_stays_out_while_it_is_the_same(lake: Lake, match: Match):
    entry_id = reject_frames(lake, match)
    lake.engine.store.quarantine.accept(entry_id, "Rinus", without=["frames"])
    assert match.asked
    for _ in range(2):
        report = lake.engine.run_report()
        assert (report.exit_code, report.totals.unchanged) == (0, 1), "that is decided"
        assert ("frames", True) in match.asked
    assert current(lake) == {"events": 2, "lineups": 1}
    match.serve(frames=2)
    assert lake.engine.run_report().exit_code == 0
    assert current(lake) == {"events": 2, "lineups": 1, "frames": 2}
    assert lake.datasets[0].left_out_files == {}


def test_without_etags_it_stays_out_by_its_bytes(web: Provider):
    match = Match(web, etag=False)
    lake = make(match)
    entry_id = reject_frames(lake, match)
    lake.engine.store.quarantine.accept(entry_id, "Rinus", without=["frames"])
    report = lake.engine.run_report()
    assert (report.exit_code, report.totals.unchanged) == (0, 1)
    match.serve(frames=3)  # another one that does not belong to them
    assert lake.engine.run_report().totals.quarantined == 1
    assert current(lake) == {"events": 2, "lineups": 1}
    lake.engine.close()


def test_beside_other_files_what_was_left_out_is_loaded_anew(lake: Lake, match: Match):
    entry_id = reject_frames(lake, match)
    lake.engine.store.quarantine.accept(entry_id, "Rinus", without=["frames"])
    match.serve(events=1)  # the correction is taken back, so the frames belong to them again
    match.at = {"events": 2}
    assert lake.engine.run_report().exit_code == 0
    assert current(lake) == {"events": 1, "lineups": 1, "frames": 1}


def test_a_required_feed_that_is_left_out_makes_it_partial_for_good(lake: Lake, match: Match):
    entry_id = reject_frames(lake, match)
    dataset = lake.engine.store.quarantine.accept(entry_id, "Rinus", without=["events__v1"])
    assert (dataset.state, dataset.missing_feeds) == (DatasetState.PARTIAL, ("events",))
    assert current(lake) == {"lineups": 1, "frames": 1}
    lake.engine.load()
    (dataset,) = lake.datasets
    assert (dataset.state, dataset.missing_feeds) == (DatasetState.PARTIAL, ("events",))


def test_what_a_source_announces_and_nobody_calls_optional_is_needed(match: Match):
    lake = make(match, None)
    entry_id = reject_frames(lake, match)
    dataset = lake.engine.store.quarantine.accept(entry_id, "Rinus", without=["frames"])
    assert (dataset.state, dataset.missing_feeds) == (DatasetState.PARTIAL, ("frames",))
    lake.engine.load()
    (dataset,) = lake.datasets
    assert (dataset.state, dataset.missing_feeds) == (DatasetState.PARTIAL, ("frames",))
    match.serve(frames=2)
    lake.engine.load()
    (dataset,) = lake.datasets
    assert (dataset.state, dataset.missing_feeds) == (DatasetState.COMPLETE, ())
    lake.engine.close()


def test_a_new_feed_that_is_all_there_is_may_be_left_out_too(lake: Lake, match: Match):
    del match.bodies["frames"]
    lake.engine.load()
    match.serve(frames=2)
    assert lake.engine.run_report().totals.quarantined == 1
    (entry,) = entries(lake)
    dataset = lake.engine.store.quarantine.accept(entry.entry_id, "Rinus", without=["frames"])
    assert len(dataset.revisions) == 1
    report = lake.engine.run_report()
    assert (report.exit_code, report.totals.unchanged) == (0, 1)
    assert entries(lake) == []


def test_a_feed_that_is_not_there_is_an_error_that_names_those_there_are(lake: Lake, match: Match):
    entry_id = reject_frames(lake, match)
    with pytest.raises(ConfigurationError, match=r"no feed 'framez'; there are events, frames, lineups"):
        lake.engine.store.quarantine.accept(entry_id, "Rinus", without=["framez"])
    with pytest.raises(SaveError, match="nothing of it would be left"):
        lake.engine.store.quarantine.accept(entry_id, "Rinus", without=["events", "frames", "lineups"])
    assert len(entries(lake)) == 1


# ---- accepted although broken ----------------------------------------------------------------------------------


@pytest.mark.parametrize("bundle_type", [MATCH, None])
def test_a_broken_file_that_is_accepted_makes_no_complete_dataset(match: Match, bundle_type: BundleType | None):
    lake = make(match, bundle_type)
    lake.source.bundle_checks = ()
    match.serve(lineups=BROKEN)
    assert lake.engine.run_report().totals.quarantined == 1
    (entry,) = entries(lake)
    assert entry.missing_feeds == ("lineups",)
    dataset = lake.engine.store.quarantine.accept(entry.entry_id, "Rinus", "better than nothing")
    assert (dataset.state, dataset.missing_feeds) == (DatasetState.PARTIAL, ("lineups",))
    assert "NUL" in dataset.broken_files["lineups__v1"]
    description = dataset.revisions[0].description
    assert description.startswith("accepted by Rinus: better than nothing (its checks had said: lineups__v1: ")
    # And so it stays, whatever else changes, until the file is another.
    match.serve(events=2, frames=2)
    match.at = {"events": 1}
    assert lake.engine.run_report().totals.revised == 1
    (dataset,) = lake.datasets
    assert (dataset.state, dataset.missing_feeds) == (DatasetState.PARTIAL, ("lineups",))
    assert list(dataset.broken_files) == ["lineups__v1"]
    assert lake.engine.run_report().totals.unchanged == 1
    match.serve(lineups=2)
    match.at = {"events": 1, "lineups": 2}
    assert lake.engine.run_report().exit_code == 0
    (dataset,) = lake.datasets
    assert (dataset.state, dataset.missing_feeds, dataset.broken_files) == (DatasetState.COMPLETE, (), {})
    lake.engine.close()


def test_what_came_into_quarantine_before_is_published_without_its_broken_file(lake: Lake, match: Match):
    """As a bundle was rejected for a broken file that is named as optional only by now."""
    lake.source.bundle_types = (BundleType("match", requires=("events", "lineups")),)
    match.serve(frames=BROKEN)
    assert lake.engine.run_report().totals.quarantined == 1
    lake.source.bundle_types = (MATCH,)
    report = lake.engine.run_report()
    assert (report.totals.new, report.totals.left_out, report.exit_code) == (1, 1, 3)
    assert current(lake) == {"events": 1, "lineups": 1}
    assert entries(lake) == []
    assert len(entries(lake, QuarantineState.RESOLVED)) == 1


def test_accepting_leaves_a_broken_optional_file_out_by_itself(lake: Lake, match: Match):
    lake.source.bundle_types = (BundleType("match", requires=("events", "lineups")),)
    match.serve(frames=BROKEN)
    lake.engine.load()
    (entry,) = entries(lake)
    lake.source.bundle_types = (MATCH,)
    dataset = lake.engine.store.quarantine.accept(entry.entry_id, "Rinus")
    assert dataset.missing_feeds == ()
    assert current(lake) == {"events": 1, "lineups": 1}
    report = lake.engine.run_report()
    assert (report.exit_code, report.totals.left_out) == (3, 1)
    assert lake.datasets[0].state is DatasetState.COMPLETE


def test_a_bundle_that_was_discarded_is_not_published_in_part(lake: Lake, match: Match):
    lake.source.bundle_types = (BundleType("match", requires=("events", "lineups")),)
    match.serve(frames=BROKEN)
    lake.engine.load()
    (entry,) = entries(lake)
    lake.engine.store.quarantine.discard([entry.entry_id], "Rinus")
    lake.source.bundle_types = (MATCH,)
    assert lake.engine.run_report().totals.new == 0
    assert lake.datasets == []
    match.serve(events=1, frames=BROKEN + b" ")
    report = lake.engine.run_report()
    assert (report.totals.new, report.totals.left_out) == (1, 1)


def test_checks_that_are_switched_off_let_the_file_in(lake: Lake, match: Match):
    match.serve(frames=BROKEN)
    lake.source.bundle_checks = ()
    assert lake.engine.run_report().exit_code == 3
    lake.source.bundle_types = (BundleType("match", MATCH.requires, MATCH.optional, file_checks=False),)
    assert lake.engine.run_report().exit_code == 0
    assert "frames__v1" in lake.datasets[0].files
