"""A whole run against a provider that was good yesterday: the real command line, and everything at once."""

from __future__ import annotations

import io
import json
import random
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestify import DatasetResource, Source, get_dev_engine, get_engine
from ingestify.testing.hostile import BEHAVIOURS, HostileProvider
from tests.end_to_end.running import ingestify
from tests.support.scripted_provider import CLOSE, Asked, Reply, answer, provider

CONFIG = """
main:
  metadata_url: sqlite:///database/catalog.db
  file_url: file://database/files/
sources:
  hostile:
    type: hostile_source.HostileSource
    max_file_size: 8 MB
    timeout: {read_seconds: 1, minimum_bytes_per_second: 1000}
    retries: {attempts: 3, backoff_base_seconds: 0.01, max_retry_after_seconds: 2}
ingestion_plans:
  - {source: hostile, dataset_type: document}
"""

SOURCE = """
import json
import pathlib

from ingestify import DatasetResource, Source


class HostileSource(Source):
    provider = "hostile"

    def discover_selectors(self, dataset_type):
        return [{"season_id": 1}]

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, season_id, **_):
        urls = json.loads((pathlib.Path(__file__).parent / "urls.json").read_text())
        for name, url in urls.items():
            resource = DatasetResource({"document": name}, dataset_type, name=name)
            yield resource.add_file(None, "body", url=url, http_options={"headers": {"X-Key": "s3cret-canary"}})
"""


class Providers:
    """One provider, but for what would touch the others of its host.

    429s hold back all that is asked of it. An answer that was not asked for, and comes behind the next request on its
    connection, is taken for that one's: HTTP cannot tell (docs/hostile.md).
    """

    def __init__(self, *members: HostileProvider) -> None:
        self.members = members

    def of(self, name: str) -> HostileProvider:
        return self.members[1 if name.startswith("storm") else 2 if name == "next_answer_late" else 0]


@pytest.fixture
def providers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Providers]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with (
        HostileProvider(tame=True, drip_seconds=0.02) as one,
        HostileProvider(tame=True) as storming,
        HostileProvider(tame=True) as late,
    ):
        yield Providers(one, storming, late)


def run(project: Path) -> tuple[int, str]:
    ran = ingestify(project, "run")
    return ran.code, ran.out + ran.err


@pytest.mark.timeout(240)
def test_nothing_wrong_becomes_visible_and_the_run_ends(tmp_path: Path, providers: Providers):
    urls = {name: providers.of(name).url(name) for name in BEHAVIOURS}
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "hostile_source.py").write_text(SOURCE)
    (tmp_path / "urls.json").write_text(json.dumps(urls))
    code, text = run(tmp_path)
    assert code == 0, text

    for one in providers.members:
        one.tame, one.version = False, 2
    began = time.monotonic()
    code, text = run(tmp_path)
    assert code == 3, text
    assert time.monotonic() - began < 90
    assert "Traceback" not in text
    assert "canary" not in text

    with get_engine(tmp_path / "config.yaml") as engine:
        datasets = {dataset.identifier["document"]: dataset for dataset in engine.list_datasets()}
        bodies = {name: engine.store.load_files(one).get_file("body").read() for name, one in datasets.items()}
        failed = {
            task.name: task.error
            for job in engine.store.load_ingestion_job_summaries()
            for task in job.tasks
            if task.error
        }
        held = {entry.name for entry in engine.store.quarantine.list_entries()}
    assert set(datasets) == set(BEHAVIOURS)
    for name, behaviour in BEHAVIOURS.items():
        good = providers.of(name)
        revision = datasets[name].current_revision.revision_id
        if behaviour.outcome == "whole":
            assert (revision, bodies[name]) == (1, good.document(name)), name
        elif behaviour.outcome != "unseen":
            good.version = 1
            assert (revision, bodies[name]) == (0, good.document(name)), name
            good.version = 2
        # One of those that refuse everything asks for ten years: its host is left alone, and what it was not asked for
        # has not failed.
        if behaviour.outcome == "refused" and not (name.startswith("storm") and name not in failed):
            assert urls[name] in failed[name], failed.get(name)
    # Whichever comes first: the answer that asks for it, or so many refusals that nothing else is to be expected.
    assert "asked to be left alone until" in text or "has refused everything for" in text
    # A page in place of a file is no broken file, but none: the fetch has failed.
    assert held == {name for name, one in BEHAVIOURS.items() if one.outcome == "checked"} - {"html"}
    assert urls["html"] in failed["html"]


# ---- an ETag that lies ---------------------------------------------------------------------------------


class Archive(Source):
    provider = "archive"

    def __init__(self, url: str) -> None:
        super().__init__("archive")
        self.url = url

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **_):
        yield DatasetResource({"archive_id": 1}, dataset_type).add_file(None, "body", url=self.url)


def archive_of(seed: int) -> bytes:
    """A ZIP of 2 MB that has the same length for each seed."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for number in range(8):
            member = zipfile.ZipInfo(f"{number}.csv", (2024, 5, 1, 12, 0, 0))
            archive.writestr(member, random.Random(f"{seed} {number}").randbytes(1 << 18))
    return made.getvalue()


def test_a_zip_of_two_versions_under_one_etag_is_found_by_its_checksums(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    first, second = archive_of(1), archive_of(2)
    assert len(first) == len(second)

    def lie(asked: Asked) -> Reply:
        if "range" not in asked.headers:
            return [*answer(first[: 3 << 19], length=len(first), etag='"1"'), CLOSE]
        start = int(asked.headers["range"].removeprefix("bytes=").removesuffix("-"))
        content_range = f"bytes {start}-{len(first) - 1}/{len(first)}"
        return answer(second[start:], 206, etag='"1"', content_range=content_range)

    with provider() as server:
        server.on("/1.zip", by=lie)
        with get_dev_engine(Archive(server.url + "/1.zip"), "archive", selectors=[{"season_id": 1}]) as engine:
            report = engine.load()
            assert engine.list_datasets() == []
            (entry,) = engine.store.quarantine.list_entries()
    assert report.totals.new == 0
    assert any("CRC" in reason for reason in entry.reasons)
