"""The units of systemd in examples/service."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

SERVICE = Path(__file__).parents[2] / "examples" / "service"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
@pytest.mark.parametrize("name", ["ingestify-watch.service", "ingestify-receive.service"])
def test_systemd_has_nothing_to_say_about_the_unit(tmp_path: Path, name: str) -> None:
    # The command of the unit is not installed here.
    copy = tmp_path / name
    copy.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", (SERVICE / name).read_text(), flags=re.MULTILINE))
    ended = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False)
    ours = [line for line in ended.stderr.splitlines() if name in line]
    assert ours == []
