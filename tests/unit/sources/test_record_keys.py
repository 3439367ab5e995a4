"""What the built-in sources say of their records: files of theirs, in which one thing is changed."""

from __future__ import annotations

import io

import pytest

from ingestify import Dataset, DatasetState, Identifier, RecordKey, Revision, Source
from ingestify.clock import now
from ingestify.comparison.content import read_content
from ingestify.comparison.records import compare_contents
from ingestify.comparison.sentence import clauses_of
from ingestify.pictures import match_values as pictures
from ingestify.sources.match_minute import minute_text
from ingestify.sources.registry import BUILT_IN, find_record_keys, find_source_class

SKILLCORNER = "skillcorner/data/matches/1886347/1886347_"
SPORTEC = "sportec/DFL_03_02_events_raw_DFL-COM-000002_DFL-MAT-J03WPY.xml"
WYSCOUT = "wyscout/processed-v2/files/2516739.json"


def edited_event(content):
    content["events"][3]["positions"][0]["x"] = 77


def edited_phase(content):
    del content[1]
    content[3]["x_start"] = "0.5"
    for number, row in enumerate(content):
        row["index"] = str(number)


def edited_player(content):
    content["players"].reverse()
    content["players"][0]["number"] = 98


def edited_xml(content):
    content["Event"][2]["X-Position"] = "1.50"


@pytest.mark.parametrize(
    ("source", "feed", "path", "edit", "said"),
    [
        ("wyscout_github", "events", WYSCOUT, edited_event, ["1 pass's x changed in minute 1 (… → 77)"]),
        (
            "skillcorner_github",
            "phases_of_play",
            f"{SKILLCORNER}phases_of_play.csv",
            edited_phase,
            ["1 phase's x start changed in minute … → 0.5)", "1 phase removed in minute …)"],
        ),
        ("skillcorner", "match", f"{SKILLCORNER}match.json", edited_player, ["1 player's number changed (… → 98)"]),
        ("sportec_huggingface", "events", SPORTEC, edited_xml, ["1 event's X-Position changed (… → 1.50)"]),
    ],
)
def test_one_changed_record_of_a_provider_is_one_difference(excerpts, source, feed, path, edit, said):
    key = find_source_class(f"ingestify.{source}").record_keys[feed]
    content = (excerpts / path).read_bytes()
    form = path.rpartition(".")[2]
    old, new = (read_content(io.BytesIO(content), form) for _ in range(2))
    edit(new)
    clauses = clauses_of([compare_contents(feed, old, new, key)])
    assert len(clauses) == len(said)
    for clause, expected in zip(clauses, said, strict=True):
        begin, _, end = expected.partition("…")
        assert clause.startswith(begin)
        assert clause.endswith(end)


def test_the_declarations_of_all_built_in_sources_can_be_read():
    for name in BUILT_IN:
        for feed, declared in find_source_class(name).record_keys.items():
            assert isinstance(declared, (str, RecordKey)), feed


@pytest.mark.parametrize(
    ("minute", "period", "text"),
    [
        (0, 1, "1"),
        (44, 1, "45"),
        (45, 1, "45+1"),
        (46, 1, "45+2"),
        (46, 2, "47"),
        (92, 2, "90+3"),
        (92, 3, "93"),
        (121, 4, "120+2"),
        (120, 5, "121"),
        ("63", "2", "64"),
        (63, None, "64"),
        (None, 1, None),
        ("", 1, None),
        ("9" * 5000, "9" * 5000, None),
        ({}, [], None),
    ],
)
def test_the_minute_of_a_match(minute, period, text):
    assert minute_text(minute, period) == text


@pytest.mark.parametrize("period", [1, 2, 3, 4])
def test_a_difference_is_of_the_minute_that_pictures_show(period):
    for minute in (0, 44, 45, 47, 89, 90, 93, 119, 121):
        assert f"{minute_text(minute, period)}′" == pictures.minute_text(period, minute)


@pytest.mark.parametrize(
    ("event", "minute"),
    [
        ({"matchPeriod": "2H", "eventSec": 125.5}, "48"),
        ({"matchPeriod": "1H", "eventSec": 45 * 60 + 61}, "45+2"),
        ({"matchPeriod": "2H", "minute": 47, "second": 5}, "48"),
        ({"matchPeriod": "P", "minute": 120}, "121"),
        ({}, None),
        ({"matchPeriod": [], "eventSec": float("nan")}, None),
        ({"matchPeriod": "1H", "eventSec": -5}, None),
    ],
)
def test_the_minute_of_both_versions_of_wyscout(event, minute):
    assert find_source_class("ingestify.wyscout").record_keys["events"].minute(event) == minute


KEYS = {"events": "uid"}


class Declares(Source):
    provider = "mine"
    record_keys = KEYS

    def find_datasets(self, **_):
        return []


class Computes(Declares):
    record_keys = property(lambda self: KEYS)


def dataset_of(provider, source):
    """Return a dataset that a source of the settings brought."""
    revision = Revision(0, now(), (), source={"source": source})
    of_type = ("match", Identifier({"match_id": 1}), "", DatasetState.COMPLETE, {})
    return Dataset("1", "main", provider, *of_type, now(), now(), None, (revision,))


def test_the_records_of_a_dataset_are_known_by_its_source_else_by_its_provider():
    types = {"one": f"{__name__}.Declares", "two": f"{__name__}.Computes", "gone": f"{__name__}.Nothing"}
    assert find_record_keys(dataset_of("mine", "one"), types) == KEYS
    assert find_record_keys(dataset_of("mine", "two"), types) == {}
    assert find_record_keys(dataset_of("mine", "gone"), types) == {}
    for source in ("two", "gone", "another"):
        assert "360-frames" in find_record_keys(dataset_of("statsbomb", source), types)
