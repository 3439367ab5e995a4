"""The lake against a dictionary: whatever happens in whatever order, it holds what the dictionary says.

A state machine (https://hypothesis.readthedocs.io/en/latest/stateful.html) over the public API and the command line.
`INGESTIFY_TEST_STEPS=50 INGESTIFY_TEST_EXAMPLES=200` lets it run for longer.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ingestify import IngestionEngine, get_engine
from ingestify.domain.damage import DamageKind
from ingestify.domain.run import RunState
from ingestify.errors import IntegrityError
from ingestify.failpoints import NAMES, installed
from ingestify.store.maintenance.verification import Verification
from tests.end_to_end.crashes.audit import audit
from tests.support.command_line import shared_command_line
from tests.support.relay_points import RELAY_POINTS
from tests.support.sizes import sizes

pytestmark = pytest.mark.skipif(os.name != "posix", reason="fork and signals of POSIX")

CONFIG = """
main:
  metadata_url: sqlite:///lake/catalog.db
  file_url: file://lake/files/
sources:
  dictionary: {{type: dictionary_source.DictionarySource, configuration: {{folder: {folder}}}}}
ingestion_plans:
  - {{source: dictionary, dataset_type: note}}
"""

SOURCE = '''
import datetime as dt
import json
from pathlib import Path

from ingestify import DatasetResource, DraftFile, Source


def load(file_resource, current_file, text):
    if text is None:
        raise ValueError("the provider is out")
    return DraftFile.from_input(text, file_resource.data_feed_key, data_serialization_format="json")


class DictionarySource(Source):
    """Announces what `provider.json` says: match -> feed -> [time, text]."""

    concurrent_discovery = True
    lists_everything = True
    provider = "dictionary"

    def discover_selectors(self, dataset_type):
        return [{"season_id": 1}]

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **_):
        for match_id, feeds in json.loads(Path(self.configuration["folder"], "provider.json").read_text()).items():
            resource = DatasetResource({"match_id": int(match_id)}, dataset_type, name=f"match {match_id}")
            for feed, (time, text) in feeds.items():
                moment = dt.datetime(2024, 5, 1) + dt.timedelta(minutes=time)
                resource.add_file(
                    moment, feed, file_loader=load, loader_kwargs={"text": text}, data_serialization_format="json"
                )
            yield resource
'''

FEEDS = ("events", "lineups")
_ELSEWHERE = ("adoption.", "delete.", "partial.", "fetch.", "tables.", "push.", *RELAY_POINTS)
RUNNING = [name for name in NAMES if not name.startswith(_ELSEWHERE)]
FALLIBLE = [name for name in RUNNING if name.startswith(("staging.", "publish."))] + ["commit.begun", "commit.written"]
matches = st.integers(1, 4)
feeds = st.sampled_from(FEEDS)


class LakeMachine(RuleBasedStateMachine):
    """`provider` is what is served, `lake` what readers must see: match -> feed -> text."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        (self.folder / "config.yaml").write_text(CONFIG.format(folder=self.folder))
        (self.folder / "dictionary_source.py").write_text(SOURCE)
        with get_engine(self.folder / "config.yaml", disable_events=True) as engine:
            engine.store.create()
        self.provider: dict[int, dict[str, list[Any]]] = {}
        self.lake: dict[int, dict[str, str]] = {}
        self.revisions: dict[int, int] = {}
        self.time = 0
        self._write()

    def teardown(self) -> None:
        if not hasattr(self, "folder"):
            return
        try:
            self.somebody_verifies()
            self.somebody_collects_what_nothing_names()
            found = audit(self.folder)
            assert (found.unnamed, found.staged) == (set(), set())
            self.it_holds_what_the_dictionary_says()
        finally:
            shutil.rmtree(self.folder)

    def _write(self) -> None:
        (self.folder / "provider.json").write_text(json.dumps(self.provider))

    @contextlib.contextmanager
    def _engine(self) -> Iterator[IngestionEngine]:
        with get_engine(self.folder / "config.yaml") as engine:
            yield engine

    # ---- the provider ----------------------------------------------------------------------------------

    @rule(match_id=matches, feed=feeds, number=st.integers(0, 2))
    def the_provider_publishes(self, match_id: int, feed: str, number: int) -> None:
        """It may be the very text of before, at a new time."""
        self.time += 1
        served = self.provider.setdefault(match_id, {one: [self.time, json.dumps([match_id, one, 0])] for one in FEEDS})
        served[feed] = [self.time, json.dumps([match_id, feed, number])]
        self._write()

    @precondition(lambda self: self.provider)
    @rule(data=st.data(), feed=feeds, text=st.sampled_from([None, "", "{broken", "<html>503</html>"]))
    def the_provider_breaks(self, data: st.DataObject, feed: str, text: str | None) -> None:
        self.time += 1
        self.provider[data.draw(st.sampled_from(sorted(self.provider)))][feed] = [self.time, text]
        self._write()

    @precondition(lambda self: self.provider)
    @rule(data=st.data())
    def the_provider_lists_it_no_more(self, data: st.DataObject) -> None:
        del self.provider[data.draw(st.sampled_from(sorted(self.provider)))]
        self._write()

    # ---- runs ------------------------------------------------------------------------------------------

    def _is_sound(self, match_id: int) -> bool:
        return all(text and text.startswith("[") for _, text in self.provider[match_id].values())

    def _expected(self) -> dict[int, dict[str, str]]:
        """What readers see after a run that comes to its end."""
        served = {
            match_id: {feed: text for feed, (_, text) in self.provider[match_id].items()}
            for match_id in self.provider
            if self._is_sound(match_id)
        }
        return {**self.lake, **served}

    def _note_revisions(self, before: dict[int, dict[str, str]]) -> None:
        for match_id, files in self.lake.items():
            if match_id not in before:
                self.revisions[match_id] = 1
            elif files != before[match_id]:
                self.revisions[match_id] += 1

    @rule()
    def a_run(self) -> None:
        with self._engine() as engine:
            report = engine.run_report()
        assert report.state is RunState.FINISHED
        unsound = [match_id for match_id in self.provider if not self._is_sound(match_id)]
        assert report.totals.failed + report.totals.quarantined == len(unsound)
        before, self.lake = self.lake, self._expected()
        self._note_revisions(before)

    @rule()
    def two_runs_at_once(self) -> None:
        with self._engine() as one, self._engine() as other:
            threads = [threading.Thread(target=engine.run_report) for engine in (one, other)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        before, self.lake = self.lake, self._expected()
        self._note_revisions(before)

    def _settle(self) -> None:
        """Some of the datasets are as before the run, and some as after it: learn which."""
        expected = self._expected()
        found = audit(self.folder)
        before, after = self.lake, {}
        for match_id, bundle in found.visible.items():
            candidates = [files[match_id] for files in (before, expected) if match_id in files]
            assert bundle in [_bundle(files) for files in candidates], f"match {match_id} is a mix"
            after[match_id] = next(files for files in candidates if _bundle(files) == bundle)
        assert before.keys() <= after.keys()
        self.lake = after
        self._note_revisions(before)

    @rule(failpoint=st.sampled_from(RUNNING), number=st.integers(1, 6))
    def a_run_is_killed(self, failpoint: str, number: int) -> None:
        ended = shared_command_line().run(self.folder, "run", failpoints=f"{failpoint}=kill@{number}")
        assert ended.code in (0, 3, -signal.SIGKILL), ended.err
        self._settle()

    @rule(failpoint=st.sampled_from(FALLIBLE), number=st.integers(1, 6))
    def a_run_fails_somewhere(self, failpoint: str, number: int) -> None:
        left = number

        def fail() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise OSError(5, "Input/output error")

        with self._engine() as engine, installed({failpoint: fail}):
            engine.run_report()
        self._settle()

    # ---- people ----------------------------------------------------------------------------------------

    @precondition(lambda self: self.lake)
    @rule(data=st.data())
    def somebody_deletes(self, data: st.DataObject) -> None:
        match_id = data.draw(st.sampled_from(sorted(self.lake)))
        with self._engine() as engine:
            assert len(engine.destroy_dataset(match_id=match_id)) == 1
        del self.lake[match_id]
        del self.revisions[match_id]

    @precondition(lambda self: self.lake)
    @rule(data=st.data())
    def somebody_invalidates(self, data: st.DataObject) -> None:
        match_id = data.draw(st.sampled_from(sorted(self.lake)))
        with self._engine() as engine:
            dataset = engine.store.get_dataset_collection(match_id=match_id).first()
            assert dataset is not None
            engine.store.invalidate_revision(dataset, "somebody doubts it")

    @rule()
    def somebody_collects_what_nothing_names(self) -> None:
        with self._engine() as engine:
            engine.collect_garbage(older_than=dt.timedelta(0))

    @rule(failpoint=st.sampled_from([name for name in NAMES if name.startswith("delete.")]))
    def collecting_is_killed(self, failpoint: str) -> None:
        ended = shared_command_line().run(
            self.folder, "gc", "--yes", "--older-than", "0s", failpoints=f"{failpoint}=kill"
        )
        assert ended.code in (0, -signal.SIGKILL), ended.err

    @rule()
    def somebody_verifies(self) -> None:
        with self._engine() as engine:
            damages = list(Verification(engine.store.catalogue, engine.store.storage).iter_damages())
        assert [one for one in damages if one.kind is not DamageKind.ORPHAN] == []

    @precondition(lambda self: self.lake)
    @rule(data=st.data(), feed=feeds, flipped=st.booleans())
    def a_disk_damages_an_object_for_a_while(self, data: st.DataObject, feed: str, flipped: bool) -> None:
        """Nobody is given the damaged bytes as good."""
        match_id = data.draw(st.sampled_from(sorted(self.lake)))
        with self._engine() as engine:
            dataset = engine.store.get_dataset_collection(match_id=match_id).first()
            assert dataset is not None
            path = self.folder / "lake" / "files" / dataset.files[f"{feed}__v1"].storage_path
        good = path.read_bytes()
        if flipped:
            path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
        else:
            path.unlink()
        with self._engine() as engine:
            dataset = engine.store.get_dataset_collection(match_id=match_id).first()
            assert dataset is not None
            with pytest.raises(IntegrityError):
                engine.store.load_files(dataset).get_file(feed).read()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(good)

    # ---- what always holds -----------------------------------------------------------------------------

    @invariant()
    def it_holds_what_the_dictionary_says(self) -> None:
        if not hasattr(self, "lake"):
            return
        found = audit(self.folder)
        assert found.wrong == []
        assert found.visible == {match_id: _bundle(files) for match_id, files in self.lake.items()}
        if not (self.folder / "lake").exists():
            return
        with self._engine() as engine:
            read = {}
            for dataset in engine.list_datasets():
                match_id = dataset.identifier["match_id"]
                files = engine.store.load_files(dataset)
                read[match_id] = {one.data_feed_key: one.text() for one in files}
                assert len(dataset.revisions) == self.revisions[match_id]
        assert read == self.lake


def _bundle(files: dict[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset((feed, hashlib.sha256(text.encode()).hexdigest()) for feed, text in files.items())


@pytest.mark.parametrize(("examples", "steps"), sizes((4, 12), (20, 20)))
def test_the_lake_is_a_dictionary(examples: int, steps: int) -> None:
    run_state_machine_as_test(
        LakeMachine,
        settings=settings(
            max_examples=int(os.environ.get("INGESTIFY_TEST_EXAMPLES", examples)),
            stateful_step_count=int(os.environ.get("INGESTIFY_TEST_STEPS", steps)),
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
