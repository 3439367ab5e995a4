"""A check that warns never decides which bytes are published: a lake with it has those of a lake without it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import hypothesis.strategies as st
import pytest

from ingestify import BundleCheck, DatasetResource
from ingestify.checks.drift import Drift
from tests.support.lake_in_memory import FunctionSource, Lake, hours
from tests.support.sizes import check_examples, sizes

FEEDS = ("events", "lineups")


class Odd(BundleCheck):
    """Does with each bundle what a list says, whatever the bundle is."""

    mode = "warn"

    def __init__(self, acts: list[str]) -> None:
        super().__init__()
        self.acts = acts

    def find_problems(self, bundle: Any) -> Iterator[str]:
        act = self.acts.pop() if self.acts else "nothing"
        for file in bundle.files.values():
            if act == "reads":
                file.stream.read(3)
            elif act == "parses":
                file.json()
            elif act == "closes":
                file.stream.close()
            elif act == "asks for what is not there":
                bundle.require_file("tracking")
        if act == "raises":
            raise ValueError("odd")
        if act == "exits":
            raise SystemExit(3)
        if act == "says":
            yield "it is odd"
        if act == "says much":
            yield from map(str, range(100))


class Rejects(BundleCheck):
    """Does not like threes."""

    def find_problems(self, bundle: Any) -> Iterator[str]:
        if any(file.json() == 3 for file in bundle.files.values()):
            yield "there is a three"


_acts = st.sampled_from(
    ["nothing", "reads", "parses", "closes", "asks for what is not there", "raises", "exits", "says", "says much"]
)
_moment = st.dictionaries(st.integers(1, 3), st.dictionaries(st.sampled_from(FEEDS), st.integers(0, 4), min_size=1))


def published(moments: list[dict[int, dict[str, int]]], *checks: BundleCheck) -> Any:
    """Return what a lake has after each moment: of each match its revisions with their files, and the quarantine."""
    current: dict[int, dict[str, int]] = {}

    def find(**_: Any) -> Iterator[DatasetResource]:
        for match_id, feeds in current.items():
            resource = DatasetResource({"match_id": match_id}, "match")
            for feed, content in feeds.items():
                resource.add_file(hours(content), feed, json_content=content)
            yield resource

    source = FunctionSource(find)
    source.bundle_checks = (*checks, Rejects())
    lake = Lake(source)
    try:
        for moment in moments:
            current = moment
            lake.engine.load()
        found = {}
        for dataset in lake.datasets:
            with lake.engine.store.load_files(dataset) as files:
                for file in files:
                    assert hashlib.sha256(file.read()).hexdigest() == file.tag
            revisions = [[(file.file_id, file.tag) for file in one.modified_files] for one in dataset.revisions]
            removed = [one.removed_file_ids for one in dataset.revisions]
            found[dataset.identifier["match_id"]] = revisions, removed, dataset.state
        waiting = sorted((one.identifier["match_id"], one.reasons) for one in lake.engine.store.quarantine)
        return found, waiting
    finally:
        lake.engine.close()


@pytest.mark.parametrize("examples", sizes(10, 60))
def test_a_lake_with_checks_that_warn_has_the_bytes_of_one_without(examples: int):
    def check(moments: list[dict[int, dict[str, int]]], acts: list[str]) -> None:
        assert published(moments, Odd([*acts]), Drift()) == published(moments)

    check_examples(check, examples, st.lists(_moment, min_size=1, max_size=4), st.lists(_acts, max_size=12))
