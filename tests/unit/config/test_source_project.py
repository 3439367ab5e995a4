from __future__ import annotations

import ast
import sys
import tomllib
from pathlib import Path

import pytest

from ingestify.config.source_project import check_source_name, source_project, write_source_project
from ingestify.errors import ConfigurationError


@pytest.mark.parametrize("name", ["my_provider", "xy", "opta", "a__1", "a" * 30, "dfl_2024"])
def test_the_names_of_a_project_are_those_of_its_provider(name: str):
    check_source_name(name)
    files = source_project(name)
    assert {f"{name}/source.py", f"{name}/simulator.py", f"{name}/__init__.py", "tests/test_source.py"} < set(files)
    assert {"config.yaml", "pyproject.toml", "README.md"} < set(files)
    for path, text in files.items():
        if name != "my_provider":
            assert "provider" not in path
            for other in ("my_provider", "MyProvider", "My Provider", "MY_PROVIDER"):
                assert other not in text, path
        if path.endswith(".py"):
            ast.parse(text)
            assert all(len(line) <= 110 for line in text.splitlines()), path
    assert tomllib.loads(files["pyproject.toml"])["project"]["name"] == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "use 2 to 30 small letters"),
        ("x", "use 2 to 30 small letters"),
        ("a" * 31, "use 2 to 30 small letters"),
        ("MyProvider", "small letters"),
        ("my-provider", "small letters"),
        ("1st", "beginning with a letter"),
        ("_private", "beginning with a letter"),
        ("ends_", "small letters"),
        ("../up", "small letters"),
        ("a/b", "small letters"),
        ("münchen", "small letters"),
        ("class", "a word of Python; call it class_data"),
        ("match", "a word of Python; call it match_data"),
        ("json", "there is a module of that name"),
        ("tests", "there is a module of that name"),
        ("ingestify", "there is a module of that name"),
        ("sqlalchemy", "there is a module of that name"),
    ],
)
def test_a_name_that_cannot_be_used_is_explained_and_nothing_is_written(tmp_path: Path, name: str, message: str):
    with pytest.raises(ConfigurationError, match=message):
        write_source_project(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["file", "folder", "dangling link"])
def test_nothing_is_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str):
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])  # as with  python -m ingestify
    there = tmp_path / "my_provider"
    if kind == "file":
        there.write_text("mine")
    elif kind == "folder":
        there.mkdir()
    else:
        there.symlink_to(tmp_path / "nowhere")
    with pytest.raises(ConfigurationError, match="exists already, and is not overwritten"):
        write_source_project("my_provider", tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["my_provider"]
