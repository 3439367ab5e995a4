"""An answer with the status of a success that says that an error occurred: it is no file, and no listing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from ingestify.errors import FetchError
from ingestify.masking import mask_url

__all__ = ["ERROR_KEYS", "FindError", "error_in_response", "plain_key", "refuse_error"]

ERROR_KEYS = frozenset({"error", "errors", "fault", "errormessage", "errordescription", "errormsg", "exception"})
"""The keys under which a response names an error, as `plain_key` writes them."""

FindError: TypeAlias = Callable[[bytes], str]
"""Returns what the body of an answer says went wrong, for people, though its status says that nothing did; empty:
nothing. It shows no secrets. Any thread calls it."""


def plain_key(key: str) -> str:
    """Return a key without case, dashes and underscores, which providers use in any way."""
    return key.lower().replace("_", "").replace("-", "")


def refuse_error(find_error: FindError | None, body: bytes, url: str, status: int = 200) -> None:
    """Look at an answer's body.

    Args:
        find_error: None: nobody knows how an error would look.
        url: Where it came from, with whatever secrets it has.

    Raises:
        FetchError: It is an error.
    """
    if find_error is not None and (said := find_error(body)):
        raise error_in_response(said, url, status)


def error_in_response(said: str, url: str, status: int = 200) -> FetchError:
    """Return the error that a provider answered something else than what was asked for.

    Args:
        said: What its answer says, for people, without secrets.
        url: Where it came from, with whatever secrets it has; empty: a loader knows.
    """
    shown = mask_url(url)
    return FetchError(
        f"{f'GET {shown}: ' if shown else ''}it is an error that the provider answered, with the status {status}: "
        f"{said}; nothing of it is stored, and the next run asks again.",
        url=shown,
        status=status,
    )
