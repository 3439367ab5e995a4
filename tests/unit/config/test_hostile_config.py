"""Whatever is in a config file, reading it ends soon, with settings or with a ConfigurationError that says where."""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestify.config.reader import read_settings
from ingestify.errors import ConfigurationError
from tests.support.sizes import check_examples, sizes

GOOD = """
main:
  metadata_url: sqlite:///database/catalog.db
  file_url: file://database/files/
sources:
  mine: {type: ingestify.statsbomb_github, configuration: {api_key: !ENV "${NOBODY:x}", seven: [1, 2.5, null, true]}}
dataset_types:
  - provider: mine
    dataset_type: match
    identifier_keys: {match_id: {transformation: {type: bucket, bucket_size: 1000}, key_type: int}}
ingestion_plans:
  - source: mine
    dataset_type: match
    data_spec_versions: {match: v6, events: [v8, v9]}
    selectors: [{competition_id: 11}, "*", "competition_id == 11 and season_id > 42"]
"""


def read(folder: Path, text: str | bytes) -> str:
    """Return what is wrong with a config file; empty: nothing."""
    path = folder / "config.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)
    try:
        read_settings(path)
    except ConfigurationError as error:
        return str(error).replace(str(path), "config.yaml")
    return ""


def nested(pieces: Callable[[str], str]) -> str:
    """Ten times the one before, twelve times over."""
    return "a: &a {k: 1}\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} {pieces(','.join([f'*{chr(97 + n)}'] * 10))}\n" for n in range(12)
    )


BOMBS = {
    "a billion laughs": (nested(lambda ten: f"[{ten}]"), "more than 100,000 values"),
    "a billion merges": (nested(lambda ten: f"{{<<: [{ten}]}}"), "more than 100,000 values"),
    "brackets": ("[" * 100_000, "more than 50 levels (line 1)"),
    "braces": ("{a: " * 5_000, "more than 50 levels (line 1)"),
    "closed brackets": ("\n\n" + "[" * 3_000 + "]" * 3_000, "more than 50 levels (line 3)"),
    "indents": ("".join(" " * n + f"k{n}:\n" for n in range(1_300)), "more than 50 levels (line "),
    "dashes": ("- " * 5_000, "more than 50 levels (line 1)"),
    "questions": ("? " * 5_000, "more than 50 levels (line 1)"),
    "itself": ("&a [*a]", "more than 50 levels"),
    "itself merged": ("a: &a {<<: *a}", "more than 50 levels"),
    "a huge file": ("a: " + "x" * 5_000_000, "5,000,003 characters, and 1,000,000 is the most"),
    "a huge integer": ("main: " + "9" * 900_000, "looks like a whole number, and is none"),
    "the same key": ("a: 1\n" * 5_000, "has 5,001 problems:"),
    "unknown keys": ("".join(f"k{n}: v\n" for n in range(5_000)), "and 4,951 more"),
    "variables": ('a: !ENV "' + "${A:" * 50_000 + '"', "line 1: a: has more than 10,000 characters, too many for !ENV"),
    "a long text": ('main: "' + "x\\n" * 200_000 + '"', "config.yaml:1: main: must be a mapping"),
}


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_soon_and_in_little_memory(tmp_path: Path, name: str) -> None:
    text, problem = BOMBS[name]
    assert problem in read(tmp_path, text)  # the limit on a test's time is the limit here
    if len(text) < 10_000:  # tracing takes ten times as long
        tracemalloc.start()
        try:
            read(tmp_path, text)
            assert tracemalloc.get_traced_memory()[1] < 50 << 20
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: !!python/object/apply:os.system ['touch hit']", "line 1: a: has an unknown tag"),
        ("a: !<tag:yaml.org,2002:python/name:os.system> x", "line 1: a: has an unknown tag"),
        ("%TAG ! tag:x,2000:\n---\na: !x 1", "line 3: a: has an unknown tag"),
        ("a: !!set {x}", "line 1: a: has an unknown tag"),
        ("a: !!omap [x: 1]", "line 1: a: has an unknown tag"),
        ("a: !!binary abc", "line 1: a: looks like a binary, and is none"),
        ("%YAML 9.9\n---\na: 1", "config.yaml:1:1: this is not valid YAML"),
        (
            'a: 1\nb: "\\U00110000"',
            "config.yaml:2: a text in double quotes has an escape for a character that does not exist",
        ),
        ('a: "\\xZZ"', "config.yaml:1:7: this is not valid YAML"),
        ("a: \0", "config.yaml:1: there is a control character"),
        (b"\xff\xfe\x00", "it is not UTF-8 text (byte 1)"),
        ("\ud800", "it is not UTF-8 text"),
        ("a: 1\na: 2", "line 2: a: this key is there twice, first on line 1"),
        ("a: 2024-13-45", "line 1: a: looks like a date, and is none"),
        ("a: .inf\n? [x]\n: 1", "line 2: a key must be a single value"),
        ("a: *nothing", "config.yaml:1:4: this is not valid YAML"),
        ("a: 1\n---\nb: 2", "config.yaml:2:1: this is not valid YAML"),
    ],
)
def test_an_odd_text_is_told_with_its_line(tmp_path: Path, text: str | bytes, problem: str) -> None:
    assert problem in read(tmp_path, text)
    assert not Path("hit").exists()


relaxed = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.slow
@relaxed
@given(data=st.data())
def test_a_good_file_with_damage_is_good_or_told(tmp_path: Path, data: st.DataObject) -> None:
    assert read(tmp_path, GOOD) == ""
    text = GOOD
    pieces = st.sampled_from([*"{}[]&*!|>%@`'\"#:,-? \n\t~\u2028", "<<: *a", "&a ", "!ENV ", "!!int ", "${X}"])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 8))
        text = text[:at] + data.draw(pieces | st.text(max_size=3)) + text[at + cut :]
    problem = read(tmp_path, text)
    assert not problem or "config.yaml" in problem


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = [*sorted(set(re.findall(r"[a-z_]{4,}(?=:)", GOOD))), "retries", "timeout", "rate_limit", "checks", "requires"]


settings_of_sources = st.recursive(
    values, lambda inner: st.dictionaries(st.sampled_from(KEYS), inner, max_size=4), max_leaves=12
)


@pytest.mark.slow
@pytest.mark.parametrize("examples", sizes(15, 200))
def test_any_values_under_known_keys_are_good_or_told(tmp_path: Path, examples: int) -> None:
    import yaml

    def check(content: object) -> None:
        problem = read(tmp_path, yaml.safe_dump({"main": {"metadata_url": "sqlite:///x.db"}, "sources": content}))
        assert problem == "" or problem.startswith("config.yaml")

    check_examples(check, examples, settings_of_sources)
