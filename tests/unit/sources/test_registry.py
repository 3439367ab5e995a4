"""Making a source from its configuration."""

from __future__ import annotations

from typing import Any

import pytest

from ingestify import Source
from ingestify.errors import ConfigurationError
from ingestify.sources.registry import find_source_class, make_open_data_source, make_source
from ingestify.sources.statsbomb_github import StatsBombGithub


class Mine(Source):
    provider = "mine"

    def __init__(self, name: str, api_key: str, page_size: int = 100) -> None:
        super().__init__(name)

    def find_datasets(self, *_: Any, **__: Any) -> list[Any]:
        return []


class Anything(Mine):
    def __init__(self, *given: Any, **configuration: Any) -> None:
        Source.__init__(self, *given, **configuration)


class OfStatsBomb(StatsBombGithub):
    """Takes one of its own, and passes on the rest."""

    def __init__(self, name: str, colour: str = "red", **configuration: Any) -> None:
        configuration.pop("popped", None)
        super().__init__(name, **configuration)


@pytest.mark.parametrize(
    ("source_class", "configuration", "message"),
    [
        (
            StatsBombGithub,
            {"base_ulr": "http://canary"},
            r"of the source 'x' \(StatsBombGithub\) has the key 'base_ulr'.*; did you mean 'base_url'\? There are base",
        ),
        (Mine, {"api_key": "canary", "pagesize": 1}, r"did you mean 'page_size'\? There are api_key, page_size\."),
        (Mine, {"api_key": "canary", "colour": 1}, r"none of its options\. There are api_key, page_size\."),
        (Mine, {}, r"cannot be made from its configuration \(none\): .*'api_key'"),
        (OfStatsBomb, {"base_ulr": "canary"}, r"did you mean 'base_url'\? There are colour, base_url, recheck"),
        (
            find_source_class("ingestify.rest"),
            {"base_ulr": "canary"},
            r"did you mean 'base_url'\? There are .*provider",
        ),
        (
            find_source_class("ingestify.files"),
            {"lokation": "canary"},
            r"did you mean 'location'\? There are .*pattern",
        ),
    ],
)
def test_a_misspelt_key_of_the_configuration_lists_the_options(source_class, configuration, message):
    with pytest.raises(ConfigurationError, match=message) as raised:
        make_source("x", source_class, configuration)
    assert "canary" not in str(raised.value)


def test_a_class_with_any_option_checks_its_options_itself():
    assert make_source("x", Anything, {"whatever": 1}).configuration == {"whatever": 1}
    assert make_source("x", OfStatsBomb, {"popped": 1, "base_url": "http://127.0.0.1"}).name == "x"


def test_a_type_error_of_the_source_itself_is_not_translated():
    class Broken(Mine):
        def __init__(self, name: str) -> None:
            dict(1)  # type: ignore[call-overload]

    with pytest.raises(TypeError, match="not iterable"):
        make_source("x", Broken, {})


def test_open_data_takes_no_other_keys_either():
    with pytest.raises(ConfigurationError, match="did you mean 'base_url'"):
        make_open_data_source("statsbomb", {"baseurl": "http://127.0.0.1"})
