"""The scripts of docs/scale.md run on real local clusters of Dask and Ray."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

import pytest

import ingestify
from ingestify.sources.statsbomb_github import StatsBombGithub
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator
from tests.docs.test_code_in_docs import blocks
from tests.support.sizes import sample_and_rest


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("script", "library"), sample_and_rest([("on_dask.py", "distributed")], [("on_ray.py", "ray")])
)
def test_the_script_counts_the_shots_of_all_matches(tmp_path, script, library):
    pytest.importorskip(library)
    code = dict(blocks("file"))
    (tmp_path / "config.yaml").write_text(
        "main:\n  metadata_url: sqlite:///lake/catalog.db\n  file_url: file://lake/files/\n"
    )
    (tmp_path / script).write_text(code[script])
    with (
        Simulator(Season(matches=3, seed=3, competition_id=43, season_id=106)) as provider,
        ingestify.get_engine(tmp_path / "config.yaml") as engine,
    ):
        engine.add_ingestion_plan(
            ingestify.IngestionPlan(StatsBombGithub("statsbomb", base_url=provider.base_url), "match")
        )
        engine.load()
        shots = [
            event["id"]
            for dataset in engine.iter_datasets()
            for event in dataset.require_file("events").json()
            if event["type"]["name"] == "Shot"
        ]
    assert len(shots) > 10
    with tempfile.TemporaryDirectory(dir="/tmp") as short:  # the path of a socket has at most 107 bytes
        done = subprocess.run(
            [sys.executable, script],
            cwd=tmp_path,
            # Ray reports its usage, and keeps a token of its clusters in the home folder.
            env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_TMPDIR": short, "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=250,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"{len(shots)} shots"
