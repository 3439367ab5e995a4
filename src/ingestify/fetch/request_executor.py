"""One request with everything that may happen to it: limits, redirects, statuses, and further tries."""

from __future__ import annotations

import dataclasses
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Generic, NamedTuple, TypeVar

from ingestify.domain.ports import FetchContext, UnreachableHosts, Usage
from ingestify.errors import FetchError, HostLeftAlone, SourceError
from ingestify.failpoints import failpoint
from ingestify.fetch.current_context import current_context
from ingestify.fetch.options import HttpOptions
from ingestify.fetch.redirect_policy import RedirectPolicy
from ingestify.fetch.request import OutgoingRequest
from ingestify.fetch.retries import RETRIED_STATUSES, TryAgain, backoff_seconds, retry_after_seconds
from ingestify.fetch.throttling.adaptive_limiter import CREDENTIALS_REFUSED, LeftAlone, Pace, Sent
from ingestify.fetch.throttling.host_limiters import Paces
from ingestify.fetch.throttling.rate_limit import Slots, Stopped
from ingestify.fetch.throttling.rate_limit_headers import read_announcement
from ingestify.fetch.throttling.waits import Waits
from ingestify.fetch.transport.address_policy import AddressPolicy, AllowedHosts
from ingestify.fetch.transport.content_encoding import Bomb, Truncated, UnknownEncoding, decoded, refusing_bombs
from ingestify.fetch.transport.transport import AddressForbidden, BadUrl, RawResponse, Transport, TransportError
from ingestify.masking import mask_text, mask_url

__all__ = ["NOT_FOUND", "RequestExecutor", "StreamedResponse"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

NOT_FOUND = frozenset({404, 410})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

_MOST_STALE = 8
_MOST_TURNS = 50
_MOST_LATE = 3
"""So often a moment is given back because the token has ended while it was waited for."""

# More is no number of seconds, but a date: some write one there.
_LONGEST_RESET_SECONDS = 86_400.0

_UNREACHED_TRIES = 3
_UNREACHED_SECONDS = 3.0
"""So often, and up to then, a host is tried that nothing was heard of, where somebody waits who can do without it."""

_EXCERPT_CHARACTERS = 200
_EXCERPT_BYTES = 4096

_HINTS = {
    304: "it was not asked conditionally, so there is nothing that could be unchanged: the provider is at fault",
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
    """That of whoever sent it."""


class _Renewed(Exception):
    """The credentials were refused, and there are others by now."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Asked(Generic[T]):
    """What a request is for; the same in each try and behind each redirect. The fields are those of `exchange`."""

    receive: Callable[[StreamedResponse], T]
    accepts: Callable[[int, OutgoingRequest], bool]
    context: FetchContext
    is_file: bool

    def does_without(self, unreached: str) -> UnreachableHosts | None:
        """Return where it is kept that a host was not reached, if whoever waits can do without it."""
        unreachable_hosts = self.context.unreachable_hosts
        if not unreached or unreachable_hosts is None or unreachable_hosts.has_answered(unreached):
            return None
        return unreachable_hosts


class StreamedResponse:
    """An answer whose body is still on the wire, for whoever asked.

    Attributes:
        request: What was asked last, after redirects.
        received_bytes: How many of the body have come so far.
    """

    def __init__(
        self,
        raw: RawResponse,
        request: OutgoingRequest,
        usages: tuple[Usage, ...],
        stop: threading.Event,
        most_expansion: float,
    ) -> None:
        self._raw = raw
        self._most_expansion = most_expansion
        self._usages = usages
        self._stop = stop
        self.request = request
        self.received_bytes = 0

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._raw.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; names in any case."""
        return self._raw.headers

    def iter_body(self, *, keep_own_gzip: bool = False) -> Iterator[bytes]:
        """Yield the body with its Content-Encoding undone; see `encoding.decoded`."""
        encoding = self.headers.get("Content-Encoding")
        body = decoded(self._iter_wire(), encoding, keep_own_gzip=keep_own_gzip)
        return refusing_bombs(body, lambda: self.received_bytes, self._most_expansion) if encoding else body

    def _iter_wire(self) -> Iterator[bytes]:
        for data in self._raw.iter_wire():
            self.received_bytes += len(data)
            for usage in self._usages:
                usage.add(received_bytes=len(data))
            if self._stop.is_set():
                raise Stopped
            yield data


class RequestExecutor:
    """Sends requests until there is an answer that counts. One for each client; safe to use from any thread.

    Args:
        name: The source's name, for logs.
        usage: The client's total.
        waits: How long hosts asked to be left alone, whoever asked them; None: this client keeps that for itself.

    Attributes:
        leads: Where the provider may lead to.
    """

    def __init__(
        self, name: str, options: HttpOptions, transport: Transport, usage: Usage, waits: Waits | None = None
    ) -> None:
        self._name = name
        self._options = options
        self._transport = transport
        self._usage = usage
        self.redirect_policy = RedirectPolicy(name, AllowedHosts.parse(options.redirect_hosts))
        self._paces = Paces(name, options, waits)
        self._slots = Slots(options.max_concurrency)
        self._through = 0
        """How many requests were answered, and not to be tried again."""

    def leave_alone(self, url: str, seconds: float) -> None:
        """Ask nothing of a URL's host for so long, as if it had asked for that with a status."""
        self._paces.of(url).asked_to_wait(seconds, 200)

    def run(
        self,
        make_request: Callable[[], OutgoingRequest],
        receive: Callable[[StreamedResponse], T],
        accepts: Callable[[int, OutgoingRequest], bool],
        *,
        is_file: bool = False,
    ) -> tuple[T, int]:
        """Return what `receive` made of the answer, and how many tries it took.

        Args:
            make_request: Called before each try.
            receive: Called with each answer that is accepted, and again if its body breaks off.
            accepts: Whether a status is an answer to the request.
            is_file: Whether it is a file, and no index.

        Raises:
            FetchError: After as many tries as the options allow, or at once where another will not help.
            HostLeftAlone: It was not asked for, or the host asks for a longer wait than anybody waits for.
        """
        context = current_context()
        asked = _Asked(receive, accepts, context, is_file)
        tries = faults = stale = turns = refusals = 0
        waited = 0.0
        renewed = False
        # How many had got through when this request was last sent away.
        through = self._through
        last: TryAgain | None = None
        started = time.monotonic()
        while True:
            tries += 1
            request = make_request()
            try:
                result = self._follow(request, asked, is_fresh=last is None, may_renew=not renewed)
            except Stopped as stopped:
                raise self._stopped(request, tries) from stopped
            except _Renewed:
                renewed = True
            except LeftAlone as alone:
                raise self._left_alone(alone, request, tries, last) from alone
            except FetchError as error:
                error.attempts = tries
                raise
            except TryAgain as again:
                last = again
                if again.stale and stale < _MOST_STALE:
                    stale += 1
                    continue
                pause = again.pause_seconds or again.after_seconds or self._backoff_seconds(faults + 1)
                if again.progressed:
                    faults = 1
                elif again.status != 429:
                    faults += 1
                elif self._is_only_its_turn(through, turns, waited + pause):
                    turns += 1
                    refusals = 0  # those of one moment may be told of in any order, so one of them says nothing
                else:
                    refusals += 1
                through = self._through
                self._check_patience(again, request, tries, faults + refusals, asked, time.monotonic() - started)
                waited += pause
                logger.debug(
                    "%s: %s %s: %s; trying again in %.1f s",
                    self._name,
                    request.method,
                    mask_url(request.url),
                    again.reason,
                    pause,
                )
                # Its pace holds back all requests to a host that says so, this one among them.
                if not again.says_slow_down and context.stop.wait(pause):
                    raise self._stopped(request, tries) from None
            else:
                return result, tries

    def _is_only_its_turn(self, through: int, turns: int, waited: float) -> bool:
        """Whether a 429 is no fault, but a queue: others got through since this request was last sent away."""
        return self._through > through and turns < _MOST_TURNS and waited <= 2 * self._options.max_retry_after_seconds

    def _backoff_seconds(self, faults: int) -> float:
        return backoff_seconds(faults, self._options.backoff_base_seconds, self._options.backoff_cap_seconds)

    def _check_patience(
        self, again: TryAgain, request: OutgoingRequest, tries: int, faults: int, asked: _Asked[T], seconds: float
    ) -> None:
        """Raise if there is to be no further try; `seconds` ago there was the first."""
        shown = mask_url(request.url)
        unreachable_hosts = asked.does_without(again.unreached)
        is_late = unreachable_hosts is not None and (tries >= _UNREACHED_TRIES or seconds >= _UNREACHED_SECONDS)
        if faults >= self._options.attempts or is_late:
            if unreachable_hosts is not None:
                unreachable_hosts.give_up(again.unreached, self._name, again.reason)
            hint = _HINTS.get(again.status or 0, "the provider or the network fails; run again later")
            raise FetchError(
                f"{request.method} {shown}: {again.reason}; tried {_times(tries)}; {hint}.",
                url=shown,
                status=again.status,
                attempts=tries,
                unreached=again.unreached,
            ) from again.__cause__

    def _left_alone(self, alone: LeftAlone, request: OutgoingRequest, tries: int, last: TryAgain | None) -> FetchError:
        """Return the error for a request that is not sent; it has failed only if it was sent before, to no avail."""
        shown = mask_url(request.url)
        if last is not None and not last.says_slow_down:
            return FetchError(
                f"{request.method} {shown}: {last.reason}; tried {_times(tries - 1)}; {alone}.",
                url=shown,
                status=last.status,
                attempts=tries - 1,
                unreached=last.unreached,
            )
        return HostLeftAlone(
            f"{request.method} {shown}: not fetched, as {alone}; run again later.",
            reason=str(alone),
            url=shown,
            status=alone.status,
            is_wait=alone.is_wait,
            is_refusal=alone.is_refusal,
        )

    def _stopped(self, request: OutgoingRequest, tries: int) -> FetchError:
        shown = mask_url(request.url)
        return FetchError(f"{request.method} {shown}: stopped before all of an answer came.", url=shown, attempts=tries)

    # ---- one try ---------------------------------------------------------------------------------------

    def _follow(self, request: OutgoingRequest, asked: _Asked[T], *, is_fresh: bool, may_renew: bool) -> T:
        """Send, and follow redirects."""
        first = request.url
        seen = {first}
        was_encrypted = False
        late = 0
        addresses = self.redirect_policy.addresses_of(request)
        while len(seen) <= self._options.max_redirects + 1:
            pace = self._paces.of(request.url)
            self._refuse_given_up(request, asked, pace)
            header = request.get_authorization()
            # The pace inside, so that what it lets through starts now and does not queue for a place.
            with self._slots.one(asked.context.stop):
                sent = pace.enter(asked.context.stop, is_fresh=is_fresh)
                try:
                    # The token of this moment: that of a minute ago may have ended while the request waited.
                    outgoing = request.authorized(header)
                    if outgoing is None:
                        late += 1
                        if late <= _MOST_LATE:
                            continue
                        raise FetchError(
                            f"{request.method} {mask_url(first)}: the token of the source '{self._name}' ends sooner "
                            f"than its rate_limit lets a request through, {late} times; raise the rate_limit.",
                            url=mask_url(first),
                        )
                    answered, redirect = self._send_once(outgoing, asked, pace, sent, addresses, may_renew=may_renew)
                except AddressForbidden as error:
                    raise self.redirect_policy.unreachable(request, first, error) from error
                finally:
                    pace.leave()
            if redirect is None:
                assert answered is not None
                return answered[0]
            if request.url == first:
                addresses = self.redirect_policy.addresses_behind(redirect.address)
            was_encrypted = was_encrypted or request.url[:6].lower() == "https:"
            request = self.redirect_policy.check(
                first, request.redirected(redirect.location), "it is redirected to", was_encrypted=was_encrypted
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

    def _refuse_given_up(self, request: OutgoingRequest, asked: _Asked[T], pace: Pace) -> None:
        """Raise if the host was given up before, in the run that this request is for."""
        unreachable_hosts = asked.context.unreachable_hosts
        if unreachable_hosts is None or (why := unreachable_hosts.find(pace.host)) is None:
            return
        unreachable_hosts.give_up(pace.host, self._name, why)
        shown = mask_url(request.url)
        raise FetchError(f"{request.method} {shown}: not asked for: {why}.", url=shown, unreached=pace.host)

    def _send_once(
        self,
        request: OutgoingRequest,
        asked: _Asked[T],
        pace: Pace,
        sent: Sent,
        addresses: AddressPolicy,
        *,
        may_renew: bool,
    ) -> tuple[tuple[T] | None, _Redirect | None]:
        """Send, and let the host's pace know what came of it; see `_send`."""
        try:
            answered = self._send(request, asked, pace, sent, addresses)
        except TryAgain as again:
            if not (again.stale or again.progressed or again.says_slow_down or asked.does_without(again.unreached)):
                pace.failed(sent, request.url, again.reason, again.status, is_file=asked.is_file)
            raise
        except FetchError as error:
            if error.status == 401 and may_renew and _renew(request):
                raise _Renewed from error
            if error.status in CREDENTIALS_REFUSED:
                why = f"status {error.status}; {request.credentials}"
                pace.failed(sent, request.url, why, error.status, is_file=asked.is_file)
            raise
        # A login says nothing of what is asked for with it.
        if request.body is None:
            pace.answered(is_file=asked.is_file)
        return answered

    def _send(
        self, request: OutgoingRequest, asked: _Asked[T], pace: Pace, sent: Sent, addresses: AddressPolicy
    ) -> tuple[tuple[T] | None, _Redirect | None]:
        """Return what was received, or where a redirect leads."""
        usages = (self._usage, asked.context.usage)
        for usage in usages:
            usage.add(requests=1)
        started = time.monotonic()
        response: StreamedResponse | None = None
        try:
            failpoint("fetch.sent")
            with self._transport.send(request.method, request.url, request.headers, addresses, request.body) as raw:
                if asked.context.unreachable_hosts is not None:
                    asked.context.unreachable_hosts.answered(pace.host)
                response = StreamedResponse(raw, request, usages, asked.context.stop, self._options.max_expansion)
                if (announced := read_announcement(raw.headers)) is not None:
                    pace.announced(announced)
                if raw.status not in RETRIED_STATUSES:
                    pace.accepted(sent)
                    self._through += 1
                if raw.status in _REDIRECTS and (location := raw.headers.get("Location")):
                    return None, _Redirect(location, raw.address)
                if not asked.accepts(raw.status, request):
                    self._refuse(response, pace, sent)
                return (asked.receive(response),), None
        except TransportError as error:
            unreached = pace.host if error.unreached else ""
            if error.remedy is not None:
                shown = mask_url(request.url)
                if (unreachable_hosts := asked.does_without(unreached)) is not None:
                    unreachable_hosts.give_up(unreached, self._name, str(error))
                raise FetchError(
                    f"{request.method} {shown}: {error}; {error.remedy}.",
                    url=shown,
                    status=_status(response),
                    unreached=unreached,
                ) from error
            raise TryAgain(str(error), status=_status(response), stale=error.stale, unreached=unreached) from error
        except Truncated as error:
            raise TryAgain(str(error), status=_status(response)) from error
        except Bomb as error:
            shown = mask_url(request.url)
            raise FetchError(
                f"GET {shown}: the body is a bomb: {error}; if it is right, raise sources.{self._name}.max_expansion.",
                url=shown,
                status=_status(response),
            ) from error
        except UnknownEncoding as error:
            shown = mask_url(request.url)
            raise FetchError(
                f"{request.method} {shown}: the body has the Content-Encoding {str(error)[:40]!r}, which was not asked "
                f"for and cannot be undone; the provider has to send the file as it is, or as gzip.",
                url=shown,
                status=_status(response),
            ) from error
        except BadUrl as error:
            raise SourceError(f"'{mask_url(request.url)}' cannot be asked for: {error}.") from error
        finally:
            if logger.isEnabledFor(logging.DEBUG):
                logger.debug(
                    "%s: %s %s: %s, %.0f ms, %d bytes",
                    self._name,
                    request.method,
                    mask_url(request.url),
                    "no answer" if response is None else response.status,
                    (time.monotonic() - started) * 1e3,
                    0 if response is None else response.received_bytes,
                )

    def _refuse(self, response: StreamedResponse, pace: Pace, sent: Sent) -> None:
        """Raise for an answer that is none."""
        status, headers = response.status, response.headers
        if status in RETRIED_STATUSES:
            after = _asked_pause(status, headers)
            again = TryAgain(f"status {status}", status=status, after_seconds=after)
            if not again.says_slow_down:
                (pace.overloaded if status == 503 else pace.accepted)(sent)
            elif (after or 0) > self._options.max_retry_after_seconds:
                raise pace.asked_to_wait(after or 0, status)
            else:
                again.pause_seconds = pace.refused(sent, after, status)
            raise again
        if status == 416:  # the file has changed since the first part of it came; begin anew
            raise TryAgain("status 416", status=status)
        shown = mask_url(response.request.url)
        hint = _HINTS.get(status, "the provider's documentation may say why")
        raise FetchError(
            f"{response.request.method} {shown}: status {status}{_excerpt(response)}; {hint}.",
            url=shown,
            status=status,
        )


def _asked_pause(status: int, headers: Mapping[str, str]) -> float | None:
    """Return how many seconds a refusal asks to wait, by Retry-After or by what is said of the rate; None: nothing."""
    after = retry_after_seconds(headers.get("Retry-After"), headers.get("Date"))
    if after is None and status == 429:
        announced = read_announcement(headers)
        if announced is not None and not announced.remaining and announced.reset_seconds <= _LONGEST_RESET_SECONDS:
            return announced.reset_seconds
    return after if status == 429 else after or None  # no pause, and not for being one too many: that says nothing


def _renew(request: OutgoingRequest) -> bool:
    """Whether what the request was refused with has been replaced by other credentials."""
    if request.authorization is None:
        return False
    return request.authorization.renew(request.headers.get("Authorization", ""))


def _status(response: StreamedResponse | None) -> int | None:
    return None if response is None else response.status


def _times(tries: int) -> str:
    return "once" if tries == 1 else f"{tries} times"


def _excerpt(response: StreamedResponse) -> str:
    """Return how the text of an error begins, on one line and without secrets."""
    content_type = (response.headers.get("Content-Type") or "").lower()
    if response.status < 400 or not re.match(r"text/plain|application/([\w.-]*\+)?(json|xml)", content_type):
        return ""  # a page says nothing that the status does not
    body = b""
    try:
        for data in response.iter_body():
            body += data
            if len(body) >= _EXCERPT_BYTES:
                break
    except (TransportError, Truncated, UnknownEncoding, Bomb):
        return ""
    text = body[:_EXCERPT_BYTES].decode("utf-8", "replace")
    # Its own secrets, and those that are no longer its own: a token that was renewed.
    text = mask_text(response.request.redact(text))
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return f" ({text[:_EXCERPT_CHARACTERS]})" if text else ""
