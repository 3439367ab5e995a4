"""The protocol of a reader of secrets, for one kind of vault."""

from __future__ import annotations

from typing import Protocol

from ingestify.vaults.url import VaultUrl

__all__ = ["SecretReader"]


class SecretReader(Protocol):
    """Reads secrets of one kind of vault.

    An installed package adds one with an entry point of the group `ingestify.secrets`. Its name is the scheme, such as
    `vault+hashicorp`, and its object, usually the class, is called without arguments and returns the reader. The call
    comes when a lake or a configuration with such a url is opened or checked, in the caller's thread. A client that is
    slow to import should be imported there, not at the top of the module.
    """

    options: frozenset[str]
    """The names of the options after `?` in its urls. Other options are refused before `read` is called."""

    def read(self, url: VaultUrl) -> str:
        """Return a secret's text. Called once for each secret and opening, in the caller's thread; it may block.

        Args:
            url: `url.name` and `url.options` name the secret; the reader ignores the key.

        Raises:
            SecretError: The secret cannot be read; the message says why and what to do, and never shows any of it. Of
                any other exception only the type is shown, because its message may quote the secret.
        """
