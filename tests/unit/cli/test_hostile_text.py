"""Whatever a provider calls things, no command lets it reach a terminal; and JSON is JSON."""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import sqlite3
import unicodedata
import warnings
from collections.abc import Iterator

import click
import pytest
import sqlalchemy as sa

from ingestify import EventLogConsumer, get_datastore, get_engine
from ingestify.cli.app import app, run_command_line
from tests.support.published_lake import PublishedFile, PublishedLake, folder_objects
from tests.unit.cli.hostile_source import EVIL, READABLE

CONFIG = """
main: {metadata_url: sqlite:///catalog.db, file_url: file://files/}
sources:
  evil: {type: tests.unit.cli.hostile_source.HostileSource, configuration: {version: 1, is_down: false}}
dataset_types:
  - provider: hostile
    dataset_type: match
    identifier_index: true
    checks: [tests.unit.cli.hostile_source.Refuses]
ingestion_plans:
  - {source: evil, dataset_type: match}
event_subscribers:
  - type: tests.unit.cli.hostile_source.Hook
tables:
  build: [evil]
  own: [{name: evil, function: tests.unit.cli.hostile_source:make_frame}]
"""
SHOW_NOTHING_OF_A_PROVIDER = {"demo", "completion", "version", "config schema", "init", "receive", "web"}
JOINERS_AND_TAGS = {"\u200c", "\u200d", *map(chr, range(0xE0020, 0xE0080))}
"""Without a shape of their own, but parts of letters, emoji and flags."""


def leaves(command: click.Command = app, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Yield each command that does something, with its name."""
    if not isinstance(command, click.Group):
        yield " ".join(path), command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from leaves(found, (*path, name))


COMMANDS = dict(leaves())


def obeyed(text: str) -> list[str]:
    """What of a text a terminal obeys, or takes for a line of ours."""
    found = [
        character
        for character in text
        if character != "\n"
        and character not in JOINERS_AND_TAGS
        and unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    ]
    return found + [line for line in text.splitlines() if line.startswith("FAKE")]


def strict_json(line: str) -> dict:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON")

    value = json.loads(line, parse_constant=refuse)
    json.dumps(value, ensure_ascii=False).encode()  # no half of a surrogate pair
    assert isinstance(value, dict)
    return value


class Watched:
    """The command line, of which all output is looked at."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.called: set[str] = set()
        self.called_as_json: set[str] = set()
        self.err = ""
        self._capsys = capsys

    def __call__(self, name: str, *arguments: str, shows: bool = True) -> str:
        """Run a command; `shows`: some of what is evil is to be seen in what it says."""
        run_command_line([*name.split(), *arguments])
        out, self.err = self._capsys.readouterr()
        self.called.add(name)
        assert "Traceback" not in self.err or "--debug" in arguments
        if "--json" in arguments:
            self.called_as_json.add(name)
            for line in out.splitlines():
                strict_json(line)
        assert obeyed(out) == [], f"stdout of {name} {arguments}"
        assert obeyed(self.err) == [], f"stderr of {name} {arguments}"
        assert not shows or "FAKE" in out + self.err, f"{name} {arguments}: {out}{self.err}"
        assert not shows or "中文" in out + self.err
        return out

    def objects(self, name: str, *arguments: str) -> list[dict]:
        return [strict_json(line) for line in self(name, *arguments, "--json", shows=False).splitlines()]


@pytest.fixture
def shown_warnings() -> Iterator[None]:
    """Python's warnings go where the command line sends them, and not to pytest."""
    logging.captureWarnings(False)
    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        yield
        logging.captureWarnings(False)


@pytest.mark.slow
def test_no_command_lets_a_providers_text_reach_the_terminal_and_all_json_is_json(
    tmp_path, monkeypatch, capsys, restored_logging, shown_warnings
):
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG)
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.yaml").write_text("main: {metadata_url: sqlite:///catalog.db, file_url: file://files/}\n")
    to_other = ("--to", str(other / "config.yaml"))

    def configure(old: str, new: str) -> None:
        assert old in config.read_text()
        config.write_text(config.read_text().replace(old, new))

    watched = Watched(capsys)
    watched("config check", shows=False)
    with contextlib.closing(get_datastore(config)) as store:
        store.create()
    watched("plan", "-v")
    watched.objects("plan")
    watched("run", "-v")
    assert READABLE in watched.err
    assert "\\x1b[8mhidden\\nFAKE 2 matches" in watched.err
    watched("sync-indexes", shows=False)

    configure("is_down: false", "is_down: true")
    configure("version: 1", "version: 2")
    watched("run")
    assert "failed: " in watched.err
    assert "in quarantine: " in watched.err
    watched.objects("run")
    watched("run", "--debug")
    watched("status", "--failed")
    watched.objects("status")
    for arguments in ((), ("--age",)):
        watched("coverage", *arguments)
        assert watched.objects("coverage", *arguments)

    watched("list")
    datasets = watched.objects("list")
    assert len(datasets) == 3
    assert {one["metadata"][EVIL] for one in datasets} == {EVIL}, "JSON loses nothing"
    watched("list", f"match_id={EVIL}")
    watched("list", "--where", "metadata.xg > 1")
    assert "1 dataset is left out" in watched.err
    watched("list", "--where", f"metadata.xg > '{EVIL}")
    watched("list", "--where", f"{EVIL} == 1")
    for one in datasets:
        watched("show", one["dataset_id"])
    watched.objects("show", datasets[0]["dataset_id"])
    watched("show", EVIL)
    watched("delete", datasets[0]["dataset_id"])
    watched("delete", EVIL)

    watched("diff", datasets[0]["dataset_id"])
    watched("diff", "provider=hostile", shows=False)
    configure("version: 2", "version: 3")
    with contextlib.closing(get_engine(config)) as engine, contextlib.closing(engine.watch()) as changes:
        next(changes)
    capsys.readouterr()
    watched("watch", "--plan")
    watched.objects("watch", "--plan")
    watched("run")
    watched("diff", f"match_id=x{EVIL}")
    watched("diff", f"match_id=x{EVIL}", "--feed", EVIL)
    assert watched.objects("diff", "provider=hostile")
    watched("follow", f"match_id=x{EVIL}", "--timeout", "0s", shows=False)
    watched("follow", f"match_id=x{EVIL}", "--timeout", "0s", "--feed", EVIL)
    watched("follow", f"match_id=x{EVIL}", "--timeout", "0s", "--after", EVIL, shows=False)
    watched.objects("follow", f"match_id=x{EVIL}", "--timeout", "0s")
    watched("log", f"match_id=x{EVIL}")
    watched.objects("log", "provider=hostile")
    configure("version: 3", "version: 2")

    watched("plot", f"match_id=x{EVIL}", "-o", "shots.svg", shows=False)
    watched("plot", "provider=hostile", "-o", "shots.svg")
    watched("plot", "provider=hostile", "coverage", "-o", f"{EVIL.replace('/', '')}.svg")

    watched("quarantine list")
    entries = watched.objects("quarantine list")
    assert entries
    for one in entries:
        watched("quarantine show", one["entry_id"])
    watched.objects("quarantine show", entries[0]["entry_id"])
    watched("quarantine retry")
    watched("quarantine discard", entries[0]["entry_id"])
    watched("quarantine accept", entries[0]["entry_id"], "--by", EVIL, "--note", EVIL)
    watched("quality")
    assert watched.objects("quality")
    watched("quarantine list", "--all")
    watched("quarantine discard", "--yes", "--note", EVIL, *(one["entry_id"] for one in entries[1:]), shows=False)
    watched("quarantine accept", "--nothing", EVIL, shows=False)

    watched("events list")
    watched.objects("events list")
    reader = f"mine {EVIL}"
    with EventLogConsumer.from_config(config, reader) as consumer:
        consumer.run(lambda event: 1 / 0 if event else None)
    watched("events readers")
    watched.objects("events readers")
    watched("events park", reader)
    watched("metrics")
    watched("events reset", reader, "--to", "now", "--yes")
    watched("events forget", reader, "--yes")
    watched("events forget", reader, "--yes")
    for kind in ("Picky", "Down", "Gone"):
        reason = json.dumps(EVIL)
        one = f"{{name: {kind}, type: tests.unit.cli.small_source.{kind}, configuration: {{reason: {reason}}}}}"
        text = config.read_text()
        config.write_text(text + ("" if "event_publishers:" in text else "event_publishers:\n") + f"  - {one}\n")
    watched("publish send", "--publisher", "Picky")
    watched("publish", "--publisher", "Gone", "--publisher", "Down", "--give-up-after", "0s")
    watched.objects("publish send", "--publisher", "Gone")
    watched("publish status")
    assert {one["name"] for one in watched.objects("publish status")} == {"Picky", "Down", "Gone"}
    watched("publish dead-letters")
    assert watched.objects("publish dead-letters")
    watched("publish retry", "Picky", shows=False)
    watched("publish retry", EVIL)
    watched("publish discard", "Picky")
    watched("publish discard", "Picky", "--yes", shows=False)
    watched("publish switch-on", "Gone", shows=False)
    watched("publish switch-on", EVIL)
    watched("restored", "--yes", shows=False)

    watched("tables build")
    watched.objects("tables build")
    watched("sql", "select * from matches")
    watched.objects("sql", "select * from matches")
    watched("sql", f'select * from "{EVIL}"', shows=False)
    watched("tables list")
    watched.objects("tables list")
    (tmp_path / "files/tables/main/evil").rename(tmp_path / "kept")
    watched("tables build", "--retry-failed")
    watched("delete", "--yes", "match_id=1", shows=False)
    watched("tables verify", "--make-rows", shows=False)
    watched.objects("tables verify")
    watched("tables drop", "evil", "--yes", shows=False)
    watched("copy", *to_other, "-v", "--verify", shows=False)
    watched.objects("copy", *to_other)
    watched("export", "out", "-v")
    watched.objects("export", "out")
    assert all(path.is_relative_to(tmp_path / "out") for path in tmp_path.rglob("FAKE*"))
    for file in (tmp_path / "files").rglob("events*.zst"):
        file.write_bytes(b"x")
    watched("lock", "-o", "study.lock", shows=False)
    watched("lock", "-o", "-")
    watched("lock", "--check", "study.lock")
    watched.objects("lock", "--check", "study.lock")
    watched("verify", "-v")
    watched.objects("verify")
    watched("verify", "--repair")
    watched("gc", "--older-than", "0h", shows=False)
    watched.objects("gc")
    watched("sources competitions", "evil")
    watched.objects("sources competitions", "evil")
    watched("sources matches", "evil")
    watched.objects("sources matches", "evil")
    watched("sources check", "evil")
    watched.objects("sources check", "evil")
    watched("sources describe", "tests.unit.cli.hostile_source.HostileSource")
    watched.objects("sources describe", "tests.unit.cli.hostile_source.HostileSource")
    watched("sources list", shows=False)
    watched.objects("sources list")
    watched("delete", "--yes", datasets[0]["dataset_id"], shows=False)

    configure("source: evil", f"source: {json.dumps(chr(27) + '[8m' + chr(10) + 'FAKE 中文')}")
    for name in ("config check", "run", "list"):
        watched(name)

    # A lake of the published package, with two rows of one dataset and an object that is lost.
    old = tmp_path / "old"
    (old / "files").mkdir(parents=True)
    (old / "config.yaml").write_text("main: {metadata_url: sqlite:///catalog.db, file_url: file://files/}\n")
    database = sa.create_engine(f"sqlite:///{old}/catalog.db")
    published = PublishedLake(database, folder_objects(old / "files"))
    for path in ({"key": "1"}, {"key": "1"}, {"key": "2"}):
        file = PublishedFile("events", b"[1]")
        published.add_dataset({"key": f"{EVIL}{path['key']}"}, [file], provider=EVIL, name=EVIL, path_values=path)
    database.dispose()
    shutil.rmtree(next((old / "files").rglob("key=2")))
    watched("adopt", "--config", str(old / "config.yaml"))
    watched.objects("adopt", "--config", str(old / "config.yaml"))
    watched("adopt", "--config", str(old / "config.yaml"), "--yes")

    missed = set(COMMANDS) - SHOW_NOTHING_OF_A_PROVIDER - watched.called
    assert not missed, "a new command: call it above"
    with_json = {name for name, command in COMMANDS.items() if any("--json" in one.opts for one in command.params)}
    assert not with_json - watched.called_as_json


def test_what_an_older_version_or_another_program_wrote_into_the_catalogue_is_shown_as_json_too(lake):
    with sqlite3.connect(lake.folder / "catalog.db") as connection:
        connection.execute(
            """UPDATE dataset SET metadata = '{"xg": NaN, "most": [Infinity, -Infinity], "half": "a\\udc80b"}'"""
        )
    for line in lake("list", "--json").splitlines():
        assert strict_json(line)["metadata"] == {"xg": None, "most": [None, None], "half": "a\ufffdb"}
    assert lake("list", "--count", "--where", "metadata.xg > 1") == "0\n"
    assert lake("list", "--count", "--where", "not metadata.xg > 1") == "6\n"
