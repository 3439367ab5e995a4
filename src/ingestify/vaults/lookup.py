"""The look-up of secrets, each once for one opening of a lake."""

from __future__ import annotations

import difflib
import json
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any

from ingestify.errors import ConfigurationError, IngestifyError, SecretError
from ingestify.masking import hide
from ingestify.plugins import Plugin, find_plugins
from ingestify.vaults.aws import AwsSecretReader
from ingestify.vaults.gcp import GcpSecretReader
from ingestify.vaults.reader import SecretReader
from ingestify.vaults.url import VaultUrl

__all__ = ["ENTRY_POINT_GROUP", "SecretLookup"]

ENTRY_POINT_GROUP = "ingestify.secrets"
"""The entry points with which installed packages add a `SecretReader` for a scheme."""

BUILT_IN: Mapping[str, Callable[[], SecretReader]] = {"vault+aws": AwsSecretReader, "vault+gcp": GcpSecretReader}

# Keys of a database's secret, as RDS writes it, that are not hidden: names such as `postgres` are in many messages.
_SHOWN_OF_A_DATABASE = frozenset(
    {"engine", "host", "port", "dbname", "username", "dbinstanceidentifier", "dbclusteridentifier"}
)


class SecretLookup:
    """Looks secrets up, in the caller's thread, and hides their values in all messages.

    Each opening of a lake has its own look-up. So a user and a password are from one moment, and the next opening reads
    rotated secrets. Nothing is kept anywhere else.

    Args:
        readers: The function that makes the reader, for each scheme; None: the built-in readers and those of installed
            packages.
    """

    def __init__(self, readers: Mapping[str, Callable[[], SecretReader]] | None = None) -> None:
        self._makers = readers
        self._readers: dict[str, SecretReader] = {}
        self._texts: dict[tuple[object, ...], str] = {}

    def check(self, url: VaultUrl) -> None:
        """Check the scheme, the options and the needed extra of a url, without a request to the vault.

        Raises:
            ConfigurationError: The url cannot be a secret's, or no reader is installed for it.
        """
        reader = self._reader(url)
        for option in url.options:
            if option not in reader.options:
                known = ", ".join(sorted(reader.options)) or "none"
                raise SecretError(f"{url}: {url.scheme}:// has no option '{option}'; there is {known}.")

    def read_text(self, url: VaultUrl) -> str:
        """Return a whole secret, without line breaks at its end, which many tools add.

        Raises:
            SecretError: The secret cannot be read, or is empty. The message never shows any of it.
        """
        if url.identity not in self._texts:
            self.check(url)
            self._texts[url.identity] = text = self._read(url).rstrip("\r\n")
            _hide_text(text)
        text = self._texts[url.identity]
        if not text:
            raise SecretError(f"The secret {url} is empty; put a value into it.")
        return text

    def read_mapping(self, url: VaultUrl) -> dict[str, Any]:
        """Return the JSON object in a secret, or under the url's key.

        Raises:
            SecretError: There is no JSON object, or no such key.
        """
        found = self._parse(url) if url.key is None else self.read_value(url)
        if not isinstance(found, dict):
            raise SecretError(f"The value '{url.key}' of the secret {url} is no JSON object.")
        return found

    def read_value(self, url: VaultUrl) -> Any:
        """Return the JSON value under the url's key; without a key, the whole secret as text.

        Raises:
            SecretError: The secret is no JSON object, has no such key, or its value is null.
        """
        if url.key is None:
            return self.read_text(url)
        content = self._parse(url)
        if url.key not in content:
            # The names of the other keys are no secrets, and usually help.
            close = difflib.get_close_matches(url.key, content, n=1)
            hint = f"did you mean '{close[0]}'?" if close else f"it has {', '.join(sorted(content)) or 'none'}."
            raise SecretError(f"The secret {url} has no key '{url.key}'; {hint}")
        if content[url.key] is None:
            raise SecretError(f"The value '{url.key}' of the secret {url} is null; put a value there.")
        return content[url.key]

    def _parse(self, url: VaultUrl) -> dict[str, Any]:
        content = _as_object(self.read_text(url))
        if content is None:
            wanted = "" if url.key is None else f", so it has no key '{url.key}'"
            raise SecretError(f'The secret {url} is no JSON object ({{"key": "value"}}){wanted}.')
        return content

    def _read(self, url: VaultUrl) -> str:
        try:
            text: object = self._reader(url).read(url)
        except IngestifyError:
            raise
        except Exception as error:  # noqa: BLE001 - the edge to another package's code
            # Without the cause and its message, which may quote the secret.
            raise SecretError(f"The secret {url} cannot be read: its reader raised {type(error).__name__}.") from None
        if not isinstance(text, str):
            raise SecretError(f"The secret {url} cannot be read: its reader returned a {type(text).__name__}, no text.")
        return text

    def _reader(self, url: VaultUrl) -> SecretReader:
        if url.scheme not in self._readers:
            makers = _find_makers() if self._makers is None else self._makers
            maker = makers.get(url.scheme)
            if maker is None:
                raise SecretError(
                    f"{url}: nothing reads {url.scheme}://; there {'is' if len(makers) == 1 else 'are'} "
                    f"{', '.join(f'{scheme}://' for scheme in sorted(makers)) or 'none'}. An installed package can "
                    f"bring others (entry point group {ENTRY_POINT_GROUP})."
                )
            self._readers[url.scheme] = maker()
        return self._readers[url.scheme]


def _find_makers() -> dict[str, Callable[[], SecretReader]]:
    brought = {plugin.name.lower(): _loading(plugin) for plugin in find_plugins(ENTRY_POINT_GROUP)}
    return {**brought, **BUILT_IN}


def _loading(plugin: Plugin) -> Callable[[], SecretReader]:
    def make() -> SecretReader:
        try:
            found = plugin.load()
        except ConfigurationError as error:
            raise SecretError(str(error)) from error
        try:
            made: SecretReader = found()
        except IngestifyError:
            raise
        except Exception as error:
            raise SecretError(f"{plugin.title} cannot be made: {type(error).__name__}: {error}") from error
        if not callable(getattr(made, "read", None)) or not isinstance(getattr(made, "options", None), frozenset):
            raise SecretError(
                f"{plugin.title} is a {type(made).__name__}; it must have options, a frozenset, and a method read(url)."
            )
        return made

    return make


def _as_object(text: str) -> dict[str, Any] | None:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None  # the error holds the text
    return content if isinstance(content, dict) else None


def _hide_text(text: str) -> None:
    content = _as_object(text)
    if content is None:
        _hide(text)
    else:
        hide(text)
        _hide(content)


def _hide(value: object) -> None:
    if isinstance(value, dict):
        shown = _SHOWN_OF_A_DATABASE if "engine" in value else frozenset()
        for key, each in value.items():
            if key.lower() not in shown:
                _hide(each)
    elif isinstance(value, list):
        for each in value:
            _hide(each)
    elif isinstance(value, (str, int, float)) and not isinstance(value, bool):
        text = str(value)
        hide(text)
        for line in text.splitlines():
            hide(line)  # a message may quote a line of a private key
        try:
            # A driver's message may quote the password alone.
            password = urllib.parse.urlsplit(text).password
        except ValueError:
            password = None
        if password:
            hide(password)
            hide(urllib.parse.unquote(password))
