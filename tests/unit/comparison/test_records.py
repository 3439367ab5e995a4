"""What differs in two contents of a feed, record by record."""

from __future__ import annotations

import copy
import random

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from ingestify.comparison.difference import FeedDifferences
from ingestify.comparison.kind import ABSENT, DifferenceKind
from ingestify.comparison.records import compare_contents, find_record_changes
from ingestify.comparison.sentence import clauses_of, sentence_of
from ingestify.comparison.values import same
from ingestify.domain.record_key import RecordKey
from tests.support.sizes import check_examples, sizes

EVENT = RecordKey(
    "id",
    noun="event",
    kind="type",
    who="player",
    minute=lambda event: str(event["minute"]) if "minute" in event else None,
    counted_by="index",
    pairs_by=("minute", "type"),
    unordered=("related",),
    names={"shot.xg": "xG"},
)
ID = RecordKey("id")


def compare(old, new, key=EVENT, feed="events") -> FeedDifferences:
    return compare_contents(feed, old, new, key)


def rows(old, new, key=EVENT):
    return [(one.kind.value, one.key, one.field, one.old, one.new) for one in compare(old, new, key).differences]


def sentence(old, new, key=EVENT):
    found = [compare(old, new, key)]
    return sentence_of(found, clauses_of(found))


def event(number, minute, kind="Pass", **more):
    return {"id": f"e{number}", "index": number, "minute": minute, "type": kind, "player": f"P{number}", **more}


# ---- what is a difference --------------------------------------------------------------------------------------------


def test_a_changed_field_is_named_with_both_values():
    old = [event(1, 12, "Shot", shot={"xg": 0.354, "end": [1, 2]})]
    new = [event(1, 12, "Shot", shot={"xg": 0.334, "end": [1, 2]})]
    assert rows(old, new) == [("changed", ("e1",), "shot.xg", 0.354, 0.334)]
    assert sentence(old, new) == "1 shot's xG changed in minute 12 (P1: 0.354 → 0.334)."


def test_records_that_come_and_go_are_whole_rows_with_their_place():
    old = [event(1, 1), event(2, 2), event(3, 3)]
    new = [old[0], {**old[2], "index": 2}, event(9, 63, "Shot")]
    found = compare(old, new).differences
    assert [(one.kind, one.key, one.position) for one in found] == [("added", ("e9",), 2), ("removed", ("e2",), 1)]
    assert found[0].new == new[2]
    assert found[1].old == old[1]
    assert sentence(old, new) == "1 shot added in minute 63 (P9); 1 pass removed in minute 2 (P2)."


def test_a_number_that_counts_records_is_no_change_where_only_their_number_did():
    old = [event(number, number) for number in range(1, 50)]
    new = [event(99, 0), *({**one, "index": one["index"] + 1} for one in copy.deepcopy(old))]
    assert [kind for kind, *_ in rows(old, new)] == ["added"]
    new[20]["index"] = 1000
    assert ("changed", ("e20",), "index", 20, 1000) in rows(old, new)


def test_a_record_at_another_place_moved_and_the_others_did_not():
    old = [event(number, number) for number in range(1, 6)]
    new = [old[3], *old[:3], old[4]]
    assert rows(old, new) == [("moved", ("e4",), "", 3, 0)]
    assert sentence(old, new) == "1 pass moved in minute 4 (P4)."
    assert rows(old, new, RecordKey("id", is_ordered=False)) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ([{"id": 1, "a": 1, "b": [1, 2]}], [{"b": [1, 2], "a": 1, "id": 1}]),
        ([{"id": 1, "related": ["x", "y", "y"]}], [{"id": 1, "related": ["y", "x", "y"]}]),
        ([{"id": 1, "related": [{"a": 1}, {"a": 2}]}], [{"id": 1, "related": [{"a": 2}, {"a": 1.0}]}]),
        ([{"id": 1, "a": 1}], [{"id": 1, "a": 1.0}]),
        ([{"id": 1, "a": float("nan")}], [{"id": 1, "a": float("nan")}]),
        ({"a": {"b": 1, "c": 2}}, {"a": {"c": 2, "b": 1}}),
    ],
)
def test_what_is_no_difference(old, new):
    assert rows(old, new) == []


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ({"a": True}, {"a": 1}, ("a", True, 1)),
        ({"a": None}, {}, ("a", None, ABSENT)),
        ({}, {"a": None}, ("a", ABSENT, None)),
        ({"a": [1, 2]}, {"a": [2, 1]}, ("a", [1, 2], [2, 1])),
        ({"related": ["x", "x", "y"]}, {"related": ["x", "y", "y"]}, ("related", ["x", "x", "y"], ["x", "y", "y"])),
        ({"a": [{"x": 1}, {"x": 2}]}, {"a": [{"x": 1}, {"x": 3}]}, ("a[1].x", 2, 3)),
        ({"a": [{"x": 1}]}, {"a": [{"x": 1}, {"x": 3}]}, ("a", [{"x": 1}], [{"x": 1}, {"x": 3}])),
        ({"a.b": 1}, {"a.b": 2}, ("['a.b']", 1, 2)),
        ({"a": {"b": 1}}, {"a": [1]}, ("a", {"b": 1}, [1])),
    ],
)
def test_what_is_a_difference(old, new, change):
    assert rows(old, new) == [("changed", (), *change)]


# ---- which record is which -------------------------------------------------------------------------------------------


def test_records_of_lists_in_records_have_the_keys_of_both():
    key = RecordKey("team", noun="team", lists={"lineup": RecordKey("player", noun="player", who="name")})
    old = [{"team": 1, "lineup": [{"player": 7, "name": "Kane", "jersey": 9}, {"player": 8, "jersey": 8}]}]
    new = [{"team": 1, "lineup": [{"player": 7, "name": "Kane", "jersey": 10}]}]
    assert rows(old, new, key) == [
        ("changed", (1, 7), "lineup[*].jersey", 9, 10),
        ("removed", (1, 8), "lineup[*]", {"player": 8, "jersey": 8}, None),
    ]
    assert sentence(old, new, key) == "1 player's jersey changed (Kane: 9 → 10); 1 player removed."


def test_records_may_stand_in_an_object():
    key = RecordKey("id", at="data.events", noun="event")
    old = {"data": {"events": [{"id": 1, "x": 1}]}, "home": "A"}
    new = {"data": {"events": [{"id": 1, "x": 2}]}, "home": "B"}
    assert rows(old, new, key) == [
        ("changed", (1,), "data.events[*].x", 1, 2),
        ("changed", (), "home", "A", "B"),
    ]
    assert sentence(old, new, key) == "1 event's x changed (1 → 2); home of events changed (A → B)."


def test_an_id_is_a_key_without_a_declaration():
    old = [{"id": 1, "x": 1}, {"id": 2, "x": 1}]
    assert rows(old, [old[0], {"id": 2, "x": 5}], RecordKey()) == [("changed", (2,), "x", 1, 5)]
    inner = [("changed", (2,), "players[*].x", 1, 5)]
    assert rows({"players": old}, {"players": [old[0], {"id": 2, "x": 5}]}, RecordKey()) == inner


def test_records_without_a_key_are_compared_by_content():
    old = [{"x": number, "y": number, "z": "same"} for number in range(6)]
    new = [old[0], {**old[1], "y": 9}, *old[3:], {"x": 99, "y": 99, "z": "new"}]
    assert rows(old, new, RecordKey()) == [
        ("changed", (), "y", 1, 9),
        ("added", (), "", None, new[-1]),
        ("removed", (), "", old[2], None),
    ]


def test_numbers_of_the_same_hash_are_not_the_same_record():
    old = [{"x": -1}, {"x": -2}]
    assert rows(old, [{"x": -2}], RecordKey()) == [("removed", (), "", {"x": -1}, None)]
    assert rows([{"x": 1.0}, {"x": True}], [{"x": True}, {"x": 1}], RecordKey(is_ordered=False)) == []


def test_whatever_is_in_a_record_can_be_told():
    odd = {"id": [{}], "index": "9" * 5000, "type": {"a": 1}, "player": ["x"], "a" * 500: 1, "b": "c" * 500}
    old = [odd, None, "text", [1]]
    new = [{**odd, "index": "8" * 5000, "b": {"c": float("inf")}, "a" * 500: 2}, True, "text", [1, 2]]
    clauses = clauses_of([compare(old, new)])
    assert max(map(len, clauses)) < 400
    assert sentence(old, new)


def test_the_same_key_twice_and_a_key_that_is_not_there_are_no_error():
    twice = [{"id": 1, "x": 1}, {"id": 1, "x": 2}, {"x": 3}]
    assert rows(twice, copy.deepcopy(twice), ID) == []
    assert rows(twice, [*twice[:1], {"id": 1, "x": 5}, twice[2]], ID) == [("changed", (1,), "x", 2, 5)]
    assert rows([{"x": 1}], [{"x": 2, "y": 1}], ID) == [
        ("added", (), "", None, {"x": 2, "y": 1}),
        ("removed", (), "", {"x": 1}, None),
    ]


def test_a_rekeyed_export_is_recognised_and_its_references_too():
    old = [event(number, number, related=[f"e{number + 1}"]) for number in range(1, 9)]
    new = [{**one, "id": f"n{one['id']}", "related": [f"n{two}" for two in one["related"]]} for one in old]
    found = compare(old, new)
    (rekeying,) = found.rekeyings
    assert (rekeying.total, rekeying.renamed, rekeying.paired, rekeying.differing) == (8, 8, 8, 1)
    # The last one refers to an event that is in neither file.
    assert [one.key for one in found.differences if one.kind is DifferenceKind.CHANGED] == [("ne8",)]
    new[7]["related"], new[2]["player"] = old[7]["related"], "Somebody"
    assert [one.field for one in compare(old, new).differences if one.kind is DifferenceKind.CHANGED] == ["player"]
    assert sentence(old, new) == (
        "All 8 ids of events are new: 8 pair up by minute and type, of which 1 differs; 1 pass's player changed in "
        "minute 3 (P3 → Somebody)."
    )


def test_the_same_content_under_new_keys_is_the_same_without_a_declaration():
    old = [{"id": f"a{number}", "x": number, "next": f"a{number + 1}"} for number in range(5)]
    new = [{"id": f"b{number}", "x": number, "next": f"b{number + 1}"} for number in range(5)]
    old[4]["next"] = new[4]["next"] = None
    random.Random(1).shuffle(new)
    found = compare(old, new, RecordKey(is_ordered=False))
    assert {one.kind for one in found.differences} == {DifferenceKind.REKEYED}
    assert sentence(old, new, RecordKey(is_ordered=False)) == (
        "All 5 ids of records are new: 5 pair up by content and do not differ otherwise."
    )


def test_a_record_that_is_nothing_but_a_key_is_no_other_one():
    assert [kind for kind, *_ in rows([{"id": 1}], [{"id": 2}], ID)] == ["added", "removed"]


def test_references_to_records_without_a_counterpart_are_told_by_these_records_alone():
    old = [event(1, 1, related=["e2"]), event(2, 2), event(3, 3, related=["e1", "e2"])]
    new = [{**one, "id": f"n{one['id']}", "minute": one["minute"] if one["minute"] != 2 else 55} for one in old]
    new[0]["related"], new[2]["related"] = ["ne2"], ["ne1", "ne2"]
    assert {kind for kind, *_ in rows(old, new)} == {"added", "removed", "rekeyed"}
    new[2]["related"] = ["ne1", "ne1"]
    assert next((kind, field) for kind, _, field, *_ in rows(old, new)) == ("changed", "related")


# ---- properties ------------------------------------------------------------------------------------------------------

LEAVES = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0]) | st.sampled_from("abc")
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("pqr"), inner, max_size=3)
)
RECORDS = st.lists(st.dictionaries(st.sampled_from(["x", "y", "related"]), VALUES, max_size=3), max_size=8).flatmap(
    lambda records: st.permutations(range(10)).map(
        lambda ids: [{"id": number, **record} for number, record in zip(ids, records, strict=False)]
    )
)


def shuffled(value, chance):
    """Return a value with its objects' keys, and its unordered lists, in another order."""
    if isinstance(value, list):
        return [shuffled(one, chance) for one in value]
    if not isinstance(value, dict):
        return value
    keys = list(value)
    chance.shuffle(keys)
    return {key: shuffled(value[key], chance) for key in keys}


@settings(deadline=None, max_examples=60)
@given(VALUES | RECORDS, st.sampled_from([EVENT, ID, RecordKey()]))
def test_a_content_does_not_differ_from_itself(content, key):
    found = compare(content, copy.deepcopy(content), key)
    assert found.differences == []
    assert found.reorderings == found.rekeyings == []


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(RECORDS, st.randoms(use_true_random=False))
def test_the_order_of_keys_and_of_unordered_lists_is_no_difference(records, chance):
    again = shuffled(records, chance)
    for record in again:
        if isinstance(record.get("related"), list):
            chance.shuffle(record["related"])
    assert rows(records, again, EVENT) == []
    chance.shuffle(again)
    assert rows(records, again, RecordKey("id", is_ordered=False, unordered=("related",))) == []


def applied(old, differences):
    """Return what the rows of a comparison make of the old records."""
    left = copy.deepcopy(old)
    of_kind = {kind: [one for one in differences if one.kind is kind] for kind in DifferenceKind}
    gone = {one.position for one in of_kind[DifferenceKind.REMOVED]}
    left = [record for place, record in enumerate(left) if place not in gone]
    for one in of_kind[DifferenceKind.REKEYED]:
        next(record for record in left if record["id"] == one.old)["_id"] = one.new
    for record in left:
        record["id"] = record.pop("_id", record["id"])
    by_id = {record["id"]: record for record in left}
    for one in of_kind[DifferenceKind.CHANGED]:
        *ways, last = [
            int(way) if way.isdigit() else way for way in one.field.replace("[", ".").replace("]", "").split(".")
        ]
        inside = by_id[one.key[0]]
        for way in ways:
            inside = inside[way]
        if one.new is ABSENT:
            del inside[last]
        else:
            inside[last] = one.new
    placed = {one.new: by_id[one.key[0]] for one in of_kind[DifferenceKind.MOVED]}
    still = iter([record for record in left if not any(record is one for one in placed.values())])
    placed |= {one.position: one.new for one in of_kind[DifferenceKind.ADDED]}
    count = len(left) + len(of_kind[DifferenceKind.ADDED])
    return [placed[place] if place in placed else next(still) for place in range(count)]


@pytest.mark.slow
@pytest.mark.parametrize("examples", sizes(30, 300))
def test_the_rows_make_the_new_records_of_the_old_ones(examples):
    def check(old, new):
        assert applied(old, compare(old, new, ID).differences) == new

    check_examples(check, examples, RECORDS, RECORDS)


# ---- changes of whole records ----------------------------------------------------------------------------------------


def test_whole_records_are_told_once_with_the_value_before():
    old = [event(1, 12, "Shot", shot={"xg": 0.1, "by": "x"}), event(2, 13), event(3, 14)]
    new = [event(3, 14), event(1, 12, "Shot", shot={"xg": 0.2, "by": "y"}), event(4, 15)]
    found = find_record_changes(old, new, EVENT)
    assert [(one.kind.value, one.place, one.record, one.previous) for one in found.changes] == [
        ("removed", 1, old[1], None),
        ("changed", 1, new[1], old[0]),
        ("added", 2, new[2], None),
    ], "and the one that moved is none"
    assert found.new_keys == []


def test_a_record_with_another_key_has_only_changed_if_it_differs_otherwise():
    old = [event(1, 12), event(2, 13, related=["e1"], x=1), event(3, 14)]
    new = [event(1, 12), event(2, 13, related=["n1"], x=2), event(3, 14)]
    for one, name in zip(new, ("n1", "n2", "n3"), strict=True):
        one["id"] = name
    found = find_record_changes(old, new, EVENT)
    assert found.new_keys == [("e1", "n1"), ("e2", "n2"), ("e3", "n3")]
    (change,) = found.changes
    assert (change.kind, change.record) == (DifferenceKind.CHANGED, new[1])
    assert change.previous == {**old[1], "id": "n2", "related": ["n1"]}, "with the new keys"


@pytest.mark.parametrize("examples", sizes(30, 300))
def test_the_changes_of_records_make_the_new_ones_of_the_old_ones(examples):
    def check(old, new):
        found = find_record_changes(old, new, ID)
        names = dict(found.new_keys)
        records = {names.get(one["id"], one["id"]): {**one, "id": names.get(one["id"], one["id"])} for one in old}
        for change in found.changes:
            key = change.record["id"]
            if change.kind is DifferenceKind.REMOVED:
                assert same(records.pop(key), change.record)
            elif change.kind is DifferenceKind.CHANGED:
                assert same(records[key], change.previous)
                records[key] = change.record
            else:
                assert key not in records
                records[key] = change.record
        assert same(records, {one["id"]: one for one in new})

    check_examples(check, examples, RECORDS, RECORDS)
