"""A way to be hostile, and what a client has to make of it.

Each behaviour has an outcome:

- `refused`: the client raises, and nothing of it is kept;
- `whole`: the document arrives whole, because what is wrong does not touch it;
- `checked`: HTTP cannot tell, so other bytes arrive; looking at the file has to find out;
- `unseen`: other bytes arrive, and for some kinds of file nothing can find out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ingestify.testing.hostile.provider import Conversation

__all__ = ["BEHAVIOURS", "LARGE_BYTES", "Behaviour", "Outcome", "behaviour", "raw"]

LARGE_BYTES = 2 << 20
Outcome = Literal["refused", "whole", "checked", "unseen"]
Play = Callable[["Conversation"], object]


@dataclasses.dataclass(frozen=True, slots=True)
class Behaviour:
    """One way to be hostile.

    Attributes:
        name: The path.
        outcome: What a client has to make of it; see the module's text.
        what: What is sent, in words.
        play: Sends it; what it returns says whether the connection is kept.
        is_large: Whether its document is large enough to be resumed.
    """

    name: str
    outcome: Outcome
    what: str
    play: Play
    is_large: bool = False


BEHAVIOURS: dict[str, Behaviour] = {}
"""All of them by name."""


def behaviour(outcome: Outcome, *, is_large: bool = False) -> Callable[[Play], Play]:
    def register(play: Play) -> Play:
        name = play.__name__
        BEHAVIOURS[name] = Behaviour(name, outcome, (play.__doc__ or "").strip().rstrip("."), play, is_large)
        return play

    return register


def raw(name: str, outcome: Outcome, what: str, make: Callable[[bytes], bytes]) -> None:
    """Register a behaviour that sends bytes and closes."""
    BEHAVIOURS[name] = Behaviour(name, outcome, what, lambda talk: talk.send(make(talk.document)))
