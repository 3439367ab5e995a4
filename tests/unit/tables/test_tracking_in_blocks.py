"""Tracking that kloppy loads in blocks: its rows are those of the whole match, and its objects are never all there."""

from __future__ import annotations

import gc
import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from kloppy.domain import PlayerData

from ingestify.tables.make_rows import make_rows
from ingestify.tables.registry import STANDARD
from ingestify.tables.rows import sportec_positions, tracking
from ingestify.tables.table_input import TableInput

from .reading import frame_of
from .real_files import SAMPLES, TRACKING, Real, in_a_lake

PROVIDERS = ("metrica", "pff", "secondspectrum", "statsperform", "tracab")
IN_BLOCKS = [one for one in TRACKING if one.provider in PROVIDERS]
IN_BLOCKS += [one for one in TRACKING if str(one) == "skillcorner-tracking-sample"]


def rows_of(real: Real, folder: Path) -> dict[str, pl.DataFrame]:
    with in_a_lake(real, folder) as dataset:
        wanted = [one for one in STANDARD if one.name in ("tracking", "lineups")]
        return {name: frame_of(rows) for name, rows in make_rows(dataset, wanted).items()}


def assert_that_blocks_make_the_same_rows(monkeypatch: Any, real: Real, folder: Path, at_once: int) -> pl.DataFrame:
    with monkeypatch.context() as patched:
        patched.setattr(TableInput, "iter_tracking", lambda *_: iter(()))
        whole = rows_of(real, folder)
    monkeypatch.setattr(tracking, "FRAMES", at_once)
    found = rows_of(real, folder)
    assert set(found) == {"tracking", "lineups"}
    for name, rows in found.items():
        keys = {"dataset_id", "lake_updated_at"}
        assert rows.drop(keys).equals(whole[name].drop(keys)), name
    return found["tracking"]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("at_once", [3, 8])
@pytest.mark.parametrize("real", IN_BLOCKS, ids=str)
def test_the_rows_are_those_of_the_whole_match(provider_data, monkeypatch, real, at_once):
    assert_that_blocks_make_the_same_rows(monkeypatch, real, provider_data, at_once)


def real_in(folder: Path, provider: str, provider_data: Path, metadata: str, frames: str, content: str) -> Real:
    (folder / metadata).write_bytes((provider_data / SAMPLES / metadata).read_bytes())
    (folder / frames).write_text(content)
    return Real(provider, "tracking", "made", None, {"metadata": metadata, "frames": frames})


@pytest.mark.sampled(3)
@pytest.mark.parametrize("at_once", [7, 25, 60])
@pytest.mark.parametrize("is_turned", [False, True])
def test_a_match_of_pff_with_extra_time(provider_data, tmp_path, monkeypatch, at_once, is_turned):
    """The ball's state and owner are told by few lines, also by one between the periods."""
    frames = list(map(json.loads, (provider_data / SAMPLES / "pff_10517.jsonl").read_text().splitlines()))
    assert [frames[number]["period"] for number in (99, 100, 149, 150)] == [2, 3, 3, 4]
    for number in (60, 90, 130):
        frames[number]["game_event"] = {"game_event_type": ("OUT", "OTB", "G")[number % 3], "home_ball": number > 70}
    between = {**frames[99], "period": None, "game_event": {"game_event_type": "OTB", "home_ball": True}}
    frames[100]["game_event"] = None
    for one in frames[100:] if is_turned else ():
        for people in (
            one["homePlayersSmoothed"] or [],
            one["awayPlayersSmoothed"] or [],
            [one["ballsSmoothed"] or {}],
        ):
            for person in people:
                person.update({axis: -person[axis] for axis in "xy" if person.get(axis) is not None})
    lines = [json.dumps(one) + "\n" for one in [*frames[:100], *[between] * 5, *frames[100:]]]
    (tmp_path / "frames.jsonl").write_text("".join(lines))
    for name in ("metadata", "rosters"):
        (tmp_path / f"{name}.json").write_bytes((provider_data / SAMPLES / f"pff_{name}_10517.json").read_bytes())
    feeds = {"metadata": "metadata.json", "rosters": "rosters.json", "frames": "frames.jsonl"}
    rows = assert_that_blocks_make_the_same_rows(
        monkeypatch, Real("pff", "tracking", "made", None, feeds), tmp_path, at_once
    )
    assert rows["frame_id"].n_unique() == 200
    assert rows["ball_state"].n_unique() == 2
    assert rows["ball_owning_team"].n_unique() == 2


def skillcorner_frames(provider_data: Path) -> list[dict[str, Any]]:
    """60 frames; in the first five, the teams are on the other side."""
    lines = (provider_data / SAMPLES / "skillcorner_v3_raw_data.jsonl").read_text().splitlines()
    (one, *_) = [frame for frame in map(json.loads, lines) if frame["player_data"]]
    frames = [{**json.loads(lines[0]), "frame": 0}]
    for number in range(1, 61):
        frame = json.loads(json.dumps({**one, "frame": number, "period": 1 if number <= 30 else 2}))
        for player in frame["player_data"]:
            player["x"] = -player["x"] if number <= 5 else player["x"] + number
        frames.append(frame)
    return frames


@pytest.mark.parametrize("is_list", [False, True])
def test_the_side_of_a_team_is_that_in_most_frames_of_skillcorner(provider_data, tmp_path, monkeypatch, is_list):
    frames = skillcorner_frames(provider_data)
    content = json.dumps(frames) if is_list else "".join(json.dumps(one) + "\n" for one in frames)
    real = real_in(
        tmp_path,
        "skillcorner",
        provider_data,
        "skillcorner_meta_data.json",
        "frames.json" if is_list else "frames.jsonl",
        content,
    )
    rows = assert_that_blocks_make_the_same_rows(monkeypatch, real, tmp_path, 5)
    assert rows["frame_id"].n_unique() == 60
    player = frames[1]["player_data"][0]["player_id"]
    turned = {}
    for number in (3, 30, 60):
        (given,) = [one["x"] for one in frames[number]["player_data"] if one["player_id"] == player]
        (placed,) = rows.filter(frame_id=number, player_id=str(player))["x"]
        turned[number] = (placed - 52.5) * given < 0
    assert turned == {3: True, 30: True, 60: False}


def test_the_side_of_a_team_may_be_known_late(provider_data, tmp_path, monkeypatch):
    lines = (provider_data / SAMPLES / "second_spectrum_fake_data.jsonl").read_text("utf-8-sig").splitlines()[:40]
    frames = [{**json.loads(line), "period": 2 if number < 20 else 1} for number, line in enumerate(lines)]
    content = "".join(json.dumps(one) + "\n" for one in frames)
    real = real_in(
        tmp_path, "secondspectrum", provider_data, "second_spectrum_fake_metadata.xml", "frames.jsonl", content
    )
    assert_that_blocks_make_the_same_rows(monkeypatch, real, tmp_path, 6)


@pytest.mark.parametrize("at_once", [10, 25, 40])
def test_a_match_of_metrica_whose_lines_change_their_layout(provider_data, tmp_path, monkeypatch, at_once):
    lines = (provider_data / SAMPLES / "epts_metrica_tracking.txt").read_text()
    first, last = (int(one.partition(":")[0]) for one in (lines.splitlines()[0], lines.splitlines()[-1]))
    real = real_in(tmp_path, "metrica", provider_data, "epts_metrica_metadata.xml", "frames.txt", lines)
    metadata = (tmp_path / "epts_metrica_metadata.xml").read_text()
    (layout,) = re.findall(r"<DataFormatSpecification\b.*?</DataFormatSpecification>", metadata, re.DOTALL)
    ends = [first + 20, first + 21, first + 90, last + 100]
    several = "".join(layout.replace('endFrame="892"', f'endFrame="{end}"') for end in ends)
    (tmp_path / "epts_metrica_metadata.xml").write_text(metadata.replace(layout, several))
    assert_that_blocks_make_the_same_rows(monkeypatch, real, tmp_path, at_once)


def csv_of_metrica(folder: Path, frames: int) -> Real:
    for side, jersey in (("Home", 1), ("Away", 12)):
        names = [f"Player{number}" for number in range(jersey, jersey + 11)]
        numbers = [name.removeprefix("Player") for name in names]
        head = [
            ",,," + ",,".join([side] * 11) + ",,,",
            ",,," + ",,".join(numbers) + ",,,",
            "Period,Frame,Time [s]," + ",,".join(names) + ",,Ball,",
        ]
        rows = [
            ",".join(
                [str(1 + number // (frames // 2)), str(number + 1), str((number + 1) / 25)]
                + [f"{(number % 100) / 100 + place / 1000:.5f}" for place in range(22)]
                + ["0.5", "0.5"]
            )
            for number in range(frames)
        ]
        (folder / f"{side}.csv").write_text("\n".join([*head, *rows, ""]))
    return Real("metrica", "tracking", "made", frames, {"frames-home": "Home.csv", "frames-away": "Away.csv"})


def count_places() -> int:
    return sum(isinstance(one, PlayerData) for one in gc.get_objects())


def test_kloppys_objects_of_a_few_frames_are_there_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(tracking, "FRAMES", 50)
    (definition,) = [one for one in STANDARD if one.name == "tracking"]
    real = csv_of_metrica(tmp_path, 400)
    gc.collect()
    height, of_other_tests = 0, count_places()
    with in_a_lake(real, tmp_path) as dataset, TableInput(dataset, None) as given:
        for rows in tracking.make_frames(given, definition):
            height += rows.height
            assert count_places() - of_other_tests <= 2 * 22 * 50, "of two blocks at most"
    assert height == 400 * 23
    assert gc.isenabled()


@pytest.mark.parametrize("real", [one for one in TRACKING if one.provider == "sportec"], ids=str)
def test_the_file_of_sportec_is_read_in_pieces(provider_data, monkeypatch, real):
    keys = {"dataset_id", "lake_updated_at"}
    expected = rows_of(real, provider_data)["tracking"].drop(keys)
    monkeypatch.setattr(sportec_positions, "_PIECE_BYTES", 7)
    assert rows_of(real, provider_data)["tracking"].drop(keys).equals(expected)
