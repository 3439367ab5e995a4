"""A folder to keep config files in, and an environment that no test shares."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingestify.config.reader import CONFIG_FILE_VARIABLE, read_settings
from ingestify.config.settings import Settings

MAIN = "main: {metadata_url: 'sqlite:///database/catalog.db', file_url: 'file://database/files/'}\n"

WriteConfig = Callable[[str], Path]
Read = Callable[[str], Settings]


@pytest.fixture(autouse=True)
def _own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    before = dict(os.environ)
    os.environ.pop(CONFIG_FILE_VARIABLE, None)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def write_config(tmp_path: Path) -> WriteConfig:
    def write(text: str) -> Path:
        path = tmp_path / "config.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def read(write_config: WriteConfig) -> Read:
    """Read a config.yaml with this text below a valid `main`."""
    return lambda text: read_settings(write_config(MAIN + text))
