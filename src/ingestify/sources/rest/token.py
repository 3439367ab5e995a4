"""Tokens of OAuth 2.0 (RFC 6749): asked for when they are needed, kept until shortly before they end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from ingestify.domain.ports import HttpAnswer
from ingestify.errors import FetchError
from ingestify.masking import hide, mask_url

__all__ = ["BearerToken"]

_EARLY_SECONDS = 30.0
"""So long before its end a token is not used any more: a request takes its time, and clocks differ."""
_EARLY_PART = 0.1
_KEPT_SECONDS = 300.0
"""For how long a token is kept that does not say when it ends (RFC 6749, section 5.1, recommends that it does)."""


class BearerToken:
    """Implements `domain.ports.Authorization`. Safe to use from any thread: one asks for a token, the others wait.

    A token that the provider refuses with a 401 before its time is asked for anew, once for each request.

    Args:
        ask: Asks the provider for a token: the answer to a POST of the grant.
    """

    def __init__(self, ask: Callable[[], HttpAnswer]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._header = ""
        self._ends = 0.0

    def header(self) -> str:
        """Return `Bearer …`. Asks for a token if there is none that still holds.

        Raises:
            FetchError: The provider gives none.
        """
        with self._lock:
            if not self._header or time.monotonic() >= self._ends:
                answer = self._ask()
                token, seconds = _read(answer)
                hide(token)
                self._header = f"Bearer {token}"
                self._ends = time.monotonic() + seconds - min(_EARLY_SECONDS, _EARLY_PART * seconds)
            return self._header

    def renew(self, refused: str) -> bool:
        """Forget the token that was refused, unless another thread did so already."""
        with self._lock:
            if refused == self._header:
                self._header = ""
        return True

    def __repr__(self) -> str:
        return "BearerToken(…)"


def _read(answer: HttpAnswer) -> tuple[str, float]:
    """Return the token, and for how many seconds it holds."""
    said: Any = answer.json()
    token = said.get("access_token") if isinstance(said, Mapping) else None
    if not isinstance(token, str) or not token:
        raise FetchError(
            f"POST {mask_url(answer.url)}: the answer holds no access_token; is it the URL that gives tokens?",
            url=mask_url(answer.url),
            status=answer.status,
        )
    kind = said.get("token_type")
    if isinstance(kind, str) and kind.lower() != "bearer":
        raise FetchError(
            f"POST {mask_url(answer.url)}: the token is of the type {kind[:20]!r}, and only bearer tokens can be used.",
            url=mask_url(answer.url),
        )
    seconds = said.get("expires_in")
    try:
        seconds = float(seconds)
    except (TypeError, ValueError):
        return token, _KEPT_SECONDS
    return token, seconds if seconds > 0 else _KEPT_SECONDS
