"""From an event to the files of its dataset."""

from __future__ import annotations

import dataclasses
import shutil

import pytest

from ingestify import LoadError, get_datastore, get_dev_engine
from ingestify.consume import EventOfAnotherLake, Lake, open_lake, parse
from ingestify.errors import ConfigurationError, DatasetNotFound, LakeNotFound
from ingestify.events.payload import make_message
from tests.support.every_event import lake_with_every_event
from tests.support.unprivileged import close_for_writing, open_for_writing, start_unprivileged, unprivileged_only
from tests.unit.events.test_relay import Small


@pytest.fixture
def lake(folder):
    with open_lake(folder) as lake:
        yield lake


def event_of(messages, event_type, match_id=1):
    """Return the last event of a type about a match: 1 is in the lake, 2 was deleted."""
    events = [parse(message.structured()) for message in messages]
    return [one for one in events if (one.event_type, one.identifier["match_id"]) == (event_type, match_id)][-1]


def events_of(store):
    return [parse(make_message(event).structured()) for event in store.catalogue.event_log.read(0, 1000)]


@pytest.mark.parametrize("event_type", ["dataset_created", "metadata_updated", "revision_invalidated"])
def test_an_event_s_dataset_has_its_files(lake, all_messages, event_type):
    event = event_of(all_messages, event_type)
    dataset = lake.load(event)
    assert dataset.dataset_id == event.dataset_id
    assert lake.store.load_files(dataset).get_file("events").json() == {"version": 1}
    assert dataset.to_polars("events").to_dicts() == [{"version": 1}]


def test_each_event_gives_the_files_of_its_moment(tmp_path):
    source = Small("small", count=1)
    with get_dev_engine(source, "match", dev_dir=tmp_path) as engine:
        for _ in range(3):
            engine.load()
            source.content += 1
    with open_lake(tmp_path) as lake:
        events = [event for event in events_of(lake.store) if event.event_type == "revision_added"]
        assert [event.revision["revision_id"] for event in events] == [0, 1, 2]
        loaded = [lake.store.load_files(lake.load(event)).get_file("events").json() for event in events]
        assert loaded == [[0, 0], [0, 1], [0, 2]]


def test_the_dataset_of_another_bucket_is_found(tmp_path):
    with get_dev_engine(Small("small", count=1), "match", dev_dir=tmp_path) as engine:
        engine.load()
    other = Lake(get_datastore(tmp_path, bucket="other"))
    (event, *_) = events_of(other.store)
    assert lake_content(other, event) == [0, 0]
    other.close()


def lake_content(lake, event):
    return lake.store.load_files(lake.load(event)).get_file("events").json()


def test_a_deleted_dataset_is_explained(lake, all_messages):
    with pytest.raises(DatasetNotFound, match="example match match_id=2: the event says that it was deleted"):
        lake.load(event_of(all_messages, "dataset_deleted", 2))
    with pytest.raises(DatasetNotFound, match="it was deleted after the event"):
        lake.load(event_of(all_messages, "revision_added", 2))


def test_a_bundle_that_never_came_into_the_lake_is_explained(lake, all_messages):
    events = [parse(message.structured()) for message in all_messages]
    rejected = next(event for event in events if event.revision is None)
    unknown = dataclasses.replace(rejected, dataset_id="00000000-0000-4000-8000-000000000000")
    with pytest.raises(DatasetNotFound, match="its bundle was in quarantine, and no revision was committed"):
        lake.load(unknown)
    known = dataclasses.replace(rejected, dataset_id=event_of(all_messages, "metadata_updated").dataset_id)
    with pytest.raises(LoadError, match="had no revision at the event"):
        lake.load(known)


def test_an_event_that_a_copy_of_the_catalogue_does_not_have_yet_is_explained(lake, all_messages):
    event = dataclasses.replace(event_of(all_messages, "metadata_updated"), dataset_id="0" * 36)
    with pytest.raises(DatasetNotFound, match="a copy that does not have the event yet"):
        lake.load(event)


def test_an_event_of_another_lake_is_refused(lake, tmp_path):
    with lake_with_every_event(tmp_path) as engine:
        (event, *_) = events_of(engine.store)
    with pytest.raises(EventOfAnotherLake, match=f"is of the lake {event.lake_id}, and .* is the lake "):
        lake.load(event)


def test_a_lake_that_was_restored_does_not_give_other_files(lake, all_messages):
    event = event_of(all_messages, "metadata_updated")
    other = dataclasses.replace(event, files=[{**event.files[0], "sha256": "0" * 64}])
    with pytest.raises(LoadError, match=r"has other files than the event .* says: the lake was restored"):
        lake.load(other)
    gone = dataclasses.replace(event, revision={**event.revision, "revision_id": 9})
    with pytest.raises(LoadError, match="has no revision 9"):
        lake.load(gone)


def test_without_files_in_the_message_the_revision_is_what_counts(lake, all_messages):
    event = dataclasses.replace(event_of(all_messages, "metadata_updated"), files=None)
    assert lake_content(lake, event) == {"version": 1}


def test_a_lake_is_opened_by_a_config_file_and_by_urls(folder, all_messages, tmp_path):
    event = event_of(all_messages, "metadata_updated")
    urls = {"metadata_url": f"sqlite:///{folder}/catalog.db", "file_url": f"file://{folder}/files/"}
    config = tmp_path / "config.yaml"
    config.write_text(f"main: {{metadata_url: '{urls['metadata_url']}', file_url: '{urls['file_url']}'}}\n")
    for lake in open_lake(config), open_lake(**urls):
        with lake:
            assert lake_content(lake, event) == {"version": 1}
    with pytest.raises(ConfigurationError):
        open_lake(tmp_path / "missing.yaml")


def test_no_lake_is_created(tmp_path, all_messages):
    with open_lake(tmp_path / "nothing") as lake, pytest.raises(LakeNotFound):
        lake.load(event_of(all_messages, "metadata_updated"))
    assert not (tmp_path / "nothing").exists()


@pytest.mark.slow
@unprivileged_only
def test_it_reads_a_lake_that_it_may_not_write(folder, all_messages, tmp_path):
    copied = tmp_path / "lake"
    shutil.copytree(folder, copied)
    message = next(one for one in all_messages if parse(one.structured()).identifier["match_id"] == 1)
    (tmp_path / "message").write_bytes(message.structured())
    close_for_writing(copied)
    before = {path: path.stat().st_mtime_ns for path in copied.rglob("*")}
    process = start_unprivileged(
        f"""
from pathlib import Path
from ingestify.consume import open_lake, parse

event = parse(Path({str(tmp_path / "message")!r}).read_bytes())
with open_lake({str(copied)!r}) as lake:
    print(lake.load(event).to_polars("events").to_dicts())
"""
    )
    out, _ = process.communicate(timeout=60)
    assert {path: path.stat().st_mtime_ns for path in copied.rglob("*")} == before
    open_for_writing(copied)
    assert out.strip() == "[{'version': 1}]"
