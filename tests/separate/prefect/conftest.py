from __future__ import annotations

import os
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
def example_module(config: Path, load_module) -> ModuleType:
    return load_module(config.parent / "flow.py")
