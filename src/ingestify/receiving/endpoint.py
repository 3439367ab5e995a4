"""What one source takes, from whom, and where it goes. SECURITY.md has what it promises."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ingestify.clock import now
from ingestify.domain import formats
from ingestify.domain.bundle import is_named
from ingestify.domain.ports import TemporaryObject
from ingestify.errors import ConfigurationError, IngestifyError
from ingestify.masking import hide
from ingestify.publishers.standard_webhooks import ID, SignatureCheck, read_keys
from ingestify.receiving.refused import Refused
from ingestify.sources.push.inbox import KeyUsed, PushedFile
from ingestify.sources.push.source import PushSource

__all__ = ["Endpoint", "Sender"]

MOST_NOTICE_BYTES = 64 << 10

_FEED, _VERSION, _FORMAT = "data_feed_key", "data_spec_version", "data_serialization_format"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}", re.ASCII)
_KEY = "idempotency-key"
_LONGEST_KEY = 256
_WITHOUT_TYPE = "application/octet-stream"


class Sender(Protocol):
    """Who sends something, of whom it is known only at the end of the body whether it is the right one."""

    @property
    def key(self) -> str | None:
        """The idempotency key; None: there is none."""

    def update(self, piece: bytes) -> None:
        """Take the next bytes of the body."""

    def is_right(self) -> bool:
        """Whether it may send."""


class Endpoint:
    """Takes what is pushed for one source. Any thread may use it.

    Args:
        source: The source. An engine has it, so it has an inbox.

    Raises:
        ConfigurationError: Its secret is none.
    """

    def __init__(self, source: PushSource) -> None:
        self.name = source.name
        self._source = source
        self._settings = settings = source.settings
        try:
            self._keys = () if settings.secret is None else read_keys(settings.secret)
        except ConfigurationError as error:
            raise ConfigurationError(f"The source '{self.name}' cannot take pushes: {error}") from error
        self._token = (settings.token or "").encode()
        if settings.token is not None:
            hide(settings.token)
        self.max_file_bytes = settings.max_file_bytes
        self._notice_paths = None if settings.notices is None else settings.notices.paths

    def meet(self, headers: Mapping[str, str]) -> Sender:
        """Return who sends something, by its headers.

        Args:
            headers: Their names in lower case.

        Raises:
            Refused: 401: it may not send, or its signature is too old.
        """
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if self._token and scheme.lower() == "bearer":
            if not hmac.compare_digest(given.strip().encode("utf-8", "replace"), self._token):
                raise _who_are_you("The token is wrong.")
            return _Known(_read_key(headers))
        if not self._keys:
            raise _who_are_you("The header  Authorization: Bearer TOKEN  is needed.")
        try:
            return _Signed(SignatureCheck(self._keys, headers, now().timestamp()), headers[ID])
        except ValueError as error:
            raise _who_are_you(str(error)) from error

    # ---- files -----------------------------------------------------------------------------------------

    def read_target(self, query: Sequence[tuple[str, str]], content_type: str) -> PushedFile:
        """Return what a pushed file is, by the query of its address and its Content-Type.

        Raises:
            Refused: 400: the query is wrong. 415: this type is not taken.
        """
        settings = self._settings
        given = dict(query)
        known = (*settings.identity, _FEED, _VERSION, _FORMAT)
        if len(given) != len(query):
            raise Refused(400, "A parameter is there twice.")
        if unknown := [name for name in given if name not in known]:
            raise Refused(400, f"There is no parameter {unknown[0]!r:.80}; there are {', '.join(known)}.")
        if missing := [name for name in (*settings.identity, _FEED) if name not in given]:
            raise Refused(400, f"The parameter {missing[0]} is missing.")
        try:
            for key in settings.identity:
                settings.typed(key, given[key])
        except ValueError as error:
            raise Refused(400, str(error)) from error
        feed, version = given[_FEED], given.get(_VERSION, "v1")
        for name, value in ((_FEED, feed), (_VERSION, version)):
            if not _NAME.fullmatch(value):
                raise Refused(400, f"{name} must be up to 60 letters, digits, dots, hyphens and underscores.")
        self._check_feed(feed)
        identity = tuple(given[key] for key in settings.identity)
        return PushedFile(identity, feed, version, _format_of(given.get(_FORMAT), content_type))

    def _check_feed(self, feed: str) -> None:
        taken = (*(self._settings.requires or ()), *self._settings.optional)
        if self._settings.requires is not None and not any(is_named(feed, one) for one in taken):
            raise Refused(400, f"{_FEED} is none of the feeds that are taken: {', '.join(taken)}.")

    def begin(self) -> TemporaryObject:
        """Begin to receive a file.

        Raises:
            StoreError: The storage refuses.
        """
        return self._source.inbox.begin()

    def keep(self, file: PushedFile, content: TemporaryObject, digest: str, sender: Sender) -> bool:
        """Keep a received file durably. Returns whether it is new.

        Raises:
            Refused: 409: the idempotency key came before, with other bytes.
            StoreError: The storage refuses.
        """
        try:
            return self._source.inbox.keep(file, content, digest, sender.key)
        except KeyUsed:
            raise Refused(409, "This idempotency key came before, with other bytes. Send it with a new one.") from None

    # ---- notices ---------------------------------------------------------------------------------------

    def check_takes_notices(self) -> None:
        """Refuse a notice if the settings do not say what it is about.

        Raises:
            Refused: 404.
        """
        if self._notice_paths is None:
            raise Refused(404, f"The source '{self.name}' takes no notices.")

    def read_notice(self, body: bytes) -> dict[str, str | int]:
        """Return the keys and values of a notice.

        Raises:
            Refused: 400: it is no JSON, or lacks a value.
        """
        assert self._notice_paths is not None, "it takes notices"
        try:
            said = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Refused(400, "The body is no JSON.") from error
        filters: dict[str, str | int] = {}
        for key, path in self._notice_paths.items():
            try:
                value: Any = path.find(said)
            except IngestifyError as error:
                raise Refused(400, f"{path} is no value.") from error
            is_number = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63
            is_text = isinstance(value, str) and 0 < len(value) <= 200 and value.isprintable()
            if not is_number and not is_text:
                raise Refused(400, f"{path} must be a whole number or a text of up to 200 characters.")
            filters[key] = value
        return filters

    def keep_notice(self, filters: Mapping[str, str | int], sender: Sender) -> None:
        """Keep a notice durably.

        Raises:
            StoreError: The storage refuses.
        """
        what = ", ".join(f"{key} {value}" for key, value in filters.items())
        self._source.inbox.keep_notice(what, filters, sender.key)


class _Known:
    """Has shown its token."""

    def __init__(self, key: str | None) -> None:
        self.key = key

    def update(self, piece: bytes) -> None:
        """Do nothing: its body needs no signature."""

    def is_right(self) -> bool:
        return True


class _Signed:
    """Has signed its body."""

    def __init__(self, check: SignatureCheck, message_id: str) -> None:
        self.key: str | None = message_id
        self.update = check.update
        self.is_right = check.is_right


def _who_are_you(reason: str) -> Refused:
    return Refused(401, reason, WWW_Authenticate="Bearer")


def _read_key(headers: Mapping[str, str]) -> str | None:
    key = headers.get(_KEY)
    if key is not None and not (0 < len(key) <= _LONGEST_KEY and key.isascii() and key.isprintable()):
        raise Refused(400, f"Idempotency-Key must be 1 to {_LONGEST_KEY} printable characters of ASCII.")
    return key


def _format_of(given: str | None, content_type: str) -> str:
    """Return the format of a file: as the address says, else by its Content-Type.

    Raises:
        Refused: 400: the format is no name. 415: nothing says the format, or the type is of another one.
    """
    kind = content_type.partition(";")[0].strip().lower()
    of_type = formats.of_content_type(kind)
    if given is None:
        if of_type == formats.UNKNOWN:
            raise Refused(
                415,
                f"Nothing says the format: send a Content-Type such as application/json, or {_FORMAT} and "
                f"{_WITHOUT_TYPE}.",
            )
        return of_type
    if not _NAME.fullmatch(given):
        raise Refused(400, f"{_FORMAT} must be up to 60 letters, digits, dots, hyphens and underscores.")
    given = given.lower()
    if of_type not in (formats.UNKNOWN, given, formats.last_part(given)):
        raise Refused(415, f"The Content-Type is that of '{of_type}', and {_FORMAT} is another one.")
    if of_type == formats.UNKNOWN and kind not in ("", _WITHOUT_TYPE):
        raise Refused(415, f"This Content-Type is not taken: with {_FORMAT}, send {_WITHOUT_TYPE}.")
    return given
