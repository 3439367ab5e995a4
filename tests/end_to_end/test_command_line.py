"""The commands as a person types them, around a source that needs no network."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ingestify import get_datastore
from tests.end_to_end.running import ingestify, objects
from tests.support.sizes import sample_and_rest

CONFIG = """
main:
  metadata_url: sqlite:///database/catalog.db
  file_url: file://database/files/
sources:
  mine: {type: my_source.MySource, configuration: {api_key: !ENV "${MY_KEY:canary-1234567}"}}
dataset_types:
  - provider: mine
    dataset_type: match
    identifier_index: true
    identifier_keys: {match_id: {transformation: {type: bucket, bucket_size: 10}, key_type: int}}
ingestion_plans:
  - {source: mine, dataset_type: match}
event_subscribers:
  - {type: my_source.Told}
  - {type: ingestify.infra.event_log.EventLogSubscriber}
"""

SOURCE = """
import datetime as dt
import json
from pathlib import Path

from ingestify import DatasetResource, FatalError, Source, StopProcessing, Subscriber

HERE = Path(__file__).parent


class MySource(Source):
    provider = "mine"

    def discover_selectors(self, dataset_type):
        return [{"season_id": 1}, {"season_id": 2}]

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, season_id, **_):
        behaviour = json.loads((HERE / "behaviour.json").read_text())
        for number in range(behaviour.get("matches", 3)):
            resource = DatasetResource({"match_id": number + 20}, "match", name=f"match {number + 20}")
            resource.add_file(
                dt.datetime(2024, 5, 1 + behaviour.get("day", 0)), "events",
                json_content={"day": behaviour.get("day", 0), "number": number},
            )
            yield resource
        if season_id == 2 and "raise" in behaviour:
            raise {"stop": StopProcessing, "fatal": FatalError, "other": ValueError}[behaviour["raise"]](
                f"https://me:{self.configuration['api_key']}@host/x?token={self.configuration['api_key']} said no"
            )


class Told(Subscriber):
    def on_revision_added(self, event):
        with (HERE / "told.txt").open("a") as file:
            file.write(f"{event.event_type} {event.dataset.identifier}\\n")
"""


class Project:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "config.yaml").write_text(CONFIG)
        (folder / "my_source.py").write_text(SOURCE)
        self.behave()

    @property
    def objects(self) -> list[Path]:
        """The files in the lake, by path."""
        return objects(self.folder / "database" / "files")

    def behave(self, **behaviour: object) -> None:
        (self.folder / "behaviour.json").write_text(json.dumps(behaviour))

    def make_lake(self) -> None:
        """Make the lake of the configuration, without anything in it."""
        with contextlib.closing(get_datastore(self.folder / "config.yaml")) as store:
            assert store.create()

    def __call__(self, *arguments: str, code: int = 0, cwd: Path | None = None) -> str:
        ran = ingestify(cwd or self.folder, *arguments)
        self.err = ran.err
        assert ran.code == code, ran.out + ran.err
        assert "canary" not in ran.out + ran.err
        if "--debug" not in arguments:
            assert "Traceback" not in ran.err
        return ran.out


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_plan_run_and_run_again(project: Project):
    project("plan", code=1)
    assert f"There is no lake in {project.folder / 'database'}" in project.err
    assert not (project.folder / "database").exists()
    project.make_lake()
    planned = project("plan")
    assert "6 matches: 6 to fetch, 0 to refetch, 0 unchanged, 0 failed" in planned
    assert "not in the lake" in planned
    assert project("list", "--count") == "0\n"
    assert project("run").startswith("6 matches: 6 new, 0 revised, 0 unchanged, 0 failed · 0 requests · ")
    assert project("run").startswith("6 matches: 0 new, 0 revised, 6 unchanged, 0 failed · ")
    project.behave(day=1)
    assert "events__v1: changed 2024-05-02" in project("run", "--dry-run")
    assert project("run", "season_id=1").startswith("3 matches: 0 new, 3 revised, 0 unchanged")
    assert len((project.folder / "told.txt").read_text().splitlines()) == 9


def test_a_run_speaks_json_lines(project: Project):
    lines = [json.loads(line) for line in project("run", "--json").splitlines()]
    assert [line["event"] for line in lines].count("dataset") == 6
    assert lines[-1]["event"] == "run_ended"
    assert (lines[-1]["exit_code"], lines[-1]["new"], lines[-1]["state"]) == (0, 6, "FINISHED")
    planned = [json.loads(line) for line in project("plan", "--json").splitlines()]
    assert {line["action"] for line in planned if line["event"] == "planned"} == {"unchanged"}


def test_quiet_says_nothing_and_verbose_names_what_changed(project: Project):
    assert project("run", "-q") == ""
    assert project.err == ""
    project.behave(day=2)
    project("run", "-v")
    assert "revised   match 20" in project.err


@pytest.mark.parametrize(
    ("what", "code", "state"), [("stop", 2, "ABORTED"), ("fatal", 1, "FAILED"), ("other", 1, "FAILED")]
)
def test_exit_codes_tell_how_it_ended_and_no_secret_is_shown(project: Project, what: str, code: int, state: str):
    project.behave(**{"raise": what})
    assert " 0 failed" in project("run", code=code)
    assert "https://***@host/x?token=***" in project.err
    shown = project("status")
    assert state in shown
    project("run", "--debug", code=code)
    assert "canary" not in (project.folder / "database" / "catalog.db").read_bytes().decode("latin-1")


def test_list_show_and_delete(project: Project):
    project("run", "-q")
    assert project("list", "--count", "season_id=1") == "3\n"
    assert project("list", "--count", "--provider", "nobody") == "0\n"
    first = json.loads(project("list", "--json", "match_id=20", "season_id=1"))
    assert first["identifier"] == {"season_id": 1, "match_id": 20}
    assert "match_id_bucket=20-29/match_id=20/" in first["files"][0]["storage_path"]
    assert "revision 0" in project("show", first["dataset_id"])
    assert "match 20" in project("show", "season_id=1/match_id=20")
    project("delete", first["dataset_id"], code=2)
    assert "no terminal to ask on" in project.err
    project("delete", first["dataset_id"][:8], "-y")
    project("delete", "season_id=2", "--yes")
    assert project("list", "--count") == "2\n"
    project("delete", "season_id=2", "-y", code=1)
    assert "None of the 2 matches has season_id=2. There is season_id=1." in project.err
    project("show", "no-such-id", code=1)
    assert "ingestify list" in project.err
    assert len(project.objects) == 6, "who reads them reads on"
    project("gc", "--older-than", "0h", "--yes")
    assert len(project.objects) == 2


def test_verify_repair_and_gc(project: Project):
    project("run", "-q")
    lost, altered, *_ = project.objects
    lost.unlink()
    altered.write_bytes(b"\0" * altered.stat().st_size)
    told = [json.loads(line) for line in project("verify", "--json", code=4).splitlines()]
    assert [one.get("kind") for one in told] == ["missing", "undecodable", None]
    assert (told[-1]["damages"], told[-1]["left"], told[-1]["exit_code"]) == (2, 2, 4)
    assert "of 6 files read" in project("verify", "--sample", "0.0001%", "--seed", "7")
    assert "2 damages, 2 repaired, 0 left" in project("verify", "--repair")
    assert "no damage" in project("verify")
    assert json.loads(project("gc", "--json"))["objects"] == 0


def test_sync_indexes(project: Project):
    assert "made" in project("sync-indexes")
    assert project("sync-indexes") == ""


def test_sync_indexes_finds_the_keys_that_are_not_named(project: Project):
    project("run", "-q")
    config = project.folder / "config.yaml"
    config.write_text(re.sub(r"    identifier_keys: .*\n", "", config.read_text()))
    made = [line for line in project("sync-indexes").splitlines() if line.startswith("made")]
    assert [key for key in ("match_id", "season_id") if any(key in line for line in made)] == ["match_id", "season_id"]
    assert project("sync-indexes") == ""


def test_sync_indexes_says_where_there_are_no_keys(project: Project):
    text = (project.folder / "config.yaml").read_text()
    (project.folder / "config.yaml").write_text(
        text.replace(
            "dataset_types:\n", "dataset_types:\n  - {provider: other, dataset_type: match, identifier_index: true}\n"
        )
    )
    project("sync-indexes")
    assert "other/match: identifier_index makes no index yet" in project.err


def test_wrong_usage_is_exit_code_2(project: Project):
    project("runn", code=2)
    assert "Did you mean 'run'?" in project.err
    project("run", "--no-such-option", code=2)
    project("run", "no-filter", code=2)
    assert "key=value" in project.err


def test_a_misspelt_filter_is_warned_of(project: Project):
    assert project("run", "matchid=20").startswith("0 datasets") or "0 matches" in project("run", "matchid=20")
    assert project.err.count("has the identifier key 'matchid'; did you mean 'match_id'? The keys are") == 1


def test_the_configuration_is_found_from_below_and_checked(project: Project, tmp_path: Path):
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    project("config", "check", cwd=below)
    assert "1 source, 1 ingestion plan" in project.err
    project("run", "-q", cwd=below)
    assert (tmp_path / "database" / "catalog.db").exists()
    assert json.loads(project("config", "schema"))["properties"]["main"]
    (tmp_path / "config.yaml").write_text(CONFIG.replace("dataset_type: match}\nevent", "dataset_typ: match}\nevent"))
    project("config", "check", code=1)
    assert "did you mean 'dataset_type'?" in project.err


def test_a_source_that_cannot_be_found_says_so(project: Project, tmp_path: Path):
    (tmp_path / "config.yaml").write_text(CONFIG.replace("my_source.MySource", "my_sauce.MySource"))
    project("config", "check", code=1)
    assert "no module 'my_sauce'" in project.err
    (tmp_path / "config.yaml").write_text(CONFIG.replace("my_source.MySource", "ingestify.statsbom_github"))
    project("config", "check", code=1)
    assert "did you mean 'ingestify.statsbomb_github'?" in project.err


def test_init_writes_a_configuration_once(project: Project, tmp_path: Path):
    empty = tmp_path / "new"
    empty.mkdir()
    project("init", cwd=empty)
    assert f"created the lake in {empty / 'database'}." in project.err
    assert project("list", "--count", cwd=empty) == "0\n"
    project("config", "check", cwd=empty)
    project("init", cwd=empty, code=1)
    assert "--force" in project.err


def test_without_a_configuration_it_says_how_to_get_one(project: Project, tmp_path_factory: pytest.TempPathFactory):
    nowhere = tmp_path_factory.mktemp("nowhere")
    project("run", cwd=nowhere, code=1)
    assert "ingestify init" in project.err
    assert list(nowhere.iterdir()) == []


def test_version_help_and_completion(project: Project):
    assert project("version").strip() == project("--version").strip()
    assert "Bring the lake up to date" in project("--help")
    for shell in ("bash", "zsh", "fish"):
        assert "_INGESTIFY_COMPLETE" in project("completion", shell)


# ---- pipes, terminals and closed streams: with real ones; tests/unit/cli/test_output.py has each command -----

posix = pytest.mark.skipif(os.name != "posix", reason="a shell's redirections, and terminals, of POSIX")


@pytest.fixture
def shell(project: Project):
    """Run a line of bash in the project, where `ingestify` is the command."""

    def run(line: str, code: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
        ran = subprocess.run(
            ["bash", "-c", f'ingestify() {{ "{sys.executable}" -m ingestify "$@"; }}; {line}'],
            cwd=project.folder,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            env={**os.environ, **variables},
            check=False,
            timeout=60,
        )
        assert ran.returncode == code, ran.stdout + ran.stderr
        assert "Traceback" not in ran.stderr
        assert "Exception ignored" not in ran.stderr
        return ran

    return run


@posix
@pytest.mark.parametrize(
    "command", sample_and_rest(["list", "run --json"], ["list --json", "show season_id=1", "plan -v", "plan --json"])
)
def test_a_reader_who_leaves_ends_it_quietly(project: Project, shell, command: str):
    project.behave(matches=400)
    project.make_lake()
    if command.startswith(("list", "show")):
        project("run", "-q")
    ran = shell(f"ingestify {command} 2>said | head -1; test ${{PIPESTATUS[0]}} = 0")
    assert len(ran.stdout.splitlines()) == 1
    assert (project.folder / "said").read_text() == ""
    if command.startswith("run"):
        assert project("list", "--count") == "800\n"


@posix
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("command", sample_and_rest(["run", "version"], ["plan -v", "status"]))
def test_output_that_cannot_be_written_is_told_once(project: Project, shell, command: str):
    project.make_lake()
    said = shell(f"ingestify {command} > /dev/full", code=1).stderr
    assert said == "Error: The output cannot be written: No space left on device.\n"


@posix
def test_closed_streams_end_nothing(project: Project, shell):
    shell("ingestify run >&-")
    shell("ingestify list --count >&- 2>&-")
    assert "no terminal" in shell("ingestify delete season_id=1 <&-", code=2).stderr
    assert project("list", "--count") == "6\n"
    # The lake's files did not take the place of stdout.
    assert (project.folder / "database" / "catalog.db").read_bytes().startswith(b"SQLite format 3")


@posix
@pytest.mark.parametrize("encoding", sample_and_rest(["ascii"], ["cp1252", "latin-1"]))
def test_a_narrow_encoding_ends_nothing(project: Project, shell, encoding: str):
    (project.folder / "my_source.py").write_text(SOURCE.replace('f"match {', 'f"Málaga 横浜 {'))
    project.make_lake()
    assert "laga" in shell("ingestify plan", PYTHONIOENCODING=encoding, PYTHONUTF8="0").stdout


class Terminal:
    """A command with a terminal for its stdin, stdout and stderr."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.screen = b""
        self._ours, theirs = os.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ingestify", *arguments],
            cwd=folder,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm"},
            start_new_session=True,
        )
        os.close(theirs)

    def wait_for(self, text: bytes) -> None:
        while text not in self.screen:
            assert self._read(), f"it ended without {text!r}: {self.screen!r}"

    def type(self, text: bytes) -> None:
        os.write(self._ours, text)

    def interrupt(self) -> None:
        self._process.send_signal(2)

    def wait(self) -> int:
        while self._read():
            pass
        os.close(self._ours)
        return self._process.wait(60)

    def _read(self) -> bytes:
        data = b""
        with contextlib.suppress(OSError):  # Linux says EIO when the other end is closed
            data = os.read(self._ours, 4096)
        self.screen += data
        return data


@posix
def test_a_terminal_is_asked_before_anything_is_removed(project: Project):
    project("run", "-q")
    for answer, left in ((b"n\n", "6\n"), (b"y\n", "3\n")):
        terminal = Terminal(project.folder, "delete", "season_id=1")
        terminal.wait_for(b"Remove 3 matches with all revisions?")
        terminal.type(answer)
        assert terminal.wait() == (130 if answer == b"n\n" else 0)
        assert project("list", "--count") == left


@posix
def test_a_second_interrupt_leaves_the_cursor_visible(project: Project):
    waits = "def discover_selectors(self, dataset_type):\n        import threading; threading.Event().wait(60)"
    (project.folder / "my_source.py").write_text(SOURCE.replace("def discover_selectors(self, dataset_type):", waits))
    terminal = Terminal(project.folder, "run")
    terminal.wait_for(b"finding what there is")
    assert b"\x1b[?25l" in terminal.screen
    terminal.interrupt()
    terminal.wait_for(b"Press Ctrl-C again to leave at once")
    terminal.interrupt()
    assert terminal.wait() == 130
    assert terminal.screen.rindex(b"\x1b[?25h") > terminal.screen.rindex(b"\x1b[?25l")


def test_a_list_by_what_the_provider_says_of_datasets(project: Project):
    project("run", "-q")
    assert project("list", "--count", "--where", "match_id > 20 and name != 'match 22'") == "2\n"
    assert project("list", "--where", "metadata.home == 'Ajax'") == ""
    assert "has metadata.home" in project.err
    project("list", "--where", "metadata.home = 'Ajax'", code=1)
    assert "where, column 15: a comparison is written with ==.\n    metadata.home = 'Ajax'\n" in project.err
    project("list", "--where", "matchid == 1", code=1)
    assert "no dataset has the identifier key 'matchid'; did you mean 'match_id'?" in project.err


@pytest.mark.skipif(os.name == "nt", reason="there arguments are text")
def test_arguments_that_are_no_text_are_told_and_find_nothing(project: Project):
    project("run", "-q")
    for filters in (["match_id=\udcff"], ["\udcff=1"], ["--provider", "\udcff"], ["--where", "a == '\udcff'"]):
        ran = ingestify(project.folder, "list", *filters)
        assert ran.code in (0, 1, 2)
        assert ran.out == ""
        assert ran.err
        assert "Traceback" not in ran.err
        assert "UnicodeEncodeError" not in ran.err
    real = subprocess.run(
        [sys.executable, "-m", "ingestify", "list", *filters], cwd=project.folder, capture_output=True, check=False
    )
    assert (real.returncode, real.stdout, real.stderr) == (ran.code, b"", ran.err.encode())
