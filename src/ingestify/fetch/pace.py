"""How fast one host is asked: as fast as it lets, found out from what it refuses."""

from __future__ import annotations

import contextlib
import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable

from ingestify.fetch.allowance import Allowance, Announced
from ingestify.fetch.ceiling import Ceiling
from ingestify.fetch.crowd import Crowd, Sent
from ingestify.fetch.options import HttpOptions
from ingestify.fetch.rate_limit import RateLimit, Stopped

__all__ = ["Pace", "Sent", "ShutOut"]

logger = logging.getLogger(__name__)

_POLL_SECONDS = 0.05
_POLL_BEHIND_SECONDS = 0.2

# Requests that leave here evenly do not arrive evenly: 3 % of a second is what one may be late.
_AIM = 0.97

# A thread that wakes late makes the ones after it a little earlier, so that no time is lost.
_CATCH_UP_SECONDS = 0.01

# Over how long what got through is counted, unless the provider says how long it wants to be left alone.
_WINDOW_SECONDS = 1.0

# How long it takes until all threads have sent what they send at one moment.
_BURST_SECONDS = 0.05

_SCOUT_SECONDS = 0.25
_FORGOTTEN_SECONDS = 600.0

# So many that got through are more than a guess.
_SURE = 4

_COUNTED = 4096
_SLOWEST_PER_SECOND = 1 / 60
_LONG_PAUSE_SECONDS = 5.0

# No 503 without Retry-After makes it slower than this: such a one may have another reason.
_OVERLOADED_PER_SECOND = 1.0


class ShutOut(Exception):
    """The host has refused everything for longer than anybody waits.

    Args:
        seconds: For how long.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"everything was refused for {seconds:.0f} s")
        self.seconds = seconds


class Pace:
    """When the next request may be sent to one host. Safe to share between threads.

    As long as the host refuses nothing it only counts. A 429, or any refusal with Retry-After, pauses all requests;
    then one is sent, and when it got through all are, evenly, at a rate that has its `Ceiling` just below what got
    through before. A 503 without Retry-After lowers the number in flight instead (`Crowd`), and the rate only if one
    in flight is already too many. Requests that were under way at one moment are refused for one reason: what was sent
    before a limit was met, and is refused after, counts no more.

    Where answers say how many more requests are let through, no more are sent until the reset (`Allowance`).

    Args:
        name: The source's, for logs.
        host: For logs.
        options: For the pauses that the provider does not name.
        limit: The client's own limit, which always holds.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        name: str,
        host: str,
        options: HttpOptions,
        limit: RateLimit,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._host = host
        self._options = options
        self._limit = limit
        self._clock = clock
        self._turn = threading.Lock()
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._crowd = Crowd()
        self._allowance: Allowance | None = None
        # When those were sent that got through.
        self._through: deque[float] = deque(maxlen=_COUNTED)
        self._forget()

    def _forget(self) -> None:
        self._holding = False
        self._rate: Ceiling | None = None
        self._crowd.forget()
        never = float("-inf")
        self._met_at = self._last_refused_at = never
        self._counted_until = never
        self._window = _WINDOW_SECONDS
        self._closed_rounds = 0
        """How often the limit was met since a request last got through."""
        self._closed_since = never
        self._paused_until = self._free_at = self._scout_at = self._started_at = never
        self._told = {"requests/s": 0.0, "requests at once": 0.0}
        self._to_tell: list[str] = []

    # ---- before ----------------------------------------------------------------------------------------

    def enter(self, stop: threading.Event) -> Sent:
        """Wait until a request may be sent, and count it as under way until `leave`.

        Raises:
            Stopped: `stop` was set, before or meanwhile.
            ShutOut: Nothing has got through for twice as long as the longest pause that is waited for. Now and then
                one request is still sent, to see whether that is over.
        """
        if not self._holding:
            self._limit.wait(stop)
            if (sent := self.start()) is not None:
                return sent
        # One thread at a time waits for its moment, as with a RateLimit, whose moments are taken inside.
        while not self._turn.acquire(timeout=_POLL_BEHIND_SECONDS):
            if stop.is_set():
                raise Stopped
            with self._lock:
                self._check_open(self._clock())
        try:
            while True:
                if stop.is_set():
                    raise Stopped
                with self._lock:
                    now = self._clock()
                    if (seconds := self._seconds_to_wait(now)) > 0:
                        self._check_open(now)
                        self._changed.wait(min(seconds, _POLL_SECONDS))
                        continue
                self._limit.wait(stop)
                if (sent := self.start()) is not None:  # else there was a refusal meanwhile
                    break
        finally:
            self._turn.release()
        self._tell()
        return sent

    def seconds_to_wait(self) -> float:
        """Return for how long nothing may be sent, as far as can be seen now."""
        with self._lock:
            return self._seconds_to_wait(self._clock())

    def start(self) -> Sent | None:
        """Count a request as sent now, or return None if none may be."""
        with self._lock:
            now = self._clock()
            rate = None
            if self._allowance is not None and self._allowance.seconds_to_wait(now) > 0:
                return None
            if self._holding:
                if now - self._last_refused_at > _FORGOTTEN_SECONDS:
                    self._forget()
                elif self._seconds_to_wait(now) > 0:
                    return None
                else:
                    rate = self._take_moment(now)
            if self._allowance is not None:
                self._allowance.take(now)
            self._crowd.in_flight += 1
            return Sent(now, rate, self._crowd.in_flight)

    def _check_open(self, now: float) -> None:
        """Otherwise each of a thousand files would have its tries, one after the other, with the longest pauses."""
        shut_seconds = now - self._closed_since
        if self._closed_rounds and shut_seconds > 2 * self._options.max_retry_after_seconds:
            raise ShutOut(shut_seconds)

    def _seconds_to_wait(self, now: float) -> float:
        used_up = 0.0 if self._allowance is None else self._allowance.seconds_to_wait(now)
        return max(used_up, self._seconds_to_hold_back(now))

    def _seconds_to_hold_back(self, now: float) -> float:
        if not self._holding:
            return 0.0
        due = max(self._paused_until, self._free_at)
        if self._closed_rounds:
            due = max(due, self._scout_at)
        if due > now:
            return due - now
        return _POLL_SECONDS if self._crowd.is_full else 0.0

    @property
    def _knows_rate(self) -> bool:
        """Whether anything got through when the limit was met."""
        return self._rate is not None and self._rate.limit > 0

    def _take_moment(self, now: float) -> float | None:
        """Return the rate."""
        since = now - self._started_at
        self._started_at = now
        # No more than half a second for each request: below two a second it is requests that count.
        used = min(since, 0.5)
        self._crowd.use(used)
        if (places := self._crowd.places) is not None:
            self._note("requests at once", places)
        if self._closed_rounds:
            self._scout_at = now + max(_SCOUT_SECONDS, now - self._met_at)
        if self._rate is None or not self._knows_rate:
            return None
        rate = max(self._rate.level, _SLOWEST_PER_SECOND)
        self._note("requests/s", rate)
        # A rate that nobody makes full use of says nothing about a higher one.
        if self._rate.is_below_aim or since <= 1.5 / rate:
            self._rate.use(used)
        self._free_at = max(self._free_at, now - min(1 / rate, _CATCH_UP_SECONDS)) + 1 / rate
        return rate

    # ---- after -----------------------------------------------------------------------------------------

    def leave(self) -> None:
        """A request is over, whatever came of it."""
        with self._lock:
            self._crowd.in_flight -= 1
            if self._holding or self._allowance is not None:
                self._changed.notify()

    def announced(self, announced: Announced) -> None:
        """An answer says how many more requests are let through. Called before its request has left."""
        if announced.reset_seconds > self._options.max_retry_after_seconds:
            return  # nobody waits for it: the next request is refused, and says so
        with self._lock:
            now = self._clock()
            if self._allowance is None:
                self._allowance = Allowance()
            before = self._allowance.seconds_to_wait(now)
            self._allowance.learn(announced, now, max(0, self._crowd.in_flight - 1))
            pause = self._allowance.seconds_to_wait(now)
        if not before and pause >= _LONG_PAUSE_SECONDS:
            logger.info("%s: %s lets no more requests through for %.0f s.", self._name, self._host, pause)

    def accepted(self, sent: Sent) -> None:
        """A request was answered, and not refused."""
        with self._lock:
            self._through.append(sent.started)
            self._crowd.relieve(sent)
            if not self._holding:
                return
            if self._closed_rounds and sent.started > self._met_at:
                self._closed_rounds = 0
                self._holding = self._knows_rate or self._crowd.places is not None
                self._changed.notify()
            elif self._rate is not None and sent.started <= self._counted_until:
                self._rate.found += 1 / self._window

    def refused(self, sent: Sent, after_seconds: float | None) -> float:
        """A request was refused for being one too many (429, Retry-After). Returns how long all of them pause.

        Args:
            sent: The request.
            after_seconds: How long the provider asks to wait; None or 0: it does not say.
        """
        with self._lock:
            news = sent.started > self._met_at
            pause = self._refuse(sent, after_seconds)
            known = self._knows_rate
        if news and (not known or pause >= _LONG_PAUSE_SECONDS):  # else what it is held back to says all
            logger.info("%s: rate limited by the provider, waiting %.1f s.", self._name, pause)
        return pause

    def overloaded(self, sent: Sent) -> None:
        """A request was answered 503 without a word about when to come again."""
        with self._lock:
            now = self._clock()
            if self._crowd.strain(sent, now):
                if self._rate is None or self._rate.level > _OVERLOADED_PER_SECOND:
                    self._refuse(sent, None)
            elif self._crowd.places is not None:
                self._holding = True
                self._last_refused_at = now

    def _refuse(self, sent: Sent, after_seconds: float | None) -> float:
        now = self._clock()
        self._holding = True
        self._last_refused_at = now
        if sent.started > self._met_at:
            self._meet_limit(sent, after_seconds)
            self._met_at = self._scout_at = now
            if not self._closed_rounds:
                self._closed_since = now
            self._closed_rounds += 1
            after_seconds = after_seconds or self._own_pause_seconds()
        self._paused_until = max(self._paused_until, now + (after_seconds or 0.0))
        return max(0.0, self._paused_until - now)

    def _meet_limit(self, sent: Sent, after_seconds: float | None) -> None:
        """Lower the rate; but not if nothing got through since the limit was last met: it is only still closed."""
        window = after_seconds or _WINDOW_SECONDS
        if self._rate is None or not self._knows_rate:
            self._rate = Ceiling(_AIM, self._count(sent, window), sure=_SURE / window)
        elif not self._closed_rounds:
            self._rate.meet(
                sent.rate or self._rate.level,
                self._count(sent, window),
                certain=window > _WINDOW_SECONDS,
                shortest_seconds=2 * window,
            )

    def _count(self, sent: Sent, window: float) -> float:
        """Return how many a second got through until a request was refused; answers to come are added to it."""
        self._window = window
        self._counted_until = sent.started + _BURST_SECONDS
        first = sent.started - window
        return sum(first < one <= self._counted_until for one in self._through) / window

    def _own_pause_seconds(self) -> float:
        longest = self._options.backoff_base_seconds * 2 ** min(self._closed_rounds - 1, 30)
        longest = min(longest, self._options.backoff_cap_seconds)
        return random.uniform(longest / 2, longest)  # noqa: S311 - jitter, no secret

    # ---- for people ------------------------------------------------------------------------------------

    def _note(self, unit: str, level: float) -> None:
        """Keep for the log what is held back to: at first, and when it has doubled or halved."""
        told = self._told[unit]
        if not told / 2 < level < told * 2:
            self._told[unit] = level
            self._to_tell.append(f"{level:.2g} {unit}")

    def _tell(self) -> None:
        """Log outside the lock: a handler may take its time."""
        while self._to_tell:
            with contextlib.suppress(IndexError):  # another thread was faster
                text = self._to_tell.pop(0)
                logger.info("%s: %s refuses more; holding back to about %s.", self._name, self._host, text)
