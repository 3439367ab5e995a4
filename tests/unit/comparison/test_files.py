"""What differs in the files of two revisions, whatever is in them."""

from __future__ import annotations

import csv
import dataclasses
import gzip
import hashlib
import io
import json

import pytest

from ingestify.comparison.content import MOST_BYTES
from ingestify.comparison.files import compare_files
from ingestify.comparison.sentence import clauses_of, sentence_of
from ingestify.domain.record_key import RecordKey

KEYS = {
    "events": RecordKey("id", noun="event", unordered=("related",)),
    "frames": RecordKey("event", noun="freeze frame", is_ordered=False, refers_to={"event": "events"}),
    "match": RecordKey(noun="match"),
}


@dataclasses.dataclass
class File:
    data_feed_key: str
    content: bytes
    data_serialization_format: str = "json"
    data_spec_version: str = "v1"
    claimed_size: int = 0

    @property
    def file_id(self) -> str:
        return f"{self.data_feed_key}__{self.data_spec_version}"

    @property
    def size(self) -> int:
        return self.claimed_size or len(self.content)

    @property
    def tag(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def stream(self) -> io.BytesIO:
        return io.BytesIO(self.content)


def as_file(feed, value, **more):
    return File(feed, json.dumps(value).encode(), **more)


def sentence(old, new, feeds=None):
    found = compare_files(old, new, KEYS, feeds)
    return sentence_of(found, clauses_of(found))


def test_the_same_files_say_that_nothing_changed():
    files = [as_file("events", [{"id": 1}]), File("video", b"\0" * 9, "mp4")]
    assert compare_files(files, files, KEYS) == []
    assert sentence(files, files) == "Nothing changed."


def test_a_file_that_came_and_one_that_went_are_named():
    events, frames = as_file("events", [{"id": 1}]), as_file("frames", [])
    assert sentence([events], [frames]) == "Events is gone (11 bytes); frames is new (2 bytes)."


def test_only_the_wanted_feeds_are_compared():
    assert sentence([as_file("events", [{"id": 1}])], [as_file("match", {})], ["match"]) == "Match is new (2 bytes)."


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (File("video", b"\0\0\0", "mp4"), File("video", b"\0\0", "mp4"), "Video: other bytes, 3 bytes → 2 bytes."),
        (File("all", b"PK", "zip"), File("all", b"PK.", "zip"), "All: other bytes, 2 bytes → 3 bytes."),
        (
            File("frames", b"[]", claimed_size=10),
            File("frames", b"[1]", claimed_size=MOST_BYTES + 1),
            "Frames: other bytes, 10 bytes → 17 MB.",
        ),
        (
            File("events", gzip.compress(b'[{"id": 1, "x": 1}]'), "json.gz"),
            File("events", gzip.compress(b'[{"id": 1, "x": 2}]'), "json.gz"),
            "1 event's x changed (1 → 2).",
        ),
        (
            File("events", gzip.compress(bytes(MOST_BYTES + 1), 1), "json.gz", claimed_size=10),
            File("events", b"[]", "json.gz", claimed_size=20),
            "Events: other bytes, 10 bytes → 20 bytes.",
        ),
        (
            File("events", b"\x1f\x8bcut off", "json.gz"),
            File("events", b"[]", "json.gz"),
            "Events: not compared, as before it is no json: …",
        ),
        (
            File("events", b"a,b\n1,2\n", "csv"),
            File("events", b"[]", "json"),
            "Events: another format, csv → json, 8 bytes → 2 bytes.",
        ),
        (
            File("events", b"[]"),
            File("events", b"<html>"),
            "Events: not compared, as now it is no json: Expecting value: line 1 column 1 (char 0); …",
        ),
        (
            File("events", b"\xff\xff", "jsonl"),
            File("events", b"{}", "jsonl"),
            "Events: not compared, as before it is no jsonl: 'utf-8' codec can't decode byte 0xff in position 0: …",
        ),
        (
            File("events", b"[" * 200_000),
            File("events", b"[]"),
            "Events: not compared, as before it is nested too deeply; other bytes, 200 kB → 2 bytes.",
        ),
        (
            File("events", b"<a/>", "xml"),
            File("events", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "xml"),
            "Events: not compared, as now it declares the entity 'b'; other bytes, 4 bytes → 40 bytes.",
        ),
        (File("match", b'{"a": 1}'), File("match", b'{"a":1}'), "No record changed; match is written in another way."),
        (
            as_file("events", [{"id": 1}, {"id": 2}]),
            as_file("events", {"error": "no"}),
            "Content of events changed (a list of 2 → an object).",
        ),
        (File("match", b'{"a": 1}'), File("match", b'{"a": 2}'), "The match's a changed (1 → 2)."),
        (
            File("events", b"[]", data_spec_version="v8"),
            File("events", b'[{"id": 1}]', data_spec_version="v9"),
            "Events: version v8 → v9; 1 event added.",
        ),
        (
            File("rows", b"id;x\n1;2\n2;2\n", "csv"),
            File("rows", b"id;x\n1;2\n2;3\n\n", "csv"),
            "1 row's x changed (2 → 3).",
        ),
        (
            File("rows", "a,a\nä,2,5\n".encode("cp1252"), "csv"),
            File("rows", "a,a\nä,3,5\n".encode(), "csv"),
            "1 row's a (column 2) changed (2 → 3).",
        ),
        (
            File("f24", b'<Games><Game id="1"><Event id="7" x="1"><Q id="2"/></Event></Game></Games>', "xml"),
            File("f24", b'<Games><Game id="1"><Event id="7" x="2"><Q id="2"/></Event></Game></Games>', "xml"),
            "1 event's x changed (1 → 2).",
        ),
        (File("a", b"<a>x<b/>y</a>", "xml"), File("a", b"<a>x<b/>z</a>", "xml"), "Text of a changed (xy → xz)."),
    ],
)
def test_what_is_said_of_a_file(old, new, said):
    found = sentence([old], [new])
    assert found.startswith(said.removesuffix("…")) if said.endswith("…") else found == said


def test_the_order_of_an_unordered_list_is_told_and_is_no_difference():
    old = [as_file("events", [{"id": 1, "related": [1, 2]}, {"id": 2, "related": [1, 2]}])]
    new = [as_file("events", [{"id": 1, "related": [2, 1]}, {"id": 2, "related": [2, 1]}])]
    (found,) = compare_files(old, new, KEYS)
    assert found.differences == []
    assert sentence(old, new) == "No record changed; 2 events' relateds stand in another order."


def test_records_that_belong_to_none_of_another_feed_are_told():
    events, others = (
        as_file("events", [{"id": "a", "x": 1}, {"id": "b"}]),
        as_file("events", [{"id": "c", "x": 1}, {"id": "b"}]),
    )
    frames = as_file("frames", [{"event": "a"}, {"event": "b"}])
    assert sentence([events, frames], [events, frames]) == "Nothing changed."
    assert sentence([events, frames], [others, frames]) == (
        "1 of 2 ids of events is new: 1 pairs up by content and does not differ otherwise; 1 of 2 freeze frames "
        "belongs to none of the events."
    )
    assert "1 of 2 freeze frames belonged to none of the events before" in sentence([others, frames], [events, frames])
    fewer = as_file("frames", [{"event": "a"}])
    assert sentence([others, frames], [others, fewer]) == (
        "The only freeze frame belongs to none of the events, as before; 1 freeze frame removed."
    )


def test_a_sentence_has_three_clauses_and_says_how_many_more_there_are():
    old = [{"id": number, **dict.fromkeys("abcde", 0)} for number in range(6)]
    new = [{**record, **dict.fromkeys("abcde"[number:], 1)} for number, record in enumerate(old)]
    assert sentence([as_file("events", old)], [as_file("events", new)]) == (
        "5 events' e changed; 4 events' d changed; 3 events' c changed; and 2 more."
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (0.35412, 0.35419, "0.35412 → 0.35419"),
        (0.35412, 0.35512, "0.354 → 0.355"),
        (1.0000001e12, 1.0000002e12, "1000000100000.0 → 1000000200000.0"),
        ("7", 7, '"7" → 7'),
        (None, "null", 'null → "null"'),
        (["a", 1], ["a", "1"], '["a", 1] → ["a", "1"]'),
        ("x" * 200 + "home", "x" * 200 + "away", f'…{"x" * 20}home" → …{"x" * 20}away"'),
    ],
)
def test_two_different_values_never_look_the_same(old, new, said):
    files = ([as_file("events", [{"id": 1, "xg": value}])] for value in (old, new))
    assert sentence(*files) == f"1 event's xg changed ({said})."


def test_a_key_with_dots_is_called_by_its_name():
    files = ([as_file("events", [{"id": 1, "home.goals": value}])] for value in (1, 2))
    assert sentence(*files) == "1 event's home.goals changed (1 → 2)."


def test_a_comparison_takes_nobody_a_larger_limit_of_csv():
    before = csv.field_size_limit(2**30)
    try:
        assert (
            sentence([File("e", b"id,x\n1,2\n", "csv")], [File("e", b"id,x\n1,3\n", "csv")])
            == "1 row's x changed (2 → 3)."
        )
        assert csv.field_size_limit() == 2**30
    finally:
        csv.field_size_limit(before)
