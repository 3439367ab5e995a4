"""A run over open data at GitHub sees one commit: what it requests, and what it does without what it wants."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ingestify import IngestionEngine, IngestionPlan, StopProcessing, failpoints, get_engine
from ingestify.domain.dataset import Dataset
from ingestify.domain.run import RunReport
from ingestify.sources.statsbomb_github import StatsBombGithub
from ingestify.testing.github import GithubSimulator
from ingestify.testing.provider_state import ProviderState
from ingestify.testing.season import Season
from ingestify.testing.watched_provider import Fault
from tests.support.adopted_lake import adopt_datasets
from tests.support.waiting import wait_until

MATCHES = 6
FILES = 2 * MATCHES + 2
"""Events and line-ups of each match, and the 360 files of a third of them."""


class OpenData:
    """StatsBomb's open data, in a simulated repository, and a lake of it."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        self.state = ProviderState([Season(matches=MATCHES, seed=5, events_per_match=30)])
        self.github = GithubSimulator(self.files, **options)

    @property
    def files(self) -> dict[str, bytes]:
        bodies = {f"data/{path}": body for path, body in self.state.bodies().items()}
        return {"README.md": b"Open data", **bodies}

    def push(self) -> str:
        """Push the documents as they are by now."""
        return self.github.push_all(self.files)

    def engine(self, name: str = "statsbomb", folder: str = "data", **configuration: Any) -> IngestionEngine:
        configuration = {"api_url": self.github.api_url, **configuration}
        engine = get_engine(metadata_url=f"sqlite:///{self.folder}/catalog.db", file_url=f"file://{self.folder}/files")
        source = StatsBombGithub(name, base_url=f"{self.github.raw_url}/{folder}", **configuration)
        engine.add_ingestion_plan(IngestionPlan(source, "match"))
        return engine

    def run(self, options: dict[str, Any] | None = None, **filters: Any) -> RunReport:
        """Run, after all requests so far were forgotten."""
        self.github.clear_requests()
        with self.engine(**(options or {})) as engine:
            return engine.load(**filters)

    def datasets(self) -> dict[int, Dataset]:
        with self.engine() as engine:
            return {dataset.identifier["match_id"]: dataset for dataset in engine.list_datasets()}

    def content(self, match_id: int, feed: str) -> bytes:
        with self.engine() as engine:
            (dataset,) = [one for one in engine.list_datasets() if one.identifier["match_id"] == match_id]
            return engine.store.load_files(dataset).get_file(feed).read()

    def asked(self) -> list[str]:
        """Which files were requested, without the commit or branch."""
        return sorted(path.partition("/")[2] for path in self.github.requests_of("raw"))

    def refs(self) -> set[str]:
        """At which commits and branches files were requested."""
        return {path.partition("/")[0] for path in self.github.requests_of("raw")}


@pytest.fixture
def data(tmp_path: Path) -> Iterator[OpenData]:
    made = OpenData(tmp_path)
    with made.github:
        yield made


def test_a_first_ingest_asks_for_each_file_once_and_at_one_commit(data: OpenData):
    report = data.run()
    assert (report.totals.new, report.totals.failed) == (MATCHES, 0)
    assert len(data.github.requests) == report.totals.requests == 2 + 2 + FILES
    assert data.refs() == {data.github.sha}
    assert data.github.requests_of("api") == ["commits/main", f"git/trees/{data.github.sha}?recursive=1"]


def test_a_run_in_which_nothing_changed_makes_three_requests(data: OpenData):
    data.run()
    report = data.run()
    assert (report.totals.unchanged, report.totals.requests) == (MATCHES, 3)
    assert data.asked() == ["data/competitions.json"]


def test_a_push_that_changes_none_of_the_data_changes_nothing(data: OpenData):
    data.run()
    data.github.push({"README.md": b"More open data"})
    assert data.run().totals.requests == 3


def test_what_changed_is_asked_for_and_nothing_else(data: OpenData):
    data.run()
    match_id = data.state.match_ids()[0]
    data.state.correct(match_id, ["events"])
    sha = data.push()
    assert data.run().totals.revised == 1
    assert data.refs() == {sha}
    assert [path for path in data.asked() if str(match_id) in path] == [f"data/events/{match_id}.json"]
    assert len(data.github.requests) == 2 + 2 + 1


@pytest.mark.parametrize("folder", ["my%20data", "daten/für%20alle"])
def test_a_change_is_seen_in_a_folder_of_any_name(data: OpenData, folder: str):
    def push() -> None:
        start = f"{urllib.parse.unquote(folder)}/"
        data.github.push_all({path.replace("data/", start, 1): body for path, body in data.files.items()})

    push()
    data.run({"folder": folder})
    data.state.correct(data.state.match_ids()[0], ["events"])
    push()
    assert data.run({"folder": folder}).totals.revised == 1
    assert data.run({"folder": folder}).totals.requests == 3


def test_bytes_that_change_without_their_entry_are_seen(data: OpenData):
    data.run()
    match_id = data.state.match_ids()[0]
    changed = data.files[f"data/events/{match_id}.json"] + b"\n"
    data.github.push({f"data/events/{match_id}.json": changed})
    assert data.run().totals.revised == 1
    assert data.content(match_id, "events") == changed


def test_an_entry_that_changes_without_its_time_is_seen_and_costs_no_file(data: OpenData):
    data.run()
    path = next(path for path in data.files if path.startswith("data/matches/"))
    entries = json.loads(data.files[path])
    entries[0]["referee"] = {"id": 1, "name": "Another"}
    data.github.push({path: json.dumps(entries).encode()})
    assert data.run().totals.revised == 1
    assert data.asked() == ["data/competitions.json", path]
    assert json.loads(data.content(entries[0]["match_id"], "match")) == entries[0]
    assert data.run().totals.requests == 3


def test_an_entry_that_moves_without_its_files_costs_no_file(data: OpenData):
    data.run()
    data.state.touch(data.state.match_ids()[0])
    data.push()
    assert data.run().totals.failed == 0
    assert data.asked() == ["data/competitions.json", "data/matches/811/27.json"]
    assert data.run().totals.requests == 3


def test_one_match_costs_its_own_files_and_none_when_nothing_changed(data: OpenData):
    match_id = data.state.match_ids()[-1]
    data.run(match_id=match_id)
    assert len(data.asked()) == 2 + 2
    data.github.push({"README.md": b"More open data"})
    assert data.run(match_id=match_id).totals.unchanged == 1
    assert data.asked() == ["data/competitions.json", "data/matches/811/27.json"]


def test_the_commit_is_kept_with_each_revision(data: OpenData):
    first = data.github.sha
    data.run()
    match_id = data.state.match_ids()[0]
    data.state.correct(match_id, ["events"])
    second = data.push()
    data.run()
    datasets = data.datasets()
    assert [revision.source["snapshot"] for revision in datasets[match_id].revisions] == [first, second]


def test_a_push_during_a_run_is_the_matter_of_the_next_run(data: OpenData):
    first = data.github.sha
    match_id = data.state.match_ids()[0]
    with data.engine() as engine:
        source = engine.ingestion_plans[0].source
        find = source.find_datasets

        def find_and_push(**arguments: Any) -> Any:
            for batch in find(**arguments):
                data.state.correct(match_id, ["events"])
                data.push()
                yield batch

        source.find_datasets = find_and_push
        assert engine.load().totals.new == MATCHES
    assert data.refs() == {first}
    assert data.run().totals.revised == 1


def test_caches_of_the_branch_do_not_matter(data: OpenData):
    data.run({"api_url": ""})  # fills them
    match_id = data.state.match_ids()[0]
    data.state.correct(match_id, ["events", "lineups"])
    data.push()
    assert data.run({"api_url": ""}).totals.unchanged == MATCHES, "the branch is as it was, for five minutes"
    assert data.run().totals.revised == 1
    assert data.content(match_id, "events") == data.files[f"data/events/{match_id}.json"]
    assert data.content(match_id, "lineups") == data.files[f"data/lineups/{match_id}.json"]


def test_what_a_cache_of_the_branch_mixed_is_put_right_by_the_first_run_that_knows_the_commit(data: OpenData):
    match_id = data.state.match_ids()[0]
    data.run({"api_url": ""})  # fills the caches
    data.state.correct(match_id, ["events"])
    data.push()
    data.github.expire("data/matches/811/27.json")  # the index is new, and the events are those of before
    assert data.run({"api_url": ""}).totals.revised == 1
    assert data.content(match_id, "events") != data.files[f"data/events/{match_id}.json"]
    data.github.pass_time(300)
    assert data.run({"api_url": ""}).totals.unchanged == MATCHES, "nothing in the index moves any more"
    assert data.run().totals.revised == 1
    assert data.content(match_id, "events") == data.files[f"data/events/{match_id}.json"]


# ---- what is not there -----------------------------------------------------------------------------------


def test_where_the_api_refuses_gits_own_protocol_says_the_commit(data: OpenData):
    data.github.api_requests_left = 0
    report = data.run()
    assert (report.totals.new, report.totals.failed) == (MATCHES, 0)
    assert data.refs() == {data.github.sha}
    assert len(data.asked()) == 2 + FILES, "at a commit nothing is asked for twice"
    assert data.run().totals.unchanged == MATCHES
    assert data.asked() == ["data/competitions.json", "data/matches/811/27.json"]


def test_where_nobody_says_the_commit_the_branch_is_read_as_at_a_mirror(data: OpenData):
    data.github.api_requests_left = 0
    data.github.has_git = False
    report = data.run()
    assert (report.totals.new, report.totals.failed) == (MATCHES, 0)
    assert data.refs() == {"main"}
    (revision,) = data.datasets()[data.state.match_ids()[0]].revisions
    assert "snapshot" not in revision.source


def test_runs_with_and_without_the_api_in_turns_fetch_nothing_anew(data: OpenData):
    data.run()
    for requests_left, has_git in ((0, False), (60, True), (0, True), (60, True)):
        data.github.api_requests_left, data.github.has_git = requests_left, has_git
        data.github.push({"README.md": b"%d" % requests_left})
        assert data.run().totals.unchanged == MATCHES
        assert not [path for path in data.asked() if "competitions" not in path and "matches/" not in path]


def test_a_list_of_files_that_is_too_long_is_read_in_parts(tmp_path: Path):
    data = OpenData(tmp_path, longest_list=MATCHES + 3)
    with data.github:
        data.github.submodules["data/other"] = "1" * 40
        data.run()
        data.github.clear_requests()
        assert data.run().totals.unchanged == MATCHES
        assert data.asked() == ["data/competitions.json"]
        assert len(data.github.requests_of("api")) > 3


def test_a_lake_from_before_is_taken_over_without_a_file(data: OpenData):
    data.run({"api_url": ""})
    report = data.run()
    assert (report.totals.unchanged, report.totals.requests) == (MATCHES, 2 + 2)
    assert data.run().totals.requests == 3


def test_a_dry_run_over_a_lake_from_before_compares_as_a_run_does(data: OpenData):
    data.run({"api_url": ""})
    first, second, *_ = data.state.match_ids()
    data.github.push({f"data/events/{first}.json": b"[]", f"data/lineups/{second}.json": b"[]"})
    planned = {}

    class Listener:
        def planned(self, one: Any) -> None:
            planned[one.identifier.rpartition("=")[2]] = (one.action, *one.reasons)

    with data.engine() as engine:
        totals = engine.load(dry_run=True, listener=Listener()).totals
    assert (totals.revised, totals.unchanged) == (2, MATCHES - 2)
    assert planned[str(first)] == ("refetch", "events__v1: other content")
    assert planned[str(second)] == ("refetch", "lineups__v1: other content")
    data.run()
    asked = [path for path in data.asked() if path.startswith(("data/events", "data/lineups"))]
    assert asked == [f"data/events/{first}.json", f"data/lineups/{second}.json"]


def test_what_an_adopted_lake_has_otherwise_is_put_right_by_the_second_run(data: OpenData):
    data.run({"api_url": ""})
    match_id = data.state.match_ids()[0]
    path = f"data/events/{match_id}.json"
    changed = data.files[path] + b"\n"
    data.github.push({path: changed})
    with data.engine() as engine:
        adopt_datasets(engine)
    assert data.run().totals.unchanged == MATCHES
    assert data.run().totals.revised == 1
    assert data.content(match_id, "events") == changed
    assert data.run().totals.requests == 3


def test_a_commit_that_is_gone_is_found_out_anew(data: OpenData):
    gone = data.github.sha
    new = data.github.push({"README.md": b"history was rewritten"})
    with data.engine() as engine:
        source = engine.ingestion_plans[0].source
        find, found = source._find_commit, []

        def find_once_too_early() -> Any:
            commit = find()
            found.append(commit)
            return msgspec.structs.replace(commit, sha=gone) if len(found) == 1 else commit

        source._find_commit = find_once_too_early
        data.github.forget_commit(gone)
        assert engine.load().totals.new == MATCHES
    assert data.datasets()[data.state.match_ids()[0]].revisions[0].source["snapshot"] == new
    report = data.run()
    assert report.totals.unchanged == MATCHES


@pytest.mark.sampled(2)
@pytest.mark.parametrize("goes_on_with", ["the branch", "another commit"])
def test_what_was_listed_after_a_commit_was_gone_belongs_to_no_hint(tmp_path: Path, goes_on_with: str):
    data = OpenData(tmp_path)
    data.state = ProviderState([Season(season_id=one, matches=2, seed=one, first_match_id=100 * one) for one in (7, 8)])
    first = data.files
    data.github.push_all(first)
    with data.github:
        data.run({"api_url": ""})  # fills the caches of the branch
        for match_id in data.state.match_ids():
            data.state.correct(match_id, ["events"])
        gone = data.push()
        data.github.add_fault(Fault(f"raw/*/{gone}/data/matches/*", "not_found"))
        with data.engine() as engine:
            source = engine.ingestion_plans[0].source
            discover = source.discover_selectors

            def discover_and_push(dataset_type: str) -> Any:
                found = discover(dataset_type)
                if goes_on_with == "another commit":
                    data.github.push_all(first)
                return found

            source.discover_selectors = discover_and_push
            assert engine.load().totals.unchanged == 4
        data.github.clear_faults()
        data.push()
        assert data.run().totals.revised == 4


def test_a_commit_that_is_gone_again_and_again_is_looked_for_twice(data: OpenData):
    data.github.add_fault(Fault("raw/*/data/matches/*", "not_found"))
    with data.engine() as engine:
        source = engine.ingestion_plans[0].source
        find, found = source._find_commit, []

        def find_and_push() -> Any:
            found.append(find())
            data.github.push({"README.md": b"%d" % len(found)})
            return found[-1]

        source._find_commit = find_and_push
        engine.load()
    assert len(found) == 2


def test_other_bytes_than_the_list_names_are_an_error_and_the_next_run_asks_again(data: OpenData):
    match_id = data.state.match_ids()[0]
    data.github.add_fault(Fault(f"raw/*/data/events/{match_id}.json", "corrupt"))
    report = data.run()
    assert (report.totals.new, report.totals.failed) == (MATCHES - 1, 1)
    assert "and the provider's list names git-blob:" in report.failed_tasks[0].error
    data.github.clear_faults()
    assert data.run().totals.new == 1
    assert [path for path in data.asked() if "events" in path] == [f"data/events/{match_id}.json"]


def test_a_listed_file_that_is_not_served_is_an_error_although_it_may_be_absent(data: OpenData):
    match_id = next(
        match_id for match_id in data.state.match_ids() if f"data/three-sixty/{match_id}.json" in data.files
    )
    data.github.add_fault(Fault(f"raw/*/data/three-sixty/{match_id}.json", "not_found"))
    assert data.run().totals.failed == 1
    data.github.clear_faults()
    assert data.run().totals.new == 1


def test_an_invalidated_revision_is_fetched_although_nothing_changed(data: OpenData):
    data.run()
    match_id = data.state.match_ids()[0]
    with data.engine() as engine:
        (dataset,) = [one for one in engine.list_datasets() if one.identifier["match_id"] == match_id]
        engine.store.invalidate_revision(dataset, "wrong")
    data.run()
    assert f"data/events/{match_id}.json" in data.asked()
    assert data.run().totals.requests == 3


def test_refetch_asks_for_everything(data: OpenData):
    data.run()
    data.github.clear_requests()
    with data.engine() as engine:
        engine.load(refetch=True)
    assert len(data.asked()) == 2 + FILES


def test_a_dry_run_says_which_file_has_other_content(data: OpenData):
    data.run()
    match_id = data.state.match_ids()[0]
    data.github.push({f"data/events/{match_id}.json": b"[]"})
    planned = []
    with data.engine() as engine:

        class Listener:
            def planned(self, one: Any) -> None:
                planned.append(one)

        engine.load(dry_run=True, listener=Listener())
    (one,) = [one for one in planned if one.action != "unchanged"]
    assert one.reasons == ("events__v1: other content",)


def test_a_second_run_of_a_process_knows_the_files_of_a_commit_that_it_has_seen(data: OpenData):
    with data.engine() as engine:
        engine.load()
        data.github.clear_requests()
        assert engine.load().totals.unchanged == MATCHES
    assert data.github.requests_of("api") == ["commits/main"]
    assert len(data.github.requests) == 2


def test_a_list_of_what_there_is_asks_for_no_commit(data: OpenData):
    with data.engine() as engine:
        assert len(engine.matches("statsbomb", competition_id=811, season_id=27)) == MATCHES
    assert data.github.requests_of("api") == []


# ---- what is taken back: its hint is as it was before ------------------------------------------------------


def test_a_change_that_a_run_with_a_filter_brought_is_taken_back(data: OpenData):
    data.run()
    match_id = data.state.match_ids()[0]
    path = f"data/events/{match_id}.json"
    data.github.push({path: data.files[path] + b"\n"})
    assert data.run(match_id=match_id).totals.revised == 1
    data.push()
    assert data.run().totals.revised == 1
    assert data.content(match_id, "events") == data.files[path]
    assert data.run().totals.requests == 3


def test_a_change_that_a_stopped_run_brought_is_taken_back(data: OpenData):
    data.run()
    match_id = data.state.match_ids()[0]
    path = f"data/events/{match_id}.json"
    data.github.push({path: data.files[path] + b"\n"})
    with data.engine() as engine:
        source = engine.ingestion_plans[0].source
        find = source.find_datasets

        def find_and_stop(**arguments: Any) -> Any:
            yield from find(**arguments)
            wait_until(lambda: len(data.datasets()[match_id].revisions) == 2)
            raise StopProcessing("it is enough")

        source.find_datasets = find_and_stop
        with contextlib.suppress(StopProcessing):
            engine.load()
    data.push()
    assert data.run().totals.revised == 1
    assert data.content(match_id, "events") == data.files[path]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("filters", ["", "match_id={match_id}"])
def test_a_change_that_a_killed_run_brought_is_taken_back(data: OpenData, filters: str):
    data.run()
    match_id = data.state.match_ids()[0]
    path = f"data/events/{match_id}.json"
    data.github.push({path: data.files[path] + b"\n"})
    code = f"""
from ingestify import IngestionPlan, failpoints, get_engine
from ingestify.sources.statsbomb_github import StatsBombGithub
failpoints.set_from_environment()
engine = get_engine(metadata_url="sqlite:///{data.folder}/catalog.db", file_url="file://{data.folder}/files")
source = StatsBombGithub("statsbomb", base_url="{data.github.raw_url}/data", api_url="{data.github.api_url}")
engine.add_ingestion_plan(IngestionPlan(source, "match"))
engine.load({filters.format(match_id=match_id)})
"""
    killed_at_its_end = {**os.environ, failpoints.VARIABLE: "job.saved=kill@2"}
    ended = subprocess.run([sys.executable, "-c", code], env=killed_at_its_end, check=False)
    assert ended.returncode == -signal.SIGKILL
    data.push()
    assert data.run().totals.revised == 1
    assert data.content(match_id, "events") == data.files[path]


def test_what_a_run_with_a_filter_read_from_a_cache_of_the_branch_is_put_right(data: OpenData):
    data.run({"api_url": ""})  # fills the caches
    match_id = data.state.match_ids()[0]
    data.state.correct(match_id, ["events"])
    data.push()
    assert data.run().totals.revised == 1
    assert data.run({"api_url": ""}, match_id=match_id).totals.revised == 1, "back to what the caches have"
    assert data.run().totals.revised == 1
    assert data.content(match_id, "events") == data.files[f"data/events/{match_id}.json"]


def test_what_another_source_of_the_same_datasets_brought_is_put_right(data: OpenData):
    match_id = data.state.match_ids()[0]
    data.run()
    data.github.push({f"data/events/{match_id}.json": data.files[f"data/events/{match_id}.json"] + b"\n"})
    assert data.run({"name": "another"}).totals.revised == 1
    data.push()
    assert data.run().totals.revised == 1


# ---- what is in quarantine, and what is withdrawn ---------------------------------------------------------


def test_a_bundle_in_quarantine_is_not_asked_for_again_and_its_repair_is_fetched(data: OpenData):
    data.run()
    match_id = data.state.match_ids()[0]
    path = f"data/events/{match_id}.json"
    good = data.files[path]
    data.github.push({path: b"[]"})
    assert data.run().totals.quarantined == 1
    assert data.content(match_id, "events") == good
    assert data.run().totals.quarantined == 1
    assert data.asked() == ["data/competitions.json", "data/matches/811/27.json"]
    data.github.push({path: good + b"\n"})
    assert data.run().totals.revised == 1
    assert [one for one in data.asked() if str(match_id) in one] == [path]
    assert data.content(match_id, "events") == good + b"\n"


def test_a_bundle_in_quarantine_that_is_taken_back_leaves_it(data: OpenData):
    data.run()
    match_id = data.state.match_ids()[0]
    path = f"data/events/{match_id}.json"
    good = data.files[path]
    data.github.push({path: b"[]"})
    assert data.run().totals.quarantined == 1
    data.github.push({path: good})
    assert data.run().totals.quarantined == 0
    assert data.run().totals.requests == 3
