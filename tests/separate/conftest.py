"""The tests of extras that have environments of their own: `make test-separate EXTRA=dagster`.

There, this is the outermost conftest: the others need packages that these environments do not have. In all other runs
the folders are skipped, and nothing in them is imported, not even their conftest.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

SEASON_3 = "competition_id=43/season_id=3"
SEASON_106 = "competition_id=43/season_id=106"


class Elsewhere(pytest.Collector):
    """A folder whose tests run in another environment. Its path is that of the folder above: no conftest is loaded."""

    def collect(self) -> Iterator[pytest.Item]:
        pytest.skip(f"make test-separate EXTRA={self.name}")


def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    is_here = str(parent.config.option.confcutdir or "").endswith("separate")
    return None if is_here or path.parent != HERE else Elsewhere.from_parent(parent, name=path.name)


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


@pytest.fixture
def load_module() -> Iterator[Callable[[Path], ModuleType]]:
    """Imports a module of an example from its file. It is forgotten after the test."""
    names: list[str] = []

    def load(path: Path) -> ModuleType:
        spec = importlib.util.spec_from_file_location(f"{path.stem}_of_the_example", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        names.append(spec.name)
        spec.loader.exec_module(module)
        return module

    yield load
    for name in names:
        del sys.modules[name]
