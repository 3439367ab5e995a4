"""The freeze frame of a shot: where the players were when it was taken."""

from __future__ import annotations

from ingestify.pictures.match_parts import EDGE, sentences
from ingestify.pictures.match_values import FramePlayer, MatchValues, Shot, Side
from ingestify.pictures.palette import colour
from ingestify.pictures.picture import Cell, Picture
from ingestify.pictures.pitch import LENGTH, WIDTH, Pitch
from ingestify.pictures.placing import box_around, no_room, numbers_beside
from ingestify.pictures.players import RADIUS, ball, legend_of_players, player_dot
from ingestify.pictures.svg import BOLD, PLAIN_WIDTH, document, element, fitted, label

__all__ = ["freeze_frame"]

_TOP = 46.0
_SCALE = (PLAIN_WIDTH - 2 * EDGE) / WIDTH
_POSTS = ((LENGTH, 36.0), (LENGTH, 44.0))


def freeze_frame(match: MatchValues, shot: Shot) -> Picture:
    """Return the freeze frame of a shot. The shooter's team attacks upwards.

    Players are dots with their numbers, whose names are in the table: names would cover one another.

    Args:
        match: The match.
        shot: One of its shots.
    """
    places = [one.x for one in shot.frame] + ([] if shot.x is None else [shot.x])
    nearest = min(places, default=LENGTH)
    first_x = 0.0 if nearest < 59 else max(60.0, min(nearest - 4, 84.0))
    pitch = Pitch(EDGE, _TOP, _SCALE, first_x, is_upright=True)
    parts = [_heading(match, shot), pitch.draw(), _cone(pitch, shot)]
    parts += [_player(pitch, shot, one) for one in shot.frame]
    if shot.place is not None:
        x, y = pitch.at(*shot.place)
        ring = element("circle", cx=x, cy=y, r=RADIUS + 3.5, fill="none", stroke=colour("text"), stroke_width=1.5)
        parts += [player_dot(x, y, shot.side.ink, is_filled=True, is_keeper=False, title=shot.player), ring]
    below = _TOP + pitch.height + 4
    names = (match.teams[shot.side].name, match.teams[shot.side.other].name)
    legend, legend_height = legend_of_players(
        [(names[0], shot.side.ink, True), (names[1], shot.side.other.ink, False)], below, has_shooter=True
    )
    numbers, left_out = _numbers(pitch, shot)
    notes, notes_height = sentences(no_room(left_out) + _notes(shot), below + legend_height)
    alt = _alt(match, shot)
    return Picture(
        title=f"Freeze frame: {shot.text}",
        alt=alt,
        svg=document(
            "".join(parts) + numbers + legend + notes,
            height=below + legend_height + notes_height + EDGE,
            name=alt,
        ),
        columns=("number", "player", "team", "role", "x", "y"),
        rows=_rows(match, shot),
    )


def _heading(match: MatchValues, shot: Shot) -> str:
    wide = PLAIN_WIDTH - 2 * EDGE
    kind = f", {shot.kind}" if shot.kind else ""
    xg = "" if shot.xg is None else f", xG {shot.xg:.2f}"
    first = fitted(f"{shot.player or '?'}, {shot.minute_text}", wide, 15 * BOLD)
    second = fitted(f"{match.teams[shot.side].name}: {shot.outcome.value}{xg}{kind}", wide)
    return label(first, EDGE, 20, ink=shot.side.ink, size=15, font_weight="bold") + label(second, EDGE, 38, ink="muted")


def _alt(match: MatchValues, shot: Shot) -> str:
    mates = sum(one.is_teammate for one in shot.frame)
    others = len(shot.frame) - mates
    counts = [
        f"{count} {name}{'' if count == 1 else 's'}" for count, name in ((mates, "teammate"), (others, "opponent"))
    ]
    around = " and ".join(counts) if shot.frame else "no other players are known"
    return f"Freeze frame of a shot of {match.teams[shot.side].name}: {shot.text}; {around}."


def _notes(shot: Shot) -> list[str]:
    notes = [] if shot.frame else ["The provider gives no freeze frame of this shot."]
    return notes if shot.place is not None else [*notes, "The place of this shot is unknown."]


def _side(shot: Shot, player: FramePlayer) -> Side:
    return shot.side if player.is_teammate else shot.side.other


def _player(pitch: Pitch, shot: Shot, player: FramePlayer) -> str:
    x, y = pitch.at(player.x, player.y)
    ink = _side(shot, player).ink
    return player_dot(x, y, ink, is_filled=player.is_teammate, is_keeper=player.is_keeper, title=player.name)


def _cone(pitch: Pitch, shot: Shot) -> str:
    """Return what the shooter saw of the goal, and the way of the ball."""
    if shot.place is None:
        return ""
    (x, y), *posts = (pitch.at(*place) for place in (shot.place, *_POSTS))
    corners = "".join(f"L{a:.1f} {b:.1f}" for a, b in posts)
    cone = element("path", d=f"M{x:.1f} {y:.1f}{corners}Z", fill=colour(shot.side.ink), fill_opacity="0.14")
    if shot.end is None:
        return cone
    to_x, to_y = pitch.at(*shot.end)
    way = element(
        "line", x1=x, y1=y, x2=to_x, y2=to_y, stroke=colour(shot.side.ink), stroke_width=1.4, stroke_dasharray="4 3"
    )
    return cone + way + ball(to_x, to_y)


def _numbers(pitch: Pitch, shot: Shot) -> tuple[str, int]:
    numbered = [(one.number, *pitch.at(one.x, one.y), _side(shot, one).ink) for one in shot.frame]
    if shot.place is not None:
        numbered.insert(0, (shot.number, *pitch.at(*shot.place), shot.side.ink))
    return numbers_beside(
        [(number, x, y, RADIUS, ink) for number, x, y, ink in numbered if number is not None],
        [box_around(x, y, RADIUS) for _, x, y, _ in numbered],
        pitch.box,
        "grass",
    )


def _rows(match: MatchValues, shot: Shot) -> list[tuple[Cell, ...]]:
    shooter = (shot.number, shot.player, match.teams[shot.side].name, "shooter", shot.x, shot.y)
    others = sorted(shot.frame, key=lambda one: (not one.is_teammate, not one.is_keeper, one.number or 0))
    return [
        shooter,
        *(
            (one.number, one.name, match.teams[_side(shot, one)].name, "keeper" if one.is_keeper else "", one.x, one.y)
            for one in others
        ),
    ]
