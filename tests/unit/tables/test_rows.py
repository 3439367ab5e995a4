"""The standard tables of invented matches: quick, and without files of a provider."""

from __future__ import annotations

import builtins
import dataclasses
import datetime as dt
import json
import re
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from ingestify import DatasetResource, DraftFile, Source, debug_source
from ingestify.errors import MissingExtraError
from ingestify.tables.make_rows import make_rows
from ingestify.tables.registry import STANDARD
from ingestify.tables.rows import events
from ingestify.tables.rows.pitch import Pitch
from ingestify.testing.season import Season

from .reading import frame_of

PAGE = (Path(__file__).parents[3] / "docs/tables.md").read_text("utf-8")
TYPES = {
    "text": pl.String,
    "number": pl.Float64,
    "whole number": pl.Int64,
    "true or false": pl.Boolean,
    "time": pl.Datetime("us", "UTC"),
}


class Invented(Source):
    """A match of an invented season, or one whose files are another match's."""

    provider = "statsbomb"

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__("invented")
        self._files = files

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        resource = DatasetResource({"match_id": 1}, dataset_type, name="a match")
        for feed, content in self._files.items():
            resource.add_file(None, feed, file_loader=_read, loader_kwargs={"content": content, "feed": feed})
        yield resource


def _read(file_resource, current_file, content, feed):
    return DraftFile.from_input(content, feed, data_serialization_format="json")


def tables_of(files: dict[str, bytes]) -> dict[str, Any]:
    with debug_source(Invented(files), dataset_type="match") as engine:
        (dataset,) = engine.list_datasets()
        return make_rows(dataset, STANDARD)


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    season = Season(1, events_per_match=60, matches_with_360=1)
    (match,) = season.matches
    return {
        "events": season.events(match.match_id),
        "lineups": season.lineups(match.match_id),
        "360-frames": season.three_sixty(match.match_id),
    }


@pytest.fixture(scope="module")
def tables(files) -> dict[str, pl.DataFrame]:
    return {name: frame_of(rows) for name, rows in tables_of(files).items()}


def test_a_match_of_events_is_in_each_table_but_that_of_tracking(tables):
    assert list(tables) == ["matches", "events", "lineups", "freeze_frames"]
    assert all(frame.height for frame in tables.values())


@pytest.mark.parametrize("name", ["matches", "events", "lineups", "freeze_frames"])
def test_the_columns_are_the_documented_ones(tables, name):
    (text,) = re.findall(rf"^### `{name}`\n(.*?)(?=^##)", PAGE, re.DOTALL | re.MULTILINE)
    documented = {
        column: TYPES[kind] for column, kind in re.findall(r"^\| `(\w+)` \| ([a-z ]+) \|", text, re.MULTILINE)
    }
    assert dict(list(tables[name].schema.items())[6:]) == documented
    assert list(tables[name].columns[6:]) == list(documented)


def test_events_have_xg_and_the_providers_own_event_without_freeze_frames(tables, files):
    shots = tables["events"].filter(event_type="SHOT")
    theirs = {one["id"]: one for one in json.loads(files["events"]) if "shot" in one}
    assert dict(shots.select("event_id", "xg").rows()) == {
        key: one["shot"]["statsbomb_xg"] for key, one in theirs.items()
    }
    assert any("freeze_frame" in one["shot"] for one in theirs.values())
    for row in map(json.loads, shots["qualifiers"]):
        theirs[row["id"]]["shot"].pop("freeze_frame", None)
        assert row == theirs[row["id"]]


def test_a_shot_near_the_goal_is_on_the_right_whoever_shoots(tables):
    shots = tables["events"].filter(event_type="SHOT")
    assert shots["team_id"].n_unique() == 2
    assert shots["coordinates_x"].min() > 60
    assert shots.select(pl.col("coordinates_x", "coordinates_y").is_between(0, 105)).to_numpy().all()


def test_a_frame_has_each_visible_player_and_the_one_who_acts(tables, files):
    frames = tables["freeze_frames"]
    theirs = {one["event_uuid"]: one for one in json.loads(files["360-frames"])}
    for (event_id,), rows in frames.filter(source="360").group_by("event_id"):
        one = theirs.pop(event_id)
        assert rows.height in (len(one["freeze_frame"]), len(one["freeze_frame"]) + 1)
        assert rows["actor"].sum() == 1
        assert len(json.loads(rows["visible_area"][0])) == len(one["visible_area"]) // 2
    assert not theirs
    assert set(frames["event_id"]) - set(tables["events"]["event_id"]) == set()


def test_a_frame_whose_event_is_lacking_is_kept_without_a_team(files):
    frames = json.loads(files["360-frames"])
    frames[0]["event_uuid"] = "nobody"
    rows = frame_of(tables_of({**files, "360-frames": json.dumps(frames).encode()})["freeze_frames"])
    lost = rows.filter(event_id="nobody")
    assert lost.height == len(frames[0]["freeze_frame"])
    assert lost["team_id"].null_count() == lost.height
    assert lost["x"].null_count() == 0


def test_a_match_that_kloppy_cannot_read_is_a_problem_of_its_tables_but_not_of_matches(files):
    rows = tables_of({**files, "lineups": b'[{"team_id": 1}]'})
    assert rows["matches"].problem == ""
    assert {name for name, one in rows.items() if "kloppy cannot read statsbomb/match" in one.problem} == {
        "events",
        "lineups",
        "freeze_frames",
    }


def test_a_feed_that_lacks_its_fields_is_a_problem_that_names_the_place(files):
    rows = tables_of({**files, "360-frames": b'[{"event_uuid": "x", "freeze_frame": [{"teammate": 1}]}]'})
    assert "$[0].freeze_frame[0].teammate" in rows["freeze_frames"].problem
    assert rows["events"].problem == ""


def test_kloppy_loads_once_for_all_tables_also_if_it_fails(files, monkeypatch):
    from ingestify.store.dataset_store import DatasetStore

    calls = []
    load = DatasetStore.load_with_kloppy

    def counted(self, *args, **kwargs):
        calls.append(kwargs)
        return load(self, *args, **kwargs)

    monkeypatch.setattr(DatasetStore, "load_with_kloppy", counted)
    for content in (files["lineups"], b"[]"):
        tables_of({**files, "lineups": content})
    assert calls == [{"coordinates": "statsbomb", "three_sixty": False}] * 2


def test_threads_that_make_rows_leave_the_filters_of_warnings_as_they_are(files):
    with debug_source(Invented(files), dataset_type="match") as engine:
        (dataset,) = engine.list_datasets()
        before = list(warnings.filters), warnings.showwarning
        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(lambda _: make_rows(dataset, STANDARD)["events"], range(16)))
        assert (list(warnings.filters), warnings.showwarning) == before
    assert len({(rows.height, rows.problem) for rows in made}) == 1


def test_without_kloppy_the_extra_is_named_and_no_dataset_is_blamed(files, monkeypatch):
    real_import = builtins.__import__

    def without_kloppy(name, *args, **kwargs):
        if name.partition(".")[0] == "kloppy":
            raise ModuleNotFoundError("No module named 'kloppy'", name="kloppy")
        return real_import(name, *args, **kwargs)

    with debug_source(Invented(files), dataset_type="match") as engine:
        (dataset,) = engine.list_datasets()
        monkeypatch.setattr(builtins, "__import__", without_kloppy)
        for definition in STANDARD[1:3]:
            with pytest.raises(MissingExtraError, match="kloppy"):
                make_rows(dataset, [definition])


def test_a_shirt_without_a_number_has_none():
    from ingestify.tables.rows import lineups

    team = SimpleNamespace(team_id=1, name="A", ground=SimpleNamespace(value="home"))
    player = SimpleNamespace(
        player_id=7, name=None, first_name="B", last_name="C", starting=False, starting_position=None
    )
    found = [
        lineups._row(team, SimpleNamespace(**vars(player), jersey_no=one), has_minutes=False)
        for one in (None, "9", "x", 10)
    ]
    assert [row["jersey_no"] for row in found] == [None, 9, None, 10]
    assert (found[0]["team_id"], found[0]["player_id"], found[0]["player_name"]) == ("1", "7", "B C")


# ---- what kloppy may say that no file of ours has ------------------------------------------------------


class NewQualifier:
    def to_dict(self):
        return {"phase_type": "BUILD_UP"}


@dataclasses.dataclass
class Statistic:
    name: str
    value: float


def test_a_qualifier_that_has_no_column_is_kept_as_json():
    row: dict[str, Any] = {}
    flag = SimpleNamespace(to_dict=lambda: {"is_under_pressure": True})
    kinds = [SimpleNamespace(to_dict=lambda kind=kind: {"pass_type": kind}) for kind in ("CROSS", "ASSIST")]
    statistics = [Statistic("xG", 0.1), Statistic("OBV", 0.5)]
    events._add_qualifiers(row, [NewQualifier(), flag, *kinds], statistics)
    assert json.loads(row.pop("other")) == {"phase_type": ["BUILD_UP"], "OBV": [{"name": "OBV", "value": 0.5}]}
    assert row == {"is_under_pressure": True, "pass_type": "CROSS|ASSIST", "xg": 0.1}


@pytest.mark.parametrize("raw", [None, {}, "text", {"n": 2**70}, {"at": object()}, {"shot": None}])
def test_any_raw_event_becomes_json(raw):
    encoded = events._RowMaker()._raw_event(raw)
    assert (encoded is None) == (raw is None)
    assert raw is None or isinstance(json.loads(encoded), type(raw))


def metadata(orientation: str, system: str = "STATSBOMB", **size: float) -> Any:
    from kloppy.domain import Orientation, Provider
    from kloppy.domain.models.common import build_coordinate_system

    made = build_coordinate_system(Provider[system], pitch_length=size.get("length"), pitch_width=size.get("width"))
    return SimpleNamespace(
        orientation=Orientation[orientation], coordinate_system=made, pitch_dimensions=made.pitch_dimensions
    )


def place(pitch: Pitch, x: float, y: float, *, flip: bool = False) -> tuple[float, float]:
    series = (pl.Series([one], dtype=pl.Float64) for one in (x, y))
    xs, ys = pitch.place(*series, pl.Series([flip]))
    return pytest.approx((xs[0], ys[0]))


def test_the_marks_of_a_providers_pitch_are_those_of_a_real_one():
    pitch = Pitch(metadata("ACTION_EXECUTING_TEAM"))
    assert place(pitch, 0, 0) == (0, 68)
    assert place(pitch, 60, 40) == (52.5, 34)
    assert place(pitch, 108, 40) == (94, 34), "the penalty spot"
    assert place(pitch, 102, 18) == (88.5, 54.16), "a corner of the penalty area"
    assert place(pitch, 120, 44, flip=True) == (0, 37.66), "a goalpost"
    assert place(pitch, -1.2, 88) == (-1.05, -6.8), "outside the pitch"


def test_what_is_not_a_number_has_no_place():
    x, y = Pitch(metadata("HOME_AWAY", "METRICA")).place(
        pl.Series([float("nan"), None], dtype=pl.Float64), pl.Series([0.5, 0.5]), pl.Series([False, True])
    )
    assert x.null_count() == 2
    assert y.to_list() == [34, 34]


def test_a_pitch_of_another_size_is_stretched_between_its_marks():
    pitch = Pitch(metadata("HOME_AWAY", "SKILLCORNER", length=100.0, width=64.0))
    assert place(pitch, 39, 0) == (94, 34), "the penalty spot is 11 metres from the goal line"
    assert place(pitch, -50, -32) == (0, 0)


def test_where_nobody_says_how_large_the_pitch_is_it_is_the_usual_one():
    assert place(Pitch(metadata("HOME_AWAY", "SKILLCORNER")), 0, 0) == (52.5, 34)


def test_the_team_of_the_event_attacks_to_the_right():
    from kloppy.domain import Ground

    first, second, shoot_out = (SimpleNamespace(id=number) for number in (1, 2, 5))
    home, away = (SimpleNamespace(ground=one) for one in (Ground.HOME, Ground.AWAY))
    pitch = Pitch(metadata("AWAY_HOME", "METRICA"))
    assert [pitch.has_to_flip(first, None, team) for team in (home, away, None)] == [True, False, True]
    assert [pitch.has_to_flip(second, away, team) for team in (home, away, None)] == [False, True, False]
    assert not pitch.has_to_flip(shoot_out, None, away), "kloppy knows no direction of a shoot-out"
    of_home = [pitch.has_to_flip(period, None, away, is_static=True) for period in (first, second)]
    assert of_home == [True, False], "in tracking it is always the home team"
    executing = Pitch(metadata("ACTION_EXECUTING_TEAM"))
    assert not any(executing.has_to_flip(first, owner, team) for owner in (home, away) for team in (home, away))


# ---- Sportec's tracking --------------------------------------------------------------------------------


def frame_set(section: str, person: str, numbers: list[int], **attributes: str) -> str:
    more = "".join(f' {name}="{value}"' for name, value in attributes.items())
    frames = "".join(f'<Frame N="{number}" X="{number % 50}" Y="1.5" S="3"{more}/>' for number in numbers)
    team = "BALL" if person == "ball" else "t"
    return f'<FrameSet GameSection="{section}" TeamId="{team}" PersonId="{person}">{frames}</FrameSet>'


def test_sportecs_frames_are_put_together_from_one_set_for_each_object():
    import io

    from kloppy.domain import Ground, Orientation, Provider
    from kloppy.domain.models.common import build_coordinate_system

    from ingestify.tables.rows.sportec_tracking import iter_sportec_frames

    sets = [
        frame_set("firstHalf", "p2", [11, 12]),
        frame_set("firstHalf", "ball", [10, 11, 12], BallPossession="2", BallStatus="1", Z="0.5"),
        frame_set("secondHalf", "p1", [99]),  # a half in which nobody has the ball
        frame_set("firstHalf", "referee", [10]),
        frame_set("firstHalf", "p1", [12, 11, 12, 13]),
        frame_set("pause", "p1", [12]),
    ]
    content = f"<PutDataRequest><Positions>{''.join(sets)}</Positions></PutDataRequest>".encode()
    players = [SimpleNamespace(player_id=one) for one in ("p1", "p2")]
    home = SimpleNamespace(team_id="h", ground=Ground.HOME, players=players)
    away = SimpleNamespace(team_id="a", ground=Ground.AWAY, players=[])
    system = build_coordinate_system(Provider.SKILLCORNER, pitch_length=105.0, pitch_width=68.0)
    periods = [SimpleNamespace(id=number, start_timestamp=dt.timedelta(seconds=0)) for number in (1, 2)]
    found = SimpleNamespace(
        orientation=Orientation.AWAY_HOME,
        coordinate_system=system,
        pitch_dimensions=system.pitch_dimensions,
        teams=[home, away],
        periods=periods,
        frame_rate=10,
    )
    files = SimpleNamespace(require_file=lambda feed: SimpleNamespace(stream=io.BytesIO(content)))
    given: Any = SimpleNamespace(kloppy_metadata=lambda: found, files=files)
    chunks = list(iter_sportec_frames(given, 2))
    assert [chunk.height for chunk in chunks] == [4, 3]
    rows = pl.concat(chunks)
    assert rows.select("frame_id", "timestamp", "player_id", "team_id", "is_ball", "x", "y", "z").rows() == [
        (10, 1.0, None, None, True, 42.5, 32.5, 0.5),
        (11, 1.1, None, None, True, 41.5, 32.5, 0.5),
        (11, 1.1, "p2", "h", False, 41.5, 32.5, None),
        (11, 1.1, "p1", "h", False, 41.5, 32.5, None),
        (12, 1.2, None, None, True, 40.5, 32.5, 0.5),
        (12, 1.2, "p2", "h", False, 40.5, 32.5, None),
        (12, 1.2, "p1", "h", False, 40.5, 32.5, None),
    ]
    assert rows.select("ball_state", "ball_owning_team", "speed").unique().rows() == [("alive", "a", 3.0)]
