"""docs/architecture.md names each room and sub-room, and every module that it names exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src/ingestify"
PAGE = (ROOT / "docs/architecture.md").read_text("utf-8")

ROOMS = sorted(path.parent.relative_to(SOURCE).as_posix() for path in SOURCE.glob("*/__init__.py"))
DIVIDED = ("engine", "fetch", "store", "catalogue")
SUB_ROOMS = sorted(
    path.parent.relative_to(SOURCE).as_posix()
    for room in DIVIDED
    for path in (SOURCE / room).glob("*/__init__.py")
    if path.parent.name != "migrations"
)
PATHS = sorted(set(re.findall(r"`([a-z_]+(?:/[a-z_]+)*(?:\.py|/))`", PAGE)))
MODULES = sorted(set(re.findall(r"`((?:" + "|".join(ROOMS) + r")(?:\.[a-z_]+)+)`", PAGE)))


@pytest.mark.parametrize("room", ROOMS + SUB_ROOMS)
def test_the_page_has_a_line_for_each_room(room):
    assert f"| `{room}/` |" in PAGE


@pytest.mark.parametrize("path", PATHS)
def test_a_path_on_the_page_exists(path):
    assert (SOURCE / path).exists()


@pytest.mark.parametrize("module", MODULES)
def test_a_module_on_the_page_exists(module):
    parts = module.split(".")
    there = [SOURCE.joinpath(*parts[:end]) for end in (len(parts), len(parts) - 1)]
    assert any(one.is_dir() or one.with_suffix(".py").is_file() for one in there)


@pytest.mark.parametrize("room", DIVIDED)
def test_a_room_with_sub_rooms_is_small(room):
    most = {"engine": 14, "fetch": 14, "store": 16, "catalogue": 20}[room]
    entries = [path for path in (SOURCE / room).iterdir() if path.name not in ("__init__.py", "__pycache__")]
    assert len(entries) <= most
