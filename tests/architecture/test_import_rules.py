"""The direction of imports, as `lint-imports` sees it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import grimp

ROOT = Path(__file__).parent.parent.parent


def test_each_room_imports_only_what_is_below_it():
    tool = Path(sys.executable).with_name("lint-imports")
    ran = subprocess.run([str(tool), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_no_modules_import_each_other_in_a_circle():
    """Imports under `TYPE_CHECKING` count as well."""
    graph = grimp.build_graph("ingestify", cache_dir=None)
    below = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    circles = []
    for module in sorted(below):
        seen, waiting = set(), list(below[module])
        while waiting:
            one = waiting.pop()
            if one not in seen:
                seen.add(one)
                waiting += below.get(one, ())
        if module in seen:
            circles.append(module)
    assert not circles
