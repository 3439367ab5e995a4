"""A bearer token that expires after minutes; the provider gives it for a password or a client's secret."""

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
"""How long before its end a token is replaced (a shorter-lived one at half of its life), as requests take time."""

_UNKNOWN_SECONDS = 300.0
"""How long a token is used if the provider does not say when it expires; a login costs little."""

_REFUSED_SECONDS = 60.0


class BearerToken:
    """Implements `domain.ports.Authorization` by OAuth 2.0: with a user's password, or a client's secret.

    Those are the grants `password` and `client_credentials` (RFC 6749, sections 4.3 and 4.4).

    Any thread may call it; the others wait while one thread requests a token. A refused login is not repeated for a
    minute, because wrong passwords lock accounts.

    Args:
        source: The source's name, for errors.
        token_url: The URL that gives tokens.
        form: The form that is sent there: `client_id`, `username`, `password`, …; `grant_type` defaults to `password`.
        http: Returns the source's HTTP client.
        auth: The client and its secret for Basic authentication; None: the form has them.
        clock: A monotonic clock, in seconds.
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
        """Return `Bearer …` with a token that is valid for a while.

        Raises:
            ConfigurationError: The provider refuses the credentials.
            SourceError: The response is no token.
            FetchError: The request failed.
        """
        with self._lock:
            if not self._is_good:
                self._get()
            return self._header

    def at_hand(self) -> str | None:
        """Return the header if the token is valid; None: a new token must be requested."""
        header = self._header
        return header if self._is_good else None

    @property
    def _is_good(self) -> bool:
        return bool(self._header) and self._clock() < self._renewed_at

    def __repr__(self) -> str:
        return f"BearerToken({self._source})"

    def renew(self, refused: str) -> bool:
        """Drop a token that the provider refused, unless another thread has replaced it already."""
        with self._lock:
            if self._header == refused:
                self._header = ""
        return True

    def _get(self) -> None:
        asked_at = self._clock()
        if self._refused is not None and asked_at < self._refused[0]:
            raise ConfigurationError(self._refused[1])
        try:
            response = self._http().post_form(self._token_url, self._form, auth=self._auth)
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
        token, lives_seconds = _read(response.json(), self._token_url)
        hide(token)
        self._header = f"Bearer {token}"
        self._renewed_at = asked_at + max(lives_seconds - _EARLY_SECONDS, lives_seconds / 2)


def _read(document: Any, url: str) -> tuple[str, float]:
    """Return the token, and how many seconds it is valid; infinity: until it is refused.

    Only the token is required (RFC 6749, section 5.1). Some providers write null, 0 or -1 for a token without an end.
    """
    fields = document if isinstance(document, dict) else {}
    token, kind, lives = fields.get("access_token"), fields.get("token_type"), fields.get("expires_in")
    try:
        lives_seconds = _UNKNOWN_SECONDS if lives in (None, "") else float(lives)  # some write it as text
    except (TypeError, ValueError, OverflowError):
        lives_seconds = math.nan
    if not isinstance(token, str) or not token or math.isnan(lives_seconds):
        raise SourceError(f"The response of {mask_url(url)} is no access token; is it the URL that gives tokens?")
    if kind not in (None, "") and (not isinstance(kind, str) or kind.strip().lower() != "bearer"):
        raise SourceError(
            f"The response of {mask_url(url)} is a token of the type {str(kind)[:20]!r}; only Bearer can be sent."
        )
    return token, lives_seconds if lives_seconds > 0 else math.inf
