"""JSON Lines: one document on each line."""

from __future__ import annotations

from ingestify.checks import strict_json
from ingestify.checks.appearance import UTF8_BOM
from ingestify.checks.content import Content
from ingestify.checks.error_response import find_error
from ingestify.checks.problem import Problem

__all__ = ["check"]

LINE_BYTES = 64 << 20
"""The longest line. A tracking frame has a few kilobytes."""

_SPACE = b" \t\r\n"


def check(content: Content) -> None:
    """Raise a Problem unless there is a line that is not blank, and each such line is strict JSON."""
    documents = number = 0
    only = b""
    with content.open() as stream:
        while line := stream.readline(LINE_BYTES + 1):
            number += 1
            if len(line) > LINE_BYTES:
                raise Problem(f"line {number} is longer than {LINE_BYTES:,} bytes, so these are not JSON lines")
            if number == 1:
                line = line.removeprefix(UTF8_BOM)
            if line.strip(_SPACE):
                documents += 1
                only = line if documents == 1 else b""
                try:
                    strict_json.decode(line.rstrip(b"\r\n"))
                except Problem as problem:
                    raise Problem(f"line {number}: {problem}") from problem
    if not documents:
        raise Problem("it holds only white space, and no line of JSON")
    if error := find_error(only):
        raise Problem(f"the provider sent an error instead of the file: {error}")
