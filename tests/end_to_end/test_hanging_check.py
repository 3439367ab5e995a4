"""A check that never ends does not keep the process of its run."""

from __future__ import annotations

from pathlib import Path

from ingestify import get_engine
from tests.end_to_end.running import start

CONFIG = """
main: {{metadata_url: "sqlite:///lake/catalog.db", file_url: "file://lake/files/"}}
sources: {{mine: {{type: of_mine.Mine}}}}
ingestion_plans: [{{source: mine, dataset_type: match}}]
dataset_types:
  - provider: mine
    dataset_type: match
    checks: [{{type: of_mine.Hangs, time_limit: 0.05, mode: {mode}}}]
"""

MODULE = """
import threading
from ingestify import BundleCheck, DatasetResource, Source

class Mine(Source):
    provider = "mine"
    def find_datasets(self, dataset_type, **_):
        for match_id in range(1, 21):
            resource = DatasetResource({"match_id": match_id}, dataset_type, name=f"match {match_id}")
            yield resource.add_file(None, "events", json_content=match_id)

class Hangs(BundleCheck):
    def find_problems(self, bundle):
        if bundle.identifier["match_id"] > 5:
            threading.Event().wait()
        return []
"""


def run(project: Path, mode: str) -> tuple[int, str, str]:
    (project / "config.yaml").write_text(CONFIG.format(mode=mode))
    (project / "of_mine.py").write_text(MODULE)
    process = start(project)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def test_the_run_ends_and_the_matches_that_were_not_judged_fail(tmp_path: Path):
    code, out, err = run(tmp_path, "reject")
    assert code == 3
    assert "20 matches: 5 new, 0 revised, 0 unchanged, 15 failed" in out
    assert "failed: match " in err
    assert "the check Hangs " in err
    assert "The next run tries again." in err
    with get_engine(tmp_path / "config.yaml") as engine:
        assert sorted(one.identifier["match_id"] for one in engine.list_datasets()) == [1, 2, 3, 4, 5]


def test_where_it_warns_everything_is_published(tmp_path: Path):
    code, out, err = run(tmp_path, "warn")
    assert code == 0
    assert "20 matches: 20 new, 0 revised, 0 unchanged, 0 failed, 15 with warnings" in out
    assert "warning: match " in err
