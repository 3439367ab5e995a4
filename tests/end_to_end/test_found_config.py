"""What another user left in a shared folder runs nothing, by any command."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.running import ingestify

pytestmark = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0,
    reason="only root can give a file to another user; CI runs as root",
)

STRANGER = 65534

CONFIG = """
main: {metadata_url: sqlite:///lake/catalog.db, file_url: file://lake/files/}
sources: {planted: {type: planted.Planted}}
ingestion_plans: [{source: planted, dataset_type: match}]
dataset_types:
  - {provider: p, dataset_type: match, identifier_keys: {match_id: {transformation: {type: planted.Decade}}}}
"""

PLANTED = """
from pathlib import Path

from ingestify import Source

(Path(__file__).parent / "ran").touch()


class Planted(Source):
    provider = "p"

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **_):
        return []


class Decade:
    name = "decade"

    def transform(self, value):
        return value
"""


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder like /tmp, in which another user left a config file with a module, and this one has a folder."""
    folder = Path(tempfile.mkdtemp()).resolve()
    folder.chmod(0o1777)
    (folder / "mine").mkdir()
    for name, text in (("config.yaml", CONFIG), ("planted.py", PLANTED)):
        (folder / name).write_text(text)
        os.chown(folder / name, STRANGER, STRANGER)
    yield folder
    shutil.rmtree(folder)


COMMANDS = (
    *("run", "plan", "list", "show ID", "status", "gc", "verify", "delete match_id=1", "sync-indexes"),
    *("config check", "quarantine list", "sources check planted", "copy --to ../config.yaml"),
)


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_runs_what_another_user_left_in_a_folder_above(shared: Path, command: str) -> None:
    ended = ingestify(shared / "mine", *command.split())

    assert ended.code == 1
    assert f"{shared / 'config.yaml'} was found and is not used, because it belongs to" in ended.err
    assert f"--config {shared / 'config.yaml'}" in ended.err
    assert not (shared / "ran").exists()
    assert not (shared / "lake").exists()


def test_describing_a_source_imports_nothing_from_another_users_folder(shared: Path) -> None:
    assert ingestify(shared, "sources", "describe", "ingestify.rest").code == 0
    ended = ingestify(shared, "sources", "describe", "planted.Planted")

    assert ended.code == 1
    assert "Nothing is imported from the current folder" in ended.err
    assert not (shared / "ran").exists()


@pytest.mark.parametrize("command", ["run", "list", "status", "config check"])
def test_the_remedy_that_the_error_names_works_for_every_command(shared: Path, command: str) -> None:
    named = ("--config", str(shared / "config.yaml"))
    if command in ("list", "status"):
        assert ingestify(shared / "mine", "run", *named).code == 0
    ended = ingestify(shared / "mine", *command.split(), *named)

    assert ended.code == 0, ended.err
    assert (shared / "ran").exists()
