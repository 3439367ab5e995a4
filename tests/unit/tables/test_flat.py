from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest

from ingestify import DatasetResource, DraftFile, Source, debug_source
from ingestify.tables.make_rows import make_rows
from ingestify.tables.registry import flat_definition

from .reading import frame_of
from .real_files import EVENTS, in_a_lake


def rows_of(content: Any, form: str = "json", identifier: dict[str, Any] | None = None) -> Any:
    """The rows of one file with the feed `events`."""

    class OneFile(Source):
        provider = "fake"

        def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
            def read(file_resource, current_file):
                text = content if isinstance(content, str) else json.dumps(content)
                return DraftFile.from_input(text, "events", data_serialization_format=form)

            yield DatasetResource(identifier or {"match_id": 12}, dataset_type, name="a match").add_file(
                None, "events", file_loader=read, data_serialization_format=form
            )

    with debug_source(OneFile("fake"), dataset_type="match") as engine:
        (dataset,) = engine.list_datasets()
        return make_rows(dataset, [flat_definition("fake", "events")])["fake_events"]


def records_of(content: Any, form: str = "json", **kwargs: Any) -> pl.DataFrame:
    frame = frame_of(rows_of(content, form, **kwargs))
    return frame.drop("provider", "dataset_type", "match_id", "dataset_id", "revision")


def test_an_objects_fields_are_columns_and_a_list_is_json():
    events = [
        {"id": 1, "pass": {"length": 2.5, "recipient": {"id": 7, "name": "A"}}, "location": [1.0, 2.0]},
        {"id": 2, "shot": {}, "location": None, "under_pressure": True},
    ]
    assert records_of(events).to_dicts() == [
        {
            "id": 1,
            "pass_length": 2.5,
            "pass_recipient_id": 7,
            "pass_recipient_name": "A",
            "location": "[1.0,2.0]",
            "under_pressure": None,
        },
        {
            "id": 2,
            "pass_length": None,
            "pass_recipient_id": None,
            "pass_recipient_name": None,
            "location": None,
            "under_pressure": True,
        },
    ]


def test_values_of_several_types_are_text_and_none_is_lost():
    assert records_of([{"a": 1}, {"a": "x"}, {"a": {"b": 2}}, {"a": [3]}]).to_dicts() == [
        {"a": "1", "a_b": None},
        {"a": "x", "a_b": None},
        {"a": None, "a_b": 2},
        {"a": "[3]", "a_b": None},
    ]


def test_two_fields_never_share_a_column():
    (row,) = records_of([{"pass": {"length": 1}, "pass_length": 2, "Pass Length": 3, "päss": 4, "#": 5}]).to_dicts()
    assert row == {"pass_length_3": 1, "pass_length": 2, "Pass_Length_2": 3, "päss": 4, "column": 5}


def test_the_columns_of_each_table_keep_their_names():
    frame = frame_of(rows_of([{"match_id": "m", "Provider": "p", "revision": 9, "n": 1}]))
    assert frame.select("match_id", "provider", "revision").row(0) == (12, "fake", 0)
    assert frame.select("record_match_id", "record_Provider", "record_revision", "n").row(0) == ("m", "p", 9, 1)


@pytest.mark.parametrize(
    ("content", "form"),
    [
        ('{"a": 1}\n{"a": 2}\n', "jsonl"),
        ("a;b\n1;x\n2;y\n", "csv"),
        ("a\tb\n1\tx\n2\ty\n", "tsv"),
        ('{"events": [{"a": 1}, {"a": 2}], "meta": {}}', "json"),
    ],
)
def test_each_format_of_records_makes_rows(content, form):
    assert records_of(content, form)["a"].to_list() == [1, 2]


def test_names_of_a_csv_become_names_of_columns():
    assert records_of("Team,Start Time [s],End/X\nA,1.5,2\n", "csv").columns == ["Team", "Start_Time_s", "End_X"]


def test_a_file_without_records_has_no_rows():
    assert records_of([]).height == 0


def test_xml_is_a_problem_that_says_what_can_be_read():
    assert "a data frame can only be made of csv" in rows_of("<a/>", "xml").problem


@pytest.mark.sampled(3)
@pytest.mark.slow
@pytest.mark.parametrize(("provider", "name"), [("statsbomb", "15946"), ("wyscout", "2499841"), ("metrica", "3")])
def test_every_value_of_a_real_file_is_there(provider_data, provider, name):
    (real,) = (one for one in EVENTS if (one.provider, one.name) == (provider, name))
    theirs = json.loads((provider_data / real.feeds["events"]).read_bytes())
    theirs = theirs if isinstance(theirs, list) else theirs.get("events", theirs.get("data"))
    with in_a_lake(real, provider_data) as dataset:
        rows = frame_of(make_rows(dataset, [flat_definition(provider, "events")])[f"{provider}_events"]).to_dicts()
    for record, row in zip(theirs, rows, strict=True):
        there = {key: value for key, value in row.items() if value is not None}
        assert sum(1 for _ in leaves(record)) == len(there) - 5
        for path, value in leaves(record):
            found = there["_".join(path)]
            found = json.loads(found) if isinstance(value, list) else found
            assert found in (value, str(value)), "a column of numbers and texts is text"


def leaves(value: Any, path: tuple[str, ...] = ()) -> Any:
    if isinstance(value, dict):
        for key, one in value.items():
            yield from leaves(one, (*path, key))
    elif value is not None:
        yield path, value
