"""The numbered names of a StatsBomb event feed, as its open-data specification lists them.

Source: "StatsBomb Open Data Specification v1.1" and "StatsBomb Open Events v4.0.0", github.com/statsbomb/open-data/doc.
"""

from __future__ import annotations

__all__ = [
    "BODY_PART",
    "CARD",
    "DUEL_OUTCOME",
    "DUEL_TYPE",
    "EVENT_TYPE",
    "FORMATIONS",
    "GOALKEEPER",
    "INTERCEPTION_OUTCOME",
    "PASS_HEIGHT",
    "PASS_OUTCOME",
    "PASS_TYPE",
    "PLAY_PATTERN",
    "POSITION",
    "ROLE_OF_POSITION",
    "SHOT_OUTCOME",
    "SHOT_TECHNIQUE",
    "SHOT_TYPE",
    "SUBSTITUTION_REASON",
    "Named",
]

Named = dict[str, object]
"""A numbered name, `{"id": 30, "name": "Pass"}`. Shared between events: never change one."""


def _named(**ids: int) -> dict[str, Named]:
    return {key: {"id": value, "name": key.replace("_", " ")} for key, value in ids.items()}


EVENT_TYPE: dict[str, Named] = _named(
    Ball_Recovery=2, Dispossessed=3, Duel=4, Block=6, Offside=8, Clearance=9, Interception=10, Dribble=14, Shot=16,
    Pressure=17, Half_Start=18, Substitution=19, Foul_Won=21, Foul_Committed=22, Goal_Keeper=23, Pass=30, Half_End=34,
    Starting_XI=35, Tactical_Shift=36, Miscontrol=38, Dribbled_Past=39, Carry=43,
)  # fmt: skip
EVENT_TYPE["Ball_Receipt"] = {"id": 42, "name": "Ball Receipt*"}

PLAY_PATTERN: dict[str, Named] = _named(
    Regular_Play=1, From_Corner=2, From_Free_Kick=3, From_Throw_In=4, Other=5, From_Counter=6, From_Goal_Kick=7,
    From_Keeper=8, From_Kick_Off=9,
)  # fmt: skip

PASS_HEIGHT: dict[str, Named] = _named(Ground_Pass=1, Low_Pass=2, High_Pass=3)
PASS_OUTCOME: dict[str, Named] = _named(Incomplete=9, Out=75, Pass_Offside=76)
PASS_TYPE: dict[str, Named] = _named(Corner=61, Free_Kick=62, Goal_Kick=63, Recovery=66, Kick_Off=65)
PASS_TYPE["Throw_In"] = {"id": 67, "name": "Throw-in"}
BODY_PART: dict[str, Named] = _named(
    Both_Hands=35, Head=37, Left_Foot=38, Left_Hand=39, Right_Foot=40, Right_Hand=41, Keeper_Arm=69, Other=70
)
SHOT_OUTCOME: dict[str, Named] = _named(Blocked=96, Goal=97, Off_T=98, Post=99, Saved=100, Wayward=101)
SHOT_TECHNIQUE: dict[str, Named] = _named(Half_Volley=91, Normal=93, Volley=95)
SHOT_TYPE: dict[str, Named] = _named(Open_Play=87, Penalty=88)
DUEL_TYPE: dict[str, Named] = _named(Aerial_Lost=10, Tackle=11)
DUEL_OUTCOME: dict[str, Named] = _named(Won=4, Lost_In_Play=13, Success_In_Play=16)
INTERCEPTION_OUTCOME: dict[str, Named] = _named(Won=4, Lost_In_Play=13, Success_In_Play=16)
CARD: dict[str, Named] = _named(Yellow_Card=7)
SUBSTITUTION_REASON: dict[str, Named] = _named(Injury=102, Tactical=103)

# Goalkeeper events number their type, outcome, technique and position from one table.
GOALKEEPER: dict[str, Named] = _named(
    Goal_Conceded=26, Penalty_Conceded=28, Shot_Faced=32, Shot_Saved=33, Set=44, Diving=45, Standing=46,
    In_Play_Danger=52, In_Play_Safe=53, No_Touch=55, Touched_Out=59,
)  # fmt: skip

POSITION: dict[int, Named] = {
    number: {"id": number, "name": name}
    for number, name in (
        (1, "Goalkeeper"),
        (2, "Right Back"),
        (3, "Right Center Back"),
        (4, "Center Back"),
        (5, "Left Center Back"),
        (6, "Left Back"),
        (7, "Right Wing Back"),
        (8, "Left Wing Back"),
        (9, "Right Defensive Midfield"),
        (10, "Center Defensive Midfield"),
        (11, "Left Defensive Midfield"),
        (12, "Right Midfield"),
        (13, "Right Center Midfield"),
        (15, "Left Center Midfield"),
        (16, "Left Midfield"),
        (17, "Right Wing"),
        (19, "Center Attacking Midfield"),
        (21, "Left Wing"),
        (22, "Right Center Forward"),
        (23, "Center Forward"),
        (24, "Left Center Forward"),
    )
}

ROLE_OF_POSITION: dict[int, str] = {
    number: "goalkeeper" if number == 1 else "defender" if number <= 8 else "forward" if number >= 21 else "midfielder"
    for number in POSITION
} | {17: "forward"}

# A formation's slots: position number, and where that player stands on average, in yards on a 120 x 80 pitch, the
# team attacking towards x = 120. StatsBomb's y grows towards the attacking team's right.
FORMATIONS: dict[int, tuple[tuple[int, float, float], ...]] = {
    433: ((1, 8, 40), (2, 46, 68), (3, 36, 51), (5, 36, 29), (6, 46, 12), (10, 52, 40), (13, 62, 54), (15, 62, 26),
          (17, 80, 66), (23, 86, 40), (21, 80, 14)),
    442: ((1, 8, 40), (2, 44, 68), (3, 36, 51), (5, 36, 29), (6, 44, 12), (12, 66, 68), (13, 56, 49), (15, 56, 31),
          (16, 66, 12), (22, 82, 48), (24, 82, 32)),
    4231: ((1, 8, 40), (2, 46, 68), (3, 36, 51), (5, 36, 29), (6, 46, 12), (9, 54, 49), (11, 54, 31), (17, 76, 67),
           (19, 72, 40), (21, 76, 13), (23, 87, 40)),
    352: ((1, 8, 40), (3, 36, 57), (4, 33, 40), (5, 36, 23), (7, 58, 71), (8, 58, 9), (10, 52, 40), (13, 64, 53),
          (15, 64, 27), (22, 84, 48), (24, 84, 32)),
}  # fmt: skip
