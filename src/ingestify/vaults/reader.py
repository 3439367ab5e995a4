"""What reads the secrets of one kind of vault."""

from __future__ import annotations

from typing import Protocol

from ingestify.vaults.url import VaultUrl

__all__ = ["SecretReader"]


class SecretReader(Protocol):
    """Reads secrets of one kind of vault.

    An installed package brings one by an entry point of the group `ingestify.secrets`, whose name is the scheme, such
    as `vault+hashicorp`, and whose object is called without arguments and returns the reader: mostly its class. That
    happens when a lake is opened, or a configuration checked, that has such a url; always in the caller's thread. A
    client that is slow to import belongs there and not at the top of the module.
    """

    options: frozenset[str]
    """The names that may stand after `?` in its urls. Others are refused before `read` is called."""

    def read(self, url: VaultUrl) -> str:
        """Return a secret's text. Called once for each secret and opening, in the caller's thread; it may block.

        Args:
            url: `url.name` and `url.options` say which; the key is no business of the reader.

        Raises:
            SecretError: It cannot be had; the message says why and what to do, and never shows any of it. Any other
                exception is shown by its type alone, since nobody knows what its message quotes.
        """
