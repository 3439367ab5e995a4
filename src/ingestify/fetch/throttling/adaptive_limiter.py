"""How fast one host is asked, found out from what it refuses; and whether it is asked at all."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable

from ingestify.clock import monotonic, wait_for
from ingestify.fetch.options import HttpOptions
from ingestify.fetch.throttling.aimd import AimdLimit
from ingestify.fetch.throttling.budgets import SourceBudget, Taken
from ingestify.fetch.throttling.circuit_breaker import CircuitBreaker, LeftAlone
from ingestify.fetch.throttling.concurrency_limiter import ConcurrencyLimiter, Sent
from ingestify.fetch.throttling.rate_limit import RateLimit, Stopped
from ingestify.fetch.throttling.rate_limit_headers import RateLimitHeaders, RemainingRequests
from ingestify.fetch.throttling.waits import Waits

__all__ = ["AdaptiveLimiter"]

logger = logging.getLogger(__name__)

_NEVER = float("-inf")

_POLL_SECONDS = 0.05
_POLL_BEHIND_SECONDS = 0.2

_CATCH_UP_SECONDS = 0.01
"""A thread that wakes late makes those after it a little earlier, so that no time is lost."""

_WINDOW_SECONDS = 1.0
"""Over how long accepted requests are counted, unless the provider says how long it wants to be left alone."""

_FORGOTTEN_SECONDS = 600.0
_COUNTED = 4096
_SLOWEST_PER_SECOND = 1 / 60

_OVERLOADED_PER_SECOND = 1.0
"""A 503 without Retry-After may have another reason than the rate, and makes it no slower than this."""

_AWAITED_SECONDS = 2.0
"""So long the requests to a host that is left alone wait for the answer to a probe."""

_LONG_PAUSE_SECONDS = 5.0


class AdaptiveLimiter:
    """When the next request may be sent to one host. Safe to share between threads.

    As long as the host refuses nothing, the limiter only counts. After a 429, or any refusal with Retry-After, all
    requests pause (`CircuitBreaker`); then they are sent evenly, at a rate below what was accepted before
    (`AimdLimit`). A 503 without Retry-After limits the number in flight (`ConcurrencyLimiter`), and the rate only if
    one in flight is already too many. Requests that were in flight together are refused for one reason: if they were
    sent before the limit was found and refused after it, they do not count again.

    If responses say how many more requests are allowed, no more are sent until the reset (`RemainingRequests`). If a
    host asks for a longer wait than the longest that is allowed, it gets no requests until then (`Waits`).

    Args:
        name: The source's, for logs.
        host: Name and port.
        options: For the pauses that the provider does not name.
        limit: The client's own limit, which always holds.
        waits: How long hosts asked to be left alone; None: this one keeps that for itself.
        budget: How many requests the source has; None: any number.
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
        budget: SourceBudget | None = None,
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._name = name
        self.host = host
        self._options = options
        self._limit = limit
        self._waits = Waits() if waits is None else waits
        self._budget = budget
        self._clock = clock
        self._turn = threading.Lock()
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._concurrency = ConcurrencyLimiter()
        self._allowance: RemainingRequests | None = None
        self._accepted: deque[float] = deque(maxlen=_COUNTED)
        """When those were sent that were accepted."""
        self._forget()

    def _forget(self) -> None:
        self._holding = False
        self._rate: AimdLimit | None = None
        self._concurrency.forget()
        self._first_refusal: tuple[float, float] | None = None
        """When it was sent, and over how many seconds before what was accepted is counted."""
        self._breaker = CircuitBreaker(self._name, self.host, self._options)
        self._last_refused_at = self._next_at = self._last_sent_at = _NEVER
        self._logged = {"requests/s": 0.0, "requests at once": 0.0}

    # ---- before a request ------------------------------------------------------------------------------

    def enter(self, stop: threading.Event, *, is_fresh: bool = True) -> Sent:
        """Wait until a request may be sent, and count it as in flight until `leave`.

        Args:
            stop: When set, waiting ends.
            is_fresh: Whether this is the first try of the request: only such a request is sent as a probe.

        Raises:
            Stopped: `stop` was set before or during the wait.
            LeftAlone: The host gets no requests for now.
        """
        self._check_wait()
        if not self._holding and (sent := self._start_within_limit(stop)) is not None:
            return sent
        # One thread at a time waits for its moment, as with a RateLimit, whose moments are taken inside.
        while not self._turn.acquire(timeout=_POLL_BEHIND_SECONDS):
            if stop.is_set():
                raise Stopped
            self._check_wait()
            with self._lock:
                self._check_breaker(is_fresh)
        try:
            # There may be a refusal while it waits for the client's own limit.
            while not self.is_due(is_fresh=is_fresh) or (sent := self._start_within_limit(stop)) is None:
                with self._lock:
                    wait_for(self._changed, min(self._seconds_to_wait(self._clock()), _POLL_SECONDS))
                if stop.is_set():
                    raise Stopped
        finally:
            self._turn.release()
        self._log_limit("requests/s", sent.rate)
        self._log_limit("requests at once", self._concurrency.most)
        return sent

    def _start_within_limit(self, stop: threading.Event) -> Sent | None:
        self._limit.wait(stop)
        self._check_wait()  # that may have taken long
        if self._budget is None:
            return self.start()
        taken, sent = self._budget.take(stop), None
        try:
            self._check_wait()
            sent = self.start(taken)
        finally:
            if sent is None:
                taken.put_back()
        return sent

    def is_due(self, *, is_fresh: bool = True) -> bool:
        """Whether a request may be sent now, rather than wait; raises LeftAlone as `enter` does."""
        self._check_wait()
        with self._lock:
            if not self._breaker.is_left_alone and self._seconds_to_wait(self._clock()) <= 0:
                return True
            return self._check_breaker(is_fresh)

    def seconds_to_wait(self) -> float:
        """Return for how long nothing may be sent, as far as can be seen now."""
        with self._lock:
            return self._seconds_to_wait(self._clock())

    def start(self, taken: Taken | None = None) -> Sent | None:
        """Count a request as sent now, or return None if none may be.

        Args:
            taken: Its place in the budget of the source; None: it has no budget.
        """
        with self._lock:
            now = self._clock()
            if self._holding and now - self._last_refused_at > _FORGOTTEN_SECONDS:
                self._forget()
            rate = None
            if self._holding or self._allowance is not None:
                if self._seconds_to_wait(now) > 0:
                    return None
                rate = self._take_moment(now)
            self._concurrency.in_flight += 1
            return Sent(now, rate, self._concurrency.in_flight, taken)

    def _check_wait(self) -> None:
        if (wait := self._waits.find(self.host)) is not None:
            raise LeftAlone(wait.reason, wait.status, is_wait=True)

    def _check_breaker(self, is_fresh: bool) -> bool:
        """Raise LeftAlone if a request is not to wait. Returns whether it is to be sent now, as a probe."""
        now = self._clock()
        is_probe = self._breaker.check(
            now,
            is_fresh=is_fresh,
            is_free=self._seconds_to_hold_back(now) <= 0,
            is_awaited=self._concurrency.in_flight > 0 and now - self._last_sent_at < _AWAITED_SECONDS,
        )
        if is_probe:
            self._next_at = now
        return is_probe

    def _seconds_to_wait(self, now: float) -> float:
        used_up = 0.0 if self._allowance is None else self._allowance.seconds_to_wait(now)
        return max(used_up, self._seconds_to_hold_back(now))

    def _seconds_to_hold_back(self, now: float) -> float:
        if not self._holding:
            return 0.0
        if (due := max(self._breaker.due_at(), self._next_at)) > now:
            return due - now
        return _POLL_SECONDS if self._concurrency.is_full else 0.0

    def _take_moment(self, now: float) -> float | None:
        """Return the rate, and make the next request wait for it."""
        if self._allowance is not None:
            self._allowance.take(now)
        since = now - self._last_sent_at
        self._last_sent_at = now
        # No more than half a second for each request: below two a second it is requests that count.
        used = 0.0 if self._concurrency.has_overloads else min(since, 0.5)
        self._concurrency.use(used)
        self._breaker.sent(now)
        if self._rate is None and self._first_refusal is not None:
            # Not when it was refused: some that were sent with it were accepted and came back later.
            found = self._count_accepted(*self._first_refusal)
            self._rate = AimdLimit(found) if found else None
        if self._rate is None:
            return None
        rate = max(self._rate.level, _SLOWEST_PER_SECOND)
        # A rate that nobody makes full use of says nothing about a higher one.
        if self._rate.is_below_known or since <= 1.5 / rate:
            self._rate.use(used)
        self._next_at = max(self._next_at, now - min(1 / rate, _CATCH_UP_SECONDS)) + 1 / rate
        return rate

    # ---- after a request -------------------------------------------------------------------------------

    def leave(self) -> None:
        """Count a request as ended, whatever the result."""
        with self._lock:
            self._concurrency.in_flight -= 1
            if self._holding or self._allowance is not None:
                self._changed.notify()

    def announced(self, announced: RateLimitHeaders) -> None:
        """Note how many more requests a response allows. Called before its request has left."""
        if announced.reset_seconds > self._options.max_retry_after_seconds:
            return  # no request waits that long: the next one is refused with this reason
        with self._lock:
            now = self._clock()
            if self._allowance is None:
                self._allowance = RemainingRequests()
            before = self._allowance.seconds_to_wait(now)
            self._allowance.learn(announced, now, max(0, self._concurrency.in_flight - 1))
            pause = self._allowance.seconds_to_wait(now)
        if not before and pause >= _LONG_PAUSE_SECONDS:
            logger.info("%s: %s lets no more requests through for %.0f s.", self._name, self.host, pause)

    def accepted(self, sent: Sent) -> None:
        """Note that a request was accepted."""
        with self._lock:
            self._accepted.append(sent.started)
            self._concurrency.accepted(sent)
            if self._breaker.rounds and sent.started > self._breaker.tripped_at and not self._breaker.is_down:
                self._reset_breaker()

    def answered(self, *, is_file: bool = True) -> None:
        """Note that the host responded, with any status: it is not down for this kind of request."""
        with self._lock:
            self._concurrency.answered()
            if self._breaker.answered(is_file=is_file):
                self._concurrency.begin_after_outage()
                self._reset_breaker()

    def failed(self, sent: Sent, what: str, why: str, status: int | None, *, is_file: bool = True) -> None:
        """Note that a request failed without a reason of its own, or that its credentials were refused.

        Args:
            sent: The request.
            what: The same for all its tries.
            why: For people.
            status: The response's; None if there was none.
            is_file: Whether it was for a file, and not for an index.
        """
        with self._lock:
            self._breaker.failed(sent.started, self._clock(), what, why, status, is_file=is_file)
            if self._breaker.is_down:
                self._holding = True
                self._last_refused_at = self._clock()

    def refused(self, sent: Sent, after_seconds: float | None, status: int = 429) -> float:
        """Note a request that was refused as one too many (429, Retry-After); return how long all requests pause.

        Args:
            sent: The request.
            after_seconds: How long the provider asks to wait; None or 0: it does not say.
            status: The status of the response.
        """
        with self._lock:
            is_new = sent.started > self._breaker.tripped_at
            pause = self._refuse(sent, after_seconds, status)
            is_first = self._rate is None
        if is_new and (is_first or pause >= _LONG_PAUSE_SECONDS):  # else the logged limit says all
            logger.info("%s: rate limited by the provider, waiting %.1f s.", self._name, pause)
        return pause

    def asked_to_wait(self, seconds: float, status: int) -> LeftAlone:
        """Note that a host asked for too long a wait: it gets no requests until then. Returns the wait."""
        wait = self._waits.ask(self.host, seconds, status)
        logger.info("%s: %s.", self._name, wait.reason)
        return LeftAlone(wait.reason, status, is_wait=True)

    def overloaded(self, sent: Sent) -> None:
        """Note that a request was answered 503 without a Retry-After."""
        with self._lock:
            if self._concurrency.overloaded(sent, self._clock()):
                if self._rate is None or self._rate.level > _OVERLOADED_PER_SECOND:
                    self._refuse(sent, None, 503)
            elif self._concurrency.most is not None:
                self._holding = True
                self._last_refused_at = self._clock()

    def _refuse(self, sent: Sent, after_seconds: float | None, status: int) -> float:
        now = self._clock()
        self._holding = True
        self._last_refused_at = now
        if sent.started > self._breaker.tripped_at:
            window = max(after_seconds or 0.0, _WINDOW_SECONDS)
            if self._rate is None:
                self._first_refusal = (sent.started, window)
            elif not self._breaker.rounds:  # else nothing was accepted since: the host is still closed
                self._rate.meet(sent.rate or self._rate.level, self._count_accepted(sent.started, window))
            self._breaker.trip(now, f"status {status}", status, after_seconds)
        elif after_seconds:
            self._breaker.pause(now, after_seconds)
        return max(0.0, self._breaker.due_at() - now)

    def _count_accepted(self, until: float, window: float) -> float:
        """Return how many requests a second were accepted of those sent in a window."""
        return sum(until - window < sent <= until for sent in self._accepted) / window

    def _reset_breaker(self) -> None:
        """Note that one request got through: from now on, only the rate and the number in flight limit the others."""
        self._breaker.reset(self._clock())
        self._holding = self._rate is not None or self._concurrency.most is not None

    def _log_limit(self, unit: str, limit: float | None) -> None:
        """Say what requests are held back to: at first, and when it has doubled or halved."""
        if limit is not None and not self._logged[unit] / 2 < limit < self._logged[unit] * 2:
            self._logged[unit] = limit
            logger.info("%s: %s refuses more; holding back to about %.2g %s.", self._name, self.host, limit, unit)
