"""Each provider of open data, from its files over HTTP to kloppy's object, and what a second run costs."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest

from ingestify import IngestionEngine, get_dev_engine, get_engine
from ingestify.domain.content_id import git_blob_of
from ingestify.errors import LoadError
from ingestify.sources import wyscout_github
from ingestify.sources.registry import make_open_data_source
from ingestify.testing.document_provider import DocumentProvider
from ingestify.testing.github import GithubSimulator
from tests.support.sizes import sizes

from .open_data_mirrors import (
    lfs_pointer,
    mirror_impect,
    mirror_metrica,
    mirror_sportec,
    skillcorner_frames,
    write_json,
)
from .static_server import StaticServer

WYSCOUT = {2499841: 1628, 2499719: 1809, 2500089: 1635, 2058017: 1510, 1694440: 2124, 2516739: 1649}


@contextmanager
def ingesting(
    lake: Path, server: StaticServer, provider: str, dataset_type: str, path: str = "", **configuration: Any
) -> Iterator[IngestionEngine]:
    """A lake of one provider's open data, as it is served; another one each time, so that nothing is remembered."""
    source = make_open_data_source(provider, {"base_url": server.url + path, **configuration})
    server.requests.clear()
    with get_dev_engine(source, dataset_type, dev_dir=lake) as engine:
        yield engine


def load(engine: IngestionEngine, **filters: Any) -> Any:
    """Run, and return the totals of a run in which nothing failed."""
    report = engine.load(**filters)
    assert [(task.name, task.error) for task in report.failed_tasks + report.quarantined_tasks] == []
    return report.totals


def statuses(server: StaticServer, is_index: Callable[[str], bool] = lambda path: False) -> dict[int, int]:
    """Count the answers by status, without those for an index."""
    found = [status for path, status in server.requests if not is_index(path)]
    return {status: found.count(status) for status in sorted(set(found))}


# ---- Wyscout -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("matches", sizes([2516739], list(WYSCOUT)))
def test_wyscout_loads_with_the_counts_of_its_own_files_and_a_second_run_downloads_nothing(
    tmp_path: Path, provider_data: Path, matches: list[int]
):
    with StaticServer(provider_data / "wyscout", by_etag=True) as server:
        with ingesting(tmp_path, server, "wyscout", "match") as engine:
            assert load(engine, match_id=matches).new == len(matches)
            for dataset in engine.list_datasets():
                match_id = dataset.identifier["match_id"]
                original = provider_data / "wyscout" / "processed-v2" / "files" / f"{match_id}.json"
                with engine.store.load_files(dataset) as files:
                    assert files.get_file("events").read() == original.read_bytes()
                    label = files.get_file("match").json()["label"]
                match = engine.load_dataset_with_kloppy(dataset, coordinates="wyscout")
                assert len(match) == WYSCOUT[match_id]
                assert match.metadata.game_id == str(match_id)
                assert f"{match.metadata.date:%Y-%m-%d}" == dataset.metadata["match_date"]
                assert match.metadata.attributes["name"] == dataset.name
                assert dataset.to_polars("events").height == len(json.loads(original.read_bytes())["events"])
                if match_id == 2516739:
                    assert r"Bayern M\u00fcnchen" in label, "the provider's own words"
                    assert dataset.name == "Bayern München 3-1 Bayer Leverkusen, 2017-08-18"
        with ingesting(tmp_path, server, "wyscout", "match") as engine:
            assert load(engine, match_id=matches).unchanged == len(matches)
            assert statuses(server, is_index=lambda path: path.endswith(".zip")) == {304: len(matches)}
            assert all(len(dataset.revisions) == 1 for dataset in engine.list_datasets())


def test_one_wyscout_match_costs_one_matchs_requests(tmp_path: Path, excerpts: Path):
    with (
        StaticServer(excerpts / "wyscout") as server,
        ingesting(tmp_path, server, "wyscout", "match") as engine,
    ):
        assert load(engine, competition_id=426, match_id=2516739).new == 1
        assert server.requests == [("/raw_data/matches.zip", 200), ("/processed-v2/files/2516739.json", 200)]
        (dataset,) = engine.list_datasets()
        assert len(engine.load_dataset_with_kloppy(dataset)) == 84
        source = dataset.current_revision.source
        assert source["licence"] == "CC BY 4.0"
        assert "Pappalardo" in source["attribution"]


def test_a_match_that_the_index_promises_and_that_is_not_there_is_partial_and_comes_later(
    tmp_path: Path, excerpts: Path
):
    mirror = tmp_path / "mirror"
    shutil.copytree(excerpts / "wyscout", mirror)
    file = mirror / "processed-v2" / "files" / "2516751.json"
    with StaticServer(mirror, by_etag=True) as server:
        for _ in range(2):
            with ingesting(tmp_path / "lake", server, "wyscout", "match") as engine:
                load(engine, match_id=2516751)
                assert statuses(server, is_index=lambda path: path.endswith(".zip")) == {404: 1}
                (dataset,) = engine.list_datasets()
                assert (dataset.state.value, dataset.missing_feeds) == ("PARTIAL", ("events",))
                with pytest.raises(LoadError, match="no file of the feed 'events'"):
                    engine.load_dataset_with_kloppy(dataset)
        file.write_bytes((mirror / "processed-v2" / "files" / "2516739.json").read_bytes())
        with ingesting(tmp_path / "lake", server, "wyscout", "match") as engine:
            load(engine, match_id=2516751)
            (dataset,) = engine.list_datasets()
            assert dataset.is_complete
        file.unlink()
        with ingesting(tmp_path / "lake", server, "wyscout", "match") as engine:
            load(engine, match_id=2516751)
            (dataset,) = engine.list_datasets()
            assert "events__v1" in dataset.files, "what was deleted while it is listed stays in the lake"


@pytest.mark.parametrize(
    ("body", "counted"),
    [
        pytest.param(b"", {"quarantined": 1, "failed": 0}, id="empty: it waits in quarantine"),
        pytest.param(b"<html>Rate limited</html>", {"quarantined": 0, "failed": 1}, id="a page: the fetch failed"),
    ],
)
def test_an_answer_that_is_no_file_leaves_readers_the_match_as_it_was(
    tmp_path: Path, excerpts: Path, body: bytes, counted: dict[str, int]
):
    mirror = tmp_path / "mirror"
    shutil.copytree(excerpts / "wyscout", mirror)
    file = mirror / "processed-v2" / "files" / "2516739.json"
    with StaticServer(mirror, by_etag=True) as server:
        good = file.read_bytes()
        corrected = good + b"\n"
        for content, expected in (
            (good, {"new": 1}),
            (body, counted),
            (corrected, {"revised": 1, "quarantined": 0, "failed": 0}),
        ):
            file.write_bytes(content)
            with ingesting(tmp_path / "lake", server, "wyscout", "match") as engine:
                totals = engine.load(match_id=2516739).totals
                assert {name: getattr(totals, name) for name in expected} == expected
                (dataset,) = engine.list_datasets()
                assert len(engine.load_dataset_with_kloppy(dataset)) == 84


def test_open_data_streams_without_any_configuration(tmp_path: Path, excerpts: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with StaticServer(excerpts / "wyscout") as server:
        monkeypatch.setattr(wyscout_github, "BASE_URL", server.url)
        for _ in range(2):
            with get_engine() as engine:
                options = {"use_open_data": True, "streaming": True}
                (dataset,) = engine.iter_datasets(options, "wyscout", "match", competition_id=426, match_id=2516739)
                assert dataset.to_polars("events").height == 80
        events = [status for path, status in server.requests if path.endswith("2516739.json")]
        assert events == [200, 304]


def files_below(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_unchanged_at_a_commit_is_not_requested(tmp_path: Path, excerpts: Path):
    files = files_below(excerpts / "wyscout")
    events = "processed-v2/files"
    files |= {f"{events}/{match_id}.json": files[f"{events}/2516739.json"] for match_id in (2516751, 2058017, 1694440)}
    with GithubSimulator(files) as github:

        def run() -> tuple[Any, list[str]]:
            github.clear_requests()
            options = {"base_url": github.raw_url, "api_url": github.api_url}
            source = make_open_data_source("wyscout", options)
            with get_dev_engine(source, "match", dev_dir=tmp_path / "lake") as engine:
                totals = load(engine)
            return totals, sorted(path.partition("/")[2] for path in github.requests_of("raw"))

        assert run()[0].new == 4
        totals, requests = run()
        assert (totals.unchanged, totals.requests, requests) == (4, 3, ["raw_data/matches.zip"])
        github.push({f"{events}/2058017.json": files[f"{events}/2516739.json"] + b"\n"})
        totals, requests = run()
        assert (totals.unchanged, totals.revised) == (3, 1)
        assert requests == [f"{events}/2058017.json", "raw_data/matches.zip"]
        github.api_requests_left, github.has_git = 0, False
        totals, requests = run()
        assert totals.unchanged == 4


# ---- Sportec -------------------------------------------------------------------------------------------


def test_sportec_loads_with_the_count_of_its_own_files_and_a_second_run_downloads_nothing(
    tmp_path: Path, provider_data: Path
):
    path = "/datasets/pysport/idsse-data/resolve/main"
    with StaticServer(provider_data / "sportec") as server:
        with ingesting(tmp_path, server, "sportec", "match", path) as engine:
            assert load(engine, match_id="J03WPY").new == 1
            (dataset,) = engine.list_datasets()
            match = engine.load_dataset_with_kloppy(dataset)
            assert len(match) == 1572
            assert match.metadata.game_id == "DFL-MAT-J03WPY"
            assert match.metadata.attributes["identifier"]["match_id"] == "J03WPY"
        with ingesting(tmp_path, server, "sportec", "match", path) as engine:
            assert load(engine, match_id="J03WPY").unchanged == 1
            assert statuses(server) == {304: 2}


def test_sportecs_excerpt_loads_and_a_wrong_base_url_is_no_provider_without_data(tmp_path: Path, excerpts: Path):
    with StaticServer(excerpts) as server:
        with ingesting(tmp_path / "lake", server, "sportec", "match", "/sportec") as engine:
            load(engine, match_id="J03WPY")
            (dataset,) = engine.list_datasets()
            assert len(engine.load_dataset_with_kloppy(dataset)) == 57
        with ingesting(tmp_path / "other", server, "sportec", "match", "/sport") as engine:
            report = engine.load()
            assert (report.totals.failed, report.totals.new) == (7, 0)
            assert "status 404" in report.failed_tasks[0].error


def test_sportecs_positions_load_and_with_times_of_commits_a_second_run_asks_for_the_list_alone(
    tmp_path: Path, provider_data: Path
):
    mirror = tmp_path / "mirror"
    mirror_sportec(provider_data, mirror)
    names = sorted(path.name for path in mirror.iterdir())
    commit = {"date": "2025-02-01T10:00:00.000Z"}
    write_json(mirror / "tree.json", [{"path": name, "lastCommit": commit} for name in names])
    with StaticServer(mirror) as server:
        for statuses_of_files in ({200: 2}, {}):
            tree_url = f"{server.url}/tree.json"
            with ingesting(tmp_path / "lake", server, "sportec", "tracking", tree_url=tree_url) as engine:
                load(engine, match_id="J03WPY")
                assert statuses(server, is_index=lambda path: path == "/tree.json") == statuses_of_files
                (dataset,) = engine.list_datasets()
                assert dataset.is_complete
                assert len(engine.load_dataset_with_kloppy(dataset, coordinates="sportec")) == 202
                assert len(engine.load_dataset_with_kloppy(dataset, limit=10, only_alive=True)) == 10


def test_at_a_revision_of_hugging_face_what_is_unchanged_is_not_requested(tmp_path: Path, excerpts: Path):
    files = {path.name: path.read_bytes() for path in (excerpts / "sportec").iterdir() if "J03WPY" in path.name}
    events = next(name for name in files if "events" in name)
    api, resolve = "api/datasets/me/mine", "datasets/me/mine/resolve"

    def documents(sha: str) -> dict[str, Any]:
        tree = [
            {"path": name, "oid": "0" * 40, "lfs": {"oid": hashlib.sha256(body).hexdigest()}}
            if name == events
            else {"path": name, "oid": git_blob_of(io.BytesIO(body), len(body)).removeprefix("git-blob:")}
            for name, body in files.items()
        ]
        at_branch = {f"{resolve}/main/{name}": body for name, body in files.items()}
        at_revision = {f"{resolve}/{sha}/{name}": body for name, body in files.items()}
        listed = {f"{api}/revision/main": {"sha": sha}, f"{api}/tree/{sha}?recursive=true&expand=true": tree}
        return {**at_branch, **at_revision, **listed}

    with DocumentProvider(documents("a" * 40)) as provider:

        def run() -> tuple[Any, list[str]]:
            provider.clear_paths()
            options = {"base_url": f"{provider.base_url}/{resolve}/main", "api_url": f"{provider.base_url}/{api}"}
            with get_dev_engine(
                make_open_data_source("sportec", options), "match", dev_dir=tmp_path / "lake"
            ) as engine:
                totals = load(engine, match_id="J03WPY")
            return totals, [path for path in provider.paths if path.startswith(resolve)]

        totals, asked = run()
        assert (totals.new, totals.requests) == (1, 4)
        assert sorted(asked) == sorted(f"{resolve}/{'a' * 40}/{name}" for name in files)
        totals, asked = run()
        assert (totals.unchanged, totals.requests, asked) == (1, 2, [])
        files[events] += b"\n"
        provider.documents = documents("b" * 40)
        totals, asked = run()
        assert (totals.revised, asked) == (1, [f"{resolve}/{'b' * 40}/{events}"])
        del provider.documents[f"{api}/revision/main"]
        totals, asked = run()
        assert totals.unchanged == 1
        assert sorted(asked) == sorted(f"{resolve}/main/{name}" for name in files)


# ---- SkillCorner ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("limit", "frames"), sizes((500, 499), (None, 34_783)))
def test_skillcorners_older_layout_loads_with_all_of_its_frames(
    tmp_path: Path, provider_data: Path, limit: int | None, frames: int
):
    with StaticServer(provider_data / "skillcorner-2020") as server:
        with ingesting(tmp_path, server, "skillcorner", "tracking", "/data") as engine:
            assert load(engine, match_id=2417).new == 1
            (dataset,) = engine.list_datasets()
            match = engine.load_dataset_with_kloppy(dataset, limit=limit)
            assert len(match) == frames
            assert match.metadata.game_id == "2417"
        with ingesting(tmp_path, server, "skillcorner", "tracking", "/data") as engine:
            assert load(engine, match_id=2417).unchanged == 1
            assert statuses(server, is_index=lambda path: path == "/data/matches.json") == {304: 2}


def test_skillcorners_current_matches_pass_their_checks_and_what_is_missing_is_left_out(
    tmp_path: Path, provider_data: Path
):
    with StaticServer(provider_data / "skillcorner", by_etag=True) as server:
        with ingesting(tmp_path, server, "skillcorner", "match", "/data") as engine:
            assert load(engine).new == 10
            datasets = {dataset.identifier["match_id"]: dataset for dataset in engine.list_datasets()}
            assert all(dataset.is_complete for dataset in datasets.values())
            assert {name for name, one in datasets.items() if "dynamic_events__v1" in one.files} == {2011166}
            assert datasets[2011166].to_polars("dynamic_events").shape == (3966, 294)
            assert datasets[1953632].to_polars("phases_of_play").height > 300, "the index says not_started"
        with ingesting(tmp_path, server, "skillcorner", "match", "/data") as engine:
            assert load(engine).unchanged == 10
            assert statuses(server, is_index=lambda path: path == "/data/matches.json") == {304: 21, 404: 9}


@pytest.fixture
def lfs_host(tmp_path: Path, excerpts: Path) -> Iterator[tuple[StaticServer, Path]]:
    """SkillCorner's files with the tracking in Git LFS: a pointer below /data, the bytes below /media."""
    shutil.copytree(excerpts / "skillcorner", tmp_path / "mirror")
    with StaticServer(tmp_path / "mirror", by_etag=True) as server:
        yield server, tmp_path / "mirror"


FRAMES = "matches/1886347/1886347_tracking_extrapolated.jsonl"


def put_frames(mirror: Path, count: int, *, pointer_of: bytes | None = None) -> bytes:
    body = skillcorner_frames(mirror / "data" / "matches" / "1886347" / "1886347_match.json", count)
    (mirror / "data" / FRAMES).write_bytes(lfs_pointer(pointer_of or body))
    media = mirror / "media" / FRAMES
    media.parent.mkdir(parents=True, exist_ok=True)
    media.write_bytes(body)
    return body


def test_tracking_in_git_lfs_is_fetched_verified_and_not_fetched_again(tmp_path: Path, lfs_host):
    server, mirror = lfs_host
    lake = tmp_path / "lake"

    @contextmanager
    def ran() -> Iterator[Any]:
        configuration = {"media_url": f"{server.url}/media"}
        with ingesting(lake, server, "skillcorner", "tracking", "/data", **configuration) as engine:
            load(engine, match_id=1886347)
            (dataset,) = engine.list_datasets()
            yield engine, dataset

    body = put_frames(mirror, 60)
    with ran() as (engine, dataset):
        with engine.store.load_files(dataset) as files:
            assert files.get_file("frames").read() == body
        assert len(engine.load_dataset_with_kloppy(dataset)) == 60
        assert len(engine.load_dataset_with_kloppy(dataset, only_alive=True, limit=20)) <= 30
        assert dataset.to_polars("frames").height == 60
    with ran() as (engine, dataset):
        asked = {path: status for path, status in server.requests if path != "/data/matches.json"}
        assert asked == {"/data/matches/1886347/1886347_match.json": 304, f"/data/{FRAMES}": 304}
        assert len(dataset.revisions) == 1
    put_frames(mirror, 70)
    with ran() as (engine, dataset):
        assert [len(revision.modified_files) for revision in dataset.revisions] == [2, 1]
        assert len(engine.load_dataset_with_kloppy(dataset)) == 70
    # The bytes may be where the file should be, as on a mirror: no pointer, and no need for one.
    (mirror / "data" / FRAMES).write_bytes((mirror / "media" / FRAMES).read_bytes())
    with ran() as (engine, dataset):
        assert len(dataset.revisions) == 2
    with ran():
        assert dict(server.requests)[f"/data/{FRAMES}"] == 304


def test_a_pointer_to_other_bytes_fails_its_dataset_and_the_lake_keeps_what_it_has(tmp_path: Path, lfs_host):
    server, mirror = lfs_host
    for configuration, pointer_of, message in (
        ({"media_url": f"{server.url}/media"}, b"other", "are not the 5 bytes with the sha256"),
        ({"media_url": f"{server.url}/nowhere"}, None, "status 404"),
        ({}, None, "is a Git LFS pointer, and the URL of its bytes is unknown: give the source a media_url"),
    ):
        put_frames(mirror, 5, pointer_of=pointer_of)
        with ingesting(tmp_path / "lake", server, "skillcorner", "tracking", "/data", **configuration) as engine:
            report = engine.load(match_id=1886347)
            assert report.totals.failed == 1
            assert message in report.failed_tasks[0].error
            assert engine.list_datasets() == []


def test_a_file_that_leaves_the_commit_leaves_the_lake_when_a_second_run_finds_the_same(tmp_path: Path, excerpts: Path):
    files = files_below(excerpts / "skillcorner")
    path = "data/matches/1886347/1886347_phases_of_play.csv"
    with GithubSimulator(files) as github:

        def run() -> tuple[int, set[str]]:
            options = {"base_url": f"{github.raw_url}/data", "api_url": github.api_url}
            with get_dev_engine(make_open_data_source("skillcorner", options), "match", dev_dir=tmp_path) as engine:
                requests = engine.load(match_id=1886347).totals.requests
                (dataset,) = engine.list_datasets()
                return requests, {one.data_feed_key for one in dataset.files.values()}

        assert run()[1] == {"match", "phases_of_play"}
        github.push({path: None})
        assert run()[1] == {"match", "phases_of_play"}
        assert run()[1] == {"match"}
        github.push({path: files[path]})
        assert run()[1] == {"match", "phases_of_play"}
        requests, _ = run()
        assert requests == 3 + 1, "the other feed is not there, and may come"


def test_at_a_commit_a_pointer_in_git_lfs_is_read_only_if_it_is_another_one(tmp_path: Path, excerpts: Path):
    match_file = excerpts / "skillcorner" / "data" / "matches" / "1886347" / "1886347_match.json"
    bodies = {count: skillcorner_frames(match_file, count) for count in (5, 6)}
    files = files_below(excerpts / "skillcorner") | {f"data/{FRAMES}": lfs_pointer(bodies[5])}
    large_files = {hashlib.sha256(body).hexdigest(): body for body in bodies.values()}
    with GithubSimulator(files, large_files=large_files) as github:

        def run(**changes: Any) -> tuple[Any, list[str], list[str]]:
            github.clear_requests()
            options = {"base_url": f"{github.raw_url}/data", "media_url": f"{github.media_url}/data", **changes}
            source = make_open_data_source("skillcorner", {"api_url": github.api_url, **options})
            with get_dev_engine(source, "tracking", dev_dir=tmp_path / "lake") as engine:
                totals = load(engine, match_id=1886347)
                (dataset,) = engine.list_datasets()
                with engine.store.load_files(dataset) as loaded:
                    frames = loaded.get_file("frames").read()
            assert frames in bodies.values()
            asked = [path for path in github.requests_of("raw") if FRAMES in path]
            return totals, asked, github.requests_of("media")

        first = github.sha
        assert run() == (ANY, [f"{first}/data/{FRAMES}"], [f"{first}/data/{FRAMES}"])
        assert run() == (ANY, [], [])
        second = github.push({f"data/{FRAMES}": lfs_pointer(bodies[5]) + b"\n"})
        totals, pointers, media = run()
        assert (totals.unchanged, pointers, media) == (1, [f"{second}/data/{FRAMES}"], []), "it names the same bytes"
        third = github.push({f"data/{FRAMES}": lfs_pointer(bodies[6])})
        totals, pointers, media = run()
        assert (totals.revised, pointers, media) == (1, [f"{third}/data/{FRAMES}"], [f"{third}/data/{FRAMES}"])
        github.push({f"data/{FRAMES}": bodies[5]})
        totals, pointers, media = run()
        assert (totals.revised, len(pointers), media) == (1, 1, []), "it is not in Git LFS any more"
        assert run()[1:] == ([], [])
        totals, pointers, media = run(api_url="")
        assert (totals.unchanged, len(pointers), media) == (1, 1, [])


def test_an_invalidated_revision_of_a_file_in_git_lfs_is_fetched_in_full(tmp_path: Path, lfs_host):
    server, mirror = lfs_host
    put_frames(mirror, 5)
    configuration = {"media_url": f"{server.url}/media"}
    with ingesting(tmp_path / "lake", server, "skillcorner", "tracking", "/data", **configuration) as engine:
        load(engine, match_id=1886347)
        (dataset,) = engine.list_datasets()
        path = tmp_path / "lake" / "files" / dataset.files["frames__v1"].storage_path
        whole = path.read_bytes()
        path.chmod(0o644)
        path.write_bytes(whole[:-3])
        engine.store.invalidate_revision(dataset, "damaged")
        load(engine, match_id=1886347)
        assert path.read_bytes() == whole


# ---- Metrica -------------------------------------------------------------------------------------------


def test_metricas_events_load_with_the_count_of_game_3_and_those_of_the_others_are_data_frames(
    tmp_path: Path, provider_data: Path
):
    with StaticServer(provider_data / "metrica", by_etag=True) as server:
        with ingesting(tmp_path, server, "metrica", "match", "/data") as engine:
            assert load(engine).new == 3
            games = {dataset.identifier["match_id"]: dataset for dataset in engine.list_datasets()}
            assert len(engine.load_dataset_with_kloppy(games[3])) == 3594
            assert games[3].to_polars("events").height == 3620
            assert [games[game].to_polars("events").height for game in (1, 2)] == [1745, 1935]
            with pytest.raises(LoadError, match=r"its events are CSV. Use dataset\.to_polars"):
                engine.load_dataset_with_kloppy(games[1])
        with ingesting(tmp_path, server, "metrica", "match", "/data") as engine:
            assert load(engine).unchanged == 3
            assert statuses(server) == {304: 4}


def test_metricas_tracking_loads_from_csv_and_from_epts(tmp_path: Path, provider_data: Path):
    mirror_metrica(provider_data, tmp_path / "mirror")
    with (
        StaticServer(tmp_path / "mirror") as server,
        ingesting(tmp_path / "lake", server, "metrica", "tracking") as engine,
    ):
        assert load(engine).new == 3
        games = {dataset.identifier["match_id"]: dataset for dataset in engine.list_datasets()}
        assert len(engine.load_dataset_with_kloppy(games[1])) == 6
        assert len(engine.load_dataset_with_kloppy(games[3], limit=50)) == 50
        assert "Player11" in games[2].to_polars("frames-home").columns
        with pytest.raises(TypeError, match="only_alive"):
            engine.load_dataset_with_kloppy(games[1], only_alive=True)


# ---- Impect --------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings(
    r"ignore:.* (on|off) the pitch.*:Warning"
)  # the sample's names were made up, not all different
def test_impect_loads_with_names_and_a_second_run_asks_for_the_index_alone(tmp_path: Path, provider_data: Path):
    mirror_impect(provider_data, tmp_path / "mirror")
    indexes = {"/iterations.json", "/matches/matches_1.json", "/squads/squads_1.json", "/players/players_1.json"}
    with StaticServer(tmp_path / "mirror") as server:
        for expected in ({200: 2}, {}):
            with ingesting(tmp_path / "lake", server, "impect", "match") as engine:
                load(engine)
                assert statuses(server, is_index=lambda path: path in indexes) == expected
                (dataset,) = engine.list_datasets()
                match = engine.load_dataset_with_kloppy(dataset)
                assert len(match) > 2000
                assert match.metadata.teams[0].name == "Home Team FC"
                assert dataset.name == "Home Team FC - Away Team United, 2020-01-01"
                assert dataset.to_polars("events").height == 3218


def test_impects_events_that_are_not_there_leave_the_match_partial(tmp_path: Path, provider_data: Path):
    mirror_impect(provider_data, tmp_path / "mirror", events=False)
    with (
        StaticServer(tmp_path / "mirror") as server,
        ingesting(tmp_path / "lake", server, "impect", "match") as engine,
    ):
        load(engine)
        (dataset,) = engine.list_datasets()
        assert (dataset.state.value, dataset.missing_feeds) == ("PARTIAL", ("events",))
