"""The error of a check, and excerpts of a file's content without secrets."""

from __future__ import annotations

import re

from ingestify.masking import MASK, is_secret_key, mask_text

__all__ = ["Problem", "excerpt"]

SHOWN_CHARACTERS = 80

# Secrets are masked before the text is cut: a URL that is cut before its @ would not look like one with a password.
_MASKED_BYTES = 2048

_JSON_PAIR = re.compile(r'"([^"\\]{1,100})"\s*:\s*"(?:[^"\\]|\\.)*(?:"|$)')


class Problem(Exception):
    """A check found a fault. The text is one line for people, without a period: what is wrong, and where."""


def excerpt(content: bytes | str) -> str:
    """Return the beginning of a text in quotes: one printable line of at most 80 characters, without secrets."""
    if isinstance(content, bytes):
        content = content[:_MASKED_BYTES].decode("utf-8", "replace")
    text = mask_text(_JSON_PAIR.sub(_mask_pair, content[:_MASKED_BYTES]))
    line = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    if len(line) > SHOWN_CHARACTERS:
        line = line[: SHOWN_CHARACTERS - 1] + "…"
    return f"'{line}'"


def _mask_pair(pair: re.Match[str]) -> str:
    return f'"{pair[1]}": "{MASK}"' if is_secret_key(pair[1]) else pair[0]
