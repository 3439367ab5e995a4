"""The URLs that a description may request, and what is sent to each."""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping, Sequence

from ingestify.errors import SourceError
from ingestify.fetch.paging.pages import get_param, with_param
from ingestify.fetch.request import origin
from ingestify.masking import mask_url
from ingestify.sources.rest.authorization import Credentials, RequestOptions
from ingestify.sources.template import Scope, Template, as_text

__all__ = ["Addresses"]


class Addresses:
    """The hosts of one provider. Safe to use from any thread.

    Args:
        base_url: The URL to which paths are added. Only its origin gets the credentials.
        others: Other allowed hosts: `cdn.example.com`, `*.example.com`.
        credentials: What is sent to the origin of `base_url`.
    """

    def __init__(self, base_url: str, others: Sequence[str], credentials: Credentials) -> None:
        self._base_url = base_url
        self._credentials = credentials
        self.hosts = (urllib.parse.urlsplit(base_url).hostname or "", *(host.lower() for host in others))

    def get_url(self, template: Template, scope: Scope) -> str:
        """Return the URL of a template: a path below the base URL, or a URL in the entry.

        Raises:
            SourceError: A value is missing, or the URL is on a host that is not allowed.
        """
        if template.only_path is not None:
            found = scope.find(template.only_path)
            if found is None or found == "":
                raise SourceError(f"it needs the URL at '{template.only_path}', and there is none")
            return self._checked(urllib.parse.urljoin(f"{self._base_url}/", as_text(found, template).strip()))
        filled = template.get_url_part(scope)
        if filled.startswith(("http://", "https://")):
            return self._checked(filled)
        return self._checked(
            f"{self._base_url}/{filled.lstrip('/')}" if not filled.startswith("?") else self._base_url + filled
        )

    def get_next(self, url: str, asked_url: str) -> str:
        """Return the URL of the next page, with the key that belongs in the query.

        Args:
            url: The link to the next page; it may be relative.
            asked_url: The URL of the page with the link.

        Raises:
            SourceError: The URL is on a host that is not allowed.
        """
        checked = self._checked(urllib.parse.urljoin(asked_url, url))
        if self._is_own(checked):
            for name, value in self._credentials.parameters.items():
                if get_param(checked, name) is None:
                    checked = with_param(checked, name, value)
        return checked

    def get_options(self, url: str, parameters: Mapping[str, str]) -> RequestOptions:
        """Return the options of a request: its parameters and, for the origin of the base URL, the credentials."""
        if self._is_own(url):
            return self._credentials.as_options(parameters)
        return {"params": dict(parameters)} if parameters else {}

    def _is_own(self, url: str) -> bool:
        return origin(url) == origin(self._base_url)

    def _checked(self, url: str) -> str:
        try:
            parts = urllib.parse.urlsplit(url)
            host, _ = (parts.hostname or "").lower(), parts.port
        except ValueError as error:
            raise SourceError(f"'{mask_url(url)}' is no URL") from error
        if parts.scheme not in ("http", "https") or not host:
            raise SourceError(f"'{mask_url(url)}' is no http or https URL")
        if not any(_is_of(host, one) for one in self.hosts):
            raise SourceError(
                f"{mask_url(url)} is on the host '{host}', which is not that of base_url; if that is meant, add it to "
                f"'hosts'"
            )
        if parts.scheme == "http" and self._base_url.startswith("https:") and host == self.hosts[0]:
            raise SourceError(f"{mask_url(url)} is not encrypted, and base_url is")
        return url


def _is_of(host: str, pattern: str) -> bool:
    """Return whether a host matches `cdn.example.com` or `*.example.com`."""
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern
