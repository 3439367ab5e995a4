"""An error that a provider answered with status 200, in place of the file."""

from __future__ import annotations

import json
from typing import Any

from ingestify.checks.problem import excerpt

__all__ = ["find_error"]

MOST_BYTES = 4096
MOST_LEVELS = 10

# Of API gateways, RFC 9457, GitHub, ASP.NET, Spring and OAuth; written without case, dashes and underscores.
_VOCABULARY = frozenset(
    {"code", "detail", "details", "documentationurl", "error", "errorcode", "errordescription", "errormessage"}
    | {"errors", "fault", "instance", "message", "msg", "path", "requestid", "status", "statuscode", "success"}
    | {"timestamp", "title", "traceid", "type"}
)
_ALWAYS = frozenset({"error", "errors", "fault"})
_IF_TEXT = frozenset({"message", "detail"})
_MESSAGES = (
    "message",
    "errormessage",
    "errordescription",
    "detail",
    "error",
    "errors",
    "fault",
    "msg",
    "title",
    "code",
)


def find_error(body: bytes) -> str:
    """Return what a JSON document says went wrong, quoted, if it is an object that says nothing else; else nothing.

    A document of more than 4 KiB is taken for data.
    """
    if len(body) > MOST_BYTES or not body.lstrip().startswith(b"{"):
        return ""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    answer = {_plain(key): value for key, value in document.items()}
    if not answer.keys() <= _VOCABULARY:
        return ""
    is_error = any(answer.get(key) for key in _ALWAYS) or any(isinstance(answer.get(key), str) for key in _IF_TEXT)
    return excerpt(_message(answer, MOST_LEVELS) or body) if is_error else ""


def _plain(key: str) -> str:
    return key.lower().replace("_", "").replace("-", "")


def _message(value: Any, levels: int) -> str:
    """Return the text for people that is in an error, at most so many levels deep."""
    if isinstance(value, str):
        return value
    if levels and isinstance(value, list):
        return next((text for part in value if (text := _message(part, levels - 1))), "")
    if levels and isinstance(value, dict):
        parts = {_plain(key): part for key, part in value.items()}
        return next((text for key in _MESSAGES if (text := _message(parts.get(key), levels - 1))), "")
    return ""
