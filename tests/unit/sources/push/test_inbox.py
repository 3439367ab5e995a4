"""The inbox: its objects, which of them counts, and what is removed."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify.sources.push.inbox import Inbox, KeyUsed, PushedFile
from ingestify.storage.memory import MemoryStorage
from tests.support.simulated_time import SimulatedTime, simulated_time

BEGIN = dt.datetime(2026, 10, 24, 9, tzinfo=dt.UTC)
EVENTS = PushedFile(("2026", "12"), "events", "v1", "json")
DAY = 86400.0


def keep(inbox: Inbox, body: bytes = b"[1]", key: str | None = None, file: PushedFile = EVENTS) -> bool:
    content = inbox.begin()
    content.write(body)
    content.finish()
    return inbox.keep(file, content, hashlib.sha256(body).hexdigest(), key)


def newest(inbox: Inbox) -> list[bytes]:
    return [inbox.open(one).read() for one in inbox.iter_files()]


@pytest.fixture
def time() -> Iterator[SimulatedTime]:
    with simulated_time(BEGIN) as simulated:
        yield simulated


PARTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)


@given(
    st.lists(
        st.tuples(st.lists(PARTS, min_size=2, max_size=2).map(tuple), PARTS, PARTS), min_size=1, max_size=6, unique=True
    )
)
def test_each_name_is_read_back_and_no_two_meet(files: list[tuple[tuple[str, ...], str, str]]) -> None:
    storage = MemoryStorage()
    inbox = Inbox(storage, "Club/é")
    pushed = [PushedFile(identity, feed, version, "csv.gz") for identity, feed, version in files]
    for number, file in enumerate(pushed):
        assert keep(inbox, b"%d" % number, file=file)
    assert {one.file for one in inbox.iter_files()} == set(pushed)
    paths = [one.path for one in storage.iter_objects()]
    assert len({path.lower() for path in paths}) == len(paths), "also on a disk that does not know capital letters"
    assert not [part for path in paths for part in path.split("/") if part.startswith(".")]
    assert not list(Inbox(storage, "club").iter_files())


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([b"1", b"2"])), max_size=8))
def test_the_first_push_of_each_key_counts_and_the_last_of_these_is_the_file(pushes: list[tuple[str, bytes]]) -> None:
    inbox = Inbox(MemoryStorage(), "club")
    known: dict[str, bytes] = {}
    for key, body in pushes:
        if known.get(key, body) != body:
            with pytest.raises(KeyUsed):
                keep(inbox, body, key)
            continue
        assert keep(inbox, body, key) == (key not in known)
        known.setdefault(key, body)
    assert newest(inbox) == list(known.values())[-1:]


def test_a_clock_that_jumps_back_makes_no_file_older(time: SimulatedTime) -> None:
    inbox = Inbox(MemoryStorage(), "club")
    keep(inbox, b"1", "a")
    with simulated_time(BEGIN - dt.timedelta(hours=1)):
        keep(inbox, b"2", "b")
    assert newest(inbox) == [b"2"]


def test_what_was_replaced_a_week_ago_and_notices_that_nobody_looked_at_are_removed(time: SimulatedTime) -> None:
    storage = MemoryStorage()
    inbox = Inbox(storage, "club")
    for number in range(2):
        keep(inbox, b"%d" % number, str(number))
    time.sleep(6 * DAY)
    assert not keep(inbox, b"0", "0")
    time.sleep(2 * DAY)
    keep(inbox, b"2", "2")
    assert len(list(storage.iter_objects("club/files"))) == 2, "the last one was not replaced before now"
    assert len(inbox.list_notice_paths()) == 2
    assert newest(inbox) == [b"2"]


def test_a_name_that_nobody_of_us_wrote_is_passed_over() -> None:
    storage = MemoryStorage()
    stray = storage.create_temporary()
    storage.publish([(stray, "club/files/2026/12/events/v1/readme.txt"), (stray, "club/files/x")])
    assert not list(Inbox(storage, "club").iter_files())
