"""A response with a success status whose body is an error: it is neither a file nor a listing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from ingestify.errors import FetchError
from ingestify.masking import mask_url

__all__ = ["ERROR_KEYS", "FindError", "error_in_response", "plain_key", "refuse_error"]

ERROR_KEYS = frozenset({"error", "errors", "fault", "errormessage", "errordescription", "errormsg", "exception"})
"""The keys under which a response names an error, as `plain_key` writes them."""

FindError: TypeAlias = Callable[[bytes], str]
"""Returns the error that the body of a response describes, for people and without secrets; empty: the body is no error.
Any thread calls it."""


def plain_key(key: str) -> str:
    """Return a key in lower case without dashes and underscores, which differ between providers."""
    return key.lower().replace("_", "").replace("-", "")


def refuse_error(find_error: FindError | None, body: bytes, url: str, status: int = 200) -> None:
    """Raise an error if the body of a response is one.

    Args:
        find_error: Finds the error in a body; None: the body is not checked.
        body: The body of the response.
        url: The URL of the response, which may have secrets.
        status: Its status.

    Raises:
        FetchError: It is an error.
    """
    if find_error is not None and (said := find_error(body)):
        raise error_in_response(said, url, status)


def error_in_response(said: str, url: str, status: int = 200) -> FetchError:
    """Return the error for a response whose body is an error.

    Args:
        said: The text of the response's error, for people, without secrets.
        url: The URL of the response, which may have secrets; empty: unknown, as a loader sent the request.
        status: Its status.
    """
    shown = mask_url(url)
    return FetchError(
        f"{f'GET {shown}: ' if shown else ''}the provider sent an error with the status {status}: "
        f"{said}; nothing of it is stored, and the next run asks again.",
        url=shown,
        status=status,
    )
