from __future__ import annotations

import inspect

import pytest

from ingestify import ConfigurationError, Source
from ingestify.sources.description import describe_source, source_types
from ingestify.sources.registry import BUILT_IN, OPEN_DATA, find_source_class


class Mine(Source):
    """My matches.

    And more of them.

    Raises:
        Nothing: at all.
    """

    def __init__(self, name, api_key, pages: int = 3, **more):
        """Make it.

        Args:
            name: Its name.
            api_key: From the provider's site,
                where you find it.
            pages (int): How many.
        """
        super().__init__(name)

    def find_datasets(self, *arguments, **selector):
        return []


def test_a_source_of_ones_own_is_described_from_its_class():
    found = describe_source(f"{__name__}.Mine")
    assert (found.summary, found.text) == ("My matches.", "My matches.\n\nAnd more of them.")
    assert [(one.name, one.kind, one.default, one.text) for one in found.options] == [
        ("api_key", "", None, "From the provider's site, where you find it."),
        ("pages", "int", "3", "How many."),
    ]
    assert found.takes_any_option
    assert (found.provider, found.open_data, found.dataset_types) == ("", False, ())


def test_every_source_of_open_data_names_licence_and_attribution():
    assert set(BUILT_IN) <= set(source_types())
    for provider, type_name in OPEN_DATA.items():
        found = describe_source(provider)
        assert (found.type, found.provider, found.open_data) == (type_name, provider, True)
        assert all((found.summary, found.licence, found.attribution, found.hosts, found.change_signal))
        assert found.dataset_types
        assert found.redirect_hosts
        assert all(option.text and option.kind and option.default for option in found.options)
        parameters = list(inspect.signature(find_source_class(type_name)).parameters)[1:]
        assert [option.name for option in found.options] == parameters


def test_an_unknown_source_is_an_error():
    with pytest.raises(ConfigurationError, match="no source type 'nobody'"):
        describe_source("nobody")
