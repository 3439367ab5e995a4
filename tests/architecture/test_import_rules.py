"""The direction of imports, as `lint-imports` sees it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_each_room_imports_only_what_is_below_it():
    tool = Path(sys.executable).with_name("lint-imports")
    ran = subprocess.run([str(tool), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
