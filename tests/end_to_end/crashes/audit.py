"""A second opinion on a lake: reads its database and its files with nothing of ingestify."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import zstandard

__all__ = ["Audit", "Bundle", "LakeObjects", "Query", "audit", "audit_lake"]

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
        unwarned: How many revisions have no warning.
    """

    visible: dict[int, Bundle]
    wrong: list[str]
    unnamed: set[str]
    staged: set[str]
    job_states: Counter[str]
    unwarned: int = 0


Query = Callable[..., list[tuple[Any, ...]]]
"""Executes a statement, with `?` for each value that follows, and returns its rows."""


class LakeObjects(Protocol):
    """A lake's objects."""

    def paths(self) -> set[str]:
        """All of them."""

    def read(self, path: str) -> bytes:
        """The bytes of one; FileNotFoundError if it is not there."""


MARK = ".lake.json"
"""Says whose the files are, and is none of them."""


class _Folder:
    """Objects below a folder; what is on its way is not among them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.staged = {str(path.relative_to(folder)) for path in folder.glob(".staging/*")}

    def paths(self) -> set[str]:
        every = {str(path.relative_to(self._folder)) for path in self._folder.rglob("*") if path.is_file()}
        return every - self.staged

    def read(self, path: str) -> bytes:
        return (self._folder / path).read_bytes()


def audit(project: Path) -> Audit:
    """Look at all of a lake in `project/lake`, through its objects' bytes."""
    wrong: list[str] = []
    files = _Folder(project / "lake" / "files")
    database = project / "lake" / "catalog.db"
    if not database.exists():
        return Audit({}, wrong, files.paths(), files.staged, Counter())
    connection = sqlite3.connect(database)
    try:
        (sound,) = connection.execute("PRAGMA integrity_check").fetchone()
        if sound != "ok":
            wrong.append(f"the database is damaged: {sound}")
        if connection.execute("PRAGMA foreign_key_check").fetchall():
            wrong.append("a row names a row that is not there")
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'dataset'").fetchone():
            return Audit({}, wrong, files.paths(), files.staged, Counter())
        found = audit_lake(lambda sql, *values: connection.execute(sql, values).fetchall(), files, wrong)
        return dataclasses.replace(found, staged=files.staged)
    finally:
        connection.close()


def audit_lake(query: Query, objects: LakeObjects, wrong: list[str] | None = None) -> Audit:
    """Look at all of a lake whose tables are there, wherever it is."""
    wrong = [] if wrong is None else wrong
    paths = objects.paths()  # before the rows: what a row names by then must be there, and more may come
    visible = _read_datasets(query, objects, wrong)
    _check_events(query, wrong)
    named = {path for table in ("file", "quarantine_file") for (path,) in query(f"SELECT storage_path FROM {table}")}
    states = Counter(state for (state,) in query("SELECT state FROM job"))
    # A delete that is killed leaves the object there by which an object store tells its time.
    staged = {path for path in paths if path.startswith(".staging/")}
    unwarned = _check_warnings(query, wrong)
    return Audit(visible, wrong, paths - named - staged - {MARK}, staged, states, unwarned)


def _check_warnings(query: Query, wrong: list[str]) -> int:
    """Each warning that says of which events it is, is of those of its revision. Returns how many have no warning."""
    rows = query("SELECT dataset_id, revision_id, warnings FROM revision_warning")
    warnings = {(dataset_id, number): json.loads(said) for dataset_id, number, said in rows}
    revisions = set(query("SELECT dataset_id, revision_id FROM revision"))
    wrong += [f"the warnings of {one} belong to no revision" for one in warnings.keys() - revisions]
    events: dict[str, str] = {}
    files = "SELECT dataset_id, revision_id, data_feed_key, tag FROM file ORDER BY dataset_id, revision_id"
    of_revisions = {(dataset_id, number): tag for dataset_id, number, feed, tag in query(files) if feed == "events"}
    for dataset_id, number in sorted(revisions):
        events[dataset_id] = of_revisions.get((dataset_id, number), events.get(dataset_id, ""))
        for said in warnings.get((dataset_id, number), ()):
            if said.startswith("events ") and said != f"events {events[dataset_id]}":
                wrong.append(f"{dataset_id}: revision {number} has the warning of other events")
    profiled = set(query("SELECT dataset_id, revision_id FROM file_profile"))
    wrong += [f"the profiles of {one} belong to no revision" for one in profiled - revisions]
    return len(revisions - warnings.keys())


def _read_datasets(query: Query, objects: LakeObjects, wrong: list[str]) -> dict[int, Bundle]:
    visible: dict[int, Bundle] = {}
    for dataset_id, identifier, head in query("SELECT dataset_id, identifier, current_revision_id FROM dataset"):
        match_id = json.loads(identifier)["match_id"]
        if match_id in visible:
            wrong.append(f"match {match_id} is there twice")
        numbers = [
            number
            for (number,) in query(
                "SELECT revision_id FROM revision WHERE dataset_id = ? ORDER BY revision_id", dataset_id
            )
        ]
        if numbers != list(range(len(numbers))) or head != (numbers[-1] if numbers else None):
            wrong.append(f"match {match_id} has the revisions {numbers}, and its head is {head}")
        current: dict[str, str] = {}
        rows = query(
            "SELECT data_feed_key, size, tag, storage_size, storage_compression_method, storage_path "
            "FROM file WHERE dataset_id = ? ORDER BY revision_id",
            dataset_id,
        )
        for feed, size, tag, storage_size, method, path in rows:
            current[feed] = tag
            _check_object(objects, path, size, tag, storage_size, method, wrong)
        current.pop("match", None)
        visible[match_id] = frozenset(current.items())
    return visible


def _check_object(
    objects: LakeObjects, path: str, size: int, tag: str, storage_size: int, method: str, wrong: list[str]
) -> None:
    try:
        stored = objects.read(path)
    except FileNotFoundError:
        wrong.append(f"{path} is not there")
        return
    try:
        content = zstandard.ZstdDecompressor().decompressobj().decompress(stored) if method == "zstd" else stored
    except zstandard.ZstdError as error:
        wrong.append(f"{path}: {error}")
        return
    if (len(stored), len(content), hashlib.sha256(content).hexdigest()) != (storage_size, size, tag):
        wrong.append(f"{path} does not hold what its row says")


def _check_events(query: Query, wrong: list[str]) -> None:
    """Each dataset was created once, and each later revision added once."""
    told = Counter(query("SELECT dataset_id, event_type FROM event_log"))
    for dataset_id, revisions in query(
        "SELECT dataset.dataset_id, count(revision.revision_id) FROM dataset LEFT JOIN revision USING (dataset_id) "
        "GROUP BY dataset.dataset_id"
    ):
        created, added = told[dataset_id, "dataset_created"], told[dataset_id, "revision_added"]
        if (created, added) != (1, revisions):
            wrong.append(f"{dataset_id}: created {created} and revised {added} times, with {revisions} revisions")
