"""A lake is copied from a disk with SQLite to S3 with PostgreSQL and back, by the command line as people use it."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestify.main import get_datastore
from ingestify.store.objects.identity import MARK_PATH
from tests.end_to_end.crashes.audit import audit
from tests.end_to_end.crashes.season import ChangingSeason
from tests.integration.catalogue.servers import reach
from tests.integration.lake_servers import SharedLake, shared_lake
from tests.integration.storage.conftest import credentials, moto  # noqa: F401 - fixtures
from tests.integration.storage.relay import Relay
from tests.support.command_line import CommandLine, shared_command_line

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kill -9 and fork are POSIX")


@pytest.fixture
def shared(moto: str) -> Iterator[SharedLake]:  # noqa: F811 - the fixture
    with shared_lake(reach("postgresql"), moto) as made:
        yield made


@pytest.fixture
def season() -> Iterator[ChangingSeason]:
    with ChangingSeason(matches=6, seed=2) as opened:
        yield opened


@pytest.fixture
def command_line(credentials: None) -> CommandLine:  # noqa: F811 - with what it puts into the environment
    return shared_command_line()


@pytest.fixture
def local(tmp_path: Path, season: ChangingSeason, command_line: CommandLine) -> Path:
    """A lake on disk, with a second revision of some matches."""
    project = season.make_project(tmp_path / "local")
    assert command_line.run(project, "run").code == 0
    season.change(random.Random(1), 3)
    assert command_line.run(project, "run").code == 0
    return project


def copy(command_line: CommandLine, source: Path, target: Path, *words: str, **options: Any) -> dict[str, Any]:
    """Copy, and return the totals."""
    ended = command_line.run(source, "copy", "--to", str(target / "config.yaml"), "--json", *words, **options)
    assert "Traceback" not in ended.err
    totals: dict[str, Any] = json.loads(ended.out.splitlines()[-1])
    assert totals["exit_code"] == ended.code
    return totals


def lake_content(project: Path) -> tuple[Any, Any]:
    """Return all datasets with their histories, and all objects with their bytes."""
    store = get_datastore(project / "config.yaml")
    datasets = [dataclasses.replace(dataset, feeds=dict(dataset.feeds)) for dataset in store.get_dataset_collection()]
    objects = {}
    for one in store.storage.iter_objects():
        with store.storage.open(one.path) as stream:
            objects[one.path] = stream.read()
    store.close()
    return datasets, objects


def test_a_lake_goes_to_the_servers_and_back_and_is_the_same(tmp_path, local, shared, season, command_line):
    remote = shared.write_config(tmp_path / "remote", season.simulator.base_url)
    back = season.make_project(tmp_path / "back")
    totals = copy(command_line, local, remote, "--verify")
    assert (totals["new"], totals["failed"], totals["damages"], totals["exit_code"]) == (6, 0, 0, 0)
    season.check(shared.audit(), current=True)
    assert copy(command_line, remote, back)["new"] == 6
    season.check(audit(back), current=True)
    assert lake_content(back) == lake_content(remote) == lake_content(local)
    season.simulator.clear_requests()
    assert "6 unchanged" in command_line.run(remote, "run").out
    assert not [path for path in season.simulator.paths() if path.startswith("events/")]


def test_a_repeated_copy_asks_for_no_object_of_what_is_there(tmp_path, local, shared, season, command_line):
    with Relay(shared.endpoint) as relay:
        remote = shared.write_config(tmp_path / "remote", season.simulator.base_url, endpoint=relay.url)
        assert copy(command_line, local, remote, "--provider", "statsbomb", "match_id=81127001")["new"] == 1
        assert copy(command_line, local, remote)["new"] == 5
        relay.log.clear()
        totals = copy(command_line, local, remote)
        assert (totals["unchanged"], totals["objects"]) == (6, 0)
        assert [method for method, path in relay.log if MARK_PATH in path] == ["GET"], "whose the target is"
        assert len(relay.log) == 1
        relay.log.clear()
        season.change(random.Random(2), 1)
        assert command_line.run(local, "run").code == 0
        totals = copy(command_line, local, remote)
        assert (totals["updated"], totals["unchanged"]) == (1, 5)
        written = [method for method, path in relay.log if MARK_PATH not in path]
        assert len(written) == totals["objects"] <= 4
        assert set(written) == {"PUT"}
    season.check(shared.audit(), current=True)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("failpoint", ["publish.renamed=kill@4", "commit.written=kill"])
def test_a_copy_that_is_killed_goes_on_and_doubles_nothing(tmp_path, local, shared, season, command_line, failpoint):
    remote = shared.write_config(tmp_path / "remote", season.simulator.base_url)
    ended = command_line.run(local, "copy", "--to", str(remote / "config.yaml"), failpoints=failpoint)
    assert ended.code == -signal.SIGKILL, ended.err
    season.check(shared.audit(), current=False)
    totals = copy(command_line, local, remote)
    assert totals["new"] + totals["unchanged"] == 6
    season.check(shared.audit(), current=True)
    assert lake_content(remote) == lake_content(local)


def test_a_target_that_went_another_way_is_left_alone_with_exit_code_3(tmp_path, local, shared, season, command_line):
    remote = shared.write_config(tmp_path / "remote", season.simulator.base_url)
    copy(command_line, local, remote)
    season.change(random.Random(3), 1)
    assert command_line.run(remote, "run").code == 0
    season.change(random.Random(3), 1)  # the same match
    assert command_line.run(local, "run").code == 0
    before = lake_content(remote)
    totals = copy(command_line, local, remote, "--delete", "--yes")
    assert (totals["conflicts"], totals["unchanged"], totals["exit_code"]) == (1, 5, 3)
    assert lake_content(remote) == before


def test_what_the_source_has_no_more_is_removed_only_when_asked_for(tmp_path, local, shared, season, command_line):
    remote = shared.write_config(tmp_path / "remote", season.simulator.base_url)
    copy(command_line, local, remote)
    assert command_line.run(local, "delete", "--yes", "match_id=81127001").code == 0
    assert copy(command_line, local, remote)["only_in_target"] == 1
    asked = command_line.run(local, "copy", "--to", str(remote / "config.yaml"), "--delete")
    assert asked.code == 2
    assert "nothing was done; --yes answers it" in asked.err
    assert copy(command_line, local, remote, "--delete", "--dry-run")["deleted"] == 0
    assert copy(command_line, local, remote, "--delete", "--yes")["deleted"] == 1
    assert len(shared.audit().visible) == 5
    empty = season.make_project(tmp_path / "empty")
    absent = command_line.run(empty, "copy", "--to", str(remote / "config.yaml"), "--delete", "--yes")
    assert absent.code == 1
    assert "There is no lake in " in absent.err
    assert command_line.run(empty, "init").code == 0
    refused = command_line.run(empty, "copy", "--to", str(remote / "config.yaml"), "--delete", "--yes")
    assert refused.code == 1
    assert "The source has no such dataset" in refused.err
    assert len(shared.audit().visible) == 5


def test_a_bucket_that_is_not_there_ends_the_copy_with_one_message(tmp_path, local, shared, season, command_line):
    nowhere = dataclasses.replace(shared, prefix="nowhere").write_config(tmp_path / "remote", season.simulator.base_url)
    config = nowhere / "config.yaml"
    config.write_text(config.read_text().replace("s3://lake/", "s3://no-such-bucket/"))
    ended = command_line.run(local, "copy", "--to", str(config))
    assert ended.code == 1
    assert ended.err.count("there is no bucket 'no-such-bucket'; make it, or correct file_url") == 1
    assert len(shared.audit().visible) == 0


@pytest.mark.parametrize("what", ["metadata_url", "file_url"])
def test_two_lakes_that_share_something_are_refused(local, command_line, what):
    other = json.dumps(
        {
            "main": {
                "metadata_url": "sqlite:///lake/other.db",
                "file_url": "file://lake/other/",
                what: {"metadata_url": "sqlite:///lake/catalog.db", "file_url": "file://lake/files/"}[what],
            }
        }
    )
    (local / "other.yaml").write_text(other)
    ended = command_line.run(local, "copy", "--to", "other.yaml")
    assert ended.code == 1
    assert f"have the same {'catalogue' if what == 'metadata_url' else 'files'} ({what})" in ended.err
