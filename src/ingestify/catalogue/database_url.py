"""The URL of the catalogue's database."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from ingestify.errors import ConfigurationError
from ingestify.masking import has_plain_login, hide, hide_url

__all__ = ["MYSQL", "POSTGRESQL", "SQLITE", "parse_url", "sqlite_path"]

SQLITE, POSTGRESQL, MYSQL = "sqlite", "postgresql+psycopg", "mysql+pymysql"

_DRIVERS = {
    "sqlite": SQLITE,
    "sqlite+pysqlite": SQLITE,
    "postgresql": POSTGRESQL,
    "postgres": POSTGRESQL,
    "postgresql+psycopg": POSTGRESQL,
    "mysql": MYSQL,
    "mysql+pymysql": MYSQL,
    "mariadb": MYSQL,
    "mariadb+pymysql": MYSQL,
}

_SUPPORTED = (
    "sqlite:///path/to/catalog.db (or sqlite:///:memory: for a lake that is gone when it is closed), "
    "postgresql://host/database and mysql://host/database, with user:password@ before the host"
)


_REMEDY = (
    "In these, write @ as %40, / as %2F, : as %3A, # as %23, ? as %3F and % as %25; for a password that is printed by  "
    "python -c \"import getpass, urllib.parse; print(urllib.parse.quote(getpass.getpass(), safe=''))\" ."
)


def parse_url(url: str) -> sa.URL:
    """Return a database's URL, parsed, with one of the three drivers; its password is never shown again.

    Raises:
        ConfigurationError: It is none, of a database that is not supported, or names no database; or its user or
            password is not percent-encoded.
    """
    scheme = str(url).partition("://")[0]
    if not scheme.lower().startswith("sqlite") and has_plain_login(str(url)):
        hide_url(url)
        raise ConfigurationError(
            f"metadata_url: the user's name, the password or an option of this {scheme} URL is not percent-encoded, so "
            f"it cannot be told where its host begins. {_REMEDY}"
        )
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError, TypeError):
        # The text may hold a password, so it is not shown.
        raise ConfigurationError(
            f"metadata_url is not a database URL. Supported is {_SUPPORTED}. The user's name, the "
            f"password and options are percent-encoded. {_REMEDY}"
        ) from None
    driver = _DRIVERS.get(parsed.drivername)
    if driver is None:
        raise ConfigurationError(f"metadata_url: '{scheme}://' is not supported. Supported is {_SUPPORTED}.")
    if driver == SQLITE and parsed.host is not None:
        # Two slashes make a host of the path's first part.
        meant = f"{parsed.host}/{parsed.database}" if parsed.database else parsed.host
        raise ConfigurationError(
            f"metadata_url: after sqlite: there are three slashes before a relative path, and four before an absolute "
            f"one: write sqlite:///{meant}."
        )
    if driver != SQLITE:
        hide(parsed.password)
        if not parsed.database:
            raise ConfigurationError(
                f"metadata_url: {parsed.render_as_string(hide_password=True)} names no database. Write its name after "
                f"the host, as in {scheme}://host/football."
            )
    # SQLAlchemy knows one database by two names.
    return parsed if driver == SQLITE else parsed.set(drivername=driver)


def sqlite_path(url: sa.URL) -> Path | None:
    """Return the database's file; None if it is in memory, only SQLite knows, or it is on a server."""
    name = url.database
    if url.get_backend_name() != "sqlite" or not name or name == ":memory:" or name.startswith("file:"):
        return None
    return Path(name).absolute()
