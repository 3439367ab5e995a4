"""`ingestify init --source`: the package that it writes passes its own tests and linter, and ingests."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.running import ingestify


def run(*arguments: str, cwd: Path, code: int = 0) -> str:
    """Run a program and return what it wrote."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "INGESTIFY"))}
    ran = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        env=environment,
    )
    assert ran.returncode == code, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("projects")
    assert "Wrote club_data" in run("ingestify", "init", "--source", "club_data", cwd=made)
    return made


def test_its_tests_pass_out_of_the_box(folder: Path):
    said = run("pytest", "-q", "-p", "no:cacheprovider", cwd=folder / "club_data")
    assert re.search(r"^2\d passed in", said, re.MULTILINE), said


def test_it_ingests_from_its_simulator_and_a_second_run_finds_nothing_new(folder: Path):
    project = folder / "club_data"
    config = project / "config.yaml"
    simulator = subprocess.Popen(
        [sys.executable, "-u", "-c", SERVE], cwd=project, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )
    try:
        assert simulator.stdout is not None
        url = simulator.stdout.readline().strip()
        text = config.read_text()
        assert "http://127.0.0.1:8765/v1" in text
        config.write_text(text.replace("http://127.0.0.1:8765/v1", url))
        assert "1 source, 1 ingestion plan" in run("ingestify", "config", "check", cwd=project)
        assert "8 new" in run("ingestify", "run", cwd=project)
        assert "8 unchanged" in run("ingestify", "run", cwd=project)
    finally:
        simulator.communicate(timeout=30)  # its stdin ends, and so does it
        config.write_text(text)


SERVE = """
import sys
from club_data.simulator import ClubDataSimulator
with ClubDataSimulator() as simulator:
    print(simulator.base_url)
    sys.stdin.read()
"""


def test_what_is_there_is_not_written_over(folder: Path):
    source = folder / "club_data" / "club_data" / "source.py"
    source.write_text("# mine\n" + source.read_text())
    assert "exists already" in run("ingestify", "init", "--source", "club_data", cwd=folder, code=1)
    assert source.read_text().startswith("# mine\n")
    assert "--force cannot be used with --source" in run(
        "ingestify", "init", "--source", "xyz", "--force", cwd=folder, code=2
    )
    assert "a word of Python" in run("ingestify", "init", "--source", "class", cwd=folder, code=1)


def test_it_is_lint_clean_whatever_it_is_called(tmp_path: Path):
    if importlib.util.find_spec("ruff") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("ruff is not installed; the extra `test` brings it")
        pytest.skip("ruff is not installed; the extra `test` brings it")
    for name in ("my_provider", "xy", "a" * 30, "source"):
        assert ingestify(tmp_path, "init", "--source", name, str(tmp_path)).code == 0
    run("ruff", "check", "--no-cache", ".", cwd=tmp_path)
    run("ruff", "format", "--no-cache", "--check", ".", cwd=tmp_path)
