from __future__ import annotations

import threading
import time

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
