from __future__ import annotations

import json
import sys

from ingestify.provider_formats.built_in import FORMATS, LOADERS_GROUP
from ingestify.sources.registry import BUILT_IN, ENTRY_POINT_GROUP, OPEN_DATA
from tests.support.installed_packages import Install


def test_sources_are_listed_with_what_they_bring_and_their_licence(command):
    lines = command("sources", "list").splitlines()
    assert lines[0].split() == ["TYPE", "PROVIDER", "WHAT", "LICENCE"]
    assert lines.index("") == 1 + len(BUILT_IN)
    (wyscout,) = [line for line in lines if line.startswith("ingestify.wyscout_github ")]
    assert wyscout.endswith("  CC BY 4.0")
    listed = [json.loads(line) for line in command("sources", "list", "--json").splitlines()]
    assert {one["provider"] for one in listed if one["open_data"]} == set(OPEN_DATA)


def test_on_a_terminal_the_list_is_no_wider_than_that(command, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    lines = command("sources", "list").splitlines()
    titles = [line for line in lines if not line.startswith(" ")]
    assert titles == [*sorted(BUILT_IN), *(f"loader: {name}, {kind}" for name, kind in sorted(FORMATS))]
    assert [line for line in lines if len(line) > 80] == []
    assert "CC BY 4.0" in lines[lines.index("ingestify.wyscout_github") + 1]


def test_the_formats_are_listed_with_their_feeds(command, install: Install):
    install("loaders", {LOADERS_GROUP: {"mine.match": "my_package:load"}})
    lines = command("sources", "list").splitlines()
    loaders = [line.split(maxsplit=2) for line in lines[lines.index("") + 2 :]]
    assert {(name, kind) for name, kind, _ in loaders} == {*FORMATS, ("mine", "match")}
    assert ["opta", "match", "f7, f24 or f73"] in loaders
    assert ["hawkeye", "tracking", "ball or ball-*, centroids or centroids-*, metadata (optional)"] in loaders
    described = json.loads(command("sources", "describe", "ingestify.files", "--json"))
    assert {(one["name"], one["dataset_type"]) for one in described["loaders"]} == {*FORMATS, ("mine", "match")}
    assert "opta, match:" in command("sources", "describe", "ingestify.files")
    assert json.loads(command("sources", "describe", "ingestify.statsbomb", "--json"))["loaders"] == []


def test_a_source_is_described(command):
    text = command("sources", "describe", "skillcorner")
    for words in (
        "ingestify.skillcorner_github",
        "MIT",
        "dynamic_events (optional)",
        "identified by competition_id, season_id, match_id",
        "base_url: str | None, default None",
    ):
        assert words in text
    assert max(map(len, text.splitlines())) <= 100
    described = json.loads(command("sources", "describe", "ingestify.sportec_huggingface", "--json"))
    assert described["dataset_types"][1] == {
        "dataset_type": "tracking",
        "identifier_keys": ["competition_id", "season_id", "match_id"],
        "requires": ["metadata", "frames"],
        "optional": [],
    }


def test_a_source_of_the_current_folder_is_described(command):
    (command.folder / "own_source_here.py").write_text(
        "from ingestify import Source\n\n"
        "class Mine(Source):\n"
        "    provider = 'mine'\n"
        "    def __init__(self, name): ...\n"
        "    def find_datasets(self, *_, **__): return []\n"
    )
    text = command("sources", "describe", "own_source_here.Mine")
    assert "configuration\n  none" in text
    command("sources", "describe", "statsbom", code=1)
    assert "There is no source 'statsbom'; did you mean 'statsbomb'?" in command.err
    command("sources", "describe", "nobody", code=1)
    assert f"there are {', '.join(BUILT_IN)}, " in " ".join(command.err.split())


def test_an_installed_source_that_is_broken_does_not_hide_the_others(command, install: Install):
    install("sources", {ENTRY_POINT_GROUP: {"broken": "no_such_package:Source"}})
    assert command("sources", "list").splitlines().index("") == 1 + len(BUILT_IN)
    assert "broken: " in command.err
