from __future__ import annotations

import copy
import datetime as dt
import gc
import pickle
import weakref
from typing import Any

import pytest

from ingestify import DatasetResource, DuplicateFile, Selector
from ingestify.errors import SourceError

AT = dt.datetime(2024, 5, 1)


def resource() -> DatasetResource:
    return DatasetResource({"match_id": 12, "_hint": 1}, "match", "mine")


def test_files_chain_and_have_an_id():
    made = resource().add_file(AT, "events", "v8", url="https://host/e.json").add_file(AT, "match", json_content={})
    assert list(made.files) == ["events__v8", "match__v1"]
    assert made.files["events__v8"].last_modified == AT.replace(tzinfo=dt.UTC)


def test_a_second_file_with_the_same_id_is_refused():
    with pytest.raises(DuplicateFile, match="events__v1"):
        resource().add_file(AT, "events", json_content=1).add_file(AT, "events", json_content=2)


def test_two_contents_for_one_file_are_refused():
    with pytest.raises(SourceError, match="json_content and url"):
        resource().add_file(AT, "events", json_content=1, url="https://host/")


def test_unknown_http_options_are_refused_and_named():
    with pytest.raises(SourceError, match="ignore_not_fond"):
        resource().add_file(AT, "events", url="https://host/", http_options={"ignore_not_fond": True})


def test_last_modified_must_be_a_time():
    with pytest.raises(SourceError, match="last_modified"):
        resource().add_file("yesterday", "events", json_content=1)


def test_its_identity_is_the_selector_and_its_own_id_without_hints():
    selector = Selector({"competition_id": 1, "match_id": "as asked", "_last_modified": AT})
    assert resource().identifier(selector) == {"competition_id": 1, "match_id": 12}
    assert str(resource().identifier(selector)) == "competition_id=1/match_id=12"


def test_a_file_can_be_updated_when_its_content_arrives():
    made = resource().add_file(AT, "events")
    assert not made.files["events__v1"].has_content
    made.update_file("events", json_content=[1])
    assert made.files["events__v1"].has_content
    with pytest.raises(SourceError, match="lineups"):
        made.update_file("lineups", json_content=[1])
    with pytest.raises(SourceError, match="jason"):
        made.update_file("events", jason=[1])


def test_it_can_be_marked_failed():
    assert isinstance(resource().mark_failed("no stock").error, SourceError)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://host/a/12.json?x=1.csv", "json"),
        ("https://host/a.csv.gz", "csv.gz"),
        ("https://host/tracking.ZIP", "zip"),
        ("https://host/v3/matches/12", None),
        ("https://host/.hidden", None),
        ("https://host/api/v1.2", None),
    ],
)
def test_the_format_shows_in_the_url(url, expected):
    assert resource().add_file(AT, "f", url=url).files["f__v1"].serialization_format == expected


def test_states_are_names_in_any_case():
    made = DatasetResource({"a": 1}, "match", state="partial")
    assert made.state == "PARTIAL"
    made.state = "Complete"
    assert made.state.is_complete
    with pytest.raises(ValueError, match="SCHEDULED, PARTIAL, COMPLETE, MISSING"):
        made.state = "finished"


def test_a_content_version_is_announced_in_place_of_a_time():
    noon = dt.datetime(2024, 5, 1, 12)
    made = resource().add_file(noon, "events", url="https://host/", content_version="1-2")
    assert made.files["events__v1"].announced == "1-2"
    assert resource().add_file(noon, "events", url="https://host/").files["events__v1"].announced == (
        "2024-05-01T12:00:00+00:00"
    )
    with pytest.raises(SourceError, match="it must be a text or None"):
        resource().add_file(None, "events", url="https://host/", content_version=12)


@pytest.mark.parametrize("grain", ["1 day", 86400, dt.timedelta(seconds=-1)])
def test_a_grain_that_is_none_is_an_error_when_it_is_announced(grain):
    assert resource().add_file(AT, "events", url="https://host/", last_modified_grain=dt.timedelta()).files
    with pytest.raises(SourceError, match=r"has last_modified_grain .*; it must be a timedelta of 0 or more, or None"):
        resource().add_file(AT, "events", url="https://host/", last_modified_grain=grain)


def test_what_is_postponed_says_why():
    assert resource().postponed is None
    assert resource().postpone("it is being written").postponed == "it is being written"


@pytest.mark.parametrize(
    "attributes",
    [
        {"data_feed_key": "x" * 254, "data_spec_version": "1"},
        {"data_feed_key": "events", "data_serialization_format": "x" * 65},
        {"data_feed_key": "a\0b"},
        {"data_feed_key": "a\ud800b"},
        {"data_feed_key": "events", "data_serialization_format": "a\0b"},
    ],
)
def test_a_file_that_not_every_database_could_keep_is_refused_with_any(attributes):
    with pytest.raises(SourceError, match=r"characters together|no database keeps"):
        resource().add_file(AT, json_content={}, **attributes)


def test_the_longest_names_are_taken():
    resource().add_file(AT, "x" * 252, "1", json_content={}, data_serialization_format="x" * 64)


def test_a_suffix_that_is_too_long_for_a_format_is_none():
    made = resource().add_file(AT, "events", url=f"https://host/a.{'x' * 65}")
    assert made.files["events__v1"].serialization_format is None


def test_a_dataset_that_nobody_needs_is_gone_at_once():
    resource = DatasetResource({"match_id": 1}, "match").add_file(None, "events", url="https://a.example/")
    file = resource.files["events__v1"]
    assert file.dataset_resource is resource
    gone = weakref.ref(resource)
    gc.disable()
    try:
        del resource
        assert gone() is None
    finally:
        gc.enable()
    with pytest.raises(ReferenceError, match=r"of the file 'events__v1' is gone.*Keep it as long as you use its files"):
        _ = file.dataset_resource


@pytest.mark.sampled(3)
@pytest.mark.parametrize("copy_of", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_copy_of_a_file_alone_holds_its_dataset(copy_of: Any):
    resource = DatasetResource({"match_id": 1}, "match").add_file(None, "events", url="https://a.example/")
    copied = copy_of(resource.files["events__v1"])
    del resource
    gc.collect()
    assert copied.dataset_resource.dataset_resource_id == {"match_id": 1}
    assert copied.identity == copied.dataset_resource.files["events__v1"].identity


@pytest.mark.parametrize("copy_of", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_copy_of_a_dataset_has_files_of_its_own(copy_of: Any):
    resource = DatasetResource({"match_id": 1}, "match").add_file(None, "events", url="https://a.example/")
    copied = copy_of(resource)
    assert copied.files["events__v1"].dataset_resource is copied
