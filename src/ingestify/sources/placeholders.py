"""Texts with placeholders in braces, such as `/events/{match_id}.json`: where each placeholder begins and ends."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

from ingestify.errors import ConfigurationError

__all__ = ["Placeholder", "iter_pieces"]

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+")


@dataclasses.dataclass(frozen=True, slots=True)
class Placeholder:
    """What is written between two braces."""

    text: str


def iter_pieces(text: str) -> Iterator[str | Placeholder]:
    """Yield the parts of a text in order; `{{` and `}}` are braces.

    Raises:
        ConfigurationError: A brace has no partner.
    """
    for found in _PIECE.finditer(text):
        if found[1] is not None:
            yield Placeholder(found[1])
        elif found[0] in ("{", "}"):
            raise ConfigurationError(f"{text!r} has a single {found[0]}; write {{match_id}}, or {{{{ for a brace.")
        else:
            yield found[0][0] if found[0] in ("{{", "}}") else found[0]
