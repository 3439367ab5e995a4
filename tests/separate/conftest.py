"""What the tests of the orchestrators share. Each has an environment of its own: `make test-separate EXTRA=dagster`.

There, this is the outermost conftest: the others need packages that these environments do not have.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator

ROOT = Path(__file__).parents[2]

SEASON_3 = "competition_id=43/season_id=3"
SEASON_106 = "competition_id=43/season_id=106"


@pytest.fixture
def provider() -> Iterator[Simulator]:
    """Two seasons of three matches, which the examples name."""
    seasons = [
        Season(matches=3, seed=number, competition_id=43, season_id=number, events_per_match=30) for number in (3, 106)
    ]
    with Simulator(seasons) as simulator:
        yield simulator


@pytest.fixture
def example(tmp_path: Path, provider: Simulator) -> Callable[[str], Path]:
    """Copies an example, whose config.yaml asks the simulated provider."""

    def copy(name: str) -> Path:
        folder = tmp_path / name
        shutil.copytree(ROOT / "examples" / name, folder, ignore=shutil.ignore_patterns("__pycache__"))
        config = folder / "config.yaml"
        asked = "type: ingestify.statsbomb_github"
        text = config.read_text()
        assert text.count(asked) == 1
        here = f'{asked}\n    configuration: {{base_url: "{provider.base_url}"}}\n    retries: {{attempts: 1}}'
        config.write_text(text.replace(asked, here))
        return folder

    return copy
