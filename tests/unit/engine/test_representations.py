"""What a notebook shows of what somebody holds in hand: a line, or a table, without secrets."""

from __future__ import annotations

import pytest

from ingestify import DatasetResource, Source, get_dev_engine, get_engine
from ingestify.catalogue import SqlCatalogue
from ingestify.errors import FetchError
from ingestify.storage.cloud import CloudStorage
from ingestify.storage.cloud_address import CloudAddress


class Season(Source):
    provider = "mine"

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        yield DatasetResource({"match_id": 1}, dataset_type, name="Ajax - Feyenoord").add_file(
            None, "events", "v8", json_content=[{"id": 1}]
        )

        def fails(file_resource, current_file):
            raise FetchError("https://api.example.com/2?token=s3cr3t cannot be reached")

        yield DatasetResource({"match_id": 2}, dataset_type, name="<b>Ajax</b>").add_file(
            None, "events", file_loader=fails
        )

        def broken(file_resource, current_file):
            from ingestify import DraftFile

            return DraftFile.from_input(b'[{"id": ', "events", data_serialization_format="json")

        yield DatasetResource({"match_id": 3}, dataset_type, name="broken").add_file(None, "events", file_loader=broken)


@pytest.fixture
def engine():
    with get_dev_engine(Season("season"), "match") as made:
        yield made


def test_what_is_held_in_hand_is_one_line(engine):
    report = engine.load()
    (dataset,) = engine.list_datasets()
    (entry,) = engine.store.quarantine.list_entries()
    (job,) = report.jobs
    store = "DatasetStore('main' of sqlite:///:memory:, files in memory)"
    assert repr(engine.store) == store
    assert repr(engine) == f"IngestionEngine({store}; plans: season/match)"
    assert repr(dataset.files["events"]) == "File(events__v8, json, 10 bytes, r0)"
    what = "mine/match/match_id=3, 'broken', OPEN: 'events__v1: the JSON breaks off"
    assert repr(entry).startswith(f"QuarantineEntry({entry.entry_id}, {what}")
    assert repr(job) == "JobSummary(season, match, everything, FINISHED: discovered=3, new=1, failed=1, quarantined=1)"
    assert repr(report).startswith("RunReport(FINISHED: discovered=3, new=1, failed=1, quarantined=1; ")
    for one in (engine, engine.store, dataset.files["events"], entry, job, report):
        assert "\n" not in repr(one)


def test_a_report_is_a_table_with_what_went_wrong(engine):
    shown = engine.load()._repr_html_()
    assert "<th>discovered</th><th>new</th><th>failed</th><th>quarantined</th>" in shown
    assert "<td>season</td><td>match</td><td>everything</td><td>FINISHED</td><td>3</td><td>1</td>" in shown
    assert "<td>match_id=2</td><td>&lt;b&gt;Ajax&lt;/b&gt;</td><td>failed</td>" in shown
    assert "token=***" in shown
    assert "s3cr3t" not in shown


def test_an_engine_without_plans_says_where_its_lake_is(tmp_path):
    with get_engine(metadata_url=f"sqlite:///{tmp_path}/catalog.db", file_url=f"file://{tmp_path}/files") as engine:
        store = f"DatasetStore('main' of sqlite:///{tmp_path}/catalog.db, files in {tmp_path}/files)"
        assert repr(engine) == f"IngestionEngine({store}; no plans)"


def test_no_password_is_shown():
    class Server:
        """A database, as far as it is shown."""

        where = "postgresql://reader:hunter2@db.example.com/lake?password=hunter2"

    catalogue = object.__new__(SqlCatalogue)
    catalogue._database = Server()  # type: ignore[assignment]
    assert repr(catalogue) == "postgresql://***@db.example.com/lake?password=***"
    storage = object.__new__(CloudStorage)
    storage.address = CloudAddress.parse("s3://bucket/lake")
    assert repr(storage) == "s3://bucket/lake"


def test_datasets_are_listed_by_competition_season_date_and_name(make_lake):
    def find(competition_id):
        for match_id, date, name in ((3, "2024-05-01", "c"), (1, "2024-05-09", "a"), (2, "2024-05-01", "b")):
            resource = DatasetResource({"match_id": match_id}, "match", name=name, metadata={"match_date": date})
            yield resource.add_file(None, "events", json_content={})

    lake = make_lake(find, [{"competition_id": 11}, {"competition_id": 9}])
    lake.engine.load()
    listed = lake.engine.list_datasets()
    assert [(one.identifier["competition_id"], one.name) for one in listed] == [
        (competition_id, name) for competition_id in (9, 11) for name in "bca"
    ]
    store = lake.engine.store
    assert list(store.iter_in_order(store.dataset_filter())) == listed
    assert list(store.iter_in_order(store.dataset_filter(where="match_id > 1"), 2)) == [listed[0], listed[1]]
    lines = repr(listed).splitlines()
    assert lines[0] == "6 datasets"
    assert lines[2].split()[:3] == ["fake/match/competition_id=9/match_id=2", "b", "COMPLETE"]
