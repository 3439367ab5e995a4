"""Credentials that are a callable on a request, as those of the package `requests`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from ingestify.errors import IngestifyError, SourceError
from ingestify.masking import mask_url

__all__ = ["RequestToSign", "Sign", "sign_request"]


@dataclasses.dataclass(slots=True)
class RequestToSign:
    """A request as the callable gets it. It may change the headers, and the query of the URL.

    Attributes:
        method: `GET` or `POST`.
        url: The whole URL.
        headers: The headers; the client adds Host.
        body: The body of a POST; None: there is none.
    """

    method: str
    url: str
    headers: dict[str, str] = dataclasses.field(repr=False)
    body: bytes | None = dataclasses.field(default=None, repr=False)


Sign = Callable[[RequestToSign], object]
"""Any thread may call it, once for each try. It returns the request, or None for the one that it was given."""


def sign_request(sign: Sign, request: RequestToSign) -> RequestToSign:
    """Return a request with its credentials.

    Raises:
        SourceError: The callable failed, or returned something else.
        IngestifyError: The callable raised it.
    """
    shown = mask_url(request.url)
    try:
        found = sign(request)
    except IngestifyError:
        raise
    except Exception as error:
        raise SourceError(
            f"The auth of {shown} raised {type(error).__name__}: {error}; it is given an object with method, url, "
            f"headers and body, and no response. Use (user, password) or an object with header() and renew() instead."
        ) from error
    if found is None:
        return request
    if not isinstance(found, RequestToSign):
        raise SourceError(f"The auth of {shown} returned a {type(found).__name__}; it must return the request.")
    return found
