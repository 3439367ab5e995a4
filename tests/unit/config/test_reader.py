from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example
from hypothesis import strategies as st

from ingestify import get_datastore
from ingestify.config.reader import find_config, read_settings
from ingestify.config.settings import Settings
from ingestify.errors import ConfigurationError
from tests.support.sizes import check_examples, sizes

from .conftest import MAIN, Read, WriteConfig

CONTRACT = """\
main:
  metadata_url: sqlite:///database/catalog.db
  file_url: file://database/files/
  default_bucket: main
  metadata_options: {table_prefix: ""}
sources:
  statsbomb: {type: ingestify.statsbomb_github}
  mine: {type: my_package.MySource, configuration: {api_key: !ENV "${API_KEY:default}"}}
dataset_types:
  - provider: mine
    dataset_type: match
    identifier_index: false
    identifier_keys: {match_id: {transformation: {type: bucket, bucket_size: 1000}, key_type: int}}
ingestion_plans:
  - source: statsbomb
    dataset_type: match
    data_spec_versions: {match: v6, events: [v8, v9]}
    fetch_policy: my_package.Cadence
    selectors:
      - {competition_id: 11, season_id: [90, 91]}
      - "*"
      - "competition_id == 11 and season_id > 42"
event_subscribers:
  - type: my_package.MySubscriber
"""


def refusal(path: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read_settings(path)
    return str(caught.value)


# find_config


def test_a_named_config_file_is_taken(write_config: WriteConfig) -> None:
    path = write_config(MAIN)

    assert find_config(path) == path
    assert find_config(str(path)) == path


def test_the_environment_names_the_config_file(write_config: WriteConfig, tmp_path: Path) -> None:
    write_config(MAIN)
    other = tmp_path / "other.yaml"
    other.write_text(MAIN)
    os.environ["INGESTIFY_CONFIG_FILE"] = str(other)

    assert find_config() == other


def test_a_dot_env_file_here_can_name_the_config_file(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(MAIN)
    (tmp_path / ".env").write_text("INGESTIFY_CONFIG_FILE=other.yaml\n")

    assert find_config() == Path("other.yaml")


def test_a_config_file_here_or_in_the_nearest_folder_above_is_found(
    write_config: WriteConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_config(MAIN)
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert find_config() == path

    monkeypatch.chdir(inner)
    assert find_config() == path

    (tmp_path / "a" / "config.yaml").write_text(MAIN)
    assert find_config() == tmp_path / "a" / "config.yaml"


def test_without_any_config_file_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").mkdir()  # a folder is no config file

    assert find_config() is None


def test_a_named_file_that_does_not_exist_is_an_error_that_says_who_named_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"The config file nope\.yaml does not exist"):
        find_config("nope.yaml")
    with pytest.raises(ConfigurationError, match="is a folder"):
        find_config(tmp_path)
    os.environ["INGESTIFY_CONFIG_FILE"] = "gone.yaml"
    with pytest.raises(ConfigurationError, match=r"^INGESTIFY_CONFIG_FILE: the config file gone\.yaml does not exist"):
        find_config()


# read_settings


def test_the_config_file_of_the_contract_is_read(write_config: WriteConfig) -> None:
    settings = read_settings(write_config(CONTRACT))

    assert settings.sources["mine"].configuration == {"api_key": "default"}
    [plan] = settings.ingestion_plans
    assert plan.data_spec_versions == {"match": ("v6",), "events": ("v8", "v9")}
    assert plan.selectors == (
        {"competition_id": 11, "season_id": (90, 91)},
        "*",
        "competition_id == 11 and season_id > 42",
    )
    assert plan.fetch_policy is not None
    assert plan.fetch_policy.type == "my_package.Cadence"


def test_relative_paths_are_below_the_folder_of_the_config_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = tmp_path / "my lake"
    lake.mkdir()
    (lake / "config.yaml").write_text(MAIN)
    monkeypatch.chdir(lake.parent)

    with contextlib.closing(get_datastore("my lake/config.yaml")) as store:
        assert store.where == str(lake / "database")


def test_a_section_without_entries_is_as_if_it_were_not_there(read: Read) -> None:
    settings = read("sources:\ndataset_types:\n  # nothing yet\ningestion_plans:\nevent_subscribers:\n")

    assert settings.ingestion_plans == ()


def test_versions_and_names_that_are_numbers_in_yaml_are_text(read: Read) -> None:
    settings = read(
        'sources: {360: {type: x.Y}}\ningestion_plans:\n  - {source: "360", dataset_type: m, '
        "data_spec_versions: {360: 8}, selectors: [{season: 2023_2024}]}\n"
    )

    [plan] = settings.ingestion_plans
    assert plan.data_spec_versions == {"360": ("8",)}
    assert plan.selectors == ({"season": "2023_2024"},)


def test_numbers_and_truth_values_may_come_from_the_environment(read: Read) -> None:
    os.environ["RATE"] = "2.5"

    settings = read('sources: {a: {type: x.Y, rate_limit: {requests_per_second: !ENV "${RATE}"}}}')

    rate_limit = settings.sources["a"].rate_limit
    assert rate_limit is not None
    assert rate_limit.requests_per_second == 2.5


# .env files


def test_dot_env_files_next_to_the_config_and_here_are_read_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, here = tmp_path / "lake", tmp_path / "here"
    lake.mkdir()
    here.mkdir()
    (lake / ".env").write_text("A=lake\nB=lake\n")
    (here / ".env").write_text("A=here\nB=here\nC=here\n")
    (lake / "config.yaml").write_text(MAIN + 'sources: {s: {type: t, configuration: {abc: !ENV "${A} ${B} ${C}"}}}')
    os.environ["A"] = "environment"
    monkeypatch.chdir(here)

    settings = read_settings(lake / "config.yaml")

    assert settings.sources["s"].configuration == {"abc": "environment lake here"}
    assert os.environ["C"] == "here"


def test_a_dot_env_file_that_cannot_be_used_is_told(write_config: WriteConfig, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=\xff\n")
    assert "not UTF-8" in refusal(write_config(MAIN))

    (tmp_path / ".env").write_bytes(b"A=x\x00y\n")
    assert "no environment variable can have" in refusal(write_config(MAIN))


# problems


def test_an_unknown_key_is_told_with_the_one_that_was_probably_meant(write_config: WriteConfig) -> None:
    path = write_config(CONTRACT.replace("data_spec_versions", "data_spec_version"))

    assert refusal(path) == (
        f"{path}:17: ingestion_plans[0].data_spec_version: unknown key; did you mean 'data_spec_versions'?"
    )


def test_an_unknown_key_like_no_other_is_told_with_all_there_are(write_config: WriteConfig) -> None:
    path = write_config(MAIN + "sources: {a: {type: x.Y, rate_limit: {xyz: 1, requests_per_second: 1}}}")

    assert (
        "sources.a.rate_limit.xyz: unknown key; there are requests_per_day, requests_per_minute, requests_per_second."
        in refusal(path)
    )


def test_all_problems_are_told_at_once_in_the_order_of_the_file(write_config: WriteConfig) -> None:
    path = write_config(
        """\
main:
  file_url: !ENV "file://${LAKE_DIR}"
  default_bucket: a
  default_bucket: b
sources:
  one: {type: x.Y, max_concurrency: 0}
  two: hello
ingestion_plans:
  - source: oen
    dataset_type: match
    selectors: ["a = 1"]
"""
    )

    lines = refusal(path).splitlines()
    assert lines[0] == f"{path} has 7 problems:"
    assert [line.strip().split(" ")[:3] for line in lines if line.startswith("  line")] == [
        ["line", "1:", "main.metadata_url:"],
        ["line", "2:", "main.file_url:"],
        ["line", "4:", "main.default_bucket:"],
        ["line", "6:", "sources.one.max_concurrency:"],
        ["line", "7:", "sources.two:"],
        ["line", "9:", "ingestion_plans[0].source:"],
        ["line", "11:", "ingestion_plans[0].selectors[0]:"],
    ]


def test_a_missing_key_is_told_with_what_it_is_for(write_config: WriteConfig) -> None:
    assert "main: this key is missing. Where the lake is." in refusal(write_config("sources: {}"))


def test_a_missing_variable_is_told_once_and_not_again_as_a_missing_value(write_config: WriteConfig) -> None:
    path = write_config(
        MAIN + "sources: {a: {type: t}}\ningestion_plans: [{source: a, dataset_type: m, "
        'data_spec_versions: {b: !ENV "${NOPE}"}}]'
    )

    message = refusal(path)
    assert message.startswith(f"{path}:3: ingestion_plans[0].data_spec_versions.b: the environment variable 'NOPE'")
    assert "problems" not in message


def test_a_syntax_error_of_an_expression_points_into_it(write_config: WriteConfig) -> None:
    message = refusal(write_config(CONTRACT.replace("season_id > 42", "season_id > > 42")))

    assert "ingestion_plans[0].selectors[2]: Selector expression, column 38: invalid syntax." in message
    assert message.splitlines()[2] == "    " + " " * 37 + "^"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is empty. Write at least main"),
        ("# nothing\n", "it is empty"),
        ("- a", "must begin with keys such as main:"),
        ("hello", "must begin with keys such as main:"),
        ("main: [", "config.yaml:1:"),
        ("main: 5", "main: must be a mapping of keys to values."),
        (MAIN + "event_subscribers: {type: x}", "event_subscribers: must be a list: put a - before each entry."),
        (MAIN + "sources: {a: {type: 5}}", "sources.a.type: must be text; put quotes around it."),
        (MAIN + "dataset_types: [{provider: a, dataset_type: b}, {provider: a, dataset_type: b}]", "a second time"),
    ],
)
def test_a_file_that_makes_no_sense_is_told_without_a_traceback(
    write_config: WriteConfig, text: str, message: str
) -> None:
    assert message in refusal(write_config(text))


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    assert "it cannot be read: No such file" in refusal(tmp_path / "nope.yaml")
    path = tmp_path / "latin.yaml"
    path.write_bytes("main: é".encode("latin-1"))
    assert "it is not UTF-8 text (byte 7)" in refusal(path)


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(MAIN.encode("utf-8-sig"))

    assert read_settings(path).main.default_bucket == "main"


@pytest.mark.parametrize(
    "text",
    [
        "sources: {a: {type: t, configuration: hunter2}}",
        "sources: {a: {type: t, configuration: [hunter2]}}",
        "sources: {a: {type: t, configuration: {password: *hunter2}}}",
        "sources: {a: {type: t, configuration: {password: !hunter2}}}",
        "sources: {a: {type: t, configuration: {password: a, password: hunter2}}}",
        "sources: {a: {type: {x: hunter2}, configuration: {password: hunter2}}}",
        "sources: {a: {type: t, max_concurrency: hunter2, retries: {attempts: [hunter2]}}}",
        'sources: {a: {type: t, configuration: {password: !ENV "hunter2"}}}',
        'sources: {a: {type: t, configuration: {password: !ENV "hunter2 ${NOPE}"}}}',
        "sources: {a: {type: t, configuration: {password: hunter2}}",
        "event_subscribers: [{type: t, configuration: hunter2}]",
    ],
)
def test_no_message_shows_a_secret(write_config: WriteConfig, text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_settings(write_config(MAIN + text))

    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None or "hunter2" not in str(caught.value.__cause__)


def test_no_message_shows_the_password_of_a_url(write_config: WriteConfig) -> None:
    assert "hunter2" not in refusal(write_config("main: {metadata_url: 'u:hunter2@db', file_url: 'u hunter2@db'}"))


_KEYS = st.sampled_from(
    [
        "main",
        "metadata_url",
        "file_url",
        "sources",
        "type",
        "configuration",
        "ingestion_plans",
        "source",
        "selectors",
        "dataset_type",
        "data_spec_versions",
        "dataset_types",
        "provider",
        "identifier_keys",
        "event_subscribers",
        "x",
    ]
)
_SCALARS = st.sampled_from(
    [
        "1",
        "1.5",
        "true",
        "~",
        "text",
        '"*"',
        '"a==1"',
        '"a="',
        "sqlite:///x",
        "file://x",
        "[]",
        "{}",
        "2024-13-01",
        "vault+aws://x",
        "*y",
        "bucket",
    ]
) | st.sampled_from(['!ENV "${NOPE}"', "!x y"])
_FLOW = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda each: f"[{', '.join(each)}]"),
        st.lists(st.tuples(_KEYS, inner).map(": ".join), max_size=4).map(lambda each: f"{{{', '.join(each)}}}"),
    ),
    max_leaves=12,
)
_DOCUMENTS = st.lists(st.tuples(_KEYS, _FLOW).map(": ".join), max_size=5).map("\n".join)


@pytest.mark.slow
@pytest.mark.parametrize("examples", sizes(25, 300))
def test_any_text_gives_settings_or_a_configuration_error(tmp_path: Path, examples: int) -> None:
    path = tmp_path / "config.yaml"

    @example("main: {metadata_url: 'sqlite:///x\0', file_url: 'file://x'}")
    def check(text: str) -> None:
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        message = ""
        try:
            assert isinstance(read_settings(path), Settings)
        except ConfigurationError as error:
            message = str(error)
        assert not message or "config.yaml" in message

    check_examples(check, examples, st.one_of(st.text(), _FLOW, _DOCUMENTS, _DOCUMENTS.map(lambda text: MAIN + text)))


def test_the_package_itself_imports_nothing_heavy() -> None:
    check = (
        "import sys, ingestify.config, ingestify.config.template, ingestify.domain.expression; "
        "print([name for name in ('pydantic', 'yaml', 'dotenv') if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
