"""Which lake a command is about, and what it says where there is none."""

from __future__ import annotations

import shlex

import pytest

from ingestify.cli.app import COMMANDS, run_command_line

BY_THEMSELVES = (
    *("list", "show match_id=10", "status", "verify", "gc", "delete match_id=10 -y", "quarantine list", "events list"),
    *("events readers", "restored -y", "quarantine retry", "copy --to other", "copy --to other --dry-run"),
)
"""Commands that need a lake and no plans."""


@pytest.fixture
def place(command, monkeypatch):
    """A folder to work in, without a configuration, beside one that has the lake."""
    folder = command.folder / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    command.config.rename(command.folder / "settings.yaml")
    return folder


@pytest.mark.sampled(5)
@pytest.mark.parametrize("typed", [*BY_THEMSELVES, "plan", "run --dry-run"])
def test_a_lake_that_is_not_there_is_told_and_not_made(command, typed):
    assert command(*typed.split(), code=1) == ""
    assert f"There is no lake in {command.folder}, where {command.config} says it is: it has no" in command.err
    assert list(command.folder.iterdir()) == [command.config]


@pytest.mark.parametrize("typed", BY_THEMSELVES)
@pytest.mark.parametrize(
    "named", ["--lake lake", "--metadata-url sqlite:///lake/catalog.db --file-url file://lake/files"]
)
def test_a_place_without_a_lake_is_told_and_not_made(command, place, typed, named):
    assert command(*typed.split(), *named.split(), code=1) == ""
    assert f"There is no lake in {place / 'lake'}: that folder does not exist." in command.err
    assert "ingestify init" in command.err
    assert list(place.iterdir()) == []


@pytest.mark.slow
def test_each_command_takes_a_folder_or_two_addresses_in_place_of_a_configuration(command, place):
    command("run", "-q", "--config", "../settings.yaml")
    folder = str(command.folder)
    urls = ("--metadata-url", f"sqlite:///{folder}/catalog.db", "--file-url", f"file://{folder}/files/")
    for named in (("--lake", ".."), ("--lake", folder), urls):
        assert command("list", "--count", *named) == "6\n"
        assert "match_id=10" in command("show", "match_id=10", *named)
        assert "6 datasets" in command("status", *named)
        assert "no damage" in command("verify", *named)
        assert command("gc", *named).startswith("0 files")
        assert command("events", "list", *named).count("\n") == 12
        command("quarantine", "list", *named)
    assert list(place.iterdir()) == []
    assert "6 new" in command("copy", "--lake", "..", "--to", "copied")
    assert f"Created the lake in {place / 'copied'}." in command.err
    assert command("list", "--count", "--lake", "copied") == "6\n"
    command("delete", "match_id=10", "-y", "--lake", "copied")
    assert command("list", "--count", "--lake", "copied") == "5\n"


def test_without_a_configuration_it_is_the_usual_folder_as_in_python(command, place):
    command("list", code=1)
    assert "There is no config.yaml here or in a parent folder, and no lake in" in command.err
    assert list(place.iterdir()) == []
    command.folder.joinpath("settings.yaml").rename(place / "config.yaml")
    text = (place / "config.yaml").read_text()
    (place / "config.yaml").write_text(
        text.replace("catalog.db", "database/catalog.db").replace("files/", "database/files/")
    )
    command("run", "-q")
    (place / "config.yaml").unlink()
    assert command("list", "--count") == "6\n"


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "typed",
    [
        "run",
        "plan",
        "config check",
        "sync-indexes",
        "sources check small",
        "status --stale 1d",
        "status --max-failed 1",
    ],
)
def test_what_needs_plans_says_that_a_lake_has_none(command, typed):
    command("run", "-q")
    command(*typed.split(), "--lake", ".", code=1)
    assert f"{command.folder} is a lake, and not what says wh" in command.err
    assert "--config" in command.err
    assert "use_open_data" in command.err


def test_what_needs_plans_calls_nothing_a_lake_that_is_none(command, place):
    for named, why in (("nolake", "that folder does not exist"), (".", "it has no catalog.db")):
        command("run", "--lake", named, code=1)
        assert "is a lake" not in command.err
        assert f"which says what is to be fetched, and no lake: {why}. Name one with --config" in command.err
    assert list(place.iterdir()) == []


def test_a_folder_that_is_typed_where_filters_are_is_told_its_option(command, place):
    command("run", "-q", "--config", "../settings.yaml")
    command("list", "..", code=2)
    assert (
        "'..' is no filter: write key=value, such as competition_id=11. A lake is named with  --lake .. ."
        in command.err
    )
    command("list", "nothing", code=2)
    assert "--lake" not in command.err


def test_the_folder_of_a_lake_given_as_a_configuration_is_told_how_it_is_named(command, place):
    command("run", "-q", "--config", "../settings.yaml")
    command("list", "--config", "..", code=1)
    assert ".. is the folder of a lake, and no config.yaml. A lake is named by its folder:  --lake .. ." in command.err
    assert command("list", "--count", "--lake", "..") == "6\n"
    command("list", "--config", ".", code=1)
    assert "The config file . is a folder; name a file in it; it has no config.yaml." in command.err


def test_the_url_of_files_that_a_message_names_is_that_of_the_folder_which_was_given(command, place):
    command("run", "-q", "--config", "../settings.yaml")
    catalogue = ("--metadata-url", "sqlite:///../catalog.db")
    command("list", *catalogue, "--file-url", "../files", code=1)
    assert "'../files' is no URL; write file://../files ." in command.err
    assert command("list", "--count", *catalogue, "--file-url", "file://../files") == "6\n"
    command("list", *catalogue, "--file-url", "s3:bucket", code=1)
    assert "'s3:bucket' is no URL; write file://database/files/ ." in command.err


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("--config config.yaml --lake .", "--config and --lake each name a lake; give one of them."),
        ("--lake . --file-url file://files", "--lake and --file-url each name a lake"),
        ("--metadata-url sqlite:///catalog.db", "--metadata-url and --file-url go together"),
        ("--lake ''", "--lake is empty"),
    ],
)
def test_two_names_for_a_lake_are_wrong_usage(command, named, message):
    command("list", *shlex.split(named), code=2)
    assert message in command.err


def test_every_command_that_takes_a_configuration_takes_a_folder(command):
    for name in COMMANDS:
        shown = command(name, "--help")
        assert ("--config" in shown) == ("--lake" in shown)


def remedies_in(text):
    return [part for part in text.split("'") if part.startswith("ingestify ")]


def test_what_a_message_says_to_type_works_as_it_stands(command, place):
    """A lake in another folder, with a blank in its name, and another bucket."""
    command("run", "-q", "--config", "../settings.yaml", "--bucket", "second")
    lake = place.parent / "my lake"
    lake.mkdir()
    for name in ("catalog.db", "files"):
        (place.parent / name).rename(lake / name)
    next(path for path in (lake / "files").rglob("*") if path.is_file() and "match_id=10" in str(path)).unlink()
    command("show", "abc", "--lake", "../my lake", "--bucket", "second", code=1)
    (listing,) = remedies_in(command.err)
    assert command(*shlex.split(listing)[1:]).count("\n") == 6
    found = remedies_in(command("verify", "--lake", "../my lake", code=4))
    assert found == ['ingestify verify --repair --lake "../my lake"']
    command(*shlex.split(found[0])[1:], code=4)
    assert "it cannot be fetched anew now: There is no ingestion plan" in command.err
    assert "--lake" in command("verify", "--lake", "../my lake", "--json", code=4)


def test_a_hint_names_the_configuration_only_where_it_was_given(command, monkeypatch):
    command.make_lake()
    command("list")
    assert "'ingestify run' fetches" in command.err
    command("list", "--config", "config.yaml")
    assert "'ingestify run --config config.yaml' fetches" in command.err
    monkeypatch.setenv("INGESTIFY_CONFIG_FILE", str(command.config))
    command("list")
    assert "'ingestify run' fetches" in command.err
    command("list", "--lake", ".")
    assert "'ingestify run', with the config.yaml of its plans, fetches" in command.err


def test_a_run_says_where_it_made_the_lake_once(command):
    command("run")
    assert f"Created the lake in {command.folder}." in command.err
    command("run")
    assert "Created" not in command.err


def test_the_home_folder_is_known(command, place, monkeypatch):
    monkeypatch.setenv("HOME", str(command.folder))
    command("run", "-q", "--config", "~/settings.yaml")
    assert command("list", "--count", "--lake", "~") == "6\n"
    assert list(place.iterdir()) == []


def test_a_second_command_does_not_remember_the_first_ones_lake(command):
    command.make_lake()
    command("list", "--lake", ".")
    assert run_command_line(["version"]) == 0
    command("list")
    assert "'ingestify run' fetches" in command.err


def test_init_makes_the_lake_and_what_it_says_to_type_works_from_here(command, place, monkeypatch):
    monkeypatch.setenv("HOME", str(place))
    command("init", "~/new")
    assert f"created the lake in {place / 'new' / 'database'}." in command.err
    typed = command.err.partition("Then run  ")[2].partition(" , and")[0]
    assert typed == f"ingestify plan --config {place / 'new' / 'config.yaml'}"
    assert command("list", "--count", *typed.split()[2:]) == "0\n"
    command("init", "--force")
    assert "Then run  ingestify plan , and  ingestify run ." in command.err


def test_init_makes_the_lake_of_a_configuration_that_is_there(command):
    text = command.config.read_text()
    command("plan", code=1)
    command("init")
    assert f"is not changed. Created the lake in {command.folder}." in command.err
    assert command.config.read_text() == text
    assert "6 to fetch" in command("plan")
    command("init", code=1)
    assert "and its lake exist already; --force" in command.err
