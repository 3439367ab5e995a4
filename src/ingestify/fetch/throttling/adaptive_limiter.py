"""How one host is asked: as fast as it lets, found out from what it refuses; not at all where nothing comes of it."""

from __future__ import annotations

import contextlib
import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable

from ingestify.fetch.options import HttpOptions
from ingestify.fetch.throttling.ceiling import Ceiling
from ingestify.fetch.throttling.concurrency_limiter import Crowd, Sent
from ingestify.fetch.throttling.host_health import Health, Looks
from ingestify.fetch.throttling.rate_limit import RateLimit, Stopped
from ingestify.fetch.throttling.rate_limit_headers import Allowance, Announced
from ingestify.fetch.throttling.waits import Waits

__all__ = ["CREDENTIALS_REFUSED", "LeftAlone", "Pace", "Sent"]

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

# How far apart looks at a host that is left alone become, where they are not a matter of how often it is asked for.
_LONGEST_LOOK_SECONDS = 300.0

# How many more pauses than one request's a host is given that fails: with what is built in, a minute in all.
_MORE_LOOKS = 3

# So long a look is waited for.
_LOOK_SECONDS = 2.0

CREDENTIALS_REFUSED = frozenset({401, 403})
_LONG_PAUSE_SECONDS = 5.0

# No 503 without Retry-After makes it slower than this: such a one may have another reason.
_OVERLOADED_PER_SECOND = 1.0


class LeftAlone(Exception):
    """The host is not asked for now.

    Args:
        reason: Which host, and why.
        status: What it answered last; None: nothing.
        is_wait: Whether it asked for that.
        is_refusal: Whether it refuses the credentials.
    """

    def __init__(
        self, reason: str, status: int | None = None, *, is_wait: bool = False, is_refusal: bool = False
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.is_wait = is_wait
        self.is_refusal = is_refusal


class Pace:
    """When the next request may be sent to one host. Safe to share between threads.

    As long as the host refuses nothing it only counts. A 429, or any refusal with Retry-After, pauses all requests;
    then one is sent, and when it got through all are, evenly, at a rate that has its `Ceiling` just below what got
    through before. A 503 without Retry-After lowers the number in flight instead (`Crowd`), and the rate only if one
    in flight is already too many. Requests that were under way at one moment are refused for one reason: what was sent
    before a limit was met, and is refused after, counts no more.

    Where answers say how many more requests are let through, no more are sent until the reset (`Allowance`).

    A host of which nothing comes is left alone: one that asks for a longer wait than anybody waits for, until that is
    over (`Waits`); one that refuses everything, or fails whatever it is asked (`Health`), after some single looks in
    growing pauses. It is found again by further looks (`Looks`), and then asked by one more at a time with each answer.

    Args:
        name: The source's, for logs.
        host: Name and port.
        options: For the pauses that the provider does not name.
        limit: The client's own limit, which always holds.
        waits: How long hosts asked to be left alone; None: this one keeps that for itself.
        clock: Seconds that only grow.

    Attributes:
        host: Name and port.
    """

    def __init__(
        self,
        name: str,
        host: str,
        options: HttpOptions,
        limit: RateLimit,
        waits: Waits | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self.host = host
        self._options = options
        self._limit = limit
        self._waits = Waits() if waits is None else waits
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
        self._health = Health()
        self._is_down = False
        """Whether it is closed because all that it is asked for fails."""
        self._fails_files = False
        self._looks: Looks | None = None
        """Set when it is left alone."""
        self._last_words = ""
        self._last_status: int | None = None
        self._paused_until = self._free_at = self._scout_at = self._started_at = never
        self._told = {"requests/s": 0.0, "requests at once": 0.0}
        self._to_tell: list[str] = []

    # ---- before ----------------------------------------------------------------------------------------

    def enter(self, stop: threading.Event, *, is_fresh: bool = True) -> Sent:
        """Wait until a request may be sent, and count it as under way until `leave`.

        Args:
            is_fresh: Whether it was not sent before: only such a one is sent to see whether a host is back.

        Raises:
            Stopped: `stop` was set, before or meanwhile.
            LeftAlone: Nothing is asked of the host for now.
        """
        self._check_wait()
        if not self._holding:
            self._limit.wait(stop)
            self._check_wait()  # that may have taken long
            if (sent := self.start()) is not None:
                return sent
        # One thread at a time waits for its moment, as with a RateLimit, whose moments are taken inside.
        while not self._turn.acquire(timeout=_POLL_BEHIND_SECONDS):
            if stop.is_set():
                raise Stopped
            self._check_wait()
            with self._lock:
                self._check_open(self._clock(), is_fresh)
        try:
            while True:
                if stop.is_set():
                    raise Stopped
                if not self.is_due(is_fresh=is_fresh):
                    with self._lock:
                        self._changed.wait(min(self._seconds_to_wait(self._clock()), _POLL_SECONDS))
                    continue
                self._limit.wait(stop)
                self._check_wait()
                if (sent := self.start()) is not None:  # else there was a refusal meanwhile
                    break
        finally:
            self._turn.release()
        self._tell()
        return sent

    def is_due(self, *, is_fresh: bool = True) -> bool:
        """Whether a request may be sent now, rather than wait; raises LeftAlone as `enter` does."""
        self._check_wait()
        with self._lock:
            now = self._clock()
            if self._looks is None and self._seconds_to_wait(now) <= 0:
                return True
            return self._check_open(now, is_fresh)

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

    def _check_wait(self) -> None:
        if (wait := self._waits.find(self.host)) is not None:
            raise LeftAlone(wait.reason, wait.status, is_wait=True)

    def _check_open(self, now: float, is_fresh: bool) -> bool:
        """Raise LeftAlone where a request is not to wait. Returns whether it is to be sent now, to have a look.

        Otherwise each of a thousand files would have its tries, one after the other, with the longest pauses.
        """
        if not self._closed_rounds:
            return False
        shut_seconds = now - self._closed_since
        if self._looks is None:
            is_over = shut_seconds > 2 * self._options.max_retry_after_seconds
            if not is_over and not (self._is_down and self._closed_rounds > self._options.attempts + _MORE_LOOKS):
                return False
            self._leave_alone()
        assert self._looks is not None, "it was just set"
        if is_fresh and self._crowd.in_flight and now - self._started_at < _LOOK_SECONDS:
            return False  # what comes of that look decides about the others, too
        due = is_fresh and (self._seconds_to_hold_back(now) <= 0 or (self._is_down and self._looks.is_due()))
        if not due:
            raise LeftAlone(
                self._reason(shut_seconds), self._last_status, is_wait=not self._is_down, is_refusal=self._is_refusal
            )
        self._paused_until = self._free_at = self._scout_at = now
        return True

    def _leave_alone(self) -> None:
        self._looks = Looks()
        self._changed.notify_all()

    @property
    def _is_refusal(self) -> bool:
        return self._is_down and self._last_status in CREDENTIALS_REFUSED

    def _reason(self, shut_seconds: float) -> str:
        if self._is_refusal:
            return (
                f"{self.host} refuses the credentials of the source '{self._name}', whatever it is asked for "
                f"({self._last_words}): correct them under sources.{self._name}.configuration, or ask the provider"
            )
        if self._is_down:
            return f"{self.host} fails, whatever it is asked for ({self._last_words}), for {shut_seconds:.0f} s by now"
        hint = "lower this source's rate_limit or max_concurrency" if self._last_status == 429 else "it is overloaded"
        return f"{self.host} has refused everything for {shut_seconds:.0f} s ({self._last_words}; {hint})"

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
            logger.info("%s: %s lets no more requests through for %.0f s.", self._name, self.host, pause)

    def accepted(self, sent: Sent) -> None:
        """A request was answered, and not refused."""
        with self._lock:
            self._through.append(sent.started)
            self._crowd.relieve(sent)
            if not self._holding:
                return
            if self._closed_rounds and sent.started > self._met_at and not self._is_down:
                self._open()
            elif self._rate is not None and sent.started <= self._counted_until:
                self._rate.found += 1 / self._window

    def answered(self, *, is_file: bool = True) -> None:
        """A request came to its end, with whatever answer: the host is there, for this kind of request at least."""
        with self._lock:
            self._health.answered(is_file=is_file)
            self._crowd.widen()
            if self._is_down and (is_file or not self._fails_files):
                logger.info("%s: %s answers again.", self._name, self.host)
                self._is_down = False
                self._crowd.begin_anew()
                self._open()

    def failed(self, sent: Sent, what: str, why: str, status: int | None, *, is_file: bool = True) -> None:
        """A request failed for no reason of its own that is known, or its credentials were refused.

        Args:
            what: The same for all tries of one request.
            why: For people.
            status: The answer's; None if there was none.
        """
        with self._lock:
            now = self._clock()
            if sent.started <= self._met_at:
                return
            if not (self._is_down or self._health.failed(what, is_file=is_file)):
                if self._closed_rounds:  # it was sent to have a look: the next look is no further away for it
                    self._met_at = now
                return
            if not self._is_down:
                logger.info("%s: %s fails, whatever it is asked for: %s", self._name, self.host, why)
                self._fails_files = is_file
            self._is_down = self._holding = True
            self._last_refused_at = now
            self._last_words, self._last_status = why, status
            self._close(now)
            self._paused_until = max(self._paused_until, now + self._own_pause_seconds())
            if self._is_refusal and self._looks is None:
                self._leave_alone()  # that does not pass by waiting

    def refused(self, sent: Sent, after_seconds: float | None, status: int = 429) -> float:
        """A request was refused for being one too many (429, Retry-After). Returns how long all of them pause.

        Args:
            sent: The request.
            after_seconds: How long the provider asks to wait; None or 0: it does not say.
        """
        with self._lock:
            news = sent.started > self._met_at
            self._last_words, self._last_status = f"status {status}", status
            pause = self._refuse(sent, after_seconds)
            known = self._knows_rate
        if news and (not known or pause >= _LONG_PAUSE_SECONDS):  # else what it is held back to says all
            logger.info("%s: rate limited by the provider, waiting %.1f s.", self._name, pause)
        return pause

    def asked_to_wait(self, seconds: float, status: int) -> LeftAlone:
        """A request was refused for longer than anybody waits: the host is left alone until then. Returns that."""
        wait = self._waits.ask(self.host, seconds, status)
        logger.info("%s: %s.", self._name, wait.reason)
        return LeftAlone(wait.reason, status, is_wait=True)

    def overloaded(self, sent: Sent) -> None:
        """A request was answered 503 without a word about when to come again."""
        with self._lock:
            now = self._clock()
            self._last_words, self._last_status = "status 503", 503
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
            self._close(now)
            after_seconds = after_seconds or self._own_pause_seconds()
        self._paused_until = max(self._paused_until, now + (after_seconds or 0.0))
        return max(0.0, self._paused_until - now)

    def _close(self, now: float) -> None:
        """All wait, and then one is sent."""
        self._met_at = self._scout_at = now
        if not self._closed_rounds:
            self._closed_since = now
        self._closed_rounds += 1

    def _open(self) -> None:
        """One got through: the others are not held back by more than a rate, and their number."""
        self._closed_rounds = 0
        self._looks = None
        self._paused_until = self._clock()
        self._holding = self._knows_rate or self._crowd.places is not None
        self._changed.notify_all()

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
        cap = self._options.backoff_cap_seconds
        longest = min(longest, max(cap, _LONGEST_LOOK_SECONDS) if self._is_down and self._looks is not None else cap)
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
                logger.info("%s: %s refuses more; holding back to about %s.", self._name, self.host, text)
