"""No page, example or message says to install `ingestify` by its name: on the registry, that is somebody else's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BY_NAME = re.compile(r"pip install (?:-\S+ )*['\"]?ingestify\b(?!/)")
KINDS = {".md", ".py", ".service", ".yaml", ".ipynb", ".toml"}


@pytest.mark.parametrize("folder", ["docs", "examples", "src"])
def test_nothing_is_installed_by_a_name_that_is_somebody_elses(folder: str) -> None:
    files = [path for path in (ROOT / folder).rglob("*") if path.suffix in KINDS]
    assert files
    found = [path.relative_to(ROOT) for path in files if BY_NAME.search(path.read_text(encoding="utf-8"))]
    assert found == []
