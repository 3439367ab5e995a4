"""A lake whose settings of identifier keys change between runs: nothing is lost, nothing is fetched again."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from ingestify import ConfigurationError, DatasetResource, DraftFile, Source, get_engine
from ingestify.store.objects.layout import encode_component

CONTENT = {"20": "a", "21": "b", "DFL-1": "c"}
DAYS = dict.fromkeys(CONTENT, 0)
FETCHED: list[str] = []


class Decade:
    """A transformation of the user's own."""

    name = "decade"

    def __init__(self, width: int) -> None:
        self.width = width

    def transform(self, value: str) -> str:
        if value == "refused":
            raise KeyError(value)
        return value[: self.width]


class Matches(Source):
    provider = "mine"

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **_):
        for match_id, content in CONTENT.items():
            moment = dt.datetime(2024, 5, 1, tzinfo=dt.UTC) + dt.timedelta(days=DAYS[match_id])
            yield DatasetResource({"match_id": match_id}, "match").add_file(
                moment, "events", file_loader=load, loader_kwargs={"match_id": match_id, "content": content}
            )


def load(file_resource, current_file, match_id, content):
    FETCHED.append(match_id)
    return DraftFile.from_input(content, "events")


@pytest.fixture
def open_lake(tmp_path, monkeypatch):
    """Open the lake, with what the settings say of match_id."""
    monkeypatch.setattr("tests.end_to_end.test_changed_layout.CONTENT", dict(CONTENT))
    monkeypatch.setattr("tests.end_to_end.test_changed_layout.DAYS", dict(DAYS))
    FETCHED.clear()

    def opened(match_id="{}"):
        (tmp_path / "config.yaml").write_text(f"""
main: {{metadata_url: "sqlite:///catalog.db", file_url: "file://files/"}}
sources: {{mine: {{type: {__name__}.Matches}}}}
dataset_types: [{{provider: mine, dataset_type: match, identifier_keys: {{match_id: {match_id}}}}}]
ingestion_plans: [{{source: mine, dataset_type: match}}]
""")
        return get_engine(tmp_path / "config.yaml")

    return opened


def read(engine):
    return {
        str(dataset.identifier["match_id"]): engine.store.load_files(dataset).get_file("events").stream.read().decode()
        for dataset in engine.list_datasets()
    }


def match_ids(engine):
    return {dataset.identifier["match_id"] for dataset in engine.list_datasets()}


def folders(tmp_path):
    kind = tmp_path / "files" / "main" / "provider=mine" / "dataset_type=match"
    return {path.parent.relative_to(kind).as_posix() for path in kind.rglob("*") if path.is_file()}


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("transformation", "of_21", "of_22"),
    [
        ("{type: bucket, bucket_size: 10}", "match_id_bucket=20-29/match_id=21", "match_id_bucket=20-29/match_id=22"),
        ("{type: bucket, bucket_count: 100}", "match_id_bucket=68/match_id=21", "match_id_bucket=35/match_id=22"),
        ("{type: prefix, prefix_length: 1}", "match_id_prefix=2/match_id=21", "match_id_prefix=2/match_id=22"),
        (
            "{type: tests.end_to_end.test_changed_layout.Decade, configuration: {width: 1}}",
            "match_id_decade=2/match_id=21",
            "match_id_decade=2/match_id=22",
        ),
        ("{type: identity}", "match_id=21", "match_id=22"),
    ],
)
def test_files_stay_where_they_are_and_new_ones_go_to_the_new_place(open_lake, tmp_path, transformation, of_21, of_22):
    with open_lake() as engine:
        assert engine.load().totals.new == 3
    old = {"match_id=20", "match_id=21", f"match_id={encode_component('DFL-1')}"}
    assert folders(tmp_path) == old
    FETCHED.clear()

    with open_lake(f"{{transformation: {transformation}}}") as engine:
        assert engine.load().totals.unchanged == 3
        assert FETCHED == []
        assert read(engine) == {"20": "a", "21": "b", "DFL-1": "c"}

        CONTENT["21"], DAYS["21"], CONTENT["22"], DAYS["22"] = "B", 1, "d", 0
        totals = engine.load().totals
        assert (totals.new, totals.revised, totals.unchanged) == (1, 1, 2)
        assert folders(tmp_path) == old | {of_21, of_22}
        assert read(engine) == {"20": "a", "21": "B", "22": "d", "DFL-1": "c"}
        corrected = engine.store.get_dataset_collection(match_id=21).first()
        paths = [file.storage_path for revision in corrected.revisions for file in revision.modified_files]
        assert [path.rpartition("/")[0].partition("dataset_type=match/")[2] for path in paths] == ["match_id=21", of_21]

        # Both revisions' files go with their dataset.
        assert len(engine.destroy_dataset(match_id=21)) == 1
        assert engine.collect_garbage(older_than=dt.timedelta(0)).objects == 2
        assert folders(tmp_path) == old - {"match_id=21"} | {of_22}


def test_a_value_that_a_transformation_refuses_fails_its_dataset_only(open_lake):
    CONTENT["refused"], DAYS["refused"] = "x", 0
    of_ones_own = "{type: tests.end_to_end.test_changed_layout.Decade, configuration: {width: 1}}"
    with open_lake(f"{{transformation: {of_ones_own}}}") as engine:
        report = engine.load()
        assert (report.totals.new, report.totals.failed) == (3, 1)
        (failed,) = report.failed_tasks
        assert "Decade' of mine/match/match_id raised KeyError for the value 'refused'" in str(failed.error)


@pytest.mark.parametrize(
    ("transformation", "message"),
    [
        ("{type: tests.end_to_end.test_changed_layout.Decade}", r"transformation '.*Decade' cannot be made .*\(none\)"),
        ("{type: tests.end_to_end.test_changed_layout.Deacde}", "did you mean 'Decade'"),
        ("{type: tests.end_to_end.test_changed_layout.CONTENT}", "must be a class"),
        ("{type: builtins.object}", "is of the type object; it must have a name"),
    ],
)
def test_a_transformation_that_is_none_is_refused_when_the_lake_is_opened(open_lake, transformation, message):
    with pytest.raises(ConfigurationError, match=message):
        open_lake(f"{{transformation: {transformation}}}")


def test_values_are_of_the_type_that_the_settings_say_from_then_on(open_lake):
    del CONTENT["DFL-1"]
    with open_lake() as engine:
        engine.load()
        assert match_ids(engine) == {"20", "21"}
    CONTENT["22"], DAYS["22"] = "d", 0
    with open_lake("{key_type: int}") as engine:
        totals = engine.load().totals
        assert (totals.new, totals.unchanged) == (1, 2)
        assert match_ids(engine) == {20, 21, 22}
        assert engine.store.get_dataset_collection(match_id="21").first().identifier == {"match_id": 21}
    with open_lake() as engine:
        assert engine.load().totals.unchanged == 3
        assert match_ids(engine) == {"20", "21", 22}


def test_an_int_key_with_text_is_named_with_its_resource(open_lake):
    with open_lake("{key_type: int}") as engine:
        report = engine.load()
    (failed,) = report.failed_tasks
    assert re.search(r"mine/match/match_id=DFL-1: its match_id is 'DFL-1'.*key_type: int", failed.error)
    assert report.totals.new == 2, "the others come in"
