"""Lakes of the published package on database servers and in S3 are adopted."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from ingestify import ConfigurationError, IngestionEngine, adopt, get_engine
from tests.integration.catalogue.servers import SERVERS, Server, reach
from tests.integration.storage.conftest import credentials, moto  # noqa: F401 - fixtures
from tests.integration.storage.servers import ACCESS_KEY, BUCKET, SECRET_KEY
from tests.support.command_line import CommandLine, shared_command_line
from tests.support.published_lake import BEGIN, PublishedFile, PublishedLake, folder_objects
from tests.support.waiting import wait_until

NEW_YORK = "America/New_York"
MATCH = PublishedFile("match", b'{"id": 1}')
MATCH_2 = PublishedFile("match", b'{"id": 1, "score": "1-0"}')

_numbers = itertools.count(1)


@pytest.fixture(params=list(SERVERS))
def server(request: pytest.FixtureRequest) -> Server:
    return reach(request.param)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., tuple[PublishedLake, Path]]]:
    """Makes a lake in a database of its own, with files in the folder; returns it with its config.yaml."""
    opened = []

    def make(
        server: Server, *, prefix: str = "", database_zone: str = "UTC", **options: Any
    ) -> tuple[PublishedLake, Path]:
        temporary = server.temporary_database()
        name = temporary.__enter__()
        opened.append(lambda: temporary.__exit__(None, None, None))
        if server.kind == "postgresql":
            server.execute(f"ALTER DATABASE {name} SET TimeZone = '{database_zone}'")
        engine = server.engine(name)
        config = tmp_path / "config.yaml"
        main = {
            "metadata_url": server.url_of(name),
            "file_url": f"file://{tmp_path}/files",
            "metadata_options": {"table_prefix": prefix},
        }
        config.write_text(json.dumps({"main": main}))
        return PublishedLake(engine, folder_objects(tmp_path / "files"), prefix=prefix, **options), config

    yield make
    for close in reversed(opened):
        close()


def check(engine: IngestionEngine, dataset_id: str, identifier: dict[str, Any]) -> None:
    """The dataset of `MATCH` and `MATCH_2` is there, with its times."""
    assert not engine.verify().damages
    (dataset,) = engine.store.get_dataset_collection()
    assert (dataset.dataset_id, list(dataset.identifier.items())) == (dataset_id, list(identifier.items()))
    assert abs(dataset.created_at - BEGIN) <= dt.timedelta(minutes=1)
    assert dataset.updated_at == BEGIN + dt.timedelta(minutes=3)
    assert dataset.last_modified_at == BEGIN
    assert [one.created_at for one in dataset.revisions] == [BEGIN + dt.timedelta(minutes=n) for n in (1, 2)]
    assert dataset.revisions[0].modified_files[0].created_at == BEGIN + dt.timedelta(minutes=1)
    files = engine.store.load_files(dataset)
    assert files["match__v1"].raw_stream.read() == MATCH_2.content


@pytest.mark.sampled(2)
@pytest.mark.parametrize("prefix", ["", "fb_"])
def test_a_lake_on_a_server_is_adopted(server: Server, make: Callable[..., Any], prefix: str):
    published, config = make(server, prefix=prefix)
    identifier = {"season_id": 2024, "a": "03", "match_id": 1}  # JSONB sorts shorter keys first
    dataset_id = published.add_dataset(identifier, [MATCH], [MATCH_2])
    published.log("revision_added", dataset_id, upto=0)
    published.add_reader("r", 1)
    rows = published.dump()
    with pytest.raises(ConfigurationError, match="has a lake of the published package"):
        get_engine(config)
    assert adopt(config).progress.datasets == 1
    assert adopt(config, dry_run=False).progress.events == 3
    with get_engine(config) as engine:
        check(engine, dataset_id, identifier)
        engine.store.invalidate_revisions(engine.store.get_dataset_collection(), "wrong")
        events = engine.store.catalogue.event_log.read(0, 10)
        assert [(event.position, event.event_type, len(event.dataset.revisions)) for event in events] == [
            (1, "dataset_created", 1),
            (2, "revision_added", 2),
            (3, "revision_added", 1),
            (4, "revision_invalidated", 2),
        ]
        assert [one.position for one in engine.store.catalogue.event_readers.list_readers()] == [3]
    assert adopt(config, dry_run=False).present == (1, 1)
    assert published.dump() == rows


@pytest.mark.parametrize(
    ("written_in", "database_zone", "said", "note"),
    [
        (NEW_YORK, NEW_YORK, None, f"are those of {NEW_YORK}, the database's TimeZone"),
        ("UTC", "UTC", None, "are those of UTC, the database's TimeZone"),
        (NEW_YORK, "UTC", NEW_YORK, f"are those of {NEW_YORK}, as was asked for"),
    ],
)
def test_times_without_zone_are_in_that_of_the_database(
    make: Callable[..., Any], written_in: str, database_zone: str, said: str | None, note: str
):
    published, config = make(reach("postgresql"), database_zone=database_zone, zone=written_in)
    dataset_id = published.add_dataset({"match_id": 1}, [MATCH], [MATCH_2])
    report = adopt(config, timezone=said, dry_run=False)
    assert note in report.zone_note
    with get_engine(config) as engine:
        check(engine, dataset_id, {"match_id": 1})


def test_times_with_zone_are_right_as_they_are(make: Callable[..., Any]):
    published, config = make(reach("postgresql"), database_zone=NEW_YORK, zone=NEW_YORK, naive=False)
    dataset_id = published.add_dataset({"match_id": 1}, [MATCH], [MATCH_2])
    assert adopt(config, dry_run=False).zone_note == ""
    with get_engine(config) as engine:
        check(engine, dataset_id, {"match_id": 1})
    with pytest.raises(ConfigurationError, match="A timezone is for the times without zone"):
        adopt(config, timezone="UTC")


def test_a_time_zone_that_is_none_is_refused(make: Callable[..., Any]):
    _, config = make(reach("postgresql"))
    with pytest.raises(ConfigurationError, match="There is no time zone 'Nowhere/Town'"):
        adopt(config, timezone="Nowhere/Town")


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "failpoint", ["commit.written=kill@2", "adoption.taken=kill", "adoption.logged=kill", "adoption.finished=kill"]
)
def test_a_killed_adoption_on_a_server_goes_on(server: Server, make: Callable[..., Any], failpoint: str):
    command_line: CommandLine = shared_command_line()
    published, config = make(server)
    ids = [published.add_dataset({"match_id": n}, [PublishedFile("match", b"%d" % n)]) for n in range(70)]
    published.log("revision_added", ids[0])
    assert command_line.run(config.parent, "adopt", "--yes", failpoints=failpoint).code == -signal.SIGKILL
    assert (command_line.run(config.parent, "list", "--count").code == 0) == failpoint.startswith("adoption.finished")
    ended = command_line.run(config.parent, "adopt", "--yes")
    assert ended.code == 0, ended.err
    with get_engine(config) as engine:
        assert [one.dataset_id for one in engine.store.get_dataset_collection()] == ids
        assert [one.position for one in engine.store.catalogue.event_log.read(0, 1000)] == list(range(1, 141))
        assert not engine.verify().damages


def test_objects_in_s3_stay_where_they_are(
    make: Callable[..., Any],
    tmp_path: Path,
    moto: str,  # noqa: F811 - the fixture
    credentials: None,  # noqa: F811
):
    client = boto3.client(
        "s3", endpoint_url=moto, aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY, region_name="us-east-1"
    )
    prefix = f"adopted{next(_numbers)}"
    published, config = make(reach("postgresql"))
    published.put = lambda path, content: client.put_object(Bucket=BUCKET, Key=f"{prefix}/{path}", Body=content)
    settings = json.loads(config.read_text())
    settings["main"] |= {"file_url": f"s3://{BUCKET}/{prefix}", "file_options": {"endpoint": moto}}
    config.write_text(json.dumps(settings))
    word = {"word": "50% \\ ü $a"}
    published.add_dataset(word, [MATCH], [MATCH_2], path_values=word)
    lost = published.add_dataset({"match_id": 2}, [PublishedFile("lost", b"{}")])
    client.delete_object(
        Bucket=BUCKET, Key=f"{prefix}/main/provider=made_up/dataset_type=match/match_id=2/0/lost__v1.json.gz"
    )
    before = keys(client, prefix)
    assert [one.dataset_id for one in adopt(config).not_taken] == [lost]
    report = adopt(config, dry_run=False)
    assert (report.progress.datasets, [one.dataset_id for one in report.not_taken]) == (1, [lost])
    assert keys(client, prefix) == before | {f"{prefix}/.lake.json"}
    with get_engine(config) as engine:
        assert not engine.verify().damages
        (dataset,) = engine.store.get_dataset_collection()
        assert engine.store.load_files(dataset)["match__v1"].raw_stream.read() == MATCH_2.content
        engine.store.delete_datasets([dataset])
        # An object store's times have whole seconds, and what may have been written in this one stays.
        wait_until(lambda: engine.collect_garbage(older_than=dt.timedelta(0)) and not objects_of(keys(client, prefix)))


def objects_of(listed: set[str]) -> set[str]:
    return {key for key in listed if "dataset_type=match" in key}


def keys(client: Any, prefix: str) -> set[str]:
    listed = client.list_objects_v2(Bucket=BUCKET, Prefix=f"{prefix}/")
    return {one["Key"] for one in listed.get("Contents", ())}
