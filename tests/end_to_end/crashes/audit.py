"""A second opinion on a lake: reads its database and its files with nothing of ingestify."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sqlite3
from collections import Counter
from pathlib import Path

import zstandard

__all__ = ["Audit", "Bundle", "audit"]

Bundle = frozenset[tuple[str, str]]
"""What a reader sees of a match: each feed with the sha256 of its bytes."""


@dataclasses.dataclass(frozen=True, slots=True)
class Audit:
    """What was found.

    Attributes:
        visible: The bundle of each match, without the feed `match`, which is a line of the index.
        wrong: What must never be, for people; empty in a sound lake.
        unnamed: Paths of objects that no row names.
        staged: What is left in the staging folder.
        job_states: Of all jobs.
    """

    visible: dict[int, Bundle]
    wrong: list[str]
    unnamed: set[str]
    staged: set[str]
    job_states: Counter[str]


def audit(project: Path) -> Audit:
    """Look at all of a lake in `project/lake`, through its objects' bytes."""
    wrong: list[str] = []
    files = project / "lake" / "files"
    staged = {str(path.relative_to(files)) for path in files.glob(".staging/*")}
    objects = {str(path.relative_to(files)) for path in files.rglob("*") if path.is_file()} - staged
    database = project / "lake" / "catalog.db"
    if not database.exists():
        return Audit({}, wrong, objects, staged, Counter())
    connection = sqlite3.connect(database)
    try:
        (sound,) = connection.execute("PRAGMA integrity_check").fetchone()
        if sound != "ok":
            wrong.append(f"the database is damaged: {sound}")
        if connection.execute("PRAGMA foreign_key_check").fetchall():
            wrong.append("a row names a row that is not there")
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'dataset'").fetchone():
            return Audit({}, wrong, objects, staged, Counter())
        visible = _read_datasets(connection, files, wrong)
        _check_events(connection, wrong)
        named = {
            path
            for table in ("file", "quarantine_file")
            for (path,) in connection.execute(f"SELECT storage_path FROM {table}")
        }
        states = Counter(state for (state,) in connection.execute("SELECT state FROM job"))
    finally:
        connection.close()
    return Audit(visible, wrong, objects - named, staged, states)


def _read_datasets(connection: sqlite3.Connection, files: Path, wrong: list[str]) -> dict[int, Bundle]:
    visible: dict[int, Bundle] = {}
    datasets = connection.execute("SELECT dataset_id, identifier, current_revision_id FROM dataset").fetchall()
    for dataset_id, identifier, head in datasets:
        match_id = json.loads(identifier)["match_id"]
        if match_id in visible:
            wrong.append(f"match {match_id} is there twice")
        numbers = [
            number
            for (number,) in connection.execute(
                "SELECT revision_id FROM revision WHERE dataset_id = ? ORDER BY revision_id", (dataset_id,)
            )
        ]
        if numbers != list(range(len(numbers))) or head != (numbers[-1] if numbers else None):
            wrong.append(f"match {match_id} has the revisions {numbers}, and its head is {head}")
        current: dict[str, str] = {}
        rows = connection.execute(
            "SELECT data_feed_key, size, tag, storage_size, storage_compression_method, storage_path "
            "FROM file WHERE dataset_id = ? ORDER BY revision_id",
            (dataset_id,),
        )
        for feed, size, tag, storage_size, method, path in rows:
            current[feed] = tag
            _check_object(files / path, size, tag, storage_size, method, wrong)
        current.pop("match", None)
        visible[match_id] = frozenset(current.items())
    return visible


def _check_object(path: Path, size: int, tag: str, storage_size: int, method: str, wrong: list[str]) -> None:
    try:
        stored = path.read_bytes()
    except FileNotFoundError:
        wrong.append(f"{path.name} is not there")
        return
    try:
        content = zstandard.ZstdDecompressor().decompressobj().decompress(stored) if method == "zstd" else stored
    except zstandard.ZstdError as error:
        wrong.append(f"{path.name}: {error}")
        return
    if (len(stored), len(content), hashlib.sha256(content).hexdigest()) != (storage_size, size, tag):
        wrong.append(f"{path.name} does not hold what its row says")


def _check_events(connection: sqlite3.Connection, wrong: list[str]) -> None:
    """Each dataset was created once, and each later revision added once."""
    told = Counter(
        (dataset_id, event_type)
        for dataset_id, event_type in connection.execute("SELECT dataset_id, event_type FROM event_log")
    )
    for dataset_id, revisions in connection.execute(
        "SELECT dataset.dataset_id, count(revision.revision_id) FROM dataset LEFT JOIN revision USING (dataset_id) "
        "GROUP BY dataset.dataset_id"
    ):
        created, added = told[dataset_id, "dataset_created"], told[dataset_id, "revision_added"]
        if (created, added) != (1, revisions):
            wrong.append(f"{dataset_id}: created {created} and revised {added} times, with {revisions} revisions")
