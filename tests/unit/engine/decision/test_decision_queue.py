"""What waits to be decided about, and what waits for its twin."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from ingestify import DatasetResource, Identifier
from ingestify.engine.decision.decision_queue import DecisionQueue
from ingestify.engine.discovery.discovered import Discovered
from ingestify.engine.discovery.discovery import LOOK_UP_SIZE


def found(match_id: int, number: int = 0) -> Discovered:
    """A match, as the job of that number found it."""
    identifier = Identifier({"match_id": match_id})
    resource = DatasetResource({"match_id": match_id}, "match")
    key = ("fake", "match", identifier.canonical)
    return Discovered(cast(Any, None), resource, identifier, "fake", key, number)


def waiting(undecided: DecisionQueue) -> list[list[Discovered]]:
    undecided.close()
    return list(undecided.iter_batches())


def test_what_is_waiting_is_one_batch():
    undecided = DecisionQueue()
    one, two, three = found(1), found(2), found(3)
    undecided.put([one])
    undecided.put([two, three])
    assert waiting(undecided) == [[one, two, three]]


def test_no_batch_takes_more_once_it_fills_a_look_up():
    undecided = DecisionQueue()
    many, more = [found(number) for number in range(LOOK_UP_SIZE)], [found(-1)]
    undecided.put(many)
    undecided.put(more)
    assert waiting(undecided) == [many, more]


def test_the_second_of_two_that_are_the_same_waits_until_the_first_is_done():
    undecided = DecisionQueue()
    first, twin, other = found(1), found(1, number=2), found(2)
    assert undecided.begin([first, twin, other]) == [first, other]
    undecided.end([other])
    undecided.end([first])
    assert waiting(undecided) == [[twin]]
    assert undecided.begin([twin]) == [twin]


def test_one_that_is_decided_about_anew_comes_before_those_that_wait_for_it():
    undecided = DecisionQueue()
    first, twin = found(1), found(1, number=2)
    undecided.begin([first, twin])
    again = msgspec.structs.replace(first, tries=1)
    undecided.put_again(first, again)
    assert waiting(undecided) == [[again, twin]]
    assert undecided.begin([again, twin]) == [again]


def test_one_that_never_waited_does_not_end_the_wait_for_another():
    undecided = DecisionQueue()
    first, twin, collected = found(1), found(1, number=2), found(1, number=3)
    undecided.begin([first, twin])
    undecided.end([collected])
    again = msgspec.structs.replace(collected, tries=1)
    undecided.put_again(collected, again)
    undecided.end([first])
    assert waiting(undecided) == [[again, twin]]
