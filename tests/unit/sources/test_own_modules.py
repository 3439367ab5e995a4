"""Modules beside a config file can be imported, and take nobody's place."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingestify.errors import ConfigurationError
from ingestify.sources import own_modules
from ingestify.sources.own_modules import make_importable
from ingestify.sources.registry import LaterImport, import_object

SOURCE = "WHERE = __file__\n"

Write = Callable[[str, str], Path]


@pytest.fixture(autouse=True)
def _imports_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(own_modules, "_folders", own_modules._Folders())
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_module(path: str, text: str = SOURCE) -> Path:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        importlib.invalidate_caches()
        return file

    return write_module


def refusal(path: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        import_object(path, "source type")
    return str(caught.value)


@pytest.mark.parametrize("file", ["invented_a.py", "invented_a/__init__.py"])
def test_a_module_beside_the_config_file_is_found(tmp_path: Path, write: Write, file: str) -> None:
    path = write(f"lake/{file}", SOURCE)
    make_importable(str(tmp_path / "lake"))

    assert import_object("invented_a.WHERE", "source type") == str(path)


def test_a_module_in_a_folder_without_an_init_file_is_found(tmp_path: Path, write: Write) -> None:
    path = write("lake/invented_b/inner/source.py", SOURCE)
    make_importable(str(tmp_path / "lake"))

    assert import_object("invented_b.inner.source:WHERE", "source type") == str(path)


@pytest.mark.parametrize("name", ["this", "antigravity", "zipapp", "yaml", "pytz_that_is_not_there"])
def test_python_and_installed_packages_come_first(tmp_path: Path, write: Write, name: str) -> None:
    write(f"lake/{name}.py", SOURCE)
    usual = importlib.util.find_spec(name)
    make_importable(str(tmp_path / "lake"))

    found = importlib.util.find_spec(name)

    assert found is not None
    assert found.origin == (str(tmp_path / "lake" / f"{name}.py") if usual is None else usual.origin)


@pytest.mark.parametrize("type_name", ["calendar.MySource", "calendar.Calendar", "sys.MySource", "yaml.MySource"])
def test_a_type_in_a_module_that_is_hidden_is_refused_also_if_the_other_has_the_name(
    tmp_path: Path, write: Write, type_name: str
) -> None:
    module = type_name.partition(".")[0]
    write(f"lake/{module}.py", SOURCE)
    make_importable(str(tmp_path / "lake"))

    message = refusal(type_name)

    assert f"Python has another module '{module}'" in message
    assert f"Rename the one in {tmp_path / 'lake'}" in message


@pytest.mark.parametrize("file", ["yaml/source.py", "json/source/__init__.py"])
def test_a_type_deeper_in_a_package_that_is_hidden_is_refused(tmp_path: Path, write: Write, file: str) -> None:
    write(f"lake/{file}", SOURCE)
    package = file.partition("/")[0]
    make_importable(str(tmp_path / "lake"))

    assert f"Python has another module '{package}'" in refusal(f"{package}.source.MySource")


def test_a_copy_of_ones_own_package_that_is_installed_is_not_taken_instead(tmp_path: Path, write: Write) -> None:
    write("installed/invented_c/source.py", SOURCE)
    write("lake/invented_c/source.py", SOURCE)
    write("installed/invented_c/__init__.py", "")
    write("lake/invented_c/__init__.py", "")
    sys.path.append(str(tmp_path / "installed"))
    make_importable(str(tmp_path / "lake"))

    assert str(tmp_path / "installed" / "invented_c" / "source.py") in refusal("invented_c.source.WHERE")


def test_a_project_that_is_installed_from_the_configs_own_folder_hides_nothing(tmp_path: Path, write: Write) -> None:
    write("lake/invented_d/source.py", SOURCE)
    sys.path.append(str(tmp_path / "lake"))
    before = list(sys.path)
    make_importable(str(tmp_path / "lake"))

    assert sys.path == before
    assert import_object("invented_d.source.WHERE", "source type")


def test_an_environment_within_the_configs_folder_does_not_count_as_beside_it(tmp_path: Path, write: Write) -> None:
    write("lake/.venv/site-packages/invented_e.py", SOURCE)
    write("lake/invented_e.py", SOURCE)
    sys.path.append(str(tmp_path / "lake/.venv/site-packages"))
    make_importable(str(tmp_path / "lake"))

    assert "Python has another module 'invented_e'" in refusal("invented_e.WHERE")


def test_folders_and_data_that_are_no_modules_hide_and_are_hidden_by_nothing(tmp_path: Path, write: Write) -> None:
    write("lake/yaml/data.json", "{}")
    make_importable(str(tmp_path / "lake"))

    assert import_object("yaml.safe_load", "source type")
    assert "has no 'MySource'" in refusal("yaml.MySource")


def test_of_two_lakes_in_one_process_each_gets_its_own_module(tmp_path: Path, write: Write) -> None:
    of_a = write("a/invented_f.py", SOURCE)
    of_b = write("b/invented_f.py", SOURCE)
    second = write("b/invented_g.py", SOURCE)
    write("a/invented_g.py", SOURCE)
    make_importable(str(tmp_path / "a"))
    assert import_object("invented_f.WHERE", "source type") == str(of_a)
    make_importable(str(tmp_path / "b"))

    assert import_object("invented_g.WHERE", "source type") == str(second)
    assert import_object("invented_f.WHERE", "source type") == str(of_b)

    make_importable(str(tmp_path / "a"))
    assert import_object("invented_f.WHERE", "source type") == str(of_a)
    assert sys.path.count(str(tmp_path / "a")) == 1


def test_hidden_modules_that_a_source_may_import_are_reported_once(
    tmp_path: Path, write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    write("lake/secrets.py", "API_KEY = 'abc'\n")
    write("lake/yaml/__init__.py", "")
    write("lake/invented_h.py", SOURCE)
    write("lake/invented_i.py", SOURCE)
    make_importable(str(tmp_path / "lake"))
    with caplog.at_level(logging.WARNING):
        import_object("json.loads", "source type")
    assert not caplog.records  # nothing of what lies there is used

    with caplog.at_level(logging.WARNING):
        import_object("invented_h.WHERE", "source type")
        import_object("invented_i.WHERE", "source type")

    [record] = caplog.records
    assert "with the names secrets, yaml cannot be imported" in record.getMessage()
    assert str(tmp_path / "lake") in record.getMessage()


def test_what_is_imported_later_is_that_of_the_lake_that_was_open_then(tmp_path: Path, write: Write) -> None:
    of_a, of_b = write("a/invented_h.py", SOURCE), write("b/invented_h.py", SOURCE)
    make_importable(str(tmp_path / "a"))
    first = LaterImport("invented_h:WHERE", "schema")
    make_importable(str(tmp_path / "b"))
    second = LaterImport("invented_h:WHERE", "schema")

    assert second.load() == str(of_b)
    assert first.load() == str(of_a)
