"""`ingestify demo`, as the README says to run it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

from tests.end_to_end.running import ingestify


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ingestify", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_demo_shows_a_run_a_rerun_and_a_correction(tmp_path: Path):
    shown = run(tmp_path, "demo")
    assert shown.returncode == 0, shown.stderr
    assert "20 matches: 20 new, 0 revised, 0 unchanged, 0 failed" in shown.stdout
    assert "20 matches: 0 new, 0 revised, 20 unchanged, 0 failed · 2 requests" in shown.stdout
    assert "20 matches: 0 new, 2 revised, 18 unchanged, 0 failed" in shown.stdout
    assert "20 matches: 0 new, 0 revised, 19 unchanged, 0 failed, 1 in quarantine" in shown.stdout
    assert "freeze frames of 360-frames belong to no event" in shown.stdout
    assert "readers still see revision 1, whose files agree" in shown.stdout
    assert "20 matches: 0 new, 1 revised, 19 unchanged, 0 failed" in shown.stdout
    assert "readers see revision 2" in shown.stdout
    assert "revision 1: " in shown.stdout
    assert "events, " in shown.stdout
    assert "ingestify init" in shown.stdout
    # Where it takes long, a line every few seconds says how far it is.
    assert [line for line in shown.stderr.splitlines() if not re.search(r" · \d+:\d\d( · |$)", line)] == []
    config = str(tmp_path / "ingestify-demo" / "config.yaml")
    assert ingestify(tmp_path, "list", "--count", "--config", config).out == "20\n"


def test_the_demo_replaces_nobody_elses_files(tmp_path: Path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("all of it")
    refused = ingestify(tmp_path, "demo", "--folder", "mine")
    assert refused.code == 1
    assert "--folder" in refused.err
    assert (mine / "thesis.txt").read_text() == "all of it"


def test_an_interrupted_demo_says_so(tmp_path: Path):
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "ingestify", "demo", "--matches", "380"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("First run"):
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.endswith("Interrupted.\n")
    assert "Aborted" not in err
