"""A hostile behaviour, and the right outcome for a client.

The outcomes are:

- `refused`: the client raises an error and keeps nothing;
- `whole`: the document arrives whole, because the fault does not touch it;
- `checked`: wrong bytes arrive, which HTTP cannot detect; the check of the file has to detect them;
- `unseen`: wrong bytes arrive, and for some kinds of file nothing can detect them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Literal

from ingestify.testing.hostile.conversation import Conversation

__all__ = ["BEHAVIOURS", "LARGE_BYTES", "Behaviour", "Outcome", "behaviour", "raw"]

LARGE_BYTES = 2 << 20
Outcome = Literal["refused", "whole", "checked", "unseen"]
Play = Callable[[Conversation], object]


@dataclasses.dataclass(frozen=True, slots=True)
class Behaviour:
    """One hostile behaviour.

    Attributes:
        name: The path.
        outcome: The right outcome for a client; see the module's docstring.
        what: What is sent, in words.
        play: Sends it. A true result means that the connection is kept.
        is_large: Whether its document is large enough for a client to resume the download.
    """

    name: str
    outcome: Outcome
    what: str
    play: Play
    is_large: bool = False


BEHAVIOURS: dict[str, Behaviour] = {}
"""All behaviours by name."""


def behaviour(outcome: Outcome, *, is_large: bool = False) -> Callable[[Play], Play]:
    """Register a function as a behaviour of its name, described by its docstring."""

    def register(play: Play) -> Play:
        name = play.__name__
        BEHAVIOURS[name] = Behaviour(name, outcome, (play.__doc__ or "").strip().rstrip("."), play, is_large)
        return play

    return register


def raw(name: str, outcome: Outcome, what: str, make: Callable[[bytes], bytes]) -> None:
    """Register a behaviour that sends bytes and closes."""
    BEHAVIOURS[name] = Behaviour(name, outcome, what, lambda talk: talk.send(make(talk.document)))
