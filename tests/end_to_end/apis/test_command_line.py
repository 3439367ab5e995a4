"""The real command line against an API: credentials from the environment, and what is said when they are wrong."""

from __future__ import annotations

import os
from pathlib import Path

from tests.end_to_end.apis.lakes import small_season
from tests.end_to_end.running import ingestify
from tests.support.command_line import Ended
from tests.support.provider_apis.wyscout import WyscoutApi

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


def run(project: Path, password: str) -> Ended:
    environment = {**os.environ, "WYSCOUT_USERNAME": "analyst", "WYSCOUT_PASSWORD": password}
    return ingestify(project, "run", "--debug", environment=environment)


def test_credentials_come_from_the_environment_and_are_never_shown(tmp_path: Path):
    seasons = [small_season(2, season_id=number) for number in (27, 28, 29)]
    with WyscoutApi(seasons, requests_per_second=None) as provider:
        (tmp_path / "config.yaml").write_text(CONFIG.format(base_url=provider.base_url))
        wrong = run(tmp_path, "my-wrong-password")
        assert wrong.code == 1
        assert "sources.wyscout.configuration" in wrong.err
        assert "my-wrong-password" not in wrong.out + wrong.err
        right = run(tmp_path, provider.password)
        assert right.code == 0, right.err
        assert provider.password not in right.out + right.err
        assert "6 new" in right.out + right.err
