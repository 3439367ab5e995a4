"""Mirrors of open data sets for tests: real files, and kloppy's samples in place of those that are too large."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

SAMPLES = "_samples/kloppy"


def copied(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def settle(folder: Path) -> None:
    """Let all files be of yesterday: one of this second is asked for once more, as it may have changed since."""
    yesterday = time.time() - 86_400
    for path in folder.rglob("*"):
        os.utime(path, (yesterday, yesterday))


def mirror_metrica(provider_data: Path, folder: Path) -> None:
    """Real events; the tracking files are samples of the same formats."""
    samples = provider_data / SAMPLES
    shutil.copytree(provider_data / "metrica" / "data", folder, dirs_exist_ok=True)
    for game in (1, 2):
        start = folder / f"Sample_Game_{game}" / f"Sample_Game_{game}_RawTrackingData"
        for side in ("Home", "Away"):
            copied(samples / f"metrica_{side.lower()}.csv", start.with_name(f"{start.name}_{side}_Team.csv"))
    # The sample of frames is of another game than the real metadata, and so needs its own.
    third = folder / "Sample_Game_3"
    copied(samples / "epts_metrica_metadata.xml", third / "Sample_Game_3_metadata.xml")
    copied(samples / "epts_metrica_tracking.txt", third / "Sample_Game_3_tracking.txt")


def mirror_sportec(provider_data: Path, folder: Path) -> None:
    """The positions, which are 400 MB, and their match information are samples."""
    ending = "DFL-COM-000002_DFL-MAT-J03WPY.xml"
    samples = provider_data / SAMPLES
    copied(samples / "sportec_meta.xml", folder / f"DFL_02_01_matchinformation_{ending}")
    copied(samples / "sportec_positional.xml", folder / f"DFL_04_03_positions_raw_observed_{ending}")
    settle(folder)


def mirror_impect(provider_data: Path, folder: Path, *, events: bool = True) -> None:
    """The sample is one match; the indexes around it are made up."""
    samples = provider_data / SAMPLES / "impect"
    iteration = {"id": 1, "season": "20/21", "competition": {"name": "Sample League"}}
    match = {
        "iterationId": 1,
        "id": 1,
        "homeSquadId": 1,
        "awaySquadId": 2,
        "scheduledDate": "2020-01-01T00:00:00Z",
        "lastCalculationDate": "2020-01-02T00:00:00Z",
        "matchDay": {"index": 0},
        "available": True,
    }
    write_json(folder / "iterations.json", [iteration])
    write_json(folder / "matches" / "matches_1.json", [match])
    for feed in ("lineups", "squads", "players", *(["events"] if events else [])):
        copied(samples / f"impect_{feed}.json", folder / feed / f"{feed}_1.json")
    settle(folder)


def skillcorner_frames(match_file: Path, count: int) -> bytes:
    """Frames as they are in the current layout, made up, with the real players of a match."""
    match = json.loads(match_file.read_bytes())
    players = [player["id"] for player in match["players"][:22]]
    return b"".join(
        json.dumps(
            {
                "frame": number,
                "timestamp": f"00:00:{number / 10:05.2f}",
                "period": 1,
                "ball_data": {"x": 0.1 * number, "y": 0.0, "z": 0.2, "is_detected": True},
                "possession": {"player_id": None, "group": "home team" if number % 2 else None},
                "player_data": [{"x": 1.0 * place, "y": 0.5, "player_id": one} for place, one in enumerate(players)],
            }
        ).encode()
        + b"\n"
        for number in range(1, count + 1)
    )


def lfs_pointer(body: bytes) -> bytes:
    """What the Git host serves in place of a file that it keeps in LFS."""
    oid = hashlib.sha256(body).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(body)}\n".encode()
