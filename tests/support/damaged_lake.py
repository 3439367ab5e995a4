"""A small lake on disk with something of everything, to be damaged."""

from __future__ import annotations

import contextlib
import hashlib
import random
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingestify import BundleCheck, DatasetResource, DraftFile, IngestionPlan, NotModifiedFile, Source, get_engine
from ingestify.domain.damage import Damage, DamageKind
from ingestify.store.maintenance.repair import DatasetToFetch, Repaired, confirm, repair
from ingestify.store.maintenance.verification import Verification

VIDEO = b"PK\x03\x04" + random.Random(1).randbytes(50_000)
"""What begins so is stored as it is."""


class Provider(Source):
    """Four matches. The line-ups of 1 and 3 are the same; 4 has a video; a match whose events say so is rejected."""

    provider = "fake"

    def __init__(self) -> None:
        super().__init__("fake")
        self.contents: dict[tuple[int, str], bytes] = {
            (number, feed): f'{{"feed":"{feed}","of":{number}}}'.encode()
            for number in (1, 2, 3, 4)
            for feed in ("events", "lineups")
        }
        self.contents[1, "lineups"] = self.contents[3, "lineups"] = b'["Cruijff","Neeskens","Haan"]'
        self.contents[4, "video"] = VIDEO
        self.asked: list[tuple[int, str]] = []
        self.bundle_checks = (Refusing(),)

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **_):
        for number in sorted({number for number, _ in self.contents}):
            resource = DatasetResource({"match_id": number}, "match", name=f"match {number}")
            for feed in [feed for of, feed in self.contents if of == number]:
                form = "bin" if feed == "video" else "json"
                resource.add_file(None, feed, data_serialization_format=form, file_loader=self._load)
            yield resource

    def _load(self, file, current_file, dataset_resource):
        key = dataset_resource.dataset_resource_id["match_id"], file.data_feed_key
        self.asked.append(key)
        tag = hashlib.sha256(self.contents[key]).hexdigest()
        if current_file is not None and current_file.tag == tag:
            return NotModifiedFile()
        return DraftFile.from_input(
            self.contents[key], file.data_feed_key, data_serialization_format=file.data_serialization_format
        )


class Refusing(BundleCheck):
    """Refuses events that say so."""

    def find_problems(self, bundle):
        if b"rejected" in bundle.get_file("events").read():
            yield "the events say so"


class DamagedLake:
    """A lake in a folder, its provider, and means to damage it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "catalog.db"
        self.files = folder / "files"
        self.provider = Provider()
        self.engine = get_engine(metadata_url=f"sqlite:///{self.database}", file_url=f"file://{self.files}")
        self.engine.add_ingestion_plan(IngestionPlan(self.provider, "match"))
        self.store = self.engine.store

    def fill(self) -> None:
        """Match 2 gets a second revision; of match 3 something is in quarantine."""
        self.engine.load()
        self.provider.contents[2, "events"] = b'{"corrected":true}'
        self.provider.contents[3, "events"] = b'{"rejected":true}'
        self.engine.load()

    def dataset(self, number: int) -> Any:
        return self.store.get_dataset_collection(match_id=number).first()

    def path(self, number: int, feed: str, revision: int = 0) -> Path:
        files = self.dataset(number).revisions[revision].files
        return self.files / files[f"{feed}__v1"].storage_path

    @property
    def rejected_path(self) -> Path:
        (entry,) = self.store.quarantine.list_entries()
        return self.files / entry.files[0].storage_path

    def sql(self, *statements: str) -> None:
        """Change rows behind the catalogue's back."""
        with contextlib.closing(sqlite3.connect(self.database)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    def verify(self, **options: Any) -> list[Damage]:
        return list(Verification(self.store.catalogue, self.store.storage, **options).iter_damages())

    def kinds(self, **options: Any) -> list[DamageKind]:
        return sorted(damage.kind for damage in self.verify(**options))

    def repair(self, damages: list[Damage], *, asks_provider: bool = True) -> list[Repaired]:
        self.provider.asked.clear()
        mended = list(repair(self.store, damages, self._refetch if asks_provider else None))
        confirm(self.store, mended, self.verify())
        return mended

    def _refetch(self, wanted: DatasetToFetch) -> str:
        report = self.engine.run_report(
            provider=wanted.provider, dataset_type=wanted.dataset_type, **dict(wanted.identifier)
        )
        assert report.error is None
        return f"{report.totals}"


@contextlib.contextmanager
def copied(template: Path, folder: Path) -> Iterator[DamagedLake]:
    """Open a copy of a lake that was filled before."""
    shutil.copytree(template, folder)
    lake = DamagedLake(folder)
    lake.provider.contents[2, "events"] = b'{"corrected":true}'
    lake.provider.contents[3, "events"] = b'{"rejected":true}'
    yield lake
    lake.engine.close()
