"""Printable text: whoever wrote it, it cannot move the cursor or forge a line."""

from __future__ import annotations

import logging
import re
from typing import Any

from ingestify.masking import mask_text

__all__ = ["JSON_UNSAFE", "PrintableLogger", "printable", "printable_block"]

# Characters that a terminal, or a reader of lines, obeys: controls (C0, DEL, C1), line separators, changes of the
# writing direction, other invisible format characters, and halves of surrogate pairs. Not among them: U+200C and
# U+200D, which join letters and emoji, and U+E0100 to U+E01EF, which select the form of an ideograph in a name.
_COMMANDS = (
    "\\x00-\\x1f\\x7f-\\x9f\\xad\\u061c\\u180e\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff0-\\ufffb"
    "\\ud800-\\udfff\\U0001bca0-\\U0001bca3\\U0001d173-\\U0001d17a\\U000e0000-\\U000e00ff\\U000e01f0-\\U000e0fff"
)
# The flags of England, Scotland and Wales: a black flag with a code in invisible tags.
_FLAG = "\\U0001f3f4[\\U000e0030-\\U000e0039\\U000e0061-\\U000e007a]{1,6}\\U000e007f"
_SAFE_OR_NOT = re.compile(f"{_FLAG}|([{_COMMANDS}])")
JSON_UNSAFE = re.compile(f"[{_COMMANDS}]")
"""The characters that JSON output escapes, so that a reader that splits lines at U+0085 or U+2028 works too."""

_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_INDENT = "  "


def printable(text: str) -> str:
    r"""Return a text as one line that a terminal shows and does not obey.

    Names stay readable: é, 中文 and emoji do not change. A character that a terminal would obey is written as in
    Python: `\x1b`, `\n`, `\u202e`.
    """
    if text.isascii() and text.isprintable():
        return text
    return _SAFE_OR_NOT.sub(_escaped, text)


def printable_block(text: str, *, indents_all: bool = False) -> str:
    """Return a text of several lines in the same way, with its line breaks.

    Each line but the first begins with a blank, so that it cannot look like another message.

    Args:
        text: Any text.
        indents_all: Whether the first line begins with a blank too.
    """
    first, *others = text.expandtabs().rstrip("\r\n").replace("\r\n", "\n").split("\n")
    lines = [printable(_INDENT + first if indents_all else first)]
    for line in others:
        is_told_apart = not line or (line.startswith(" ") and not indents_all)
        lines.append(printable(line if is_told_apart else _INDENT + line))
    return "\n".join(lines)


def _escaped(found: re.Match[str]) -> str:
    character = found[1]
    if character is None:
        return found[0]
    if short := _SHORT.get(character):
        return short
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


class PrintableLogger(logging.LoggerAdapter[logging.Logger]):
    """Logs messages whose arguments come from a provider, made safe for a terminal."""

    def __init__(self, name: str) -> None:
        super().__init__(logging.getLogger(name))

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Log a message with masked and printable arguments."""
        if self.isEnabledFor(level):
            shown = [one if isinstance(one, (int, float)) else printable(mask_text(str(one))) for one in args]
            self.logger.log(level, msg, *shown, **kwargs, stacklevel=2)
