from __future__ import annotations

import io
import json
from typing import Any
from xml.etree import ElementTree

import polars as pl
import pytest

from ingestify import DatasetResource, DraftFile, Source, debug_source
from ingestify.errors import LoadError
from ingestify.tables.column_types import own_types
from ingestify.tables.make_rows import make_rows
from ingestify.tables.registry import flat_definition
from ingestify.tables.rows.xml_records import read_xml_records

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
    return frame.drop("match_id", *own_types())


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


EVENTS_OF_OPTA = """<Games timestamp="2024"><Game id="9">
<Event id="1" x="0.0" outcome="1" time="12"><Q id="5" value="1, 2"/><Q id="6"/></Event>
<Event id="2" x="51.5" time="12:30"><Q id="7"/></Event><!-- nothing -->
</Game></Games>"""


def test_the_elements_of_xml_are_rows_with_their_attributes_and_children():
    assert records_of(EVENTS_OF_OPTA, "xml").to_dicts() == [
        {
            "id": 1,
            "x": 0.0,
            "outcome": 1,
            "time": "12",
            "Q": '[{"id":"5","value":"1, 2"},{"id":"6"}]',
        },
        {"id": 2, "x": 51.5, "outcome": None, "time": "12:30", "Q": '[{"id":"7"}]'},
    ]


def test_an_element_that_is_alone_in_another_one_is_an_object():
    content = """<E><Event id="a" ok="true"><Shot xG="0.5"><Goal/></Shot></Event>
    <Event id="b" ok="false"><Play far="007"><Pass>long</Pass></Play></Event></E>"""
    assert records_of(content, "xml").to_dicts() == [
        {"id": "a", "ok": True, "Shot_xG": 0.5, "Shot_Goal": True, "Play_far": None, "Play_Pass_text": None},
        {"id": "b", "ok": False, "Shot_xG": None, "Shot_Goal": None, "Play_far": "007", "Play_Pass_text": "long"},
    ]


def test_a_file_of_xml_that_is_no_list_is_one_row():
    content = """<Match id="3"><Teams><Team id="1"><Player/><Player/></Team><Team id="2"/></Teams>
    <Referee name="A"/><Referee name="B"/><Stadium><City name="C"/></Stadium></Match>"""
    (row,) = records_of(content, "xml").to_dicts()
    assert row.pop("Teams_Team") == '[{"id":"1","Player":[{},{}]},{"id":"2"}]'
    assert row == {"id": 3, "Referee": '[{"name":"A"},{"name":"B"}]', "Stadium_City_name": "C"}


def test_xml_that_cannot_be_read_is_a_problem():
    assert "XML of more than 16 MB" in rows_of(f"<a>{'x' * (16 << 20)}</a>", "xml").problem
    for content in (b"<a><b></a>", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'):  # no run takes such files
        with pytest.raises(LoadError, match=r"'events' \(xml\) cannot be read"):
            read_xml_records(io.BytesIO(content), "events")


def test_a_format_without_records_is_a_problem_that_says_what_can_be_read():
    assert "a data frame can only be made of csv" in rows_of("text", "txt").problem


@pytest.mark.slow
def test_every_attribute_of_sportecs_events_is_there(provider_data):
    (real,) = (one for one in EVENTS if one.provider == "sportec")
    with in_a_lake(real, provider_data) as dataset:
        rows = frame_of(make_rows(dataset, [flat_definition("sportec", "events")])["sportec_events"])
    root = ElementTree.parse(provider_data / real.feeds["events"]).getroot()
    assert rows["EventId"].to_list() == [int(event.get("EventId")) for event in root]
    kinds = [kind for event in root for kind in event]
    shots = [kind for kind in kinds if kind.tag == "ShotAtGoal"]
    assert rows["ShotAtGoal_xG"].drop_nulls().to_list() == [float(shot.get("xG")) for shot in shots if shot.get("xG")]
    attributes = sum(len(one.attrib) for event in root for one in event.iter())
    empty = sum(not one.attrib and not len(one) for event in root for one in event.iter())
    assert sum(rows.drop(rows.columns[:6]).null_count().row(0)) == rows.height * (rows.width - 6) - attributes - empty


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
        assert sum(1 for _ in leaves(record)) == len(there) - 6
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
