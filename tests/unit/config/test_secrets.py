from __future__ import annotations

import pytest

from ingestify.config.secrets import is_vault_url, refuse_vault_url, resolve_configuration
from ingestify.errors import ConfigurationError


def test_a_mapping_stands_for_itself_and_is_copied() -> None:
    configuration = {"options": {"page_size": 10}, "ids": [1, 2]}

    resolved = resolve_configuration(configuration)
    resolved["options"]["page_size"] = 20
    resolved["ids"].append(3)

    assert configuration == {"options": {"page_size": 10}, "ids": [1, 2]}


def test_a_list_is_merged_from_left_to_right_and_mappings_in_it_deeply() -> None:
    merged = resolve_configuration(
        [
            {"url": "a", "options": {"page_size": 10, "retry": {"times": 1}}, "ids": [1]},
            {"url": "b", "options": {"retry": {"wait": 2}}, "ids": [2]},
        ]
    )

    assert merged == {"url": "b", "options": {"page_size": 10, "retry": {"times": 1, "wait": 2}}, "ids": [2]}


@pytest.mark.parametrize("nothing", [None, {}, []])
def test_no_configuration_is_an_empty_mapping(nothing: None) -> None:
    assert resolve_configuration(nothing) == {}


@pytest.mark.parametrize("url", ["vault+aws://lake/wyscout", "vault+gcp://project/lake", "VAULT+AWS://x"])
def test_a_vault_url_is_known_and_refused_by_this_version(url: str) -> None:
    assert is_vault_url(url)
    with pytest.raises(ConfigurationError, match=r"sources\.mine\.configuration\[1\].*cannot read yet.*!ENV"):
        resolve_configuration([{}, url], "sources.mine.configuration")


def test_a_metadata_url_that_is_no_vault_url_passes() -> None:
    refuse_vault_url("sqlite:///x.db", "main.metadata_url")
    with pytest.raises(ConfigurationError, match=r"main\.metadata_url"):
        refuse_vault_url("vault+aws://x", "main.metadata_url")


@pytest.mark.parametrize("value", ["hunter2", 7, ["hunter2"], [["hunter2"]]])
def test_another_shape_is_refused_without_showing_the_value(value: object) -> None:
    with pytest.raises(ConfigurationError, match="must be a mapping") as caught:
        resolve_configuration(value)  # type: ignore[arg-type]

    assert "hunter2" not in str(caught.value)
