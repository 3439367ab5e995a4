from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
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
def definitions(config: Path) -> Iterator[ModuleType]:
    """The module of the example."""
    path = config.parent / "definitions.py"
    spec = importlib.util.spec_from_file_location("definitions_of_the_example", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        del sys.modules[spec.name]


@pytest.fixture
def instance():
    import dagster as dg

    with dg.DagsterInstance.ephemeral() as made:
        yield made
