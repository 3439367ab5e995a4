"""How quickly those that wait are let go."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from ingestify.fetch.throttling.rate_limit import Stopped


def seconds_until_stopped(wait: Callable[[threading.Event], object]) -> float:
    """Let three threads wait, set their stop event, and return how long the last of them took to raise Stopped."""
    stop = threading.Event()
    ended: list[float] = []

    def run() -> None:
        with pytest.raises(Stopped):
            wait(stop)
        ended.append(time.monotonic())

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    began = time.monotonic()
    stop.set()
    for thread in threads:
        thread.join(60)
    assert len(ended) == 3
    return max(ended) - began
