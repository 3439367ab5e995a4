"""Text as a person may be shown it: whoever wrote it, it moves no cursor and forges no line."""

from __future__ import annotations

import logging
import re
from typing import Any

from ingestify.masking import mask_text

__all__ = ["JSON_UNSAFE", "PrintableLogger", "printable", "printable_block"]

# What a terminal, or a reader of lines, obeys instead of showing it: controls (C0, DEL, C1), separators of lines, what
# turns the direction of writing, other format characters without a shape, and halves of surrogate pairs. Not among
# them: U+200C and U+200D, which join letters of several scripts and make one emoji of several, and U+E0100 to U+E01EF,
# which say which form of an ideograph a name is written with.
_COMMANDS = (
    "\\x00-\\x1f\\x7f-\\x9f\\xad\\u061c\\u180e\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff0-\\ufffb"
    "\\ud800-\\udfff\\U0001bca0-\\U0001bca3\\U0001d173-\\U0001d17a\\U000e0000-\\U000e00ff\\U000e01f0-\\U000e0fff"
)
# England, Scotland and Wales: a black flag, and their codes in tags that are never seen themselves.
_FLAG = "\\U0001f3f4[\\U000e0030-\\U000e0039\\U000e0061-\\U000e007a]{1,6}\\U000e007f"
_SAFE_OR_NOT = re.compile(f"{_FLAG}|([{_COMMANDS}])")
JSON_UNSAFE = re.compile(f"[{_COMMANDS}]")
"""What is an escape in JSON that is shown: a reader that splits lines at U+0085 or U+2028 gets whole objects too."""

_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_INDENT = "  "


def printable(text: str) -> str:
    """Return a text as one line that any terminal shows as it is written.

    Names stay readable: é, 中文 and emoji are what they were. What a terminal would obey is shown as Python writes it:
    `\\x1b`, `\\n`, `\\u202e`.
    """
    if text.isascii() and text.isprintable():
        return text
    return _SAFE_OR_NOT.sub(_escaped, text)


def printable_block(text: str, *, indents_all: bool = False) -> str:
    """Return a text of several lines in the same way; its own line breaks stay.

    No line but the first can be taken for one of ours: each begins with a blank.

    Args:
        indents_all: The first one too.
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
    """Logs what quotes a provider: it goes to a terminal as it is where nobody has configured logging."""

    def __init__(self, name: str) -> None:
        super().__init__(logging.getLogger(name))

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Log a message, with its arguments as a person may be shown them."""
        if self.isEnabledFor(level):
            shown = [one if isinstance(one, (int, float)) else printable(mask_text(str(one))) for one in args]
            self.logger.log(level, msg, *shown, **kwargs, stacklevel=2)
