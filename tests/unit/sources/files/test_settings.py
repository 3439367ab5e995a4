from __future__ import annotations

from typing import Any

import pytest

from ingestify.errors import ConfigurationError
from ingestify.sources.files.settings import FilesDeclaration
from ingestify.sources.files.source import FilesSource

GOOD: dict[str, Any] = {
    "provider": "example",
    "location": "in",
    "pattern": "{season_id}/{match_id}_{data_feed_key}.{data_serialization_format}",
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"patern": "x"}, "there is no key 'patern'; did you mean 'pattern'"),
        ({"location": None}, "location: it is missing"),
        ({"pattern": None}, "needs either a pattern or patterns"),
        ({"patterns": ["{match_id}"]}, "needs either a pattern or patterns"),
        ({"pattern": "{match_id}.json"}, "does not say which feed a file is; give it a field {data_feed_key}"),
        ({"pattern": "{data_feed_key}.json"}, "has no field that identifies a dataset"),
        ({"pattern": "{match_id}{data_feed_key}"}, "two fields side by side"),
        (
            {"identity": ["match_id"]},
            "has the field {season_id}, which is not in identity; add it there, or call it {_season_id}",
        ),
        ({"identity": ["match_id", "season_id", "day"]}, "has no field {day}, which identifies a dataset"),
        ({"identity": ["data_feed_key"]}, "identity: data_feed_key says what a file is"),
        ({"identity": ["match id"]}, r"identity\[0\]: "),
        ({"types": {"match": "int"}}, "types: match is none of the fields that identify a dataset"),
        ({"types": {"match_id": "float"}}, "types.match_id: "),
        ({"complete_when": "{day}.done"}, "complete_when: the field {day} does not identify a dataset"),
        ({"complete_when": "{match_id}.done{"}, "a single {"),
        ({"settle_seconds": -1}, "settle_seconds: "),
        ({"members": {"a": {"nam": "x"}}}, "members.a: there is no key 'nam'; did you mean 'name'"),
        ({"pattern": None, "patterns": [{"patern": "x"}]}, r"patterns\[0\]: there is no key 'patern'"),
        (
            {"pattern": None, "patterns": [{"pattern": "{m}/{data_feed_key}", "data_feed_key": "a"}]},
            "has a field {data_feed_key}, and data_feed_key is given besides",
        ),
        (
            {"pattern": None, "patterns": ["{m}/{data_feed_key}"], "members": {"a": "b"}},
            "members: with patterns, each has",
        ),
        ({"loader": "otpa"}, "loader: there is no loader 'otpa'; did you mean 'opta'"),
        ({"loader": "tracab"}, "loader: the loader 'tracab' reads no datasets of the type 'match'; it reads tracking"),
        (
            {"pattern": None, "patterns": [{"pattern": "{m}.ball", "data_feed_key": "ball-{minute}"}]},
            "'{m}.ball' has no field {minute} that could be part of a feed",
        ),
        ({"dataset_name": "{day}"}, "dataset_name: there is no 'day'; a dataset has season_id, match_id"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"(?s)The source 'drop'.*{message.replace('{', chr(92) + '{')}"):
        FilesSource("drop", **{**GOOD, **changes})


def test_options_are_not_shown() -> None:
    source = FilesSource("drop", **GOOD, options={"password": "hunter22"})
    assert "hunter22" not in repr(source) + repr(source._settings)


def test_there_is_a_schema_with_descriptions() -> None:
    schema = FilesDeclaration.model_json_schema()
    assert schema["properties"]["location"]["description"].startswith("Where the files are")
    assert all("description" in one for one in schema["properties"].values())
