"""The options in the URL of a database server that are ingestify's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec
import sqlalchemy as sa

from ingestify.errors import ConfigurationError
from ingestify.masking import is_secret_key

__all__ = ["ServerOptions", "shown"]

T = TypeVar("T", int, float)


class ServerOptions(msgspec.Struct, frozen=True):
    """The options behind the `?` of a URL that ingestify reads itself, with its defaults.

    Attributes:
        connect_timeout: Seconds to wait for a connection.
        lock_timeout: Seconds to wait for another writer's lock.
        statement_timeout: Seconds that one statement may take; None: the server's own limit.
        pool_size: Connections that stay open; up to three times as many more may be opened while they are needed.
        idle_timeout: Seconds after which the server ends an idle transaction: its machine sleeps or has vanished, and
            others wait for its locks.
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
            ConfigurationError: A value is not a number above 0.
        """
        default = cls()
        options = cls(
            connect_timeout=_number(url, "connect_timeout", int, default.connect_timeout),
            lock_timeout=_number(url, "lock_timeout", float, default.lock_timeout),
            statement_timeout=_number(url, "statement_timeout", float, 0.0) or None,
            pool_size=_number(url, "pool_size", int, default.pool_size),
            idle_timeout=_number(url, "idle_timeout", float, default.idle_timeout),
        )
        return options, url.difference_update_query(cls.__struct_fields__)

    def pool(self) -> dict[str, object]:
        """Return the arguments of SQLAlchemy's pool."""
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
    """Return a server's URL for people: without its driver, its password and other secrets."""
    query = {key: "***" if is_secret_key(key) else value for key, value in url.query.items()}
    plain = url.set(drivername=url.get_backend_name(), query=query)
    return plain.render_as_string(hide_password=True).replace("%2A%2A%2A", "***")
