"""Lakes that versions of the published package made, and what the adopted lake must answer, file by file."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from ingestify import AdoptionReport, Dataset, NotTakenKind, RevisionState, adopt, get_engine

pytestmark = pytest.mark.sampled(3)  # of the versions and ways to adopt, each third

VERSIONS = ("0.3.4", "0.19.1")


@pytest.fixture(params=VERSIONS)
def lake(request: pytest.FixtureRequest, published_lakes: Path, tmp_path: Path) -> Path:
    """A copy of one."""
    return Path(shutil.copytree(published_lakes / request.param, tmp_path / "lake"))


@pytest.fixture(params=["in place", "copied"])
def adopted(request: pytest.FixtureRequest, lake: Path, tmp_path: Path) -> tuple[Path, AdoptionReport]:
    if request.param == "in place":
        return lake / "config.yaml", adopt(lake / "config.yaml", dry_run=False)
    target = tmp_path / "target"
    target.mkdir()
    shutil.copy(lake / "config.yaml", target)
    return target / "config.yaml", adopt(lake / "config.yaml", to=target / "config.yaml", dry_run=False)


def expected_of(lake: Path) -> dict[str, Any]:
    return json.loads((lake / "expected.json").read_text(encoding="utf-8"))


def text_of(moment: dt.datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def rows_of(lake: Path) -> dict[str, list[Any]]:
    with sqlite3.connect(lake / "catalog.db") as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'adopted%'")
        tables = [name for (name,) in names if not name.startswith("sqlite_")]
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in tables}


def described(dataset: Dataset) -> dict[str, Any]:
    """Return the parts of a dataset as `expected.json` has them, without the paths, which a copy changes."""
    return {
        "dataset_id": dataset.dataset_id,
        "bucket": dataset.bucket,
        "provider": dataset.provider,
        "dataset_type": dataset.dataset_type,
        "name": dataset.name,
        "state": dataset.state.value,
        "identifier": list(dataset.identifier.items()),
        "metadata": dict(dataset.metadata),
        "created_at": text_of(dataset.created_at),
        "updated_at": text_of(dataset.updated_at),
        "revisions": [
            {
                "revision_id": revision.revision_id,
                "created_at": text_of(revision.created_at),
                "description": revision.description,
                "source": dict(revision.source),
                "files": sorted(
                    (
                        file.file_id,
                        file.data_serialization_format,
                        file.size,
                        file.tag,
                        file.content_type,
                        file.storage_size,
                        text_of(file.created_at),
                        text_of(file.modified_at),
                    )
                    for file in revision.modified_files
                ),
            }
            for revision in dataset.revisions
        ],
    }


def wanted(dataset: dict[str, Any]) -> dict[str, Any]:
    """Return the same of an entry of `expected.json`."""
    names = (
        "dataset_id",
        "bucket",
        "provider",
        "dataset_type",
        "name",
        "state",
        "metadata",
        "created_at",
        "updated_at",
    )
    return {name: dataset[name] for name in names} | {
        "identifier": list(dataset["identifier"].items()),
        "revisions": [
            {name: revision[name] for name in ("revision_id", "created_at", "description", "source")}
            | {
                "files": sorted(
                    (
                        file["file_id"],
                        file["data_serialization_format"],
                        file["storage_size"] if file["stored_as_it_came"] else file["size_read"],
                        file.get("sha256_of_the_stored_object", file["sha256"]),
                        file["content_type"],
                        file["storage_size"],
                        file["created_at"],
                        file["modified_at"],
                    )
                    for file in revision["files"]
                )
            }
            for revision in dataset["revisions"]
        ],
    }


def test_each_dataset_revision_and_file_is_there_with_its_bytes(lake: Path, adopted: tuple[Path, AdoptionReport]):
    config, report = adopted
    expected = expected_of(lake)
    replaced = {one.dataset_id for one in report.not_taken if one.kind is NotTakenKind.REPLACED}
    assert replaced == {one["dataset_id"] for one in expected["datasets"] if not one["adopt"]}
    assert report.is_whole
    for bucket in expected["summary"]["buckets"]:
        with get_engine(config, bucket=bucket) as engine:
            there = {one.dataset_id: one for one in engine.store.get_dataset_collection()}
            should = {
                one["dataset_id"]: one for one in expected["datasets"] if one["adopt"] and one["bucket"] == bucket
            }
            assert there.keys() == should.keys()
            for dataset_id, dataset in there.items():
                assert described(dataset) == wanted(should[dataset_id])
                if "last_modified_at" in should[dataset_id]:
                    assert text_of(dataset.last_modified_at) == should[dataset_id]["last_modified_at"]
                files = engine.store.load_files(dataset)
                for file_id, tag in should[dataset_id]["current"].items():
                    assert hashlib.sha256(files[file_id].stream.read()).hexdigest() == tag
                    assert hashlib.sha256(files[file_id].raw_stream.read()).hexdigest() == dataset.files[file_id].tag
            assert not engine.verify().damages


def test_an_invalidated_current_set_is_invalidated(lake: Path, adopted: tuple[Path, AdoptionReport]):
    with get_engine(adopted[0]) as engine:
        there = {one.dataset_id: one for one in engine.store.get_dataset_collection()}
    for dataset in expected_of(lake)["datasets"]:
        if dataset["adopt"] and dataset["bucket"] == "main":
            failed_files = {
                file["file_id"]: revision["state"] == "VALIDATION_FAILED"
                for revision in dataset["revisions"]
                for file in revision["files"]
            }
            is_failed = there[dataset["dataset_id"]].revisions[-1].state is RevisionState.VALIDATION_FAILED
            assert is_failed == any(failed_files.values())


def test_the_event_log_and_its_readers_go_on(lake: Path, adopted: tuple[Path, AdoptionReport]):
    expected = expected_of(lake)
    with get_engine(adopted[0]) as engine:
        events = engine.store.catalogue.event_log.read(0, 10_000)
        readers = {one.name: one.position for one in engine.store.catalogue.event_readers.list_readers()}
    log = [(one["id"], one["event_type"], one["dataset_id"]) for one in expected["event_log"]]
    for one in expected["readers"]:
        unread = [(event_type, dataset_id) for at, event_type, dataset_id in log if at > one["last_event_id"]]
        gets = [event for event in events if event.position > readers[one["reader_name"]]]
        assert [(event.event_type, event.dataset.dataset_id) for event in gets] == unread
    assert len(readers) == len(expected["readers"])
    if log:
        carried = [(event.event_type, event.dataset.dataset_id) for event in events[-len(log) :]]
        assert carried == [tuple(one[1:]) for one in log]
    told = {
        (one.dataset.dataset_id, one.dataset.revisions[-1].revision_id)
        for one in events
        if one.event_type == "revision_added"
    }
    for dataset in expected["datasets"]:
        if dataset["adopt"]:
            assert {(dataset["dataset_id"], revision["revision_id"]) for revision in dataset["revisions"]} <= told


def test_a_dry_run_says_what_an_adoption_does(lake: Path):
    said = adopt(lake / "config.yaml").line
    assert said.replace("to adopt", "adopted") == adopt(lake / "config.yaml", dry_run=False).line


def test_the_old_tables_stay_and_a_second_adoption_does_nothing(lake: Path):
    before = rows_of(lake)
    adopt(lake / "config.yaml", dry_run=False)
    assert rows_of(lake) == before
    catalogue = (lake / "catalog.db").read_bytes()
    again = adopt(lake / "config.yaml", dry_run=False)
    assert again.present == (expected_of(lake)["summary"]["datasets_to_adopt"],) * 2
    assert (lake / "catalog.db").read_bytes() == catalogue
