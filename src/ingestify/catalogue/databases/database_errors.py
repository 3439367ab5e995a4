"""Errors of databases, with the reason and the next thing to do."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

import sqlalchemy as sa

from ingestify.catalogue.databases.server_errors import LOCK_TIMEOUT, find_server_error
from ingestify.errors import LakeUnwritable, StoreError
from ingestify.masking import mask_text

__all__ = ["DATABASE_ERRORS", "FileChanged", "is_lock_timeout", "store_error_for", "translated"]

DATABASE_ERRORS = (sa.exc.SQLAlchemyError, sqlite3.Error, UnicodeError, OverflowError)
"""All that a database and its driver may raise."""


class FileChanged(sqlite3.OperationalError):
    """The owner of a file changed it while a user read it who may only read it; it has to be read again."""

    def __init__(self) -> None:
        super().__init__("it was changed while it was read")


_ADVICE = (
    (
        "changed while it was read",
        "its owner is writing to it, each time that it was read",
        "Run again when the owner's run is over.",
    ),
    (
        "without which it cannot be read",
        "there are changes beside the file that this user cannot read",
        "Let its owner read the lake once, or copy the file and its -wal to a folder of your own.",
    ),
    (
        "is locked",
        "another process is writing to it and did not finish in time",
        (
            "It may be suspended, or a shell with an open transaction; 'lsof' on the file names it. End that, then run "
            "again; ?timeout=SECONDS in metadata_url waits longer."
        ),
    ),
    (
        "locking protocol",
        "too many other processes are reading or writing it at this moment",
        "Run again, with fewer of them at once.",
    ),
    (
        "while it was open",
        "another file is in the place of the one that this process has open, or none is",
        (
            "It has written nothing since. If that is meant, as after a restore, start this process again, or let it "
            "read its settings again; else put the file back."
        ),
    ),
    (
        "not a database",
        "the file there is something else, or is encrypted",
        "Check metadata_url, or move that file away to begin a new lake.",
    ),
    ("malformed", "the database file is damaged", "Restore it from a backup, or try sqlite3's '.recover'."),
    (
        "unable to open",
        "the file cannot be opened or made",
        "Check the path in metadata_url, and that this user may write the file and its folder.",
    ),
    (
        "readonly",
        "it is read-only",
        "Give this user the right to write the file and its folder, or move the lake to where it may.",
    ),
    ("disk is full", "the disk is full", "Free some space, then run again; what was saved before is safe."),
    (
        "disk i/o",
        "the disk refused to read or write",
        "Check the disk and its free space; a network drive is no place for an SQLite catalogue.",
    ),
    (
        "no such",
        "its tables are not those that this ingestify makes",
        "Restore the database from a backup, or check metadata_url and table_prefix.",
    ),
)


_SAID_BETTER = ("is locked", "locking protocol")
"""SQLite's words that say no more than our reason."""

_HOPELESS = ("disk is full", "readonly", "read-only", "database is locked")
"""Errors that the next change would meet too."""


@contextlib.contextmanager
def translated(where: str, doing: str, error_type: type[StoreError] = StoreError) -> Iterator[None]:
    """Raise an error of the database as `error_type`.

    Args:
        where: The catalogue's URL without a password.
        doing: The action that failed, such as `save 3 datasets`.
        error_type: StoreError or a subclass of it.
    """
    try:
        yield
    except DATABASE_ERRORS as error:
        raise store_error_for(error, where, doing, error_type) from error


def store_error_for(
    error: BaseException, where: str, doing: str, error_type: type[StoreError] = StoreError
) -> StoreError:
    """Return the error to raise from `error`; LakeUnwritable if the next change would meet it too."""
    by_server = find_server_error(error)
    said = str(getattr(error, "orig", None) or error).lower()
    is_hopeless = by_server.is_hopeless if by_server else any(one in said for one in _HOPELESS)
    kind = LakeUnwritable if is_hopeless else error_type
    return kind(_describe(error, where, doing))


def is_lock_timeout(error: BaseException) -> bool:
    """Whether a wait for another writer's lock ended without the lock."""
    by_server = find_server_error(error)
    if by_server is not None:
        return by_server is LOCK_TIMEOUT
    return "database is locked" in str(getattr(error, "orig", None) or error)


def _describe(error: BaseException, where: str, doing: str) -> str:
    # SQLAlchemy's own text quotes the statement with all its values, which helps nobody.
    original = getattr(error, "orig", None) or error
    said = mask_text(" ".join(_words_of(original).split()))
    start = f"The catalogue {where} refused to {doing}"
    if (by_server := find_server_error(error)) is not None:
        return f"{start}: {by_server.reason} ({said}). {by_server.advice}"
    for fragment, reason, advice in _ADVICE:
        if fragment in said.lower():
            quoted = "" if fragment in _SAID_BETTER else f" ({said})"
            return f"{start}: {reason}{quoted}. {advice}"
    if isinstance(error, UnicodeError):
        return f"{start}: a text holds characters that no encoding knows ({said}). Clean it in the source."
    if isinstance(error, OverflowError):
        return f"{start}: a number is too large for the database ({said}). Store it as text."
    return f"{start}: {type(original).__name__}: {said}. Run again; if the error comes again, check the database."


def _words_of(original: BaseException) -> str:
    """Return a driver's message. PyMySQL's errors are a number and a text; psycopg's may quote the statement."""
    values = original.args
    if len(values) == 2 and isinstance(values[0], int) and values[1]:
        return f"{values[1]} [{values[0]}]"
    return str(original).partition("\nLINE ")[0] or type(original).__name__
