from __future__ import annotations

import datetime as dt
import threading
import time

import pytest

from ingestify import clock
from tests.support.passing_time import PassingTime


def test_a_wait_takes_its_time_and_ends_when_it_is_told_to() -> None:
    event = threading.Event()
    began = time.monotonic()
    assert clock.wait_for(event, 0.02) is False
    clock.sleep(0.02)
    assert time.monotonic() - began >= 0.04
    event.set()
    assert clock.wait_for(event, 1000) is True


def test_other_time_holds_for_all_threads_until_the_block_ends() -> None:
    began = clock.monotonic()
    with clock.passing(PassingTime()):
        thread = threading.Thread(target=clock.sleep, args=(1000,))
        thread.start()
        thread.join(60)
        assert clock.monotonic() - began >= 1000
    assert clock.monotonic() - began < 1000


def test_who_waits_beside_others_waits_no_longer_for_it(passing_time: PassingTime) -> None:
    ready = threading.Barrier(8)

    def wait() -> None:
        ready.wait()
        assert clock.wait_for(threading.Event(), 100) is False

    began, moment = clock.monotonic(), clock.now()
    threads = [threading.Thread(target=wait) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert 100 <= clock.monotonic() - began < 800
    assert 100 <= (clock.now() - moment).total_seconds() < 800


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00"])
def test_a_moment_that_has_no_year_in_utc_is_refused(text: str) -> None:
    for value in (text, dt.datetime.fromisoformat(text)):
        with pytest.raises(ValueError, match="is in no year from 1 to 9999 in UTC"):
            clock.moment_of(value)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-10-31", "2026-10-31T23:59:59.999999"),
        ("2026-10-31T18", "2026-10-31T18:59:59.999999"),
        ("2026-10-31T18:00", "2026-10-31T18:00:59.999999"),
        ("2026-10-31 18:00:30", "2026-10-31T18:00:30.999999"),
        ("20261031T180030Z", "2026-10-31T18:00:30.999999"),
        ("2026-10-31T18:00:30.000001", "2026-10-31T18:00:30.000001"),
        ("2026-10-31T18:00+05:30", "2026-10-31T12:30:59.999999"),
        ("2026-10-31T18+0100", "2026-10-31T17:59:59.999999"),
        ("9999-12-31T23:59", "9999-12-31T23:59:59.999999"),
    ],
)
def test_a_text_means_the_end_of_what_it_names(text: str, moment: str) -> None:
    assert clock.moment_of(text) == dt.datetime.fromisoformat(moment).replace(tzinfo=dt.UTC)


def test_a_datetime_means_itself() -> None:
    moment = dt.datetime(2026, 10, 31, 18, tzinfo=dt.UTC)
    assert clock.moment_of(moment) == clock.moment_of(moment.replace(tzinfo=None)) == moment


@pytest.mark.parametrize(
    ("length", "text"), [("24h", "24h"), ("90m", "90m"), ("30s", "30s"), ("2d", "48h"), ("120s", "2m")]
)
def test_a_length_of_time_is_written_as_it_is_read(length: str, text: str) -> None:
    read = clock.length_of_time(length)
    assert read is not None
    assert clock.length_text(read) == text
    assert clock.length_of_time(text) == read
