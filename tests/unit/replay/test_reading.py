"""The readers of tracking: each place is where kloppy has it, or where the provider's file has it."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from ingestify.errors import LoadError
from ingestify.replay import reading
from ingestify.replay.reading import Recordings, read_recording
from ingestify.replay.recording import Recording
from tests.unit.tables.real_files import EVENTS, SAMPLES, TRACKING, Real, in_a_lake

SMALL = [one for one in TRACKING if one.count is None]
SYSTEMS = {"sportec": "sportec:tracking", "statsperform": "sportvu"}


def read(real: Real, folder: Path) -> Recording:
    with in_a_lake(real, folder) as dataset:
        return read_recording(dataset)


def metres_of(real: Real, dataset) -> tuple[float, float, float, float]:
    """Return what makes metres from the centre of kloppy's x and y: middle and scale of each."""
    system = dataset.metadata.coordinate_system
    x, y = system.pitch_dimensions.x_dim, system.pitch_dimensions.y_dim
    if x.max is None:  # kloppy does not know the pitch of SportVU, and takes this one
        return 52.5, 1, 34, -1
    length, width = system.pitch_dimensions.pitch_length or 105, system.pitch_dimensions.pitch_width or 68
    down = -1 if system.vertical_orientation.name == "TOP_TO_BOTTOM" else 1
    return (x.min + x.max) / 2, length / (x.max - x.min), (y.min + y.max) / 2, down * width / (y.max - y.min)


@pytest.mark.parametrize("real", SMALL, ids=str)
def test_each_place_is_where_kloppy_has_it(provider_data, real):
    recording = read(real, provider_data)
    loader = real.loader or real.provider
    match = real.load(provider_data, coordinates=SYSTEMS.get(loader, loader))
    middle, scale, across, rise = metres_of(real, match)
    if real.name == "csv":  # kloppy turns y around there; by Metrica's README, (0, 0) is the top left in both formats
        rise = -rise
    assert list(recording.teams) == [str(team.name) for team in match.metadata.teams] or loader == "skillcorner"
    compared = 0
    for frame in match.records:
        seconds = frame.timestamp.total_seconds()
        at = seconds * recording.frames_per_second
        if frame.period is None or seconds < 0 or abs(at - round(at)) > 0.01:
            continue
        people = {str(player.player_id): data.coordinates for player, data in frame.players_data.items()}
        people[""] = frame.ball_coordinates
        there = {
            key: ((one.x - middle) * scale, (one.y - across) * rise)
            for key, one in people.items()
            if one is not None and one.x == one.x
        }
        found = {one.player.player_id if one.player else "": one for one in recording.frame(frame.period.id, seconds)}
        names = dict(zip(sorted(found), sorted(there), strict=True)) if real.name == "csv" else {}
        assert len(found) == len(there), seconds
        for key, one in found.items():
            assert (one.x, one.y) == pytest.approx(there[names.get(key, key)], abs=0.05)
            compared += 1
    assert compared > 20


def test_a_whole_match_of_skillcorner_is_where_the_file_has_it(provider_data):
    (real,) = [one for one in TRACKING if one.name == "2417"]
    recording = read(real, provider_data)
    assert recording.teams == ("Bayern Munchen", "Dortmund")
    assert recording.notes == ()
    assert recording.size_bytes < 10 << 20
    assert max(len(recording.chunk(number)) for number in (0, 30, 60)) < 25_000
    frames = json.loads((provider_data / real.feeds["frames"]).read_text())
    people = json.loads((provider_data / real.feeds["metadata"]).read_text())
    tracks = {one["trackable_object"]: str(one["id"]) for one in people["players"]} | {55: ""}
    for frame in frames[6411::9973]:
        if frame["time"] is None:
            continue
        minutes, seconds = map(float, frame["time"].split(":"))
        found = recording.frame(frame["period"], 60 * (minutes - 45 * (frame["period"] == 2)) + seconds)
        named = {one.player.player_id if one.player else "": (one.x, one.y) for one in found}
        there = [one for one in frame["data"] if one.get("trackable_object") != 22396]  # the referee
        assert len(found) == len(there)
        for one in there:
            if one.get("trackable_object") in tracks:
                assert named[tracks[one["trackable_object"]]] == pytest.approx((one["x"], one["y"]), abs=0.05)


def skillcorner(folder: Path, frames: str, **metadata) -> Real:
    sheet = {
        "home_team": {"id": 1, "name": "A"},
        "away_team": {"id": 2, "name": "B"},
        "pitch_length": 105,
        "pitch_width": 68,
        "players": [],
        **metadata,
    }
    (folder / "sheet.json").write_text(json.dumps(sheet))
    (folder / "frames.txt").write_text(frames)
    return Real("skillcorner", "tracking", "made", None, {"metadata": "sheet.json", "frames": "frames.txt"})


UNNAMED = {"data": [{"x": 1, "y": 0, "track_id": 1, "group_name": "home team"}]}


def unnamed(*tracks: int) -> dict:
    return {"data": [{"x": one, "y": 0, "track_id": one, "group_name": "home team"} for one in tracks]}


def test_unnamed_players_keep_their_track_while_they_are_seen(tmp_path):
    frames = [unnamed(1, 2), unnamed(2, 3), unnamed(3), unnamed(4)]
    content = [{**one, "period": 1, "time": f"0:00.{at}0"} for at, one in enumerate(frames)]
    recording = read(skillcorner(tmp_path, json.dumps(content)), tmp_path)
    tracks = [{one.player.player_id[-1]: one.x for one in recording.frame(1, at / 10)} for at in range(4)]
    assert tracks == [{"1": 1, "2": 2}, {"2": 2, "1": 3}, {"1": 3}, {"1": 4}]


def test_objects_that_nobody_knows_are_counted(tmp_path):
    frame = {"period": 1, "time": "0:00.00", "data": [{"x": 1, "y": 1, "trackable_object": 77}, *UNNAMED["data"]]}
    recording = read(skillcorner(tmp_path, json.dumps([frame])), tmp_path)
    assert recording.notes == ("1 places of the object 77, which the metadata does not have, are left out.",)


@pytest.mark.parametrize(
    ("frames", "what"),
    [
        ("[1]", "no list of frames"),
        ('[{"a": ', "cannot be read as JSON"),
        ("", "no frame"),
        ('[{"b": 1}]', "no tracking of SkillCorner"),
        (json.dumps([{**UNNAMED, "period": 1, "time": "9:99:99:00.00"}]), "hours after"),
    ],
)
def test_what_is_no_tracking_is_a_load_error(tmp_path, frames, what):
    with pytest.raises(LoadError, match=what):
        read(skillcorner(tmp_path, frames or "\n"), tmp_path)


@pytest.mark.parametrize("frames", ["<a>", '<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>'])
def test_broken_positions_of_sportec_are_a_load_error(provider_data, tmp_path, frames):
    (tmp_path / "frames.txt").write_text(frames)
    (tmp_path / "meta.xml").write_bytes((provider_data / SAMPLES / "sportec_meta.xml").read_bytes())
    feeds = {"metadata": "meta.xml", "frames": "frames.txt"}
    with pytest.raises(LoadError, match="'frames'"):
        read(Real("sportec", "tracking", "made", None, feeds), tmp_path)


def test_a_match_without_tracking_says_so(provider_data):
    with pytest.raises(LoadError, match="has no tracking that can be played: it is of the type 'match'"):
        read(EVENTS[0], provider_data)


def test_a_file_is_read_once_however_many_ask(provider_data, monkeypatch):
    count, begun, release = [], threading.Event(), threading.Event()

    def slowly(dataset):
        count.append(dataset)
        begun.set()
        release.wait(5)
        return read_recording(dataset)

    monkeypatch.setattr(reading, "read_recording", slowly)
    (real,) = [one for one in SMALL if str(one) == "metrica-tracking-csv"]
    recordings, found = Recordings(), []
    with in_a_lake(real, provider_data) as dataset:
        threads = [threading.Thread(target=lambda: found.append(recordings.get(dataset))) for _ in range(4)]
        for one in threads:
            one.start()
        begun.wait(5)
        release.set()
        for one in threads:
            one.join()
    assert len(count) == 1
    assert len({id(one) for one in found}) == 1


def test_the_recordings_in_memory_are_few(provider_data):
    recordings = Recordings(most_bytes=1)
    with in_a_lake(SMALL[0], provider_data) as one, in_a_lake(SMALL[3], provider_data) as other:
        first = recordings.get(one)
        assert recordings.get(one) is first
        recordings.get(other)
        assert recordings.get(one) is not first
