"""Whatever a provider, a person or a configuration writes: every kind of database keeps it alike, or none does."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestify import BundleCheck, DatasetResource, DraftFile, IngestionEngine, IngestionPlan
from ingestify.catalogue import SqlCatalogue
from ingestify.domain.file import Validators
from ingestify.domain.text import is_storable, storable
from ingestify.errors import ConfigurationError, SourceError
from ingestify.events.consumer import EventReader
from ingestify.main.adapters import make_engine, open_store
from tests.integration.catalogue.servers import SERVERS, reach
from tests.support.lake_in_memory import FunctionSource

pytestmark = pytest.mark.sampled(3)  # one of the databases by turns

VALUES = {
    "NUL": "a\0b",
    "half of a pair": "a\ud83db",
    "the other half": "\udc00",
    "300 characters": "x" * 300,
    "255 of four bytes": "\U0001f3c0" * 255,
    "64 of four bytes": "\U0001f3c0" * 64,
    "a megabyte": "y" * 1_000_000,
    "600 of two bytes": "é" * 600,
    "a space behind": "a ",
    "a capital": "A",
    "a small letter": "a",
    "two ways of one": "é",
    "the other way": "e\u0301",
    "quotes": "a'b\"c\\d%e_f`g",
    "lines": "a\r\nb\tc",
    "control": "a\x1b[31mb\x7f",
    "no character": "a\uffff\U0010ffff",
    "placeholders": ":a %(b)s ? $1 {c}",
}

URLS = {"sqlite": "", **SERVERS}


@pytest.fixture(scope="module", params=list(URLS))
def lake_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A lake of this module's own in each kind of database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('lake')}/catalog.db"
        return
    server = reach(request.param)
    with server.temporary_database() as name:
        yield server.url_of(name)


@pytest.fixture(scope="module")
def files(lake_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where its files are."""
    return tmp_path_factory.mktemp("files")


@pytest.fixture
def run(lake_url: str, files: Path) -> Iterator[Callable[..., IngestionEngine]]:
    """Runs a source in a bucket of its own, and returns the engine."""
    engines: list[IngestionEngine] = []

    def run_it(find: Callable[..., Any], *, bucket: str, **options: Any) -> IngestionEngine:
        engine = make_engine(open_store(lake_url, f"file://{files}", bucket), {})
        engines.append(engine)
        source = FunctionSource(find, options.pop("selectors", None))
        source.bundle_checks = options.pop("checks", ())
        engine.add_ingestion_plan(IngestionPlan(source, options.pop("dataset_type", "match"), **options))
        engine.run_report()
        return engine

    yield run_it
    for engine in engines:
        engine.close()


def resource(number: int, **options: Any) -> DatasetResource:
    return DatasetResource({"match_id": number}, "match", **{"name": "m", **options})


def of_each(make: Callable[[int, str], DatasetResource]) -> Callable[..., Any]:
    """A listing that has one match for each value, and a good one."""

    def find(**_: object) -> Iterator[object]:
        for number, value in enumerate(VALUES.values()):
            with contextlib.suppress(SourceError):  # as a source of ours would; it is an entry that fails
                yield make(number, value)
        yield resource(1000, name="good").add_file(None, "events", json_content={})

    return find


def came(engine: IngestionEngine, look: Callable[[Any], Any]) -> dict[str, Any]:
    """What is seen of each match that came; the good one is always there, and the summary is whole."""
    datasets = {dataset.identifier["match_id"]: dataset for dataset in engine.list_datasets()}
    assert datasets.pop(1000).name == "good"
    (job, *_) = engine.store.load_ingestion_job_summaries(1)
    assert (job.state.value, job.counters.new) == ("FINISHED", len(datasets) + 1)
    assert job.counters.discovered == job.counters.new + job.counters.failed
    return {kind: look(datasets[number]) for number, kind in enumerate(VALUES) if number in datasets}


def fits(value: str, most: int) -> bool:
    return is_storable(value) and len(value) <= most


def those(condition: Callable[[str], bool]) -> dict[str, str]:
    return {kind: value for kind, value in VALUES.items() if condition(value)}


def plain(number: int, **options: Any) -> DatasetResource:
    return resource(number, **options).add_file(None, "events", json_content={"n": number})


def test_names_of_matches(run: Callable[..., IngestionEngine]) -> None:
    engine = run(of_each(lambda number, value: plain(number, name=value)), bucket="names")
    assert came(engine, lambda dataset: dataset.name) == those(is_storable)


def test_metadata(run: Callable[..., IngestionEngine]) -> None:
    engine = run(of_each(lambda number, value: plain(number, metadata={"v": value, "in": [{"k": 1}]})), bucket="meta")
    kept = those(lambda value: value.replace("\0", "") == storable(value).replace("\ufffd", ""))
    assert came(engine, lambda dataset: dataset.metadata["v"]) == kept
    engine = run(of_each(lambda number, value: plain(number, metadata={value: 1})), bucket="metakeys")
    assert came(engine, lambda dataset: next(iter(dataset.metadata))) == kept


def test_identities(run: Callable[..., IngestionEngine]) -> None:
    def find(**_: object) -> Iterator[DatasetResource]:
        for value in VALUES.values():
            yield DatasetResource({"k": value}, "match", name="m").add_file(None, "events", json_content={})
        for value in VALUES.values():
            yield DatasetResource({value: 1}, "match", name="m").add_file(None, "events", json_content={})

    engine = run(find, bucket="ids")
    found = [dict(dataset.identifier) for dataset in engine.list_datasets()]
    kept = those(lambda value: fits(value, 400)).values()
    wanted = [{"competition_id": 1, **own} for value in kept for own in ({"k": value}, {value: 1})]
    assert sorted(map(repr, found)) == sorted(map(repr, wanted))
    for value in kept:
        (one,) = engine.list_datasets(k=value)
        assert one.identifier["k"] == value
        (same,) = engine.list_datasets(**{value: 1})
        assert value in same.identifier
    for value in set(VALUES.values()) - set(kept):
        assert engine.list_datasets(provider=value) == []
        assert engine.list_datasets(dataset_type=value) == []
        assert engine.list_datasets(dataset_id=value) == []


@pytest.mark.parametrize("kind", ["provider", "dataset_type"])
def test_providers_and_types(run: Callable[..., IngestionEngine], kind: str) -> None:
    def make(number: int, value: str) -> DatasetResource:
        options = {"dataset_type": "match", "name": "m", kind: value}
        return DatasetResource({"match_id": number}, **options).add_file(None, "events", json_content={})

    engine = run(of_each(make), bucket=kind)
    assert came(engine, lambda dataset: getattr(dataset, kind)) == those(lambda value: fits(value, 64))
    for value in those(lambda value: fits(value, 64)).values():
        assert len(engine.list_datasets(**{kind: value})) == 1


def test_feeds_and_their_versions(run: Callable[..., IngestionEngine]) -> None:
    engine = run(of_each(lambda number, value: resource(number).add_file(None, value, json_content={})), bucket="f")
    kept = those(lambda value: fits(value, 255 - len("__v1")))
    assert came(engine, lambda dataset: next(iter(dataset.files.values())).data_feed_key) == kept
    engine = run(
        of_each(lambda number, value: resource(number).add_file(None, "a", value, json_content={})), bucket="v"
    )
    kept = those(lambda value: fits(value, 255 - len("a__")))
    assert came(engine, lambda dataset: next(iter(dataset.files.values())).data_spec_version) == kept


def test_formats(run: Callable[..., IngestionEngine]) -> None:
    def make(number: int, value: str) -> DatasetResource:
        return resource(number).add_file(
            None, "events", file_loader=lambda *_: DraftFile.from_input(b"x", "events", data_serialization_format=value)
        )

    engine = run(of_each(make), bucket="formats")
    assert set(came(engine, lambda dataset: dataset.identifier)) == set(those(lambda value: fits(value, 64)))


def test_content_types_validators_and_versions(run: Callable[..., IngestionEngine]) -> None:
    def make(number: int, value: str) -> DatasetResource:
        def load(*_: object) -> DraftFile:
            return DraftFile.from_input(b"x", "events", content_type=value, validators=Validators(etag=value))

        return resource(number).add_file(None, "events", file_loader=load, content_version=value)

    engine = run(of_each(make), bucket="said")

    def look(dataset: Any) -> tuple[Any, ...]:
        (file,), feed = dataset.files.values(), dataset.feeds["events__v1"]
        return file.content_type, feed.validators.etag, feed.announced

    there = {dataset.dataset_id: dataset for dataset in engine.list_datasets()}
    known = engine.store.catalogue.datasets.get(list(there))
    seen = {dataset.identifier["match_id"]: look(dataset) for dataset in known if dataset.name != "good"}
    assert [seen[number] for number in sorted(seen)] == [
        (storable(value, 255), value, value) for value in VALUES.values()
    ]


def test_selectors(run: Callable[..., IngestionEngine]) -> None:
    selectors = [{"s": number, "_name": value, "_version": value} for number, value in enumerate(VALUES.values())]
    engine = run(lambda s, **_: [plain(s)], bucket="selectors", selectors=selectors)
    jobs = [job for job in engine.store.load_ingestion_job_summaries() if job.dataset_type == "match"]
    names = {job.selector_name for job in jobs if job.run_id == jobs[0].run_id}
    assert {storable(value) for value in VALUES.values()} >= {name for name in names if len(name) < 200}
    assert len(engine.list_datasets()) == len(VALUES)
    assert engine.run_report().totals.unchanged == len(VALUES)


class Saying(BundleCheck):
    def find_problems(self, bundle):
        return [VALUES[bundle.name]]


def test_reasons_and_decisions(run: Callable[..., IngestionEngine]) -> None:
    def find(**_: object) -> Iterator[DatasetResource]:
        for number, kind in enumerate(VALUES):
            yield plain(number, name=kind)

    engine = run(find, bucket="reasons", checks=(Saying(),))
    quarantine = engine.store.quarantine
    entries = {entry.name: entry for entry in quarantine.list_entries()}
    assert set(entries) == set(VALUES)
    for number, (kind, value) in enumerate(VALUES.items()):
        if number % 2:
            quarantine.accept(entries[kind].entry_id, value, value)
        else:
            quarantine.discard([entries[kind].entry_id], value, value)
        entry = quarantine.get_entry(entries[kind].entry_id)
        assert (entry.decided_by, entry.note) == (storable(value, 255), storable(value))
    for dataset in engine.list_datasets():
        value = VALUES[dataset.name]
        engine.store.invalidate_revision(dataset, value)
        again = engine.store.get_dataset(dataset.dataset_id)
        assert again.revisions[-1].description == storable(value)


def test_errors(run: Callable[..., IngestionEngine]) -> None:
    def make(number: int, value: str) -> DatasetResource:
        def load(*_: object) -> DraftFile:
            raise RuntimeError(value)

        return resource(number).add_file(None, "events", file_loader=load)

    engine = run(of_each(make), bucket="errors")
    assert came(engine, lambda dataset: dataset) == {}
    (job, *_) = engine.store.load_ingestion_job_summaries(1)
    failed = [task for task in job.tasks if task.error]
    assert len(failed) == len(VALUES)
    assert all("RuntimeError" in task.error and is_storable(task.error) for task in failed)


def test_buckets_readers_sources_and_plans(lake_url: str, files: Path) -> None:
    kept: dict[str, list[str]] = {"bucket": [], "reader": [], "source": [], "type": [], "provider": []}
    catalogue = SqlCatalogue.open(lake_url)
    engine = make_engine(open_store(lake_url, f"file://{files}", "main"), {})

    def add_plan(engine: IngestionEngine, dataset_type: str = "match", **attributes: str) -> None:
        source = FunctionSource(lambda **_: [plain(1)])
        for name, text in attributes.items():
            setattr(source, name, text)
        engine.add_ingestion_plan(IngestionPlan(source, dataset_type))

    for kind, value in VALUES.items():
        with contextlib.suppress(ConfigurationError):
            EventReader(catalogue, value)
            assert catalogue.event_readers.find_position(value) is None
            catalogue.event_readers.set_position(value, 1)
            assert catalogue.event_readers.find_position(value) == 1
            kept["reader"].append(kind)
        with contextlib.suppress(ConfigurationError):
            of_bucket = make_engine(open_store(lake_url, f"file://{files}", value), {})
            add_plan(of_bucket)
            assert of_bucket.run_report().error is None
            of_bucket.close()
            kept["bucket"].append(kind)
        with contextlib.suppress(ConfigurationError):
            add_plan(engine, name=value)
            kept["source"].append(kind)
        with contextlib.suppress(ConfigurationError):
            add_plan(engine, name=f"of provider {len(kept['provider'])}", provider=value)
            kept["provider"].append(kind)
        with contextlib.suppress(ConfigurationError):
            IngestionPlan(FunctionSource(lambda **_: [plain(1)]), value)
            kept["type"].append(kind)
    report = engine.run_report()
    assert (report.error, report.totals.failed) == (None, 0)
    assert {dataset.provider for dataset in engine.list_datasets()} == {"fake", *(VALUES[k] for k in kept["provider"])}
    engine.close()
    catalogue.close()
    short, long = list(those(lambda value: fits(value, 64))), list(those(lambda value: fits(value, 255)))
    assert kept == {"bucket": short, "type": short, "provider": short, "source": long, "reader": long}
