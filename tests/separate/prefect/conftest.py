from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Warnings of Prefect's own modules, and of what it is made of, are not ours."""
    for line in (
        "ignore::DeprecationWarning",
        "ignore::ResourceWarning",
        "ignore::pydantic.warnings.PydanticDeprecatedSince20",
    ):
        config.addinivalue_line("filterwarnings", line)


@pytest.fixture(scope="session")
def server() -> Iterator[None]:
    """A server of Prefect for these tests. It takes half a minute to start."""
    os.environ["DO_NOT_TRACK"] = "1"
    os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=300):
        yield


@pytest.fixture
def config(example) -> Path:
    return example("prefect") / "config.yaml"


@pytest.fixture
def example_module(config: Path) -> Iterator[ModuleType]:
    path = config.parent / "flow.py"
    spec = importlib.util.spec_from_file_location("flow_of_the_example", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        del sys.modules[spec.name]
