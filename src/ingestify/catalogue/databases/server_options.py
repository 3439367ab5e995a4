"""What can be said in the URL of a database server besides what its driver knows."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa

from ingestify.errors import ConfigurationError
from ingestify.masking import is_secret_key

__all__ = ["ServerOptions", "shown"]

T = TypeVar("T", int, float)


@dataclasses.dataclass(frozen=True, slots=True)
class ServerOptions:
    """The options behind the `?` that are ingestify's own, or have a value that suits it.

    Attributes:
        connect_timeout: Seconds to wait for a connection.
        lock_timeout: Seconds to wait for what another writer has locked.
        statement_timeout: Seconds that one statement may take; None: as the server says.
        pool_size: Connections that are kept open; as many again three times may be opened while they are needed.
        idle_timeout: Seconds after which the server ends a transaction of ours that says nothing any more: its machine
            sleeps or is gone, and others wait for what it has locked.
    """

    connect_timeout: int = 10
    lock_timeout: float = 60.0
    statement_timeout: float | None = None
    pool_size: int = 5
    idle_timeout: float = 30.0

    @classmethod
    def take_from(cls, url: sa.URL) -> tuple[ServerOptions, sa.URL]:
        """Return the options, and the URL with what is left for the driver.

        Raises:
            ConfigurationError: A value is no number above 0.
        """
        usual = cls()
        options = cls(
            connect_timeout=_number(url, "connect_timeout", int, usual.connect_timeout),
            lock_timeout=_number(url, "lock_timeout", float, usual.lock_timeout),
            statement_timeout=_number(url, "statement_timeout", float, 0.0) or None,
            pool_size=_number(url, "pool_size", int, usual.pool_size),
            idle_timeout=_number(url, "idle_timeout", float, usual.idle_timeout),
        )
        return options, url.difference_update_query([field.name for field in dataclasses.fields(cls)])

    def pool(self) -> dict[str, object]:
        """Return what SQLAlchemy's pool is to be told."""
        return {
            "pool_size": self.pool_size,
            "max_overflow": 3 * self.pool_size,
            "pool_timeout": self.lock_timeout,
        }


def _number(url: sa.URL, name: str, kind: Callable[[str], T], default: T) -> T:
    text = url.query.get(name)
    if text is None:
        return default
    try:
        number = kind(str(text))
    except ValueError:
        number = kind("0")
    if not 0 < number < 1_000_000:
        raise ConfigurationError(f"metadata_url: {name} is '{text}'; it must be a number above 0.")
    return number


def shown(url: sa.URL) -> str:
    """Return a server's URL for people: without its driver, its password and what else may be secret."""
    query = {key: "***" if is_secret_key(key) else value for key, value in url.query.items()}
    plain = url.set(drivername=url.get_backend_name(), query=query)
    return plain.render_as_string(hide_password=True).replace("%2A%2A%2A", "***")
