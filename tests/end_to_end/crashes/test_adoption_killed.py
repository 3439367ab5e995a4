"""kill -9 at each point of an adoption, on the real command line: the next one goes on, and nobody sees half a lake."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import sqlalchemy as sa

from ingestify import get_engine
from tests.support.command_line import CommandLine
from tests.support.published_lake import PublishedFile, PublishedLake, folder_objects

pytestmark = [pytest.mark.skipif(os.name != "posix", reason="signals of POSIX"), pytest.mark.slow]

DATASETS = 130
"""Three commits, and two of events."""

POINTS = [
    ("commit.written", 1),
    ("commit.written", 2),
    ("commit.written", 3),
    ("adoption.taken", 1),
    ("adoption.taken", 2),
    ("adoption.taken", 3),
    ("adoption.logged", 1),
    ("adoption.logged", 2),
    ("adoption.finished", 1),
]
COPYING = [("staging.synced", 1), ("publish.renamed", 1), ("publish.renamed", 70), ("publish.synced", 2)]


def make_lake(folder: Path) -> list[str]:
    folder.mkdir()
    (folder / "config.yaml").write_text("main: {metadata_url: sqlite:///catalog.db, file_url: file://files/}\n")
    engine = sa.create_engine(f"sqlite:///{folder}/catalog.db")
    published = PublishedLake(engine, folder_objects(folder / "files"))
    ids = [
        published.add_dataset(
            {"match_id": n}, [PublishedFile("match", b"[%d]" % n)], [PublishedFile("match", b"[-%d]" % n)]
        )
        for n in range(DATASETS)
    ]
    for one in ids[::3]:
        published.log("revision_added", one)
    published.add_reader("half", 20)
    engine.dispose()
    return ids


def check(folder: Path, ids: list[str]) -> None:
    with get_engine(folder / "config.yaml") as engine:
        datasets = engine.store.get_dataset_collection()
        assert [dataset.dataset_id for dataset in datasets] == ids
        assert [len(dataset.revisions) for dataset in datasets] == [2] * len(ids)
        assert not engine.verify().damages
        events = engine.store.catalogue.event_log.read(0, 10_000)
        assert [event.position for event in events] == list(range(1, len(events) + 1))
        told = [
            (event.event_type, event.dataset.dataset_id, event.dataset.revisions[-1].revision_id) for event in events
        ]
        assert sorted(told) == sorted(
            one
            for dataset_id in ids
            for one in (
                ("dataset_created", dataset_id, 0),
                ("revision_added", dataset_id, 0),
                ("revision_added", dataset_id, 1),
            )
        )
        (reader,) = engine.store.catalogue.event_readers.list_readers()
        assert reader.behind == len(ids[::3]) - 20


@pytest.mark.sampled(4)
@pytest.mark.parametrize(("failpoint", "number"), POINTS)
def test_a_killed_adoption_goes_on(tmp_path: Path, command_line: CommandLine, failpoint: str, number: int):
    project = tmp_path / "lake"
    ids = make_lake(project)
    ended = command_line.run(project, "adopt", "--yes", failpoints=f"{failpoint}=kill@{number}")
    assert ended.code == -signal.SIGKILL, ended.err
    seen = command_line.run(project, "list", "--count")
    if failpoint == "adoption.finished":
        assert seen.out == f"{DATASETS}\n"
    else:
        assert seen.code == 1
        assert "'ingestify adopt --yes' goes on with it" in seen.err
    assert command_line.run(project, "adopt", "--yes").code == 0
    check(project, ids)


@pytest.mark.sampled(4)
@pytest.mark.parametrize(("failpoint", "number"), POINTS + COPYING)
def test_a_killed_copy_goes_on(tmp_path: Path, command_line: CommandLine, failpoint: str, number: int):
    project, target = tmp_path / "lake", tmp_path / "target"
    ids = make_lake(project)
    target.mkdir()
    (target / "config.yaml").write_text((project / "config.yaml").read_text())
    typed = ("adopt", "--yes", "--to", str(target / "config.yaml"))
    ended = command_line.run(project, *typed, failpoints=f"{failpoint}=kill@{number}")
    assert ended.code == -signal.SIGKILL, ended.err
    again = command_line.run(project, *typed)
    assert again.code == 0, again.err
    check(target, ids)
