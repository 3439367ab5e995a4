"""The exception tree: one branch for each thing the caller can do about it.

    IngestifyError
    ├── ConfigurationError      fix the settings
    │   ├── MissingExtraError   install the extra that the message names
    │   └── SecretError         a secret cannot be had from its vault
    ├── SourceError             the provider's response, or a source's result, makes no sense
    │   └── DuplicateFile       a dataset announced the same file twice
    ├── FetchError              one file could not be fetched, after retries
    │   └── HostLeftAlone       it was not requested: its host is left alone for now
    ├── IntegrityError          bytes are not what was announced
    ├── StoreError              the lake refused: catalogue or storage
    │   ├── SaveError           a revision could not be committed
    │   │   ├── LakeUnwritable  the disk is full, locked, or may not be written: nothing will be
    │   │   │   ├── LakeIdentityError  the storage is not this catalogue's
    │   │   │   └── LakeVersionError   the lake was written, or migrated, by a newer ingestify
    │   │   └── OutcomeUnknown  the connection was lost during the commit, which may have happened
    │   ├── LakeNotFound        there is no lake at that place
    │   └── DatasetNotFound     no dataset has that id or identifier
    ├── LoadError               a stored dataset cannot be made into the object asked for
    │   └── LockError           a lock cannot be read, or the lake lacks bytes that it names
    ├── PublishError            messages could not be passed on to another system
    │   ├── PublishUnavailable  not at the moment
    │   ├── MessagesRefused     some of them never
    │   └── PublisherSwitchedOff  the other system wants no more
    ├── EventError              a consumer cannot use a message about an event
    │   ├── MalformedEvent      it is no event of a lake, or broken
    │   ├── UnknownEvent        its type is newer than this ingestify
    │   └── EventOfAnotherLake  it happened in another lake than the open one
    ├── StopProcessing          stop cleanly, keep what finished (exit code 2)
    │   └── DeadlineReached     the time that the run was given is over (exit code 6)
    └── FatalError              stop loudly (exit code 1)

A foreign exception is translated at the edge of the adapter that met it, `from` its cause.
"""

from __future__ import annotations

import datetime as dt
import traceback
from collections.abc import Collection, Mapping, Sequence

from ingestify.masking import mask_text
from ingestify.tracebacks import callers_lines, is_debugging

__all__ = [
    "ConfigurationError",
    "DatasetNotFound",
    "DeadlineReached",
    "DuplicateFile",
    "EventError",
    "EventOfAnotherLake",
    "FatalError",
    "FetchError",
    "HostLeftAlone",
    "IngestifyError",
    "IntegrityError",
    "LakeIdentityError",
    "LakeNotFound",
    "LakeUnwritable",
    "LakeVersionError",
    "LoadError",
    "LockError",
    "MalformedEvent",
    "MessagesRefused",
    "MissingExtraError",
    "OutcomeUnknown",
    "PublishError",
    "PublishUnavailable",
    "PublisherSwitchedOff",
    "SaveError",
    "SecretError",
    "SourceError",
    "StopProcessing",
    "StoreError",
    "UnknownEvent",
]


class IngestifyError(Exception):
    """The base class of all errors that ingestify raises.

    Attributes:
        unreached: The host that could not be reached: its name is unknown, no connection is possible, or TLS fails.
            Empty: the host responded, or the error is another one.
    """

    unreached: str = ""

    def __reduce__(self) -> tuple[object, ...]:
        # Python's own way calls __init__ with the message alone.
        return _made_again, (type(self), self.args, self.__dict__)

    def _render_traceback_(self) -> list[str]:
        """Return the lines that a notebook shows: the caller's own code and the message. IPython calls this.

        While the logger `ingestify` logs DEBUG, this is the whole traceback.
        """
        if is_debugging():
            return traceback.format_exception(self)
        cause = [] if self.__cause__ is None else callers_lines(self.__cause__)
        if cause:
            cause += ["", *map(_quoted, traceback.format_exception_only(self.__cause__)), ""]
        return [*cause, *callers_lines(self), _quoted(f"{type(self).__name__}: {self}")]


def _made_again(kind: type[IngestifyError], arguments: tuple[object, ...], state: dict[str, object]) -> IngestifyError:
    """Return the error that another process raised."""
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(state)
    return error


def _quoted(message: str) -> str:
    """Return a message for a notebook, without secrets and without characters that move the cursor."""
    return "".join(one if one.isprintable() or one in "\n\t" else repr(one)[1:-1] for one in mask_text(message))


class ConfigurationError(IngestifyError):
    """The settings are wrong. The message says which, and what would be right."""


class MissingExtraError(ConfigurationError):
    """An optional dependency is not installed.

    Args:
        extra: The extra that brings it, as in `pip install -e '.[extra]'`.
        purpose: The feature that needs it.
    """

    def __init__(self, extra: str, purpose: str) -> None:
        # Not by the package's name: on the registry that name is somebody else's.
        super().__init__(
            f"{purpose} needs the extra '{extra}': in ingestify's folder, run  pip install -e '.[{extra}]'"
        )
        self.extra = extra


class SecretError(ConfigurationError):
    """A secret cannot be read from its vault, or has the wrong form. The message never shows any of it."""


class SourceError(IngestifyError):
    """A provider's response, or a source's result, makes no sense."""


class DuplicateFile(SourceError):
    """A dataset resource announced two files with the same id."""


class FetchError(IngestifyError):
    """One file could not be fetched, after retries.

    Attributes:
        url: The requested URL, with secrets masked.
        status: The last HTTP status, or None if there was no response.
        attempts: How many requests were sent.
    """

    def __init__(
        self, message: str, *, url: str = "", status: int | None = None, attempts: int = 1, unreached: str = ""
    ) -> None:
        super().__init__(message)
        self.url = url
        self.status = status
        self.attempts = attempts
        self.unreached = unreached


class HostLeftAlone(FetchError):
    """A host is left alone, as it asked for that or does not respond any more. The file was not requested.

    Attributes:
        reason: The host, the reason, and until when, as a sentence without the URL that is equal for all its files.
        is_wait: Whether the host asked to wait, or the budget of the source is used up.
        is_refusal: Whether the host refuses the credentials, so that a person has to act.
        goes_on_at: From when on the source has requests again, in UTC, if its budget is used up; else None.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str,
        url: str = "",
        status: int | None = None,
        is_wait: bool = False,
        is_refusal: bool = False,
        goes_on_at: dt.datetime | None = None,
    ) -> None:
        super().__init__(message, url=url, status=status)
        self.reason = reason
        self.is_wait = is_wait
        self.is_refusal = is_refusal
        self.goes_on_at = goes_on_at


class IntegrityError(IngestifyError):
    """Bytes are not what was announced: a wrong length, a wrong hash, a broken format."""


class StoreError(IngestifyError):
    """The lake refused: its catalogue or its storage."""


class SaveError(StoreError):
    """A revision could not be committed. Readers still see the one before."""


class LakeUnwritable(SaveError):
    """The lake cannot be written: the disk is full, read-only or forbidden. The run stops, as it would fail again."""


class LakeIdentityError(LakeUnwritable):
    """The storage does not belong to the catalogue: it is of another lake, or of another time."""


class OutcomeUnknown(SaveError):
    """The commit raised an error, and its outcome is unknown: it happened as a whole, or not at all."""


class LakeVersionError(LakeUnwritable):
    """A newer ingestify than this one wrote or migrated the lake."""


class LakeNotFound(StoreError):
    """There is no lake at the given place. The message names the nearest lake, and how to create one."""


class DatasetNotFound(StoreError):
    """No dataset has that id or identifier."""


class LoadError(IngestifyError):
    """A stored dataset cannot be made into the object that was asked for."""


class LockError(LoadError):
    """A lock cannot be read, or the lake lacks bytes that it names.

    Attributes:
        lacking: A line for each dataset of which the lake lacks locked bytes.
    """

    def __init__(self, message: str, lacking: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.lacking = tuple(lacking)


class PublishError(IngestifyError):
    """Messages could not be passed on to another system."""


class PublishUnavailable(PublishError):
    """The other system does not take messages at the moment: they are sent again later.

    Args:
        message: Why, for people, without secrets.
        retry_after: In how many seconds the other system wants to be asked again; None: it does not say.
        acknowledged: The ids of the messages of the batch that it has taken, if some were.
    """

    def __init__(
        self, message: str, *, retry_after: float | None = None, acknowledged: Collection[str] = frozenset()
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.acknowledged = frozenset(acknowledged)


class MessagesRefused(PublishError):
    """The other system will never take some messages of a batch, and has acknowledged all others.

    Args:
        refused: The id of each such message, and why, a sentence for people.
    """

    def __init__(self, refused: Mapping[str, str]) -> None:
        first = next(iter(refused.items()), ("", ""))
        others = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        super().__init__(f"The message {first[0]} was refused: {first[1]}{others}")
        self.refused = dict(refused)


class PublisherSwitchedOff(PublishError):
    """The other system wants no more messages, such as a webhook that answers 410 Gone."""


class EventError(IngestifyError):
    """A consumer cannot use a message about an event of a lake. It would fail again."""


class MalformedEvent(EventError):
    """The message is no event of a lake: it is broken, lacks something, or contradicts itself."""


class UnknownEvent(EventError):
    """The type of the event, or the version of its type, is newer than this ingestify.

    Attributes:
        type: The type of the CloudEvent, such as `ingestify.revision_added.v2`.
    """

    def __init__(self, message: str, *, type: str = "") -> None:  # noqa: A002 - what CloudEvents calls it
        super().__init__(message)
        self.type = type


class EventOfAnotherLake(EventError):
    """The event happened in another lake than the one that is open."""


class ExportError(IngestifyError):
    """An export cannot be written into its folder. The message says whether anything was.

    Attributes:
        paths: The files that are in the way, below the folder of the export.
    """

    def __init__(self, message: str, paths: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.paths = tuple(paths)


class StopProcessing(IngestifyError):
    """Raised by a source to stop the run cleanly: what finished is kept, the job is ABORTED.

    Attributes:
        exit_code: With which the command line ends then.
    """

    exit_code: int = 2


class DeadlineReached(StopProcessing):
    """The deadline of a run came before it was done: what finished is kept."""

    exit_code = 6


class FatalError(IngestifyError):
    """Raised by a source to stop the run loudly: the job is FAILED.

    Attributes:
        exit_code: With which the command line ends then.
    """

    exit_code: int = 1
