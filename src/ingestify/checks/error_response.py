"""Recognises an error that a provider sends with status 200, in place of a file or of a listing.

An error is a JSON object with nothing else, or an envelope: an object that names an error and has no data beside it,
only the request's parameters and counts. An example is API-Football:

    {"get": "fixtures", "parameters": {}, "errors": {"requests": "You have reached the limit"}, "results": 0,
     "paging": {"current": 1, "total": 1}, "response": []}

A list of only errors is one, too, as Salesforce sends: `[{"errorCode": "INVALID_SESSION", "message": "Expired"}]`.
A document with an empty `errors`, or with an error beside data, is data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ingestify.checks.problem import excerpt
from ingestify.domain.error_response import ERROR_KEYS, plain_key

__all__ = ["find_error", "find_error_in_index", "quote_error"]

MOST_BYTES = 4096
MOST_BYTES_OF_INDEX = 1 << 20
MOST_LEVELS = 10

# Keys are written without case, dashes and underscores.
# The keys of errors of API gateways, RFC 9457, GitHub, ASP.NET, Spring and OAuth.
_VOCABULARY = frozenset(
    {"code", "detail", "details", "documentationurl", "error", "errorcode", "errordescription", "errormessage"}
    | {"errormsg", "errors", "exception", "fault", "instance", "message", "msg", "path", "reason", "requestid"}
    | {"status", "statuscode", "statusmessage", "success", "timestamp", "title", "traceid", "type"}
)
_ALWAYS = frozenset({"error", "errorcode", "errormessage", "errormsg", "errors", "exception", "fault"})
_IF_TEXT = frozenset({"message", "detail"})
_TEXTS = ("message", "detail", "msg", "title", "reason", "statusmessage")
_MESSAGES = (
    "message",
    "errormessage",
    "errordescription",
    "detail",
    "error",
    "errors",
    "fault",
    "msg",
    "errormsg",
    "statusmessage",
    "exception",
    "title",
    "code",
    "info",
)

_IS_FAILURE = frozenset({"error", "fail", "failed", "failure", "unauthorized", "forbidden"})
_NO_ERRORS = frozenset({"", "0", "false", "n/a", "no", "no error", "none", "null", "ok", "success"})

# The keys of an envelope's status of the request.
_HEADS = frozenset({"header", "head", "meta", "metadata", "responsestatus", "status"})

# The keys of an envelope that describe the request and the number of results; their values are no data.
_ECHOES = frozenset(
    {"api", "apiversion", "count", "cursor", "date", "elapsed", "endpoint", "extensions", "filters", "get", "hasmore"}
    | {"host", "id", "jsonrpc", "lang", "language", "length", "limit", "link", "links", "locale", "meta"}
    | {"method", "next", "now", "offset", "ok", "page", "pages", "pagesize", "pagination", "paging"}
    | {"parameters", "params", "perpage", "prev", "previous", "query", "quota", "ratelimit", "reason", "request"}
    | {"resultset", "retryafter", "self", "server", "size", "subscription", "time", "timezone", "took", "total"}
    | {"totalcount", "totalpages", "totalresults", "uri", "url", "version", "warning", "warnings"}
)
# The keys of an envelope's data, or of null in its place.
_DATA = frozenset(
    {
        "body",
        "content",
        "data",
        "entries",
        "events",
        "hits",
        "items",
        "list",
        "matches",
        "objects",
        "payload",
        "records",
    }
    | {"response", "result", "results", "rows", "value", "values"}
)
# A document without any of these words is no error, and is not parsed.
_ALARMS = (b"error", b"fault", b"exception")
_SIGNS = (*_ALARMS, b"message", b"detail", b"msg", b"title", b"reason", b"false")
_WRAPPERS = frozenset({"api", "data", "response", "result"})
_SUCCESS = frozenset({"success", "ok"})
_STATUS = frozenset({"status", "statuscode", "code"})


def find_error(body: bytes, most_bytes: int = MOST_BYTES) -> str:
    """Return the error of a JSON document, quoted; empty if the document is no error.

    A document of more than `most_bytes` counts as data. It never raises; any thread may call it.
    """
    if len(body) > most_bytes:
        return ""
    letters = body.replace(b"\0", b"").removeprefix(b"\xef\xbb\xbf").lstrip().lower()  # of UTF-16, too
    if not any(map(letters.__contains__, _ALARMS if letters.startswith(b"[") else _SIGNS)):
        return ""
    try:
        document = json.loads(body.decode(json.detect_encoding(body)).removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return ""
    return quote_error(document, body) if _is_error(document) else ""


def find_error_in_index(body: bytes) -> str:
    """Return the same for a listing, in which an error may be larger: a stack trace may have a megabyte."""
    return find_error(body, MOST_BYTES_OF_INDEX)


def _is_error(document: Any) -> bool:
    if isinstance(document, list):
        errors = [_plainly(one) for one in document if isinstance(one, Mapping)]
        # An object of a list may have a message without being an error.
        are_errors = all(_says_nothing_else(one) and any(one.get(key) for key in _ALWAYS) for one in errors)
        return 0 < len(errors) == len(document) and are_errors
    if not isinstance(document, Mapping):
        return False
    fields = _plainly(document)
    return _says_nothing_else(fields) or _is_envelope(fields, MOST_LEVELS)


def quote_error(document: Any, body: bytes) -> str:
    """Return the text for people in an error, else the beginning of its body; quoted, and without secrets."""
    return excerpt(_message(document, MOST_LEVELS) or body)


def _plainly(fields: Mapping[Any, Any]) -> dict[str, Any]:
    return {plain_key(str(key)): value for key, value in fields.items()}


def _says_nothing_else(fields: Mapping[str, Any]) -> bool:
    """Return whether all keys are keys of errors, and one of them shows that it is an error."""
    if not fields.keys() <= _VOCABULARY:
        return False
    return (
        any(fields.get(key) for key in _ALWAYS)
        or any(isinstance(fields.get(key), str) for key in _IF_TEXT)
        or _is_refused(fields)
    )


def _is_envelope(fields: Mapping[str, Any], levels: int) -> bool:
    """Return whether an object names an error, and has a key for data without data in it."""
    if len(fields) == 1 and levels:
        key, inner = next(iter(fields.items()))
        if key in _WRAPPERS and isinstance(inner, Mapping):
            inside = _plainly(inner)
            return _says_nothing_else(inside) or _is_envelope(inside, levels - 1)
    if not _names_error(fields):
        return False
    others = {key: value for key, value in fields.items() if key not in _VOCABULARY | _ECHOES}
    if any(isinstance(value, (dict, list)) and _holds_data(value, MOST_LEVELS) for value in others.values()):
        return False
    place = any(isinstance(value, (dict, list)) or (value is None and key in _DATA) for key, value in others.items())
    # Without such a key, an unknown key means that it is a document with a remark.
    return place or not any(_holds_data(value, MOST_LEVELS) for value in others.values())


def _names_error(fields: Mapping[str, Any], *, is_head: bool = False) -> bool:
    if any(_is_an_error(value) for value in _values(fields, ERROR_KEYS)) or _is_refused(fields):
        return True
    if not is_head and any(
        _names_error(_plainly(head), is_head=True)
        for key, head in fields.items()
        if key in _HEADS and isinstance(head, Mapping)
    ):
        return True
    return _has_failed(fields) and any(isinstance(fields.get(key), str) and fields[key] for key in _TEXTS)


def _values(fields: Mapping[str, Any], keys: frozenset[str]) -> list[Any]:
    return [fields[key] for key in fields.keys() & keys]


def _is_refused(fields: Mapping[str, Any]) -> bool:
    """Return whether an object says that the request had no success."""
    values = _values(fields, _SUCCESS)
    return any(word is False or (isinstance(word, str) and word.lower() == "false") for word in values)


def _has_failed(fields: Mapping[str, Any]) -> bool:
    """Return whether a status or code is that of a failure."""
    values = _values(fields, _STATUS)
    return any(isinstance(word, str) and word.lower() in _IS_FAILURE for word in values) or any(
        str(word).isdecimal() and 400 <= int(str(word)[:9]) < 600 for word in values
    )


def _is_an_error(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower() not in _NO_ERRORS
    return value is True or (isinstance(value, (dict, list)) and _holds_data(value, MOST_LEVELS))


def _holds_data(value: Any, levels: int) -> bool:
    """Return whether a value holds anything besides null, zeros, empty texts and empty lists."""
    if isinstance(value, (dict, list)) and levels:
        inside = value.values() if isinstance(value, dict) else value
        return any(_holds_data(part, levels - 1) for part in inside)
    if isinstance(value, str):
        return value.strip().lower() not in _NO_ERRORS
    return bool(value)


def _message(value: Any, levels: int) -> str:
    """Return the text for people in an error, searched down to `levels` levels."""
    if isinstance(value, str):
        return value
    if levels and isinstance(value, list):
        return next((text for part in value if (text := _message(part, levels - 1))), "")
    if levels and isinstance(value, dict):
        parts = {plain_key(key): part for key, part in value.items()}
        found = next((text for key in _MESSAGES if (text := _message(parts.get(key), levels - 1))), "")
        if not found and isinstance(errors := parts.get("errors"), dict):  # of which each has its own name
            found = next((text for part in errors.values() if (text := _message(part, levels - 1))), "")
        if not found and len(parts) == 1 and (key := next(iter(parts))) in _WRAPPERS:
            found = _message(parts[key], levels - 1)
        return found
    return ""
