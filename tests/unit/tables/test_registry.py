from __future__ import annotations

import pytest

from ingestify.errors import ConfigurationError
from ingestify.tables.definition import TableDefinition
from ingestify.tables.registry import STANDARD, flat_definition, get_definition, installed_definitions

FEEDS = [("statsbomb", "events"), ("statsbomb", "360-frames"), ("a_b", "c"), ("a", "b_c"), ("360", "events")]


def test_a_name_is_a_standard_table_or_that_of_a_providers_feed():
    assert get_definition("matches") is STANDARD[0]
    found = get_definition("statsbomb_360_frames", FEEDS)
    assert (found.provider, found.feeds) == ("statsbomb", ("360-frames",))
    assert get_definition("feed_360_events", FEEDS).provider == "360"


def test_a_misspelt_name_gets_a_suggestion():
    with pytest.raises(ConfigurationError, match=r"no table 'statsbomb_event'; did you mean 'statsbomb_events'"):
        get_definition("statsbomb_event", FEEDS)
    with pytest.raises(ConfigurationError, match=r"There are .*matches.*statsbomb_events"):
        get_definition("xyz", FEEDS)


def test_a_name_that_means_two_feeds_is_refused():
    with pytest.raises(ConfigurationError, match="means several feeds: 'c' of a_b and 'b_c' of a"):
        get_definition("a_b_c", FEEDS)


@pytest.mark.parametrize("name", ["", "1events", "my-table", "a b", "événements"])
def test_a_name_that_an_sql_query_cannot_have_is_refused(name):
    with pytest.raises(ConfigurationError, match="letters, digits and _"):
        TableDefinition(name, "a:b")


def test_names_of_feeds_become_names_of_tables():
    names = [flat_definition(*one).name for one in (("Foo Bar", "match.events"), ("x", "ä-y"))]
    assert names == ["foo_bar_match_events", "x_y"]


def test_an_installed_package_brings_a_table(install):
    text = "def rows(files, dataset): ...\nrows.version = 2\nrows.provider = 'statsbomb'\nrows.feeds = ['events']\n"
    install("their_tables", {"ingestify.tables": {"pressing": "their_tables:rows"}}, {"their_tables": text})
    assert installed_definitions() == [
        TableDefinition(
            "pressing", "their_tables:rows", takes_input=False, version="2", provider="statsbomb", feeds=("events",)
        )
    ]
    assert get_definition("pressing") == installed_definitions()[0]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("their_tables:nothing", r"The table 'pressing' of the installed package their_tables 1.0 .* be imported"),
        ("their_tables:number", r"The table 'pressing' of .* is 5; it must be a function of \(files, dataset\)"),
    ],
)
def test_a_table_of_an_installed_package_that_is_no_function_is_named(install, value, said):
    install("their_tables", {"ingestify.tables": {"pressing": value}}, {"their_tables": "number = 5"})
    with pytest.raises(ConfigurationError, match=said):
        get_definition("pressing")
