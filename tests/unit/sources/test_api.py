from __future__ import annotations

from typing import Any

import pytest

from ingestify import Source
from ingestify.errors import ConfigurationError, FetchError, SourceError
from ingestify.masking import mask_text
from ingestify.sources.description import describe_source
from ingestify.sources.impect import Impect
from ingestify.sources.registry import BUILT_IN, find_source_class, make_source
from ingestify.sources.skillcorner import SkillCorner
from ingestify.sources.statsbomb import StatsBomb
from ingestify.sources.wyscout import Wyscout

APIS = {"impect": Impect, "skillcorner": SkillCorner, "statsbomb": StatsBomb, "wyscout": Wyscout}


@pytest.mark.parametrize("name", APIS)
def test_each_is_found_by_its_name_and_described(name: str):
    assert find_source_class(f"ingestify.{name}") is APIS[name]
    described = describe_source(f"ingestify.{name}")
    assert {"username", "password", "base_url"} <= {option.name for option in described.options}
    assert all(option.text for option in described.options)
    assert described.hosts
    assert described.change_signal
    assert not described.open_data
    assert BUILT_IN[f"ingestify.{name}"].startswith("ingestify.sources.")


def test_wyscout_has_a_rate_limit():
    assert describe_source("ingestify.wyscout").requests_per_second == 12


@pytest.mark.parametrize("name", APIS)
@pytest.mark.parametrize(
    ("configuration", "option"),
    [
        ({}, "username"),
        ({"username": "me"}, "password"),
        ({"username": "me", "password": ""}, "password"),
        ({"username": "me", "password": 12345678}, "password"),
        ({"username": " ", "password": "long-enough"}, "username"),
    ],
)
def test_a_missing_credential_is_named_with_its_setting(name: str, configuration: dict[str, Any], option: str):
    with pytest.raises(ConfigurationError, match=rf"sources\.mine\.configuration\.{option}") as caught:
        make_source("mine", APIS[name], configuration)
    assert "12345678" not in str(caught.value)


@pytest.mark.parametrize("name", APIS)
def test_credentials_are_in_no_representation_and_no_log(name: str):
    source = APIS[name]("mine", "somebody", "my-very-own-password")
    assert "my-very-own-password" not in repr(source) + repr(vars(source).get("configuration"))
    assert "my-very-own-password" not in mask_text("failed with my-very-own-password")


@pytest.mark.parametrize("name", APIS)
def test_a_base_url_must_be_one(name: str):
    with pytest.raises(ConfigurationError, match="base_url"):
        APIS[name]("mine", "somebody", "a-password", base_url="ftp://x")


class Refusing:
    """A client whose provider answers with a status."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.asked = 0

    def get_json(self, url: str, **_: Any) -> Any:
        self.asked += 1
        raise FetchError(f"GET {url}: status {self.status}", url=url, status=self.status)


def refusing(status: int) -> tuple[Source, Refusing]:
    source = StatsBomb("mine", "somebody", "a-password")
    client = Refusing(status)
    source.attach_http(client)  # type: ignore[arg-type]
    return source, client


def test_wrong_credentials_are_not_tried_again():
    source, client = refusing(401)
    for _ in range(5):
        with pytest.raises(ConfigurationError, match=r"refuses the username and password .* sources\.mine"):
            source.discover_selectors("match")
    assert client.asked == 1


def test_an_error_names_the_data_that_the_account_has_no_access_to():
    source, _ = refusing(403)
    with pytest.raises(SourceError, match="does not give its list of competitions"):
        source.discover_selectors("match")


def test_any_other_error_is_itself():
    source, _ = refusing(500)
    with pytest.raises(FetchError, match="500"):
        source.discover_selectors("match")
