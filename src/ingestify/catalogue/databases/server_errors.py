"""Errors of database servers, found by their codes, with the reason and the next thing to do."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

__all__ = ["LOCK_TIMEOUT", "ServerError", "find_server_error"]


class ServerError(msgspec.Struct, frozen=True):
    """One error of a server.

    Attributes:
        reason: What is wrong.
        advice: What to do about it.
        may_pass: Whether the same transaction may succeed when it is retried.
        is_hopeless: Whether the next change would meet it too.
    """

    reason: str
    advice: str
    may_pass: bool = False
    is_hopeless: bool = False


_PASSWORD = ServerError(
    "the server does not take this user or password",
    "Check the user and the password in metadata_url (with %40 for @, %2F for /), and from where the user may connect.",
    is_hopeless=True,
)
_NO_DATABASE = ServerError(
    "there is no such database on the server",
    "Make it (docs/databases.md says how), or check the name after the host in metadata_url.",
    is_hopeless=True,
)
_NO_HOST = ServerError(
    "no host has that name", "Check the host in metadata_url, and this machine's network.", is_hopeless=True
)
_NO_SERVER = ServerError(
    "the server does not answer",
    "Start it, or check the host and the port in metadata_url, and any firewall between.",
    may_pass=True,
    is_hopeless=True,
)
_LOST = ServerError(
    "the connection to the server was lost",
    "Look whether it was restarted, then run again; what was committed before is safe.",
    may_pass=True,
    is_hopeless=True,
)
_NO_RIGHT = ServerError(
    "the user lacks a right that this needs",
    "GRANT it (docs/databases.md lists what is needed), or name another user in metadata_url.",
    is_hopeless=True,
)
_TOO_MANY = ServerError(
    "the server has no connection left",
    "Start fewer runs at once, lower ?pool_size= in metadata_url, or raise the server's max_connections.",
    may_pass=True,
)
_DISK_FULL = ServerError(
    "the server's disk is full",
    "Free some space there, then run again; what was saved before is safe.",
    is_hopeless=True,
)
_READ_ONLY = ServerError(
    "the server may only be read: it is a replica, or set so",
    "Name the primary server in metadata_url, or a user that may write.",
    is_hopeless=True,
)
_DEADLOCK = ServerError(
    "other writers locked the same rows, again and again",
    "Run again; if the error comes again, start fewer runs at once.",
    may_pass=True,
)
LOCK_TIMEOUT = ServerError(
    "another writer did not finish in time",
    "Look on the server for a transaction that somebody left open (pg_stat_activity, SHOW PROCESSLIST), end it, then "
    "run again; ?lock_timeout=SECONDS in metadata_url waits longer.",
    is_hopeless=True,
)
_STATEMENT_TIMEOUT = ServerError(
    "a statement took longer than its limit",
    "Raise ?statement_timeout=SECONDS in metadata_url, or the server's own limit.",
)
_TOO_LONG = ServerError(
    "a text is longer than its column",
    "Shorten it in the source; identifiers have 512 characters in all, names of feeds and providers 255 and 64.",
)
_NOT_ITS_TABLES = ServerError(
    "its tables are not those that this ingestify makes",
    "Restore the database from a backup, or check metadata_url and table_prefix.",
)
_NUL = ServerError("a text holds a NUL character, which it cannot keep", "Clean it in the source.")
_NO_TEXT = ServerError("a text holds characters that it cannot keep", "Clean it in the source.")
_TOO_LARGE = ServerError(
    "the rows of one dataset are larger than the server accepts",
    "Raise the server's max_allowed_packet, to 64M say.",
)
_OLD_SERVER = ServerError(
    "this server does not know a statement that ingestify needs",
    "Use PostgreSQL 13, MySQL 8.0.17 or MariaDB 10.5, or a later one of these.",
)
_NO_CONNECTION_FREE = ServerError(
    "all of its connections are in use",
    "Raise ?pool_size= in metadata_url; if that does not help, look for a statement on the server that hangs.",
)
_OPTION = ServerError(
    "metadata_url has an option that its driver does not understand",
    "Check the options after its ?; docs/databases.md lists them.",
    is_hopeless=True,
)
_ENCRYPTION = ServerError(
    "the encrypted connection that is asked for cannot be made",
    "Check sslmode and sslrootcert (ssl_ca for MySQL) in metadata_url: the server must offer encryption, with a "
    "certificate of that authority for that host.",
    is_hopeless=True,
)
_NO_SCHEMA = ServerError(
    "there is no schema in which this user may make tables",
    "CREATE the SCHEMA that search_path in metadata_url names and grant CREATE on it, or correct the name.",
    is_hopeless=True,
)
_STATEMENT_LOG = ServerError(
    "the server's binlog_format is STATEMENT, which does not work with READ COMMITTED",
    "Set binlog_format to ROW or MIXED on the server.",
    is_hopeless=True,
)

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_BY_SQLSTATE = {
    "28P01": _PASSWORD,
    "28000": _PASSWORD,
    "3D000": _NO_DATABASE,
    "42501": _NO_RIGHT,
    "53100": _DISK_FULL,
    "53300": _TOO_MANY,
    "25006": _READ_ONLY,
    "3F000": _NO_SCHEMA,
    "40001": _DEADLOCK,
    "40P01": _DEADLOCK,
    "55P03": LOCK_TIMEOUT,
    "57014": _STATEMENT_TIMEOUT,
    "57P01": _LOST,
    "57P02": _LOST,
    "57P03": _NO_SERVER,
    "25P03": _LOST,
    "57P05": _LOST,
    "22001": _TOO_LONG,
    "54000": _TOO_LONG,  # for an index
    "42P01": _NOT_ITS_TABLES,
    "42703": _NOT_ITS_TABLES,
    "22021": _NO_TEXT,
    "22P05": _NO_TEXT,
}

# A refused connection has no code, only libpq's words, which psycopg's own libpq does not translate.
_BY_LIBPQ_WORDS = (
    ("invalid connection option", _OPTION),
    ("invalid uri query parameter", _OPTION),
    ("invalid sslmode", _OPTION),
    ("does not support ssl", _ENCRYPTION),
    ("certificate", _ENCRYPTION),
    ("too many clients", _TOO_MANY),
    ("too many connections", _TOO_MANY),
    ("connection slots", _TOO_MANY),
    ("password authentication failed", _PASSWORD),
    ("no password supplied", _PASSWORD),
    ("no pg_hba.conf entry", _PASSWORD),
    ("role ", _PASSWORD),
    ('database "', _NO_DATABASE),
    ("translate host name", _NO_HOST),
    ("resolve host", _NO_HOST),
    ("name or service not known", _NO_HOST),
    ("cannot contain nul", _NUL),
    ("connection refused", _NO_SERVER),
    ("timeout expired", _NO_SERVER),
    ("no such file or directory", _NO_SERVER),
    ("no route to host", _NO_SERVER),
    ("network is unreachable", _NO_SERVER),
    ("is starting up", _NO_SERVER),
    ("is shutting down", _NO_SERVER),
    ("is in recovery mode", _NO_SERVER),  # after a crash
    ("not yet accepting connections", _NO_SERVER),
    ("not accepting connections", _NO_SERVER),
    ("closed the connection unexpectedly", _LOST),
    ("connection is closed", _LOST),
    ("connection is lost", _LOST),
    ("consuming input failed", _LOST),
    ("sending query failed", _LOST),
    ("connection reset", _LOST),
    ("connection timed out", _LOST),
    ("discard_all", _LOST),
)

# https://mariadb.com/kb/en/mariadb-error-code-reference/, and MySQL's, which are the same up to 1,900.
_BY_MYSQL_NUMBER = {
    1045: _PASSWORD,
    1698: _PASSWORD,
    1130: _PASSWORD,
    1049: _NO_DATABASE,
    1044: _NO_RIGHT,
    1142: _NO_RIGHT,
    1143: _NO_RIGHT,
    1227: _NO_RIGHT,
    1370: _NO_RIGHT,
    1040: _TOO_MANY,
    1203: _TOO_MANY,
    1226: _TOO_MANY,
    1021: _DISK_FULL,
    1114: _DISK_FULL,
    1290: _READ_ONLY,
    1792: _READ_ONLY,
    1836: _READ_ONLY,
    1020: _DEADLOCK,
    1213: _DEADLOCK,
    1412: _DEADLOCK,
    1205: LOCK_TIMEOUT,
    1969: _STATEMENT_TIMEOUT,
    3024: _STATEMENT_TIMEOUT,
    1406: _TOO_LONG,
    1146: _NOT_ITS_TABLES,
    1054: _NOT_ITS_TABLES,
    1366: _NO_TEXT,
    1153: _TOO_LARGE,
    1273: _OLD_SERVER,
    1665: _STATEMENT_LOG,
    2003: _NO_SERVER,
    2026: _ENCRYPTION,
    3159: _ENCRYPTION,
    1053: _LOST,
    1317: _LOST,
    1927: _LOST,
    2006: _LOST,
    2013: _LOST,
    2014: _LOST,
    4031: _LOST,
}


def find_server_error(error: BaseException | None) -> ServerError | None:
    """Return what an error of a server, or of the connection to it, means; None: it is unknown, or no server's."""
    if isinstance(error, sa.exc.TimeoutError):
        return _NO_CONNECTION_FREE
    original = getattr(error, "orig", None)
    if original is None or type(original).__module__.partition(".")[0] not in ("psycopg", "pymysql"):
        return None
    found = _of_mysql(original) if type(original).__module__.startswith("pymysql") else _of_postgresql(original)
    if found is None and getattr(error, "connection_invalidated", False):
        return _LOST
    return found


def _of_postgresql(original: BaseException) -> ServerError | None:
    state = getattr(original, "sqlstate", None)
    if state is not None:
        return _BY_SQLSTATE.get(state, _LOST if state.startswith("08") else None)
    said = str(original).lower()
    return next((found for words, found in _BY_LIBPQ_WORDS if words in said), None)


def _of_mysql(original: BaseException) -> ServerError | None:
    number = original.args[0] if original.args else None
    said = str(original).lower()
    if number == 2003 and any(words in said for words in ("name or service", "getaddrinfo", "nodename", "resolution")):
        return _NO_HOST
    if number == 2003 and "certificate" in said:
        return _ENCRYPTION
    if number in (3, 28, 1026) and "28" in said:  # the file system's own number
        return _DISK_FULL
    if number == 0:  # PyMySQL's number for a connection that it has given up
        return _LOST
    return _BY_MYSQL_NUMBER.get(number) if isinstance(number, int) else None
