"""The parts that several pictures of a match have: the heading, the list of goals, and a sentence below."""

from __future__ import annotations

from collections.abc import Sequence

from ingestify.pictures.match_values import MatchValues, Side
from ingestify.pictures.svg import BOLD, FONT_SIZE, PLAIN_WIDTH, element, fitted, label, shown_text, text_width

__all__ = ["EDGE", "HEAD_HEIGHT", "LINE_HEIGHT", "goal_list", "heading", "sentences"]

EDGE = 8.0
"""The space around everything."""

LINE_HEIGHT = 18.0

HEAD_HEIGHT = 46.0
"""How high the heading is."""

_NAME_SIZES = (15.0, FONT_SIZE)
_MIDDLE = PLAIN_WIDTH / 2


def heading(match: MatchValues, arrows: tuple[str, str] = ("", "")) -> str:
    """Return the names, the score and the xG, if there is any, with arrows where the teams attack."""
    home, away = match.score
    parts = [label(f"{home}–{away}", _MIDDLE, 20, size=17, font_weight="bold", text_anchor="middle")]
    for side, x, anchor in ((Side.HOME, EDGE, "start"), (Side.AWAY, PLAIN_WIDTH - EDGE, "end")):
        name, room = shown_text(match.teams[side].name), _MIDDLE - EDGE - 28
        size = next((size for size in _NAME_SIZES if text_width(name, size * BOLD) <= room), _NAME_SIZES[-1])
        name = fitted(name, room, size * BOLD)
        parts.append(label(name, x, 20, ink=side.ink, size=size, font_weight="bold", text_anchor=anchor))
        xg = f"xG {match.xg_of(side):.2f}" if match.has_xg else ""
        below = (xg, arrows[side]) if side is Side.HOME else (arrows[side], xg)
        parts.append(label(" ".join(filter(None, below)), x, 38, ink="muted", text_anchor=anchor))
    if kicks := match.shoot_out:
        parts.append(label(f"{kicks[0]}–{kicks[1]} on penalties", _MIDDLE, 38, ink="muted", text_anchor="middle"))
    return element("g", *parts)


def goal_list(match: MatchValues, top: float) -> tuple[str, float]:
    """Return the numbered goals, those of each team below its name, and how high that is.

    It says so if the events have other goals than the result.
    """
    goals = match.goals
    parts = []
    lines = {Side.HOME: 0, Side.AWAY: 0}
    for number, goal in enumerate(goals, 1):
        is_home = goal.side is Side.HOME
        x, anchor = (EDGE, "start") if is_home else (PLAIN_WIDTH - EDGE, "end")
        room = _MIDDLE - EDGE - 4 - text_width(f"{number}  {goal.when}")
        text = f"{number} {fitted(goal.player, room)} {goal.when}"
        parts.append(label(text, x, top + lines[goal.side] * LINE_HEIGHT + 13, ink=goal.side.ink, text_anchor=anchor))
        lines[goal.side] += 1
    height = max(lines.values()) * LINE_HEIGHT
    notes = ["The events do not have the same goals as the result."] if match.lacks_goals else []
    said, said_height = sentences(notes, top + height)
    return (element("g", *parts) if parts else "") + said, height + said_height


def sentences(texts: Sequence[str], top: float) -> tuple[str, float]:
    """Return lines of text, and how high they are."""
    wide = PLAIN_WIDTH - 2 * EDGE
    lines = [line for text in texts for line in _wrapped(text, wide)]
    parts = [label(line, EDGE, top + number * LINE_HEIGHT + 13, ink="muted") for number, line in enumerate(lines)]
    return "".join(parts), len(lines) * LINE_HEIGHT


def _wrapped(text: str, width: float) -> list[str]:
    lines = [""]
    for word in shown_text(text).split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and text_width(longer, FONT_SIZE) > width:
            lines.append(fitted(word, width))
        else:
            lines[-1] = fitted(longer, width)
    return lines
