"""The URL of the catalogue's database."""

from __future__ import annotations

import math
import os
import re
import urllib.parse
from pathlib import Path

import sqlalchemy as sa

from ingestify.errors import ConfigurationError
from ingestify.masking import has_plain_login, hide, hide_url, mask_url
from ingestify.suggestion import did_you_mean

__all__ = ["MYSQL", "POSTGRESQL", "SQLITE", "parse_url", "sqlite_path"]

SQLITE, POSTGRESQL, MYSQL = "sqlite", "postgresql+psycopg", "mysql+pymysql"

_DRIVERS = {
    "sqlite": SQLITE,
    "sqlite+pysqlite": SQLITE,
    "postgresql": POSTGRESQL,
    "postgres": POSTGRESQL,
    "postgresql+psycopg": POSTGRESQL,
    "postgresql+psycopg2": POSTGRESQL,
    "mysql": MYSQL,
    "mysql+pymysql": MYSQL,
    "mariadb": MYSQL,
    "mariadb+pymysql": MYSQL,
}

_SUPPORTED = (
    "sqlite:///path/to/catalog.db (or sqlite:///:memory: for a lake that is gone when it is closed), "
    "postgresql://host/database and mysql://host/database, with user:password@ before the host"
)

_SQLITE_OPTIONS = frozenset(
    {"cached_statements", "check_same_thread", "detect_types", "isolation_level", "timeout", "uri"}
)
"""The options of any SQLite URL; SQLAlchemy ignores others silently."""

_SQLITE_URI_OPTIONS = frozenset({"cache", "immutable", "mode", "modeof", "nolock", "psow", "vfs"})
"""The options that SQLite itself knows after a `file:` name; see https://sqlite.org/uri.html."""

_FILE_OPTIONS = frozenset({"passfile", "ssl_ca", "ssl_cert", "ssl_key", "sslcert", "sslcrl", "sslkey", "sslrootcert"})
"""The options of a server's URL that name a file; the drivers do not expand `~`."""

_PERCENT_CODE = re.compile(r"%[0-9A-Fa-f]{2}")


_REMEDY = (
    "In these, write @ as %40, / as %2F, : as %3A, # as %23, ? as %3F and % as %25; for a password that is printed by  "
    "python -c \"import getpass, urllib.parse; print(urllib.parse.quote(getpass.getpass(), safe=''))\" ."
)


def parse_url(url: str) -> sa.URL:
    """Return a database's URL, parsed, with one of the three drivers; its password is never shown again.

    Raises:
        ConfigurationError: It is no URL, or of a database that is not supported; it names no database; its user or
            password is not percent-encoded; or a SQLite URL has an unknown option, or a path that is ambiguous.
    """
    scheme = str(url).partition("://")[0]
    if not scheme.lower().startswith("sqlite") and has_plain_login(str(url)):
        hide_url(url)
        raise ConfigurationError(
            f"metadata_url: the user's name, the password or an option of this {scheme} URL is not percent-encoded, "
            f"so the beginning of the host is not clear. {_REMEDY}"
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
        # After two slashes, the first part of the path is a host.
        meant = f"{parsed.host}/{parsed.database}" if parsed.database else parsed.host
        raise ConfigurationError(
            f"metadata_url: after sqlite: there are three slashes before a relative path, and four before an absolute "
            f"one: write sqlite:///{meant}."
        )
    if driver == SQLITE:
        _check_sqlite(str(url))
    else:
        hide(parsed.password)
        if not parsed.database:
            raise ConfigurationError(
                f"metadata_url: {mask_url(url)} names no database. Write its name after the host, "
                f"as in {scheme}://host/football."
            )
    if driver == SQLITE:
        return parsed
    # SQLAlchemy has two names for one database.
    return parsed.set(drivername=driver).update_query_dict(
        {name: _with_home(parsed.query[name]) for name in _FILE_OPTIONS & parsed.query.keys()}
    )


def _with_home(path: str | tuple[str, ...]) -> str | tuple[str, ...]:
    return os.path.expanduser(path) if isinstance(path, str) else path  # noqa: PTH111 - unchanged if there is no home


def _check_sqlite(url: str) -> None:
    """Refuse a path that SQLAlchemy would change, and unknown options. The messages quote no secret."""
    path, mark, options = url.partition("://")[2].removeprefix("/").partition("?")
    is_uri = path.startswith("file:")
    if not is_uri and (code := _PERCENT_CODE.search(path)):
        # SQLAlchemy decodes it from 2.1 on, and file_url never does, so either meaning would surprise somebody.
        raise ConfigurationError(
            f"metadata_url: the percent code '{code[0]}' in the path of a SQLite URL has two meanings. Write the "
            f"character itself (a space as a space). A folder with '{code[0]}' in its name cannot be used: rename it, "
            "or choose another."
        )
    known = _SQLITE_OPTIONS | (_SQLITE_URI_OPTIONS if is_uri else frozenset())
    given: dict[str, str] = {}
    for part in options.split("&") if mark else ():
        key, equals, value = part.partition("=")
        key = urllib.parse.unquote_plus(key)
        if not equals or "/" in key:
            raise ConfigurationError(
                "metadata_url: in a SQLite URL, the first ? begins the options, such as ?timeout=30, and this is not "
                "an option. A folder or file with a ? in its name cannot be used: rename it, or choose another."
            )
        if key not in known:
            needs_uri = " It is one after sqlite:///file:/path with uri=true." if key in _SQLITE_URI_OPTIONS else ""
            hint = did_you_mean(key, known) or f"; there are {', '.join(sorted(known))}."
            raise ConfigurationError(
                f"metadata_url: '{key}' is no option of a SQLite URL{hint}{needs_uri} A path with a ? cannot be used."
            )
        if key in given:
            raise ConfigurationError(f"metadata_url: the option '{key}' is given twice.")
        given[key] = urllib.parse.unquote_plus(value)
    if is_uri and given.get("uri", "").lower() not in ("true", "1", "yes", "on", "t", "y"):
        raise ConfigurationError(
            "metadata_url: a name that begins with file: needs the option uri=true, or it is a folder called 'file:'. "
            "Without it, write sqlite:///relative/path or sqlite:////absolute/path."
        )
    if "timeout" in given and not _is_duration(given["timeout"]):
        raise ConfigurationError("metadata_url: timeout must be a number of seconds, such as ?timeout=30.")


def _is_duration(text: str) -> bool:
    try:
        return 0 <= float(text) < math.inf
    except ValueError:
        return False


def sqlite_path(url: sa.URL) -> Path | None:
    """Return the database's file; None if it is in memory or on a server, or its name is a `file:` URI."""
    name = url.database
    if url.get_backend_name() != "sqlite" or not name or name == ":memory:" or name.startswith("file:"):
        return None
    return Path(name).absolute()
