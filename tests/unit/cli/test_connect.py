"""`ingestify config check --connect`: does what the configuration names answer?"""

from __future__ import annotations


def everything(folder):
    """Each file and folder below a folder, with what it holds."""
    return {str(one): one.read_bytes() if one.is_file() else None for one in folder.rglob("*")}


def test_before_the_first_run_nothing_is_made(command):
    before = everything(command.folder)
    assert command("config", "check", "--connect").count(": ok: ") == 3
    assert {name for name in everything(command.folder) if "__pycache__" not in name} == set(before)


def test_of_a_lake_that_is_there_nothing_is_left_but_what_was(lake):
    before = everything(lake.folder / "files")
    shown = lake("config", "check", "--connect")
    assert "database: ok: its tables are those of this version\n" in shown
    assert "files: ok: an object was written, read and removed\n" in shown
    assert everything(lake.folder / "files") == before
    lake("verify")


def test_files_that_are_not_the_databases_are_told(lake):
    assert "lake: ok: the files are those of the database (lake " in lake("config", "check", "--connect")
    lake.configure("file://files", "file://fils")
    before = everything(lake.folder)
    shown = lake("config", "check", "--connect", code=1)
    assert "files: ok: the folder is not there yet" in shown
    assert "lake: wrong: The storage file://" in shown
    assert "holds none of the files" in shown
    assert everything(lake.folder) == before


def test_what_does_not_answer_is_named_and_the_others_are_asked_all_the_same(lake):
    (lake.folder / "catalog.db").write_bytes(b"no database at all, but a text that is long enough" * 100)
    lake.configure("SmallSource}", "SmallSource, configuration: {is_down: true}}")
    shown = lake("config", "check", "--connect", code=1)
    assert "database: wrong: " in shown
    assert "files: ok: " in shown
    assert "source small: wrong: ValueError: the index is gone\n" in shown


def test_a_source_that_is_not_enabled_is_not_asked(lake):
    lake.configure("SmallSource}", "SmallSource, enabled: false, configuration: {is_down: true}}")
    assert "source small" not in lake("config", "check", "--connect")


def test_a_provider_that_is_not_there_is_told_with_its_address(command):
    command.configure(
        "tests.unit.cli.small_source.SmallSource}",
        "ingestify.statsbomb_github, configuration: {base_url: 'http://127.0.0.1:9/'}, retries: {attempts: 1}}",
    )
    shown = command("config", "check", "--connect", code=1)
    assert "source small: wrong: " in shown
    assert "127.0.0.1:9" in shown
