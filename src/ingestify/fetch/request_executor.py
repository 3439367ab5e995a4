"""Sends one request with all that may happen to it: limits, redirects, statuses, and further tries."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Generic, NamedTuple, TypeVar

import msgspec

from ingestify.clock import monotonic, wait_for
from ingestify.domain.ports import FetchContext, SentRequest, UnreachableHosts
from ingestify.errors import FetchError, HostLeftAlone, IngestifyError, SourceError
from ingestify.failpoints import failpoint
from ingestify.fetch.current_context import current_context
from ingestify.fetch.options import HttpOptions
from ingestify.fetch.redirect_policy import RedirectPolicy
from ingestify.fetch.request import OutgoingRequest
from ingestify.fetch.response import StreamedResponse
from ingestify.fetch.retries import RETRIED_STATUSES, RetryBudget, TryAgain, retry_after_seconds
from ingestify.fetch.throttling.adaptive_limiter import AdaptiveLimiter
from ingestify.fetch.throttling.budgets import SourceBudget
from ingestify.fetch.throttling.circuit_breaker import CREDENTIALS_REFUSED, BudgetUsedUp, LeftAlone
from ingestify.fetch.throttling.concurrency_limiter import Sent
from ingestify.fetch.throttling.host_limiters import HostLimiters
from ingestify.fetch.throttling.rate_limit import Slots, Stopped
from ingestify.fetch.throttling.rate_limit_headers import read_rate_limit_headers
from ingestify.fetch.throttling.waits import Waits
from ingestify.fetch.transport.address_policy import AddressPolicy, AllowedHosts
from ingestify.fetch.transport.content_encoding import Bomb, Truncated, UnknownEncoding
from ingestify.fetch.transport.transport import AddressForbidden, BadUrl, TransportError
from ingestify.fetch.transport.ways import Transports
from ingestify.logging_context import bound
from ingestify.masking import mask_url

__all__ = ["NOT_FOUND", "RequestExecutor"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

NOT_FOUND = frozenset({404, 410})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

_MOST_EXPIRED = 3
"""So often a request gives its turn back because its token expired while it waited."""

# A larger number is no number of seconds: some providers write a date there.
_LONGEST_RESET_SECONDS = 86_400.0

_HINTS = {
    304: "the request was not conditional, so nothing can be unchanged: the provider is wrong",
    401: "check the credentials of this source",
    403: "check the credentials of this source, and whether they give access to this",
    404: "the provider does not have it, or not yet",
    407: "check the user and password in the proxy's URL",
    410: "the provider removed it",
    429: "lower this source's rate_limit or max_concurrency",
}


class _Redirect(NamedTuple):
    location: str
    address: str | None
    """The IP address of the host that redirects; None: it is behind a proxy."""


class _Renewed(Exception):
    """The credentials were refused, and the authorization has others now."""


class _Call(msgspec.Struct, Generic[T]):
    """One call of `RequestExecutor.run`: its arguments, the same for each try and each redirect, and how far it is."""

    receive: Callable[[StreamedResponse], T]
    accepts: Callable[[int, OutgoingRequest], bool]
    context: FetchContext
    is_file: bool
    budget: RetryBudget
    paused_seconds: float = 0.0
    waited_seconds: float = 0.0
    quota_left: int | None = None

    def may_give_up(self, host: str) -> UnreachableHosts | None:
        """Return where to note that a host was not reached, if the reader can do without it; None: keep trying."""
        hosts = self.context.unreachable_hosts
        return None if not host or hosts is None or hosts.has_answered(host) else hosts


class RequestExecutor:
    """Sends requests until there is a response that counts. One for each client; safe to use from any thread.

    Args:
        name: The source's name, for logs and messages.
        options: The limits, the number of tries, the pauses.
        transports: Send each request.
        waits: How long hosts asked to be left alone; None: only this client knows.
        budget: How many requests the source has; None: any number.

    Attributes:
        redirect_policy: Where the provider may lead to.
    """

    def __init__(
        self,
        name: str,
        options: HttpOptions,
        transports: Transports,
        waits: Waits | None = None,
        budget: SourceBudget | None = None,
    ) -> None:
        self._name = name
        self._options = options
        self._transports = transports
        self.redirect_policy = RedirectPolicy(name, AllowedHosts.parse(options.redirect_hosts))
        self._budget = budget
        self._limiters = HostLimiters(name, options, waits, budget)
        self._slots = Slots(options.max_concurrency)
        self._answered = 0
        """How many requests had a response that is not tried again."""

    def leave_alone(self, url: str, seconds: float) -> None:
        """Send no request to a URL's host for so long, as if a status had asked for that."""
        self._limiters.of(url).asked_to_wait(seconds, 200)

    def run(
        self,
        make_request: Callable[[], OutgoingRequest],
        receive: Callable[[StreamedResponse], T],
        accepts: Callable[[int, OutgoingRequest], bool],
        *,
        is_file: bool = False,
    ) -> tuple[T, int]:
        """Return what `receive` made of the response, and the number of tries.

        Args:
            make_request: Called before each try.
            receive: Called with each accepted response, and again if its body breaks off.
            accepts: Whether a response with this status is what the request is for.
            is_file: Whether the request is for a file, and not for an index.

        Raises:
            FetchError: After as many tries as the options allow, or at once where another try will not help.
            HostLeftAlone: The request was not sent, or the host asks for a longer pause than the client waits.
        """
        budget = RetryBudget(self._options, self._answered)
        call = _Call(receive, accepts, current_context(), is_file, budget)
        may_renew = True
        failed: TryAgain | None = None
        while True:
            budget.tries += 1
            request = make_request()
            try:
                return self._follow(request, call, is_fresh=failed is None, may_renew=may_renew), budget.tries
            except Stopped as stopped:
                raise _stopped(request, budget.tries) from stopped
            except _Renewed:
                may_renew = False
            except LeftAlone as alone:
                raise _left_alone(alone, request, budget.tries, failed) from alone
            except FetchError as error:
                error.attempts = budget.tries
                raise
            except TryAgain as again:
                failed = again
                self._pause(again, request, call)

    def _pause(self, failed: TryAgain, request: OutgoingRequest, call: _Call[T]) -> None:
        """Wait before the next try.

        Raises:
            FetchError: There is no further try, or the run was asked to stop.
        """
        budget = call.budget
        pause = budget.count(failed, self._answered)
        hosts = call.may_give_up(failed.unreached)
        if budget.is_spent or (hosts is not None and budget.is_spent_on_unreachable):
            if hosts is not None:
                hosts.give_up(failed.unreached, self._name, failed.reason)
            raise _spent(failed, request, budget.tries) from failed.__cause__
        logger.debug(
            "%s: %s %s: %s; trying again in %.1f s",
            self._name,
            request.method,
            mask_url(request.url),
            failed.reason,
            pause,
        )
        # If the provider asks for a pause, the host's limiter holds all requests back, and this one with them.
        if failed.says_slow_down:
            return
        call.paused_seconds += pause
        if wait_for(call.context.stop, pause):
            raise _stopped(request, budget.tries)

    # ---- one try ---------------------------------------------------------------------------------------

    def _follow(self, request: OutgoingRequest, call: _Call[T], *, is_fresh: bool, may_renew: bool) -> T:
        """Send a request, and follow redirects. Log lines are about the host of the first request."""
        with bound(host=self._limiters.of(request.url).host):
            return self._follow_from(request, call, is_fresh=is_fresh, may_renew=may_renew)

    def _follow_from(self, request: OutgoingRequest, call: _Call[T], *, is_fresh: bool, may_renew: bool) -> T:
        first = request.url
        seen = {first}
        was_encrypted = False
        expired = 0
        addresses = self.redirect_policy.addresses_of(request)
        while len(seen) <= self._options.max_redirects + 1:
            limiter = self._limiters.of(request.url)
            self._check_given_up(request, call, limiter.host)
            header = request.get_authorization()
            # The slot first: a request that the limiter lets through starts at once.
            waiting = monotonic()
            self._slots.take(call.context.stop)
            try:
                sent = self._enter(limiter, call, is_fresh=is_fresh)
                call.waited_seconds += monotonic() - waiting
                try:
                    # The token of this moment: the one of a minute ago may have expired while the request waited.
                    outgoing = request.authorized(header)
                    if outgoing is None:
                        expired += 1
                        if sent.taken is not None:
                            sent.taken.put_back()
                        if expired <= _MOST_EXPIRED:
                            continue
                        raise FetchError(
                            f"{request.method} {mask_url(first)}: the token of the source '{self._name}' expired "
                            f"{expired} times before its rate_limit let the request through; raise the rate_limit.",
                            url=mask_url(first),
                        )
                    outcome = self._send_once(outgoing, call, limiter, sent, addresses, may_renew=may_renew)
                except AddressForbidden as error:
                    raise self.redirect_policy.unreachable(request, first, error) from error
                finally:
                    limiter.leave()
            finally:
                self._slots.give_back()
            if not isinstance(outcome, _Redirect):
                return outcome[0]
            if request.url == first:
                addresses = self.redirect_policy.addresses_behind(outcome.address)
            was_encrypted = was_encrypted or request.url[:6].lower() == "https:"
            request = self.redirect_policy.check(
                first, request.redirected(outcome.location), "it is redirected to", was_encrypted=was_encrypted
            )
            if request.url in seen:
                raise FetchError(
                    f"GET {mask_url(first)}: redirected in a circle, back to {mask_url(request.url)}; "
                    f"check the URL and the credentials of this source.",
                    url=mask_url(first),
                )
            seen.add(request.url)
        raise FetchError(
            f"GET {mask_url(first)}: redirected more than {self._options.max_redirects} times; check the URL.",
            url=mask_url(first),
        )

    @staticmethod
    def _enter(limiter: AdaptiveLimiter, call: _Call[T], *, is_fresh: bool) -> Sent:
        """Wait until a request may be sent to a host; see `AdaptiveLimiter.enter`."""
        try:
            return limiter.enter(call.context.stop, is_fresh=is_fresh)
        except LeftAlone:
            call.context.observed.left_alone(limiter.host)
            raise

    def _check_given_up(self, request: OutgoingRequest, call: _Call[T], host: str) -> None:
        """Raise a FetchError if the run has given the host up."""
        hosts = call.context.unreachable_hosts
        if hosts is None or (why := hosts.find(host)) is None:
            return
        hosts.give_up(host, self._name, why)
        shown = mask_url(request.url)
        raise FetchError(f"{request.method} {shown}: not requested: {why}.", url=shown, unreached=host)

    def _send_once(
        self,
        request: OutgoingRequest,
        call: _Call[T],
        limiter: AdaptiveLimiter,
        sent: Sent,
        addresses: AddressPolicy,
        *,
        may_renew: bool,
    ) -> tuple[T] | _Redirect:
        """Send a request, and tell the host's limiter whether it failed."""
        try:
            outcome = self._send(request, call, limiter, sent, addresses)
        except TryAgain as again:
            if not (again.stale or again.progressed or again.says_slow_down or call.may_give_up(again.unreached)):
                limiter.failed(sent, request.url, again.reason, again.status, is_file=call.is_file)
            raise
        except FetchError as error:
            if error.status == 401 and may_renew and _renew(request):
                raise _Renewed from error
            if error.status in CREDENTIALS_REFUSED:
                why = f"status {error.status}; {request.credentials}"
                limiter.failed(sent, request.url, why, error.status, is_file=call.is_file)
            raise
        # That a login works says nothing of the requests that follow it.
        if request.body is None:
            limiter.answered(is_file=call.is_file)
        return outcome

    def _send(
        self, request: OutgoingRequest, call: _Call[T], limiter: AdaptiveLimiter, sent: Sent, addresses: AddressPolicy
    ) -> tuple[T] | _Redirect:
        """Send a request, and translate the transport's errors."""
        call.context.usage.add(requests=1)
        started = time.monotonic()
        response: StreamedResponse | None = None
        raised = ""
        try:
            failpoint("fetch.sent")
            transport = self._transports.of(request.way)
            with transport.send(request.method, request.url, request.headers, addresses, request.body) as raw:
                response = StreamedResponse(raw, request, call.context, self._options.max_expansion)
                return self._receive(response, call, limiter, sent)
        except (TransportError, Truncated, Bomb, UnknownEncoding, BadUrl) as error:
            status = None if response is None else response.status
            raised = type(error).__name__
            raise self._translated(error, request, call, limiter.host, status) from error
        except TryAgain as again:
            raised = type(again.__cause__ or again).__name__
            raise
        finally:
            seconds = time.monotonic() - started
            _tell(call, request, limiter.host, response, seconds, raised)
            if logger.isEnabledFor(logging.DEBUG):
                logger.debug(
                    "%s: %s %s: %s, %.0f ms, %d bytes",
                    self._name,
                    request.method,
                    mask_url(request.url),
                    "no answer" if response is None else response.status,
                    seconds * 1e3,
                    0 if response is None else response.received_bytes,
                )

    def _receive(
        self, response: StreamedResponse, call: _Call[T], limiter: AdaptiveLimiter, sent: Sent
    ) -> tuple[T] | _Redirect:
        """Return what the call makes of a response, in a tuple; or where a redirect leads."""
        if call.context.unreachable_hosts is not None:
            call.context.unreachable_hosts.answered(limiter.host)
        if (announced := read_rate_limit_headers(response.headers)) is not None:
            limiter.announced(announced)
            call.quota_left = announced.remaining
        if self._budget is not None:
            seconds = self._budget.learn(response.headers)
            if seconds > self._options.max_retry_after_seconds:
                limiter.asked_to_wait(seconds, response.status)
        if response.status not in RETRIED_STATUSES:
            limiter.accepted(sent)
            self._answered += 1
        if response.status in _REDIRECTS and (location := response.headers.get("Location")):
            return _Redirect(location, response.address)
        if not call.accepts(response.status, response.request):
            self._refuse(response, limiter, sent)
        return (call.receive(response),)

    def _translated(
        self, error: Exception, request: OutgoingRequest, call: _Call[T], host: str, status: int | None
    ) -> TryAgain | IngestifyError:
        """Return the error of the room above for one of the transport, or TryAgain if another try may succeed."""
        shown = mask_url(request.url)
        unreached = ""
        if isinstance(error, BadUrl):
            return SourceError(f"no request can be sent to '{shown}': {error}.")
        if isinstance(error, Truncated):
            return TryAgain(str(error), status=status)
        if isinstance(error, TransportError):
            unreached = host if error.unreached else ""
            if error.remedy is None:
                return TryAgain(str(error), status=status, stale=error.stale, unreached=unreached)
            if (hosts := call.may_give_up(unreached)) is not None:
                hosts.give_up(unreached, self._name, str(error))
            problem = f"{request.method} {shown}: {error}; {error.remedy}."
        elif isinstance(error, Bomb):
            problem = (
                f"GET {shown}: the body is a bomb: {error}; if it is right, raise sources.{self._name}.max_expansion."
            )
        else:
            problem = (
                f"{request.method} {shown}: the body has the Content-Encoding {str(error)[:40]!r}, which was not "
                f"requested and cannot be decoded; the provider must send the file as it is, or as gzip."
            )
        return FetchError(problem, url=shown, status=status, unreached=unreached)

    def _refuse(self, response: StreamedResponse, limiter: AdaptiveLimiter, sent: Sent) -> None:
        """Raise the error for a response that the call does not accept."""
        status, headers = response.status, response.headers
        if status in RETRIED_STATUSES:
            after = _asked_pause(status, headers)
            again = TryAgain(f"status {status}", status=status, after_seconds=after)
            if not again.says_slow_down:
                (limiter.overloaded if status == 503 else limiter.accepted)(sent)
            elif (after or 0) > self._options.max_retry_after_seconds:
                raise limiter.asked_to_wait(after or 0, status)
            else:
                again.pause_seconds = limiter.refused(sent, after, status)
            raise again
        if status == 416:  # the file has changed since its first part came; the next try begins anew
            raise TryAgain("status 416", status=status)
        shown = mask_url(response.request.url)
        hint = _HINTS.get(status, "the provider's documentation may say why")
        raise FetchError(
            f"{response.request.method} {shown}: status {status}{response.read_excerpt()}; {hint}.",
            url=shown,
            status=status,
        )


def _tell(
    call: _Call[T], request: OutgoingRequest, host: str, response: StreamedResponse | None, seconds: float, error: str
) -> None:
    """Tell who observes of a request that was sent, and begin to count for the next one."""
    call.context.observed.sent(
        SentRequest(
            method=request.method,
            url=request.url,
            host=host,
            status=None if response is None else response.status,
            tries=call.budget.tries,
            tries_left=call.budget.tries_left - 1,
            waited_seconds=call.waited_seconds,
            paused_seconds=call.paused_seconds,
            seconds=seconds,
            received_bytes=0 if response is None else response.received_bytes,
            error=error,
            quota_left=call.quota_left,
        )
    )
    call.waited_seconds = call.paused_seconds = 0.0
    call.quota_left = None


def _spent(failed: TryAgain, request: OutgoingRequest, tries: int) -> FetchError:
    """Return the error for a request that is not tried again."""
    shown = mask_url(request.url)
    hint = _HINTS.get(failed.status or 0, "the provider or the network fails; run again later")
    return FetchError(
        f"{request.method} {shown}: {failed.reason}; tried {_times(tries)}; {hint}.",
        url=shown,
        status=failed.status,
        attempts=tries,
        unreached=failed.unreached,
    )


def _left_alone(alone: LeftAlone, request: OutgoingRequest, tries: int, failed: TryAgain | None) -> FetchError:
    """Return the error for a request that is not sent; it has failed only if an earlier try of it failed."""
    shown = mask_url(request.url)
    is_used_up = isinstance(alone, BudgetUsedUp)  # the next try is for another day
    if failed is not None and not failed.says_slow_down and not is_used_up:
        return FetchError(
            f"{request.method} {shown}: {failed.reason}; tried {_times(tries - 1)}; {alone}.",
            url=shown,
            status=failed.status,
            attempts=tries - 1,
            unreached=failed.unreached,
        )
    return HostLeftAlone(
        f"{request.method} {shown}: not fetched, as {alone}; run again later.",
        reason=str(alone),
        url=shown,
        status=alone.status,
        is_wait=alone.is_wait,
        is_refusal=alone.is_refusal,
        goes_on_at=alone.goes_on_at if isinstance(alone, BudgetUsedUp) else None,
    )


def _stopped(request: OutgoingRequest, tries: int) -> FetchError:
    shown = mask_url(request.url)
    return FetchError(f"{request.method} {shown}: stopped before the whole response came.", url=shown, attempts=tries)


def _asked_pause(status: int, headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a refusal asks to wait, by Retry-After or the rate-limit headers; None: it does not."""
    after = retry_after_seconds(headers.get("Retry-After"), headers.get("Date"))
    if after is None and status == 429:
        announced = read_rate_limit_headers(headers)
        if announced is not None and not announced.remaining and announced.reset_seconds <= _LONGEST_RESET_SECONDS:
            return announced.reset_seconds
    # A pause of 0 seconds means something only behind a 429.
    return after if status == 429 else after or None


def _renew(request: OutgoingRequest) -> bool:
    """Return whether the refused credentials of a request were replaced by others."""
    if request.authorization is None:
        return False
    return request.authorization.renew(request.headers.get("Authorization", ""))


def _times(tries: int) -> str:
    return "once" if tries == 1 else f"{tries} times"
