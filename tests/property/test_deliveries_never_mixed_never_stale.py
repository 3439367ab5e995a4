"""The same promise for what is delivered to a folder: files, or a ZIP archive of them, that are replaced and removed.

`INGESTIFY_EXAMPLES=1000` tries so many invented scenarios, other ones each time.
"""

from __future__ import annotations

import dataclasses
import io
import itertools
import json
import os
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ingestify import IngestionPlan
from tests.support.drop import Drop

pytestmark = pytest.mark.sampled(3)  # of the forms of a scenario, each third

EXAMPLES = int(os.environ.get("INGESTIFY_EXAMPLES", "0"))
PATTERN = "{match_id}_{data_feed_key}.{data_serialization_format}"
LONG_AGO = 1_700_000_000


@dataclasses.dataclass(frozen=True)
class Deliver:
    """Files of a match come, all of one version; what is not among them is not there any more.

    Attributes:
        keeps_time: Whether they have the times of those that they replace, as after `rsync -t`; they always have their
            size. Otherwise they are newer or, if `is_older`, older.
        feeds: Events are always among them: without, the delivery would wait for somebody to decide.
    """

    match: int
    feeds: tuple[str, ...] = ("events", "frames")
    keeps_time: bool = False
    is_older: bool = False
    corrects: bool = True


@dataclasses.dataclass(frozen=True)
class Remove:
    """All that there is of a match is removed."""

    match: int


@dataclasses.dataclass(frozen=True)
class Run:
    """The folder is read; if it `is_away`, as one that is not mounted, it is empty then."""

    is_away: bool = False


Step = Deliver | Remove | Run


class _Folder:
    """A folder, what was in it at each moment, and a lake that reads it."""

    def __init__(self, root: Path, *, zipped: bool) -> None:
        self._root = root
        self._zipped = zipped
        self._numbers = itertools.count(1)
        self._times: dict[int, int] = {}
        self._doubted: set[int] = set()
        self.now: dict[int, dict[str, str]] = {}
        self.moments: dict[int, list[Mapping[str, str]]] = {}
        members = {"events": "**events.json", "frames": "**frames.json"} if zipped else {}
        optional = ["frames", "bundle"]
        self.drop = Drop(
            root,
            pattern=PATTERN,
            types={"match_id": "int"},
            members=members,
            requires=["events"],
            optional=optional,
            settle_seconds=0,
        )
        self.drop.engine.add_ingestion_plan(IngestionPlan(self.drop.source, "match"))

    def deliver(self, step: Deliver) -> None:
        version = f"{next(self._numbers):04}"
        before = self.now.get(step.match, {})
        contents = {feed: version if step.corrects else before.get(feed, version) for feed in step.feeds}
        for feed in set(before) - set(contents):
            self._put_aside(self.drop.folder / f"{step.match}_{feed}.json")
        time = self._times.get(step.match, LONG_AGO)
        if not step.keeps_time:
            time += -100_000 if step.is_older else 1000
        self._times[step.match] = time
        bodies = {feed: _body(feed, said) for feed, said in contents.items()}
        if self._zipped:
            self._replace(f"{step.match}_bundle.zip", _archive(bodies), time)
        else:
            for feed, body in bodies.items():
                if before.get(feed) != contents[feed]:
                    self._replace(f"{step.match}_{feed}.json", body, time)
        self.now[step.match] = contents
        self.moments.setdefault(step.match, []).append(contents)

    def _replace(self, name: str, body: bytes, time: int) -> None:
        """Put a file in place as `rsync` and `mv` do: another file of that name, and so another inode."""
        target = self.drop.folder / name
        self._put_aside(target)
        new = self._root / "new"
        new.write_bytes(body)
        os.utime(new, (time, time))
        new.replace(target)

    def _put_aside(self, target: Path) -> None:
        # Kept, so that no later file gets its inode: with that, its size and its time nobody could tell them apart.
        if target.exists():
            aside = self._root / "aside"
            aside.mkdir(exist_ok=True)
            target.rename(aside / str(len(list(aside.iterdir()))))

    def remove(self, match: int) -> None:
        for path in self.drop.folder.glob(f"{match}_*"):
            self._put_aside(path)
        self.now.pop(match, None)

    def run(self, step: Run) -> None:
        before = self.drop.states()
        away = self._root / "away"
        if step.is_away:
            self.drop.folder.rename(away)
            self.drop.folder.mkdir()
        report = self.drop.engine.run_report()
        if step.is_away:
            self.drop.folder.rmdir()
            away.rename(self.drop.folder)
        told = [f"{task.name}: {task.error}" for task in report.failed_tasks + report.quarantined_tasks]
        for match, contents in self.lake().items():
            was_delivered = any(contents.items() <= moment.items() for moment in self.moments[match])
            assert was_delivered, f"match {match} is a mix: {contents}, never delivered like that; {told}"
        for name, state in self.drop.states().items():
            is_new = state == "MISSING" and before.get(name) != "MISSING"
            match = int(name.rpartition("=")[2])
            assert not (step.is_away and is_new) or match in self._doubted, f"match {match} is MISSING by one look"
        self._doubted = {match for match in self.moments if step.is_away or match not in self.now}

    def lake(self) -> dict[int, dict[str, str]]:
        """Return match to feed to version; that of an archive is checked against what the lake has beside it."""
        found: dict[int, dict[str, str]] = {}
        for dataset in self.drop.engine.list_datasets():
            files = {file.data_feed_key: file for file in self.drop.engine.store.load_files(dataset)}
            archive = files.pop("bundle", None)
            versions = {feed: file.json()["version"] for feed, file in files.items()}
            if archive is not None:
                with zipfile.ZipFile(io.BytesIO(archive.read())) as opened:
                    held = {
                        name.rpartition("/")[2].removesuffix(".json"): json.loads(opened.read(name))["version"]
                        for name in opened.namelist()
                    }
                assert versions.items() <= held.items(), f"the archive has {held}, and beside it is {versions}"
            found[dataset.identifier["match_id"]] = versions
        return found

    def check_current(self) -> None:
        found, states = self.lake(), {int(k.rpartition("=")[2]): v for k, v in self.drop.states().items()}
        for match, contents in self.now.items():
            assert found.get(match) == contents, f"match {match} is {found.get(match)}; there is {contents}"
            assert states[match] == "COMPLETE", f"match {match} is {states[match]}"
        gone = {match: state for match, state in states.items() if match not in self.now}
        assert set(gone.values()) <= {"MISSING"}, f"of what is there no more: {gone}"


def _body(feed: str, version: str) -> bytes:
    return json.dumps({"feed": feed, "version": version}).encode()


def _archive(bodies: Mapping[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for feed, body in bodies.items():
            archive.writestr(zipfile.ZipInfo(f"data/{feed}.json"), body)
    return written.getvalue()


def play(steps: tuple[Step, ...], *, zipped: bool = False) -> None:
    """Let it happen, and hold the lake against the folder: sound after each run, then current, then quiet."""
    with tempfile.TemporaryDirectory() as root:
        folder = _Folder(Path(root), zipped=zipped)
        try:
            for step in steps:
                if isinstance(step, Deliver):
                    folder.deliver(step)
                elif isinstance(step, Remove):
                    folder.remove(step.match)
                else:
                    folder.run(step)
            if folder.moments:  # else there is nothing to read
                folder.run(Run())
                folder.run(Run())
                folder.check_current()
                report = folder.drop.engine.run_report()
                totals = report.totals
                assert (totals.new, totals.revised, totals.metadata, totals.missing) == (0, 0, 0, 0), (
                    "nothing changed, and was written"
                )
                assert totals.received_bytes == 0
        finally:
            folder.drop.engine.close()


deliveries = st.builds(
    Deliver,
    match=st.integers(1, 3),
    feeds=st.sampled_from([("events", "frames"), ("events",)]),
    keeps_time=st.booleans(),
    is_older=st.booleans(),
    corrects=st.sampled_from([True, True, False]),
)
removals = st.builds(Remove, match=st.integers(1, 3))
runs = st.builds(Run, is_away=st.sampled_from([False, False, True]))


@settings(
    max_examples=EXAMPLES or 15,
    derandomize=not EXAMPLES,
    database=None,
    phases=(Phase.generate, Phase.shrink),  # the story that a failure tells explains enough
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(deliveries | removals | runs, min_size=1, max_size=8).map(tuple), st.booleans())
def test_whatever_is_delivered_nothing_is_mixed_and_nothing_stays_stale(steps: tuple[Step, ...], zipped: bool) -> None:
    play(steps, zipped=zipped)


@pytest.mark.parametrize("zipped", [False, True], ids=["files", "archive"])
@pytest.mark.parametrize("is_older", [False, True], ids=["newer", "older"])
def test_a_replaced_delivery_is_seen(is_older: bool, zipped: bool) -> None:
    play((Deliver(1), Run(), Deliver(1, is_older=is_older)), zipped=zipped)


@pytest.mark.parametrize("zipped", [False, True], ids=["files", "archive"])
def test_a_replaced_file_of_the_same_size_and_time_is_seen(zipped: bool) -> None:
    play((Deliver(1), Run(), Deliver(1, keeps_time=True)), zipped=zipped)


@pytest.mark.parametrize("zipped", [False, True], ids=["files", "archive"])
@pytest.mark.parametrize("corrects", [True, False], ids=["with a correction", "alone"])
def test_a_file_that_is_gone_leaves(corrects: bool, zipped: bool) -> None:
    play((Deliver(1), Run(), Deliver(1, ("events",), corrects=corrects)), zipped=zipped)


@pytest.mark.parametrize("zipped", [False, True], ids=["files", "archive"])
def test_a_file_that_comes_back_is_there_again(zipped: bool) -> None:
    play((Deliver(1), Run(), Deliver(1, ("events",)), Run(), Deliver(1)), zipped=zipped)


@pytest.mark.parametrize("matches", [1, 4])
def test_a_folder_that_is_not_mounted_makes_nothing_missing(matches: int) -> None:
    play((*(Deliver(number) for number in range(1, matches + 1)), Run(), Run(is_away=True)))


@pytest.mark.parametrize("matches", [1, 4])
def test_what_two_looks_do_not_find_is_missing(matches: int) -> None:
    numbers = range(1, matches + 1)
    play((*(Deliver(number) for number in numbers), Run(), *(Remove(number) for number in numbers)))


def test_an_archive_without_what_it_must_have_never_publishes_itself_beside_older_files() -> None:
    with tempfile.TemporaryDirectory() as root:
        folder = _Folder(Path(root), zipped=True)
        folder.deliver(Deliver(1))
        folder.run(Run())
        folder.deliver(Deliver(1, ("frames",)))
        for _ in range(3):
            folder.run(Run())
            assert folder.lake() == {1: {"events": "0001", "frames": "0001"}}, "the last whole delivery stays readable"
        folder.deliver(Deliver(1))
        folder.run(Run())
        folder.check_current()
        folder.drop.engine.close()
