"""The commands of docs/moving-in.md run one after the other in a project of the published package."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import sqlalchemy as sa

from ingestify import EventLogConsumer
from tests.docs.test_code_in_docs import blocks
from tests.support.command_line import shared_command_line
from tests.support.published_lake import BEGIN, PublishedFile, PublishedLake, folder_objects

CONFIG = """
main: {metadata_url: "sqlite:///catalog.db", file_url: "file://files"}
sources:
  feed: {type: project.Feed, configuration: {api_key: !ENV "${FEED_KEY:none}"}}
extract_jobs:
  - source: feed
    dataset_type: match
    fetch_policy: project.Cadence
    selectors: ["competition_id == 7 and _name.startswith('Made')"]
event_subscribers:
  - {type: ingestify.infra.event_log.EventLogSubscriber}
  - {type: project.Notes}
"""

PROJECT = """
from pathlib import Path

from ingestify.domain import DatasetResource, DraftFile
from ingestify.domain.models.event import Subscriber
from ingestify.domain.models.fetch_policy import FetchPolicy
from ingestify.source_base import Source


class Cadence(FetchPolicy):
    def should_refetch(self, dataset, dataset_resource):
        return super().should_refetch(dataset, dataset_resource)


class Notes(Subscriber):
    def on_dataset_created(self, event):
        Path("told").write_text(event.dataset.name)


def load(file_resource, current_file, **kwargs):
    with Path("loaded").open("a") as loaded:
        loaded.write(str(kwargs["match_id"]) + " ")
    return DraftFile.from_input("[3]", data_feed_key="events", data_serialization_format="json")


class Feed(Source):
    provider = "made_up"

    def discover_selectors(self, dataset_type):
        return [{"competition_id": 7, "_name": "Made Up League"}, {"competition_id": 8, "_name": "Other"}]

    def find_datasets(self, competition_id, dataset_type, match_id=None, **kwargs):
        for number in (1, 2):
            resource = DatasetResource(
                dataset_resource_id={"competition_id": competition_id, "match_id": number},
                dataset_type=dataset_type,
                provider=self.provider,
                name=f"match {number}",
            )
            yield resource.add_file(
                last_modified=%r, data_feed_key="events", file_loader=load, loader_kwargs={"match_id": number}
            )
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a lake that has the first of two matches, and an event reader that has read all."""
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "project.py").write_text(PROJECT % BEGIN.isoformat())
    engine = sa.create_engine(f"sqlite:///{tmp_path}/catalog.db")
    lake = PublishedLake(engine, folder_objects(tmp_path / "files"))
    first = lake.add_dataset({"competition_id": 7, "match_id": 1}, [PublishedFile("events", b"[1, 2]")])
    lake.log("dataset_created", first)
    lake.log("revision_added", first)
    lake.add_reader("dashboard", 2)
    engine.dispose()
    return tmp_path


@pytest.mark.slow
def test_the_commands_move_a_project_in(project: Path):
    (code,) = [code for name, code in blocks("command") if name == "moving-in"]
    said = {}
    for line in code.splitlines():
        program, *arguments = shlex.split(line, comments=True)
        ended = shared_command_line().run(project, *arguments)
        assert (program, ended.code) == ("ingestify", 0), f"{line}: {ended.err}"
        said[" ".join(arguments)] = ended.out + ended.err
    assert "is right: 1 source, 1 ingestion plan." in said["config check"]
    assert "to adopt: 1 dataset, 1 revision, 1 file · " in said["adopt"]
    assert "adopted: 1 dataset, 1 revision, 1 file · " in said["adopt --yes"]
    assert "2 matches: 1 to fetch, 0 to refetch, 1 with new metadata" in said["plan"]
    assert "2 matches: 1 new, 0 revised, 1 with new metadata" in said["run"]
    assert "2 files read" in said["verify"]
    assert ((project / "loaded").read_text(), (project / "told").read_text()) == ("2 ", "match 2")
    seen: list[tuple[str, str]] = []
    with EventLogConsumer.from_config(project / "config.yaml", reader_name="dashboard") as consumer:
        assert consumer.run(lambda event: seen.append((event.event_type, event.dataset.name))) == 0
    assert sorted(seen) == [
        ("dataset_created", "match 2"),
        ("metadata_updated", "match 1"),
        ("revision_added", "match 2"),
    ]
