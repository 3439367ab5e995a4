"""Configs of the published package: the contract's paragraph "Config", row by row, and what `config check` says of it.

Each row is a config as its users have it. Nothing here knows how it is read.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingestify import ConfigurationError, get_datastore, get_engine
from tests.support.command_line import CommandLine

SOURCE = """
import ingestify


class Matches(ingestify.Source):
    provider = "made_up"

    def __init__(self, name, **configuration):
        super().__init__(name, **configuration)

    def discover_selectors(self, dataset_type):
        return [
            {"competition_id": 7, "season_id": season, "_name": f"Made Up League {season}/{season + 1}"}
            for season in (2023, 2024)
        ]

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        for number in (7, 1042):
            resource = ingestify.DatasetResource({"match_id": number, "word": "arsenal"}, dataset_type, self.provider)
            yield resource.add_file(None, "match", json_content={"id": number})


class Policy(ingestify.FetchPolicy):
    pass
"""

PLAN = {"source": "mine", "dataset_type": "match"}


def config_of(**sections: Any) -> dict[str, Any]:
    return {
        "main": {"metadata_url": "sqlite:///catalog.db", "file_url": "file://files", "default_bucket": "main"},
        "sources": {"mine": {"type": "feed.Matches"}},
        "ingestion_plans": [PLAN],
    } | sections


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "feed.py").write_text(SOURCE)
    return folder


@pytest.fixture(scope="module")
def command() -> Iterator[CommandLine]:
    with CommandLine() as started:
        yield started


@pytest.fixture
def check(project: Path, command: CommandLine) -> Callable[[dict[str, Any] | str], list[str]]:
    """Return the lines of `ingestify config check`, without the last, which says that the file is right."""

    def check(config: dict[str, Any] | str) -> list[str]:
        path = project / "config.yaml"
        path.write_text(config if isinstance(config, str) else yaml.safe_dump(config, sort_keys=False))
        ended = command.run(project, "config", "check", "--config", str(path))
        assert ended.code == 0, ended.err
        *lines, last = ended.err.splitlines()
        assert "is right: " in last
        return [line.removeprefix(f"{path}:") for line in lines]

    return check


def types_of(transformation: object) -> dict[str, Any]:
    keys = {"match_id": {"transformation": transformation}}
    return config_of(dataset_types=[{"provider": "made_up", "dataset_type": "match", "identifier_keys": keys}])


def main_of(**values: Any) -> dict[str, Any]:
    return config_of(main=config_of()["main"] | values)


def without(config: dict[str, Any], *path: str) -> dict[str, Any]:
    *parents, last = path
    section = config
    for step in parents:
        section = section[step]
    del section[last]
    return config


SPELLINGS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "identity as text": (types_of("identity"), ["identity is {type: identity}"]),
    "identity": (types_of({"type": "identity"}), []),
    "prefix": (types_of({"type": "prefix"}), ["prefix without a length has the first 2 characters"]),
    "prefix as text": (types_of("prefix"), ["prefix is {type: prefix}", "has the first 2 characters"]),
    "prefix with a length": (types_of({"type": "prefix", "length": 2}), ["length is called prefix_length today"]),
    "bucket": (types_of({"type": "bucket", "bucket_size": 1000}), []),
    "extract_jobs": (
        without(config_of(extract_jobs=[PLAN]), "ingestion_plans"),
        ["extract_jobs is called ingestion_plans today"],
    ),
    "dataset_url": (
        without(main_of(dataset_url="sqlite:///catalog.db"), "main", "metadata_url"),
        ["dataset_url is called metadata_url today"],
    ),
    "an empty selector": (
        config_of(ingestion_plans=[PLAN | {"selectors": [{}]}]),
        ['ingestion_plans[0].selectors[0]: an empty selector is "*"'],
    ),
    "an empty list entry": (
        config_of(ingestion_plans=[PLAN | {"selectors": [None]}]),
        ['an empty selector is "*"'],
    ),
    "no selectors": (config_of(ingestion_plans=[PLAN | {"selectors": []}]), []),
    "postgres": (main_of(metadata_url="postgres://me:secret@db/lake"), ["postgres:// is postgresql://"]),
    "psycopg2": (
        main_of(metadata_url="postgresql+psycopg2://me:secret@db/lake"),
        ["postgresql+psycopg2:// is postgresql://: the driver is psycopg 3"],
    ),
    "pymysql": (main_of(metadata_url="mysql+pymysql://me:secret@db/lake"), ["mysql+pymysql:// is mysql://"]),
    "the event log's subscriber": (
        config_of(event_subscribers=[{"type": "ingestify.infra.event_log.EventLogSubscriber"}]),
        ["EventLogSubscriber is not needed any more: every lake has an event log"],
    ),
    "a published source": (
        config_of(sources={"mine": {"type": "ingestify.infra.source.statsbomb_github.StatsBombGithub"}}),
        ["StatsBombGithub is ingestify.statsbomb_github"],
    ),
    "a published fetch policy": (
        config_of(ingestion_plans=[PLAN | {"fetch_policy": "ingestify.domain.models.fetch_policy.FetchPolicy"}]),
        ["ingestify.domain.models.fetch_policy.FetchPolicy is ingestify.FetchPolicy"],
    ),
    "a published fetch policy as a mapping": (
        config_of(ingestion_plans=[PLAN | {"fetch_policy": {"type": "ingestify.source_base.FetchPolicy"}}]),
        ["ingestify.source_base.FetchPolicy is ingestify.FetchPolicy"],
    ),
    "a published subscriber": (
        config_of(event_subscribers=[{"type": "ingestify.domain.models.event.Subscriber"}]),
        ["ingestify.domain.models.event.Subscriber is ingestify.Subscriber"],
    ),
    "a fetch policy of one's own": (config_of(ingestion_plans=[PLAN | {"fetch_policy": "feed.Policy"}]), []),
    "a fetch policy as a mapping": (config_of(ingestion_plans=[PLAN | {"fetch_policy": {"type": "feed.Policy"}}]), []),
    "a long table prefix": (main_of(metadata_options={"table_prefix": "p" * 255}), []),
    "keys of one's own": (
        config_of(**{"x-defaults": {"anything": [1, 2]}}, sources={"mine": {"type": "feed.Matches", "x-who": "Ann"}}),
        [],
    ),
}


@pytest.mark.parametrize(("config", "lines"), SPELLINGS.values(), ids=SPELLINGS)
def test_a_published_spelling_is_right_and_is_explained(check, config: dict[str, Any], lines: list[str]) -> None:
    told = check(config)
    assert len(told) == len(lines)
    for line, expected in zip(told, lines, strict=True):
        assert expected in line
        assert line.partition(":")[0].isdigit()  # the line in the file
        assert "secret" not in line


def run(project: Path, config: dict[str, Any]) -> list[str]:
    """Run a config, and return its objects' paths."""
    (project / "config.yaml").write_text(yaml.safe_dump(config))
    with get_engine(project / "config.yaml") as engine:
        engine.load()
        return sorted(
            file.storage_path for dataset in engine.list_datasets() for file in dataset.current_revision.files.values()
        )


@pytest.mark.parametrize(
    ("transformation", "folder"),
    [
        (None, "main/provider=made_up/dataset_type=match/competition_id=7/season_id=2023/match_id=1042/word=arsenal/"),
        ("identity", "season_id=2023/match_id=1042/word=arsenal/"),
        ({"type": "prefix"}, "/match_id_prefix=10/match_id=1042/word=arsenal/"),
        ({"type": "prefix", "length": 3}, "/match_id_prefix=104/match_id=1042/"),
        ({"type": "bucket", "bucket_size": 1000}, "/match_id_bucket=1000-1999/match_id=1042/"),
        ({"type": "bucket", "bucket_size": 1000}, "/match_id_bucket=0-999/match_id=7/"),
    ],
)
def test_the_folders_are_those_of_the_lake_layout(project: Path, transformation: object, folder: str) -> None:
    config = config_of() if transformation is None else types_of(transformation)
    assert any(folder in path for path in run(project, config))


@pytest.mark.parametrize("selectors", [[{}], [None], [], None])
def test_an_empty_selector_is_everything_discovered(project: Path, selectors: object) -> None:
    paths = run(project, config_of(ingestion_plans=[PLAN | {"selectors": selectors}]))
    assert {path.split("/")[4] for path in paths} == {"season_id=2023", "season_id=2024"}


@pytest.mark.parametrize(
    ("expression", "seasons"),
    [
        ("competition_id == 7 and season_id > 2023", {2024}),
        ("_name.startswith('Made Up') and _name.endswith('2024')", {2023}),
        ("'league 2024' in _name.lower()", {2024}),
        ("int(_name[-4:]) > 2024", {2024}),
        ("_name[15:19] == str(season_id)", {2023, 2024}),
        ("season_id % 2 == 0", {2024}),
        ("season_id - 2000 + competition_id * 2 == 37", {2023}),
    ],
)
def test_an_expression_is_over_attributes_and_the_name(project: Path, expression: str, seasons: set[int]) -> None:
    paths = run(project, config_of(ingestion_plans=[PLAN | {"selectors": [expression]}]))
    assert {int(path.split("/")[4].removeprefix("season_id=")) for path in paths} == seasons


@pytest.mark.parametrize(
    "expression", ["'a' * 10 ** 9 == _name", "__import__('os').getcwd() == _name", "_name.__class__"]
)
def test_an_expression_is_never_evaluated_as_python(project: Path, expression: str) -> None:
    with pytest.raises(ConfigurationError, match=r"config.yaml:\d+: .*selectors\[0\]: (?s:.*)Allowed: "):
        run(project, config_of(ingestion_plans=[PLAN | {"selectors": [expression]}]))


def test_a_value_of_a_selector_may_be_none(project: Path) -> None:
    selectors = [{"competition_id": 7, "season_id": None}, {"competition_id": None, "season_id": [2023, None]}]
    run(project, config_of(ingestion_plans=[PLAN | {"selectors": selectors}]))
    with contextlib.closing(get_datastore(project / "config.yaml")) as store:
        found = store.get_dataset_collection(dataset_type="match", match_id=7)
        assert sorted(str(one.identifier) for one in found) == [
            "competition_id=/season_id=/match_id=7/word=arsenal",
            "competition_id=/season_id=2023/match_id=7/word=arsenal",
            "competition_id=7/season_id=/match_id=7/word=arsenal",
        ]
        assert {one.identifier["season_id"] for one in found} == {None, 2023}
        assert len(store.get_dataset_collection(dataset_type="match", match_id=7, where="season_id == None")) == 2


def test_an_older_config_is_run(project: Path) -> None:
    config = without(config_of(extract_jobs=[PLAN]), "ingestion_plans")
    config["main"] = {"dataset_url": "sqlite:///old.db", "file_url": "file://files"}
    assert len(run(project, config)) == 4
    assert (project / "old.db").is_file()


@pytest.mark.parametrize("name", ["0.3.4", "0.19.1"])
def test_the_config_of_a_published_lake_is_right(check, provider_data: Path, name: str) -> None:
    text = (provider_data / "_lakes" / name / "config.yaml").read_text()
    plan = {
        "sources": {"fixtura": {"type": "feed.Matches"}},
        "ingestion_plans": [{"source": "fixtura", "dataset_type": "match", "fetch_policy": "feed.Policy"}],
    }
    told = check(yaml.safe_dump(yaml.safe_load(text) | plan))
    assert len(told) == text.count("ingestify.infra.")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (config_of(extract_jobs=[PLAN]), r"extract_jobs: is ingestion_plans by its older name.*move all of it there"),
        (main_of(dataset_url="sqlite:///a.db"), r"main\.dataset_url: is metadata_url by its older name"),
        (without(config_of(extract_jobs=[{"source": "mine"}]), "ingestion_plans"), r":\d+: ingestion_plans\[0\].data"),
        (config_of(something={}), r"something: unknown key"),
        (types_of("buckets"), r"there is no transformation of that type; did you mean 'bucket'"),
        (types_of({"type": "bucket"}), r"bucket needs a bucket_size or a bucket_count"),
        (types_of({"type": "bucket", "length": 2}), r"length: unknown key"),
        (main_of(metadata_options={"table_prefix": "p" * 256}), r"table_prefix.*at most 255 characters"),
    ],
)
def test_what_cannot_be_understood_says_what_to_write(project: Path, config: dict[str, Any], message: str) -> None:
    (project / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(ConfigurationError, match=message):
        get_engine(project / "config.yaml")


def test_a_variable_that_is_not_set_is_an_error_that_names_it_and_the_default(project: Path) -> None:
    text = yaml.safe_dump(config_of()).replace("files", '!ENV "${LAKE_FILES_OF_NOBODY}"').replace("file://", "")
    (project / "config.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=r"'LAKE_FILES_OF_NOBODY' is not set.*\$\{LAKE_FILES_OF_NOBODY:defa"):
        get_engine(project / "config.yaml")


# ---- relative URLs ---------------------------------------------------------------------------------------


def make_older_catalogue(path: Path, prefix: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path)
    for name in ("dataset", "revision", "file"):
        connection.execute(f"CREATE TABLE {prefix}{name} (dataset_id VARCHAR(255))")
    connection.commit()
    connection.close()


def make_older_files(path: Path) -> None:
    (path / "main" / "provider=made_up" / "dataset_type=match").mkdir(parents=True)


def everything_in(folder: Path) -> set[Path]:
    return {one for one in folder.rglob("*") if "__pycache__" not in one.parts}


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, project: Path) -> Path:
    """The current folder, which is not that of the config."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (project / "config.yaml").write_text(json.dumps(config_of()))
    return folder


@pytest.mark.parametrize("has", ["catalogue", "files", "both", "catalogue with a prefix"])
@pytest.mark.parametrize("open_it", [get_engine, get_datastore])
def test_a_lake_below_the_current_folder_stops_it(
    elsewhere: Path, project: Path, command: CommandLine, has: str, open_it: Any
) -> None:
    if has == "catalogue with a prefix":
        (project / "config.yaml").write_text(json.dumps(main_of(metadata_options={"table_prefix": "club_"})))
        make_older_catalogue(elsewhere / "catalog.db", "club_")
    if has in ("catalogue", "both"):
        make_older_catalogue(elsewhere / "catalog.db")
    if has in ("files", "both"):
        make_older_files(elsewhere / "files")
    before = everything_in(project.parent)
    with pytest.raises(ConfigurationError, match="published package") as refused:
        open_it(project / "config.yaml")
    if has != "files":
        assert f"metadata_url: sqlite:///{elsewhere}/catalog.db" in str(refused.value)
    if has in ("files", "both"):
        assert f"file_url: file://{elsewhere}/files" in str(refused.value)
    assert everything_in(project.parent) == before
    ended = command.run(elsewhere, "run", "--config", str(project / "config.yaml"))
    assert (ended.code, "published package" in ended.err) == (1, True)
    assert everything_in(project.parent) == before


def test_a_lake_of_the_config_s_folder_is_the_one_that_is_meant(
    elsewhere: Path, project: Path, command: CommandLine
) -> None:
    make_older_catalogue(project / "catalog.db")
    make_older_catalogue(elsewhere / "catalog.db")
    make_older_files(elsewhere / "files")
    ended = command.run(elsewhere, "config", "check", "--config", str(project / "config.yaml"))
    assert ended.code == 0, ended.err


def test_a_lake_of_today_below_the_current_folder_is_another_one(elsewhere: Path, project: Path) -> None:
    (elsewhere / "feed.py").write_text(SOURCE)
    run(elsewhere, config_of())
    assert (elsewhere / "catalog.db").is_file()
    assert len(run(project, config_of())) == 4
    assert (project / "catalog.db").is_file()


def test_absolute_urls_are_where_they_say(elsewhere: Path, project: Path, tmp_path: Path) -> None:
    make_older_catalogue(elsewhere / "catalog.db")
    make_older_files(elsewhere / "files")
    urls = {"metadata_url": f"sqlite:///{tmp_path}/new/catalog.db", "file_url": f"file://{tmp_path}/new/files"}
    assert len(run(project, main_of(**urls))) == 4
