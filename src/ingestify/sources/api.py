"""The base class of sources for paid APIs: credentials, and the errors when a provider refuses them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from ingestify.domain.ports import Auth, Response
from ingestify.errors import ConfigurationError, FetchError, SourceError
from ingestify.masking import hide
from ingestify.sources.base_url import BaseUrlSource

__all__ = ["ApiSource", "FixedToken", "basic_auth", "secret"]

T = TypeVar("T")

REFUSED_FOR_SECONDS = 60.0
"""How long refused credentials are not sent again, so that forty selectors do not look like a guessing attack."""


class ApiSource(BaseUrlSource):
    """A source of an API that needs credentials.

    Args:
        name: The source's name in the configuration.
        base_url: The URL of the API.
        auth: The credentials of each request.
        credentials: The options of the credentials, for errors: `username and password`.
        **configuration: The other options, without secrets.
    """

    licence = "by contract with the provider"

    def __init__(self, name: str, base_url: str, auth: Auth, credentials: str, **configuration: Any) -> None:
        super().__init__(name, base_url, **configuration)
        self._auth = auth
        self._credentials = credentials
        self._refused: tuple[float, str] | None = None

    def _get_json(self, path: str, what: str, params: Mapping[str, Any] | None = None) -> Any:
        """Return the JSON document at a path below the base URL. `what` names its content in errors.

        Raises:
            ConfigurationError: The provider refuses the credentials.
            SourceError: The account has no access to this, or the response is no JSON.
            FetchError: The request failed.
        """
        url = f"{self._base_url}/{path}"
        return self._asked(what, lambda: self.http.get_json(url, params=params, auth=self._auth))

    def _get_entries(self, path: str, what: str) -> Any:
        """Return the entries of a JSON list one by one; see `HttpClientPort.get_entries`. Raises as `_get_json`."""
        return self._asked(what, lambda: self.http.get_entries(f"{self._base_url}/{path}", auth=self._auth))

    def _iter_pages(
        self, path: str, what: str, pager: object, params: Mapping[str, Any] | None = None
    ) -> Iterator[Response]:
        """Yield the pages of an index; each is requested when the caller takes it. Raises as `_get_json`."""
        pages = self.http.iter_pages(f"{self._base_url}/{path}", pager, params=params, auth=self._auth)
        while (page := self._asked(what, lambda: next(pages, None))) is not None:
            yield page

    def _asked(self, what: str, ask: Callable[[], T]) -> T:
        refused = self._refused
        if refused is not None and time.monotonic() - refused[0] < REFUSED_FOR_SECONDS:
            raise ConfigurationError(refused[1])
        try:
            return ask()
        except FetchError as error:
            if error.status == 401:
                message = (
                    f"{self.provider} refuses the {self._credentials} of the source '{self.name}' (401, {error.url}): "
                    f"correct them under sources.{self.name}.configuration."
                )
                self._refused = (time.monotonic(), message)
                raise ConfigurationError(message) from error
            if error.status == 403:
                raise SourceError(
                    f"{self.provider} does not give {what} to the account of the source '{self.name}' (403, "
                    f"{error.url}): leave it out of the plan's selectors, or ask the provider for access."
                ) from error
            raise


def secret(source: str, option: str, value: object) -> str:
    """Return a credential of the configuration, and hide it in all messages from now on.

    Raises:
        ConfigurationError: The credential is missing, or no text. The message does not show it.
    """
    if not isinstance(value, str) or not value.strip():
        wrong = "is empty" if value in (None, "") or isinstance(value, str) else f"is a {type(value).__name__}, no text"
        raise ConfigurationError(
            f"The source '{source}' needs its {option}, and it {wrong}: set sources.{source}.configuration.{option}, "
            f'for instance to  !ENV "${{{option.upper()}}}"  or to a vault url.'
        )
    if option not in ("username", "client_id"):
        hide(value)
    return value


def basic_auth(source: str, username: object, password: object) -> tuple[str, str]:
    """Return user and password for Basic authentication.

    Raises:
        ConfigurationError: One of them is missing.
    """
    return secret(source, "username", username), secret(source, "password", password)


class FixedToken:
    """A token that does not expire; implements `domain.ports.Authorization`.

    Args:
        scheme: The scheme of the Authorization header, such as `Token`.
        token: The token.
    """

    def __init__(self, scheme: str, token: str) -> None:
        self._header = f"{scheme} {token}"

    def header(self) -> str:
        """Return the Authorization header."""
        return self._header

    def renew(self, refused: str) -> bool:  # noqa: ARG002 - the signature of the port
        """Return False: there is no other token."""
        return False
