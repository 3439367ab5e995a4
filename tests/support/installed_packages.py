"""Packages that are installed for one test: their modules and a dist-info folder, on sys.path."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

Install = Callable[..., Path]
"""`install(name, {group: {name: value}}, {module: text}, version=…, entry_points=…)` → the folder on sys.path."""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs packages as pip leaves them; each in a folder of its own."""
    before = set(sys.modules)

    def install_package(
        name: str,
        groups: Mapping[str, Mapping[str, str]] | None = None,
        modules: Mapping[str, str] | None = None,
        *,
        version: str = "1.0",
        entry_points: str | None = None,
    ) -> Path:
        folder = tmp_path / f"site-{name}-{version}"
        info = folder / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        sections = [
            "\n".join([f"[{group}]", *(f"{one} = {value}" for one, value in points.items())])
            for group, points in (groups or {}).items()
        ]
        (info / "entry_points.txt").write_text("\n".join(sections) if entry_points is None else entry_points)
        for module, text in (modules or {}).items():
            (folder / f"{module}.py").write_text(text)
        monkeypatch.syspath_prepend(folder)
        return folder

    yield install_package
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]
