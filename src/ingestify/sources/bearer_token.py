"""A bearer token that a provider hands out for minutes, against a name and a password or a secret."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from ingestify.domain.ports import HttpClientPort
from ingestify.errors import ConfigurationError, FetchError, HostLeftAlone, SourceError
from ingestify.masking import hide, mask_url

__all__ = ["BearerToken"]

_EARLY_SECONDS = 30.0
"""A token is replaced so long before it expires, or halfway if it lives shorter: requests take their time."""

_UNKNOWN_SECONDS = 300.0
"""How long a token is used whose end is not told; a login costs little."""

_REFUSED_SECONDS = 60.0


class BearerToken:
    """Implements `domain.ports.Authorization` by OAuth 2.0: with a user's password, or a client's secret.

    Those are the grants `password` and `client_credentials` (RFC 6749, sections 4.3 and 4.4).

    Any thread may ask; while one gets a token, the others wait for it. A login that was refused is not tried again for
    a minute: wrong passwords lock accounts.

    Args:
        source: The source's name, for errors.
        token_url: Where tokens are handed out.
        form: What is sent there: `client_id`, `username`, `password`, …; `grant_type` is `password` if it is not there.
        http: Returns the source's client.
        auth: The client and its secret, where they are to be sent as Basic authentication; None: the form has them.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        source: str,
        token_url: str,
        form: Mapping[str, str],
        http: Callable[[], HttpClientPort],
        *,
        auth: tuple[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._token_url = token_url
        self._form = {"grant_type": "password", **form}
        self._auth = auth
        self._http = http
        self._clock = clock
        self._lock = threading.Lock()
        self._header = ""
        self._renewed_at = 0.0
        self._refused: tuple[float, str] | None = None

    def header(self) -> str:
        """Return `Bearer …`, of a token that is still good for a while.

        Raises:
            ConfigurationError: The provider refuses the name and password.
            SourceError: What it answers is no token.
            FetchError: It could not be asked.
        """
        with self._lock:
            if not self._is_good:
                self._get()
            return self._header

    def at_hand(self) -> str | None:
        """Return it if it is still good; None: it has to be asked for."""
        header = self._header
        return header if self._is_good else None

    @property
    def _is_good(self) -> bool:
        return bool(self._header) and self._clock() < self._renewed_at

    def __repr__(self) -> str:
        return f"BearerToken({self._source})"

    def renew(self, refused: str) -> bool:
        """Drop a token that was refused, unless another thread has replaced it already."""
        with self._lock:
            if self._header == refused:
                self._header = ""
        return True

    def _get(self) -> None:
        asked_at = self._clock()
        if self._refused is not None and asked_at < self._refused[0]:
            raise ConfigurationError(self._refused[1])
        try:
            answer = self._http().post_form(self._token_url, self._form, auth=self._auth)
        except HostLeftAlone:
            raise
        except FetchError as error:
            # RFC 6749, section 5.2: invalid_grant is a 400, invalid_client a 401.
            if error.status in (400, 401, 403):
                message = (
                    f"The login of the source '{self._source}' is refused ({error.status}, {error.url}): correct "
                    f"the credentials under sources.{self._source}.configuration."
                )
                self._refused = (asked_at + _REFUSED_SECONDS, message)
                raise ConfigurationError(message) from error
            raise
        token, lives_seconds = _read(answer.json(), self._token_url)
        hide(token)
        self._header = f"Bearer {token}"
        self._renewed_at = asked_at + max(lives_seconds - _EARLY_SECONDS, lives_seconds / 2)


def _read(answer: Any, url: str) -> tuple[str, float]:
    """Return the token, and for how many seconds it holds; infinity: until it is refused.

    All but the token is optional, or was found to be: see RFC 6749, section 5.1, and providers that write null, 0 or -1
    for a token that does not end.
    """
    said = answer if isinstance(answer, dict) else {}
    token, kind, lives = said.get("access_token"), said.get("token_type"), said.get("expires_in")
    try:
        lives_seconds = _UNKNOWN_SECONDS if lives in (None, "") else float(lives)  # some write it as text
    except (TypeError, ValueError, OverflowError):
        lives_seconds = math.nan
    if not isinstance(token, str) or not token or math.isnan(lives_seconds):
        raise SourceError(f"What {mask_url(url)} answers is no access token; is it the URL that hands them out?")
    if kind not in (None, "") and (not isinstance(kind, str) or kind.strip().lower() != "bearer"):
        raise SourceError(
            f"What {mask_url(url)} answers is a token of the type {str(kind)[:20]!r}; only Bearer can be sent."
        )
    return token, lives_seconds if lives_seconds > 0 else math.inf
