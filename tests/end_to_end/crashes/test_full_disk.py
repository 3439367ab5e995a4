"""A disk that is full, read-only or over its quota: the run stops at once, says so, and loses nothing."""

from __future__ import annotations

import itertools
import os
import random
from pathlib import Path

import pytest

from tests.end_to_end.crashes.audit import audit
from tests.end_to_end.crashes.season import ChangingSeason
from tests.support.command_line import CommandLine
from tests.support.sizes import sample_and_rest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="fork of POSIX")

MATCHES = 32
PLACES = ["staging.written", "staging.synced", "publish.renamed"]
SAMPLE = [("staging.written", "ENOSPC"), ("staging.synced", "EDQUOT"), ("publish.renamed", "EROFS")]
SAID = {"ENOSPC": "the disk is full: make room", "EDQUOT": "your quota", "EROFS": "mounted read-only"}


@pytest.mark.parametrize(
    ("place", "error"),
    sample_and_rest(SAMPLE, [one for one in itertools.product(PLACES, SAID) if one not in SAMPLE]),
)
def test_the_run_stops_at_once_and_loses_nothing(tmp_path: Path, command_line: CommandLine, place: str, error: str):
    with ChangingSeason(matches=MATCHES) as season:
        project = season.make_project(tmp_path)
        assert command_line.run(project, "run", failpoints=f"{place}=error:{error}@9").code == 1
        before = season.check(audit(project), current=False)
        season.change(random.Random(1), MATCHES)
        season.simulator.clear_requests()
        ended = command_line.run(project, "run", failpoints=f"{place}=error:{error}")
        assert ended.code == 1, ended.err
        assert ended.err.count(SAID[error]) == 1, ended.err
        # With 4 at once, several more had begun, and not all.
        assert len(season.simulator.requests) < 2 + 2 * MATCHES
        found = audit(project)
        assert season.check(found, current=False, at_least=before) == before
        assert found.staged == set()
        again = command_line.run(project, "run")
        assert again.code == 0, again.err
        season.check(audit(project), current=True)
