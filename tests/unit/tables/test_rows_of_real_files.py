"""The rows of real files, compared with what kloppy says in its slow way, and with the provider's own JSON."""

from __future__ import annotations

import dataclasses
import functools
import json
import warnings
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ingestify.tables.make_rows import make_rows
from ingestify.tables.registry import STANDARD
from ingestify.tables.rows.events import COLUMNS, FLAGS, QUALIFIERS
from tests.support.sizes import sample_and_rest

from .reading import frame_of
from .real_files import EVENTS, TRACKING, Real, in_a_lake

PLACES = ("coordinates_x", "coordinates_y", "end_coordinates_x", "end_coordinates_y")
SAME = (
    *("event_id", "event_type", "period_id", "timestamp", "ball_state", "ball_owning_team", "team_id", "player_id"),
    *("receiver_player_id", "result", "success"),
)


def first_ones_and_the_rest(reals: Iterable[Real]) -> list[Any]:
    """The first match of each provider, and samples; of the matches after it, kloppy loads some in many seconds."""
    rest = {"18236", "3869685", "3847567", "3788741", "2499719", "2500089", "2058017", "1694440", "2516739", "2417"}
    listed = list(reals)
    return sample_and_rest([one for one in listed if one.name not in rest], [one for one in listed if one.name in rest])


of_events = pytest.mark.parametrize("real", first_ones_and_the_rest(EVENTS), ids=str)
of_statsbomb = pytest.mark.parametrize(
    "real", first_ones_and_the_rest(one for one in EVENTS if one.provider == "statsbomb"), ids=str
)


@functools.cache
def tables_of(real: Real, folder: Path) -> dict[str, pl.DataFrame]:
    """All standard tables of a dataset."""
    with in_a_lake(real, folder) as dataset:
        return {name: frame_of(rows) for name, rows in make_rows(dataset, STANDARD).items()}


@functools.cache
def loaded_of(real: Real, folder: Path) -> Any:
    """The same dataset, as kloppy alone loads it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Only of whole matches in tracking: new objects for other coordinates would take minutes.
        return real.load(folder, coordinates=real.provider) if real == TRACKING[0] else real.load(folder)


def on_our_pitch(loaded: Any, orientation: str) -> Any:
    """A dataset as kloppy itself transforms it, object by object."""
    from kloppy.domain import (
        CustomCoordinateSystem,
        Dimension,
        MetricPitchDimensions,
        Orientation,
        Origin,
        VerticalOrientation,
    )

    ours = MetricPitchDimensions(
        Dimension(0, 105), Dimension(0, 68), standardized=True, pitch_length=105, pitch_width=68
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return loaded.transform(
            to_coordinate_system=CustomCoordinateSystem(Origin.BOTTOM_LEFT, VerticalOrientation.BOTTOM_TO_TOP, ours),
            to_orientation=Orientation[orientation],
        )


@functools.cache
def events_on_our_pitch(real: Real, folder: Path) -> Any:
    """The events that have a team: of others, kloppy raises an error, as it cannot know their direction."""
    loaded = loaded_of(real, folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with_team = dataclasses.replace(loaded, records=[event for event in loaded.events if event.team is not None])
    return on_our_pitch(with_team, "ACTION_EXECUTING_TEAM")


def kloppys_frame(loaded: Any) -> pl.DataFrame:
    """kloppy's own frame, with seconds for durations and texts for ids."""
    columns = dict(loaded.to_dict())
    for name in ("timestamp", "end_timestamp"):
        columns[name] = [None if one is None else one.total_seconds() for one in columns[name]]
    columns["event_id"] = list(map(str, columns["event_id"]))
    return pl.DataFrame(columns, strict=False)


def assert_equal(ours: pl.Series, theirs: pl.Series) -> None:
    assert ours.is_null().to_list() == theirs.is_null().to_list(), ours.name
    if ours.dtype == pl.Float64:
        assert ((ours - theirs).abs().max() or 0) < 1e-6, ours.name
    else:
        assert ours.to_list() == theirs.to_list(), ours.name


@pytest.mark.slow
@of_events
def test_events_are_those_of_kloppy_on_one_pitch_with_the_same_columns_for_all_providers(provider_data, real):
    ours, loaded = tables_of(real, provider_data)["events"], loaded_of(real, provider_data)
    assert ours.height == len(loaded) == (real.count or len(loaded))
    assert dict(list(ours.schema.items())[6:]) == {name: getattr(pl, kind) for name, kind in COLUMNS.items()}
    theirs = kloppys_frame(loaded)
    for name in SAME:
        assert_equal(ours[name], theirs[name])
    is_pressure = theirs["event_type"] == "PRESSURE"  # kloppy's frame leaves out when these end
    assert_equal(ours.filter(~is_pressure)["end_timestamp"], theirs.filter(~is_pressure)["end_timestamp"])
    placed = kloppys_frame(events_on_our_pitch(real, provider_data))
    with_team = ours.filter(pl.Series([event.team is not None for event in loaded.events]))
    for name in PLACES:
        assert_equal(with_team[name], placed[name])


@pytest.mark.slow
@of_events
def test_events_have_every_qualifier_and_statistic_of_kloppy(provider_data, real):
    ours = tables_of(real, provider_data)["events"].to_dicts()
    for row, event in zip(ours, loaded_of(real, provider_data).events, strict=True):
        values = defaultdict(list)
        for qualifier in event.qualifiers or ():
            for name, value in qualifier.to_dict().items():
                values[name].append(value)
        if getattr(event, "card_type", None):
            values["card_type"].append(event.card_type.value)
        assert set(values) <= {*QUALIFIERS, *FLAGS}, "kloppy has a new kind of qualifier"
        for name in QUALIFIERS:
            assert set((row[name] or "").split("|")) == (set(values[name]) or {""})
        for name in FLAGS:
            assert row[name] == (values[name][-1] if values[name] else None)
        xg = {one.name: one.value for one in event.statistics or ()}
        if real.provider == "sportec" and event.event_name == "shot":
            xg["xG"] = float(event.raw_event["xG"])  # which kloppy does not read
        assert (row["xg"], row["post_shot_xg"]) == (xg.get("xG"), xg.get("PSxG"))
        assert row["team_name"] == (event.team and event.team.name)
        replacement = getattr(event, "replacement_player", None)
        assert row["replacement_player_id"] == (replacement and replacement.player_id)
        formation = getattr(event, "formation_type", None)
        assert row["formation_type"] == (formation and formation.value)


@pytest.mark.slow
@of_statsbomb
def test_statsbombs_own_events_are_all_there_with_their_xg(provider_data, real):
    events = tables_of(real, provider_data)["events"]
    theirs = {one["id"]: one for one in json.loads((provider_data / real.feeds["events"]).read_bytes())}
    for one in theirs.values():
        one.get("shot", {}).pop("freeze_frame", None)
    found = {one["id"]: one for one in map(json.loads, events["qualifiers"])}
    assert all(theirs[key] == one for key, one in found.items())
    left_out = {one["type"]["name"] for key, one in theirs.items() if key not in found}
    assert left_out <= {"Own Goal For"}, "of the two events of an own goal, kloppy makes one"
    shots = events.filter(event_type="SHOT")
    xg = {one["id"]: one["shot"]["statsbomb_xg"] for one in theirs.values() if "shot" in one}
    assert {key: value for key, value in zip(shots["event_id"], shots["xg"], strict=True) if key in xg} == xg
    assert shots.filter(pl.col("xg").is_null())["result"].unique().to_list() in ([], ["OWN_GOAL"])


@pytest.mark.slow
@of_statsbomb
def test_freeze_frames_are_those_of_kloppy(provider_data, real):
    frames = tables_of(real, provider_data)["freeze_frames"]
    placed = events_on_our_pitch(real, provider_data)
    theirs: dict[str, Any] = {}
    for event in placed.events:
        if event.freeze_frame:
            theirs.setdefault(event.event_id, event)
    ids = set(frames["event_id"])
    # What kloppy derives from a shot gets the same frame once more, with the teams mixed up.
    assert {key.partition("-")[0] for key in theirs.keys() - ids} <= {"out", "duel"}
    own_goals = {event["id"] for event in raw_events(real, provider_data) if event["type"]["name"] == "Own Goal For"}
    assert ids - theirs.keys() <= own_goals, "kloppy leaves these out"
    known = {player for team in placed.metadata.teams for player in team.players}
    of_kloppy = frames.filter((pl.col("source") == "shot").any().over("event_id") == (pl.col("source") == "shot"))
    for (event_id,), rows in of_kloppy.filter(pl.col("event_id").is_in(list(theirs))).group_by("event_id"):
        expected = [
            (player.team.team_id, player.player_id if player in known else "", data.coordinates.x, data.coordinates.y)
            for player, data in theirs[event_id].freeze_frame.players_data.items()
        ]
        found = rows.select("team_id", pl.col("player_id").fill_null(""), "x", "y").rows()
        for one, other in zip(sorted(found), sorted(expected), strict=True):
            assert one[:2] == other[:2]
            assert one[2:] == pytest.approx(other[2:], abs=1e-6)
        assert rows["actor"].sum() == 1
        assert (rows.filter("actor")["player_id"] == theirs[event_id].player.player_id).all()


def raw_events(real: Real, folder: Path) -> list[dict[str, Any]]:
    return json.loads((folder / real.feeds["events"]).read_bytes())


@pytest.mark.slow
def test_every_player_of_the_360_feed_is_there_and_in_the_area_that_was_seen(provider_data):
    (real,) = (one for one in EVENTS if "360-frames" in one.feeds)
    frames = tables_of(real, provider_data)["freeze_frames"].filter(source="360")
    theirs = json.loads((provider_data / real.feeds["360-frames"]).read_bytes())
    assert frames["event_id"].n_unique() == len([one for one in theirs if one["freeze_frame"]])
    added = frames.height - sum(len(one["freeze_frame"]) for one in theirs)
    assert 0 <= added <= sum(not any(player["actor"] for player in one["freeze_frame"]) for one in theirs)
    for flag in ("teammate", "keeper"):
        count = sum(player[flag] for one in theirs for player in one["freeze_frame"])
        assert count <= frames[flag].sum() <= count + added
    area = json.loads(frames["visible_area"][0])
    assert len(area) == len(theirs[0]["visible_area"]) // 2
    assert all(-20 < x < 125 and -20 < y < 88 for x, y in area)


@pytest.mark.slow
@pytest.mark.parametrize("real", first_ones_and_the_rest(TRACKING), ids=str)
def test_tracking_is_that_of_kloppy_on_one_pitch(provider_data, real):
    tables, loaded = tables_of(real, provider_data), loaded_of(real, provider_data)
    ours = tables["tracking"]
    assert ours["frame_id"].n_unique() == len(loaded) == (real.count or len(loaded))
    assert ours["is_ball"].sum() == len(loaded)
    some = dataclasses.replace(loaded, records=loaded.records[:: max(1, len(loaded.records) // 200)])
    expected = []
    for frame, given in zip(on_our_pitch(some, "STATIC_HOME_AWAY").records, some.records, strict=True):
        owner = frame.ball_owning_team
        state = frame.ball_state and frame.ball_state.value
        head = (frame.period.id, frame.frame_id, frame.timestamp.total_seconds(), state, owner and str(owner.team_id))
        # A frame that kloppy turns has no speed of the ball any more.
        speed = None if isinstance(given.ball_speed, list) else given.ball_speed
        expected.append((*head, None, *place_of(frame.ball_coordinates), speed))
        expected += [
            (*head, one.player_id, *place_of(data.coordinates), data.speed) for one, data in frame.players_data.items()
        ]
    names = (
        "period_id",
        "frame_id",
        "timestamp",
        "ball_state",
        "ball_owning_team",
        "player_id",
        "x",
        "y",
        "z",
        "speed",
    )
    rows = ours.filter(pl.col("frame_id").is_in([frame.frame_id for frame in some.records])).select(names)
    for name, values in zip(names, zip(*expected, strict=True), strict=True):
        series = pl.Series(name, values, rows[name].dtype)
        assert_equal(rows[name], series.fill_nan(None) if name in "xyz" else series)
    people = {player.player_id: str(player.team.team_id) for team in loaded.metadata.teams for player in team.players}
    assert dict(tables["lineups"].select("player_id", "team_id").rows()) == people


def place_of(at: Any) -> tuple[Any, Any, Any]:
    return (None, None, None) if at is None else (at.x, at.y, getattr(at, "z", None))


@pytest.mark.slow
@of_events
def test_lineups_are_those_of_kloppy_with_the_minutes_that_it_counts(provider_data, real):
    ours, loaded = tables_of(real, provider_data)["lineups"], loaded_of(real, provider_data)
    players = [player for team in loaded.metadata.teams for player in team.players]
    assert ours["player_id"].to_list() == [player.player_id for player in players]
    assert ours["jersey_no"].to_list() == [player.jersey_no for player in players]
    assert ours["starting"].sum() == sum(bool(player.starting) for player in players)
    if not any(event.event_name == "substitution" for event in loaded.events):
        assert ours["minutes_played"].null_count() == ours.height
        return
    minutes = {one.player.player_id: one.duration.total_seconds() / 60 for one in loaded.aggregate("minutes_played")}
    for row in ours.to_dicts():
        assert row["minutes_played"] == pytest.approx(minutes.get(row["player_id"], 0.0))


def test_a_kind_of_dataset_that_kloppy_does_not_load_is_in_the_table_of_matches_only(provider_data):
    feeds = {"match": "skillcorner/data/matches/1886347/1886347_match.json"}
    assert set(tables_of(Real("skillcorner", "match", "1886347", None, feeds), provider_data)) == {"matches"}
