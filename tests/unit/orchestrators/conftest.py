from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator

CONFIG = """\
main:
  name: club
  metadata_url: sqlite:///lake/catalog.db
  file_url: file://lake/files/
sources:
  open:
    type: ingestify.statsbomb_github
    configuration: {{base_url: "{url}"}}
    retries: {{attempts: 1}}
ingestion_plans:
  - source: open
    dataset_type: match
    selectors: {selectors}
"""


@pytest.fixture
def provider() -> Iterator[Simulator]:
    """Two seasons of three matches."""
    seasons = [Season(matches=3, seed=number, season_id=number, events_per_match=20) for number in (27, 28)]
    with Simulator(seasons) as simulator:
        yield simulator


@pytest.fixture
def make_config(tmp_path: Path, provider: Simulator) -> Callable[[str], Path]:
    """Writes a config.yaml with these selectors."""

    def make(selectors: str = '["*"]') -> Path:
        path = tmp_path / "config.yaml"
        path.write_text(CONFIG.format(url=provider.base_url, selectors=selectors))
        return path

    return make


@pytest.fixture
def config(make_config: Callable[[str], Path]) -> Path:
    return make_config('["*"]')
