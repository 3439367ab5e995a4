"""A lake in whose event log each type of event is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingestify import BundleCheck, DatasetResource, IngestionEngine, Source, get_dev_engine


class _IsNotNegative(BundleCheck):
    """A version below 0 is refused."""

    def find_problems(self, bundle: Any) -> Iterator[str]:
        if bundle.require_file("events").json()["version"] < 0:
            yield "the version is negative"


class _IsNotOdd(BundleCheck):
    """An odd version is published with a warning."""

    mode = "warn"

    def find_problems(self, bundle: Any) -> Iterator[str]:
        if (version := bundle.require_file("events").json()["version"]) % 2:
            yield f"the version {version} is odd"


class _Provider(Source):
    provider = "example"
    bundle_checks = (_IsNotNegative(), _IsNotOdd())

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.versions = {1: 1, 2: -1}
        """match_id to the version of its events; a negative one is refused."""
        self.score = 0

    def find_datasets(self, **_: object) -> Iterator[DatasetResource]:
        for match_id, version in self.versions.items():
            yield DatasetResource(
                {"match_id": match_id},
                "match",
                name=f"Match {match_id} – “Ünïcode”",
                metadata={"score": self.score, "teams": [{"name": "日本"}]},
            ).add_file(None, "events", json_content={"version": version})


@contextlib.contextmanager
def lake_with_every_event(folder: Path | None = None) -> Iterator[IngestionEngine]:
    """Make the lake.

    Args:
        folder: Where; None: in memory.
    """
    source = _Provider("example")
    with get_dev_engine(source, "match", dev_dir=folder) as engine:
        quarantine = engine.store.quarantine
        engine.load()  # match 1 is new, with a warning, and match 2 is rejected
        source.versions[2] = -2
        engine.load()  # another bundle is rejected, and the one before is withdrawn
        quarantine.accept(_waiting(engine), "Rinus", "it is right")
        source.versions[2] = 4
        engine.load()  # a second revision of match 2
        source.score = 1
        engine.load()  # other metadata
        source.versions[1] = -1
        engine.load()
        quarantine.discard([_waiting(engine)], "Rinus", "nonsense")
        first, second = engine.list_datasets(dataset_type="match")
        engine.store.invalidate_revision(first, "a goal is missing")
        engine.store.commits.thin([second.dataset_id], lambda *_: [0])
        engine.destroy_dataset(dataset_id=second.dataset_id)
        yield engine


def _waiting(engine: IngestionEngine) -> str:
    (entry,) = engine.store.quarantine
    return entry.entry_id
