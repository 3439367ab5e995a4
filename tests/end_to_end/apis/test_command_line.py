"""The real command line against an API: credentials from the environment, and what is said when they are wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ingestify.testing.wyscout_api import WyscoutApi
from tests.end_to_end.apis.lakes import small_season

CONFIG = """
main: {{metadata_url: "sqlite:///catalog.db", file_url: "file://files"}}
sources:
  wyscout:
    type: ingestify.wyscout
    configuration:
      username: !ENV "${{WYSCOUT_USERNAME}}"
      password: !ENV "${{WYSCOUT_PASSWORD}}"
      base_url: {base_url}
    rate_limit: {{requests_per_second: 100}}
ingestion_plans:
  - {{source: wyscout, dataset_type: match, selectors: [{{competition_id: 811, season_id: [27, 28, 29]}}]}}
"""


def run(project: Path, password: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "WYSCOUT_USERNAME": "analyst", "WYSCOUT_PASSWORD": password}
    return subprocess.run(
        [sys.executable, "-m", "ingestify", "run", "--debug"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_credentials_come_from_the_environment_and_are_never_shown(tmp_path: Path):
    seasons = [small_season(2, season_id=number) for number in (27, 28, 29)]
    with WyscoutApi(seasons, requests_per_second=None) as provider:
        (tmp_path / "config.yaml").write_text(CONFIG.format(base_url=provider.base_url))
        wrong = run(tmp_path, "my-wrong-password")
        assert wrong.returncode == 1
        assert "sources.wyscout.configuration" in wrong.stderr
        assert "my-wrong-password" not in wrong.stdout + wrong.stderr
        right = run(tmp_path, provider.password)
        assert right.returncode == 0, right.stderr
        assert provider.password not in right.stdout + right.stderr
        assert "6 new" in right.stdout + right.stderr
