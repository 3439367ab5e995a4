from __future__ import annotations

import contextlib
import logging
import shutil
from pathlib import Path

import pytest

from ingestify import get_datastore, get_engine
from ingestify.cli.app import run_command_line
from tests.support.json_shapes import check_json

CONFIG = """
main:
  metadata_url: sqlite:///catalog.db
  file_url: file://files/
sources:
  small: {type: tests.unit.cli.small_source.SmallSource}
ingestion_plans:
  - {source: small, dataset_type: match}
"""


class CommandLine:
    """Commands as a person types them, run in this process, in a folder with a configuration."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.config = folder / "config.yaml"
        self.config.write_text(CONFIG)
        self.err = ""
        self._capsys = capsys

    def configure(self, old: str, new: str) -> None:
        """Change the text of the configuration."""
        text = self.config.read_text()
        assert old in text
        self.config.write_text(text.replace(old, new))

    def make_lake(self) -> None:
        """Make the configured lake, without anything in it."""
        with contextlib.closing(get_datastore(self.config)) as store:
            assert store.create()

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """Run one and return what it wrote to stdout; `err` is what it wrote to stderr."""
        out, ended = self.try_to(*arguments)
        assert ended == code, out + self.err
        assert "Traceback" not in self.err
        return out

    def try_to(self, *arguments: str) -> tuple[str, int]:
        """Run one and return what it wrote to stdout, and its exit code. JSON has the shapes that the command names."""
        ended = run_command_line(list(arguments))
        out, self.err = self._capsys.readouterr()
        check_json(arguments, out)
        return out, ended


@pytest.fixture
def restored_logging():
    """The command line configures logging for its process, which here is that of all tests."""
    root, ours = logging.getLogger(), logging.getLogger("ingestify")
    before = root.handlers[:], root.level, ours.level
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])


@pytest.fixture
def command(tmp_path, monkeypatch, capsys, restored_logging) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    return CommandLine(tmp_path, capsys)


@pytest.fixture(scope="session")
def lake_of_six(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with six matches in its lake, to be copied: a run takes ten times as long."""
    folder = tmp_path_factory.mktemp("six")
    (folder / "config.yaml").write_text(CONFIG)
    with get_engine(folder / "config.yaml") as engine:
        assert engine.load().totals.new == 6
    return folder


@pytest.fixture
def lake(command, lake_of_six: Path) -> CommandLine:
    """The command line, with six matches in the lake, which another folder had before."""
    shutil.copytree(lake_of_six, command.folder, dirs_exist_ok=True)
    return command
