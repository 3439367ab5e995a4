"""A match in chunks of a minute: what is put in comes out, to the centimetre."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify.errors import LoadError
from ingestify.replay.recording import BALL, Player
from ingestify.replay.tape import Tape

from .chunks import places_of

PLAYERS = [Player("9", 0, "9", "Nine"), Player("10", 0, "10", "Ten"), Player("1", 1, "1", "One")]
metres = st.floats(-300, 300)
puts = st.lists(
    st.tuples(st.sampled_from([1, 2]), st.integers(0, 40), st.sampled_from(["9", "10", "1", BALL]), metres, metres),
    min_size=1,
)


@given(puts=puts)
def test_the_places_of_all_chunks_are_those_of_the_match(puts):
    tape = Tape(1 / 6)  # ten frames a minute
    there = {}
    for period, frame, key, x, y in puts:
        tape.put(period, frame, key, x, y)
        there[period, frame, key] = (x, y)
    recording = tape.finish(("A", "B"), PLAYERS, (105, 68))
    found = {}
    for number, chunk in enumerate(recording.chunks):
        assert 1 <= chunk["frames"] <= 10
        for key, places in places_of(recording, number).items():
            for at, place in enumerate(places):
                if place is not None:
                    found[chunk["period"], chunk["first"] + at, key] = place
    assert found.keys() == there.keys()
    for key, place in found.items():
        assert place == pytest.approx(there[key], abs=0.0051)


def small_match():
    tape = Tape(25)
    for frame in range(50):
        if tape.is_kept(frame):
            tape.put(1, frame, BALL, frame / 10, 0)
            tape.put(1, frame, "10", -1, frame / 100)
            tape.put(1, frame, "9", 1, 1)
    tape.put(2, 0, "1", 3, math.nan)
    return tape.finish(("A", "B"), PLAYERS, (105, 68), ["2 places are left out."])


def test_the_match_begins_with_the_first_frame_that_has_anybody():
    tape = Tape(10)
    tape.put(1, 30, "9", 0, 0)
    tape.put(1, 20, "10", 0, 0)
    tape.put(2, 0, "9", 0, 0)
    assert tape.finish(("A", "B"), PLAYERS, (105, 68)).first_frame == 20


def test_of_25_frames_a_second_each_third_one_is_kept():
    head = small_match().head()
    assert head["frames_per_second"] == pytest.approx(25 / 3)
    assert [(one["number"], one["frames"]) for one in head["periods"]] == [(1, 17)]
    assert places_of(small_match(), 0)[BALL][2] == (0.6, 0)


def test_the_head_has_those_who_play_by_their_shirt_numbers():
    head = small_match().head()
    assert [one["name"] for one in head["tracks"]] == ["ball", "Nine", "Ten"]
    assert head["notes"] == ["2 places are left out."]


def test_a_frame_has_the_ball_last():
    recording = small_match()
    assert [place.player and place.player.number for place in recording.frame(1, 0.12)] == ["9", "10", None]
    assert recording.frame(1, 0.12)[-1].x == 0.3
    assert recording.frame(1, 99) == recording.frame(3, 0) == []


@pytest.mark.parametrize("number", [-1, 1])
def test_a_chunk_that_is_not_there_is_an_index_error(number):
    with pytest.raises(IndexError):
        small_match().chunk(number)


@pytest.mark.parametrize("rate", [0, -1, math.nan, math.inf])
def test_a_rate_that_cannot_be_is_refused(rate):
    with pytest.raises(LoadError, match="frames a second"):
        Tape(rate)


def test_a_frame_far_away_takes_no_memory():
    with pytest.raises(LoadError, match="2 hours after"):
        Tape(10).put(1, 10**12, BALL, 0, 0)


def test_too_many_objects_are_refused():
    tape = Tape(10)
    for number in range(250):
        tape.put(1, 0, str(number), 0, 0)
    with pytest.raises(LoadError, match="objects"):
        tape.put(1, 0, "one more", 0, 0)


def test_a_match_without_places_is_refused():
    with pytest.raises(LoadError, match="no frame"):
        Tape(10).finish(("A", "B"), PLAYERS, (105, 68))
