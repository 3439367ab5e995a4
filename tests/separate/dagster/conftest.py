from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Warnings of Dagster's own modules are not ours."""
    config.addinivalue_line("filterwarnings", "ignore:::dagster")
    config.addinivalue_line("filterwarnings", "ignore::DeprecationWarning:dagster.*")


@pytest.fixture
def config(example) -> Path:
    return example("dagster") / "config.yaml"


@pytest.fixture
def definitions(config: Path, load_module) -> ModuleType:
    """The module of the example."""
    return load_module(config.parent / "definitions.py")


@pytest.fixture
def instance():
    import dagster as dg

    with dg.DagsterInstance.ephemeral() as made:
        yield made
