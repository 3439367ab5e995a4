"""The words of each command: one typical use, as tests/golden has it.

`INGESTIFY_UPDATE_GOLDEN=1 pytest tests/unit/cli/test_golden.py` writes the files anew, and a reviewer reads the
difference. The help of each command is in docs/commands.md.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest
import sqlalchemy as sa

from ingestify.cli.app import COMMANDS
from tests.support.published_lake import PublishedFile, PublishedLake, folder_objects

from .conftest import CommandLine

GOLDEN = Path(__file__).parents[2] / "golden"

USES = {
    "run": ["run", "run -v", "run --json", "run --provider nobody"],
    "plan": ["plan", "run -q", "plan --json -v"],
    "watch": ["watch --plan", "run -q", "watch --plan", "watch --plan --json"],
    "list": ["run -q", "list", "list season_id=1 --count", "list match_id=99", "list match_id=10 --json"],
    "show": ["run -q", "show match_id=10", "show match_id=10 --json"],
    "follow": [
        "run -q",
        "follow match_id=10",
        "run -q --config later.yaml",
        "follow match_id=10 --after 0",
        "follow match_id=10 --after last",
        "follow provider=small",
    ],
    "diff": ["run -q", "run -q --config later.yaml", "diff match_id=10", "diff match_id=10 1 0 --json"],
    "log": ["run -q", "run -q --config later.yaml", "log match_id=10", "log match_id=10 --json"],
    "plot": [
        "run -q",
        "plot match_id=10 -o shots.svg",
        "plot season_id=1 coverage -o coverage.svg",
        "plot season_id=1 -o x.svg",
    ],
    "delete": ["run -q", "delete match_id=10 --yes"],
    "lock": ["run -q", "lock -o study.lock", "lock --check study.lock", "lock --check study.lock --json"],
    "verify": ["run -q", "verify", "verify --json"],
    "gc": [
        "run -q",
        "delete match_id=10 --yes",
        "gc --older-than 0h",
        "gc --older-than 0h --json",
        "gc --older-than 0h --yes",
    ],
    "copy": ["run -q", "copy --to other --dry-run --json", "copy --to other", "copy --to other"],
    "export": ["run -q", "export out", "export out --json season_id=1 match_id=10", "export out --format parquet -v"],
    "tables": [
        "tables list",
        "run -q",
        "tables build",
        "tables build --json",
        "tables list",
        "tables list --json",
        "tables verify",
        "tables verify --make-rows --json",
        "tables drop shots",
        "tables drop numbers --yes",
    ],
    "sql": [
        "run -q",
        'sql "select name, state from matches order by name"',
        'sql "select name from matches order by name" --json',
        'sql "select name from matches order by name" --csv',
        'sql "select 1 as one" --parquet one.parquet',
        'sql "select 1 as one where false"',
        "sql 'select * from nothing'",
        "sql 'drop table matches'",
    ],
    "receive": ["receive", "receive --listen lake"],
    "web": ["web --port 0", "run -q", "web --host 192.0.2.1", "web --allow-host https://lake.example.org"],
    "adopt": ["list", "adopt", "adopt --yes --json", "list", "adopt --yes"],
    "restored": ["run -q", "restored --yes"],
    "quality": ["run -q", "quality", "quality match_id=10 --json", "quality match_id=11", "quality --docs pages"],
    "quarantine": ["run -q", "quarantine list", "quarantine list --json", "quarantine retry"],
    "events": [
        "run -q",
        "events list --limit 3",
        "events list --limit 1 --json",
        "events readers",
        "events forget nobody",
    ],
    "publish": [
        "publish status",
        "run -q --publish",
        "publish status",
        "publish status --json",
        "publish dead-letters",
        "publish dead-letters --json",
        "publish retry picky",
        "publish --give-up-after 1s",
        "publish --publisher picky --replay-from beginning --json",
        "publish discard picky 2 --yes",
        "publish retry picky",
        "publish switch-on gone",
        "publish switch-on gone",
        "publish --publisher pickie",
    ],
    "status": ["status", "run -q", "status", "status --stale 1h", "status --stale 1h --runs 1 --json"],
    "coverage": ["coverage --age", "run -q", "coverage", "coverage --json", "coverage --age", "coverage --age --json"],
    "metrics": ["metrics", "run -q", "metrics", "metrics --deliver", "metrics --metrics-file m.prom"],
    "sources": [
        "sources check small",
        "sources check small --json",
        "sources competitions small",
        "sources matches small --all",
    ],
    "sync-indexes": ["sync-indexes"],
    "init": ["init new", "init new"],
    "config": ["config check", "config check --connect"],
    "version": ["version"],
}
"""Command to what is typed, in an empty folder with a configuration."""

OTHERS = {"demo", "completion"}
"""Commands without a file here: what they write is tested as a whole, or is click's."""

CHANGING = (
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "ID"),
    (r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|\+00:00)?", "TIME"),
    (r"(?<=} )1[0-9]{9}(\.[0-9]+)?$", "MOMENT"),
    (r"\b[0-9a-f]{12}…", "TAG…"),
    (r"[0-9a-f]{12,64}\b", "HASH"),
    (r"[0-9.]+ (bytes|kB|MB)", "SIZE"),
    (r"[0-9]:[0-9]{2}\b", "TOOK"),
    (r"\b[0-9]+\.[0-9]+\.[0-9]+\S*", "VERSION"),
)
"""What differs between two runs of the same test, or between two versions of a compressor."""


NUMBER = re.compile(r"(?<=: )-?[0-9]+(\.[0-9]+)?(?=[,}\]])")
"""A number in a line of JSON: its key is what users rely on."""


def normalized(text: str, folder: Path) -> str:
    text = text.replace(str(folder), "FOLDER")
    text = "\n".join(NUMBER.sub("0", line) if line.startswith("{") else line for line in text.split("\n"))
    for pattern, name in CHANGING:
        text = re.sub(pattern, name, text, flags=re.MULTILINE)
    return text


@pytest.fixture
def command(tmp_path, monkeypatch, capsys, restored_logging) -> CommandLine:
    """The command line in a folder without neighbours: a command names the lakes of the folders beside."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return CommandLine(folder, capsys)


def test_each_command_has_a_golden_file():
    assert USES.keys() | OTHERS == COMMANDS.keys()
    assert {path.stem for path in GOLDEN.glob("*.txt")} == USES.keys()


@pytest.mark.parametrize("name", USES)
def test_a_command_says_what_it_said(name, command, monkeypatch):
    # One selector and one thread: what changes is told in the same order each time.
    monkeypatch.setenv("INGESTIFY_CONCURRENCY", "1")
    if name in ("diff", "follow", "log"):
        command.configure("SmallSource}", "Corrected, configuration: {version: 1}}")
        (command.folder / "later.yaml").write_text(command.config.read_text().replace("version: 1", "version: 2"))
    else:
        command.configure("SmallSource}", "SmallSource, configuration: {seasons: 1}}")
    if name in ("quality", "quarantine"):
        mode = "warn" if name == "quality" else "reject"
        check = f"{{type: tests.unit.cli.small_source.NotTen, mode: {mode}}}"
        kind = f"- {{provider: small, dataset_type: match, checks: [{check}]}}"
        command.configure("ingestion_plans:", f"dataset_types:\n  {kind}\ningestion_plans:")
    if name == "tables":
        own = "{name: numbers, function: tests.unit.cli.small_source:make_frame}"
        command.configure("ingestion_plans:", f"tables: {{own: [{own}], build: [numbers]}}\ningestion_plans:")
    if name == "publish":
        named = (("picky", "events: [dataset_created, revision_added]"), ("gone", "where: match_id == 11"))
        lines = [f"- {{name: {one}, type: tests.unit.cli.small_source.{one.title()}, {rest}}}" for one, rest in named]
        command.configure("ingestion_plans:", "\n".join(["event_publishers:", *lines, "ingestion_plans:"]))
    if name == "sync-indexes":
        kind = "- {provider: small, dataset_type: match, identifier_index: true, identifier_keys: {match_id: {}}}"
        command.configure("ingestion_plans:", f"dataset_types:\n  {kind}\ningestion_plans:")
    if name == "adopt":
        engine = sa.create_engine(f"sqlite:///{command.folder}/catalog.db")
        published = PublishedLake(engine, folder_objects(command.folder / "files"))
        for number in (10, 10, 11):
            published.add_dataset({"match_id": number}, [PublishedFile("match", b"{}")])
        engine.dispose()
        (found,) = command.folder.rglob("match_id=11/0/match__v1.json.gz")
        found.unlink()
    said = ""
    for typed in USES[name]:
        out, code = command.try_to(*shlex.split(typed))
        said += f"$ ingestify {typed}\n{out}"
        said += "".join(f"[stderr] {line}\n" for line in command.err.splitlines())
        said += f"[exit code {code}]\n\n"
    said = normalized(said, command.folder)
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("INGESTIFY_UPDATE_GOLDEN"):
        path.write_text(said, encoding="utf-8")
    assert said == path.read_text(encoding="utf-8")
