"""The url of a secret in a vault: `vault+aws://lake/wyscout?region=eu-west-1#api_key`."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Mapping

import msgspec

from ingestify.errors import ConfigurationError
from ingestify.masking import mask_url

__all__ = ["VaultUrl", "is_vault_url"]

_VAULT_URL = re.compile(
    r"(?P<scheme>vault\+[a-z0-9.-]+)://(?P<name>[^?#]*)(\?(?P<options>[^#]*))?(#(?P<key>.*))?", re.IGNORECASE
)


def is_vault_url(value: object) -> bool:
    """Return whether `value` is the url of a secret in a vault: `vault+aws://…`, `vault+gcp://…`, `vault+other://…`."""
    return isinstance(value, str) and re.match(r"vault\+[a-z0-9.-]+://", value, re.IGNORECASE) is not None


class VaultUrl(msgspec.Struct, frozen=True):
    """A secret, or one value of it.

    Attributes:
        scheme: The kind of vault: `vault+aws`, in lower case.
        name: The secret's name in the vault, such as `lake/wyscout`. Percent codes are decoded.
        options: The decoded options after `?`: `{"region": "eu-west-1"}`.
        key: The key of one value in a JSON object; None: the whole secret.
        shown: The secret's name in messages, without the key.
    """

    scheme: str
    name: str
    options: Mapping[str, str] = msgspec.field(default_factory=dict)
    key: str | None = None
    shown: str = ""

    @classmethod
    def parse(cls, text: str) -> VaultUrl:
        """Read a vault url.

        Raises:
            ConfigurationError: The url names no secret, or has an option without a value.
        """
        match = _VAULT_URL.fullmatch(text)
        shown = mask_url(text.partition("#")[0])
        name = "" if match is None else urllib.parse.unquote(match["name"])
        if match is None or not name.strip("/ "):
            raise ConfigurationError(f"{shown} names no secret; write vault+aws://name or vault+gcp://project/name.")
        options: dict[str, str] = {}
        for pair in filter(None, (match["options"] or "").split("&")):
            # Not parse_qsl, which makes blanks of plus signs, and drops options without a value.
            option, _, value = pair.partition("=")
            option = urllib.parse.unquote(option)
            if not value or option in options:
                raise ConfigurationError(f"{shown}: write each option once, with a value: ?{option}=…")
            options[option] = urllib.parse.unquote(value)
        key = None if match["key"] is None else urllib.parse.unquote(match["key"])
        if key == "":
            raise ConfigurationError(f"{shown}: there is no key after the #.")
        return cls(match["scheme"].lower(), name, options, key, shown)

    @property
    def identity(self) -> tuple[object, ...]:
        """Equal for urls of the same secret, whatever their keys."""
        return self.scheme, self.name, tuple(sorted(self.options.items()))

    def __str__(self) -> str:
        return self.shown
