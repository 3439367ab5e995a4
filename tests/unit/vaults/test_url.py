from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify import ConfigurationError
from ingestify.vaults.url import VaultUrl, is_vault_url


@pytest.mark.parametrize(
    ("text", "scheme", "name", "options", "key"),
    [
        ("vault+aws://lake/wyscout", "vault+aws", "lake/wyscout", {}, None),
        ("VAULT+AWS://Lake/Wyscout#Key", "vault+aws", "Lake/Wyscout", {}, "Key"),
        (
            "vault+aws://a?region=eu-west-1&profile=my+club&version=AWSPREVIOUS#api_key",
            "vault+aws",
            "a",
            {"region": "eu-west-1", "profile": "my+club", "version": "AWSPREVIOUS"},
            "api_key",
        ),
        (
            "vault+aws://arn:aws:secretsmanager:eu-west-1:123456789012:secret:lake/w-AbCdEf#k",
            "vault+aws",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:lake/w-AbCdEf",
            {},
            "k",
        ),
        ("vault+gcp://project/lake/3", "vault+gcp", "project/lake/3", {}, None),
        ("vault+hashi-corp://kv/a%20b?role=x%26y#a%23b", "vault+hashi-corp", "kv/a b", {"role": "x&y"}, "a#b"),
    ],
)
def test_a_vault_url_is_taken_apart(text, scheme, name, options, key):
    url = VaultUrl.parse(text)
    assert (url.scheme, url.name, url.options, url.key) == (scheme, name, options, key)
    assert is_vault_url(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("vault+aws://", "names no secret; write vault"),
        ("vault+aws:///#key", "names no secret"),
        ("vault+aws://?region=x", "names no secret"),
        ("vault+aws://a?region", r"write each option once, with a value: \?region="),
        ("vault+aws://a?region=", "each option once"),
        ("vault+aws://a?region=x&region=y", "each option once"),
        ("vault+aws://a#", "no key after the #"),
    ],
)
def test_one_that_names_nothing_is_refused(text, message):
    with pytest.raises(ConfigurationError, match=message):
        VaultUrl.parse(text)


@pytest.mark.parametrize(
    "value", ["vault+aws:", "vault://a", "aws://a", "see vault+aws://a", "", None, 7, ["vault+aws://a"]]
)
def test_other_values_are_none(value):
    assert not is_vault_url(value)


def test_it_is_shown_without_what_could_be_secret():
    url = VaultUrl.parse("vault+hashicorp://me:canary-1@host/kv?token=canary-2#canary-3")
    assert str(url) == "vault+hashicorp://***@host/kv?token=***"


def test_two_keys_are_of_one_secret():
    one, other, third = (VaultUrl.parse(f"vault+aws://a?region=x&version=1{end}") for end in ("#b", "#c", "0"))
    assert one.identity == other.identity != third.identity


@given(st.text(max_size=60))
def test_any_text_is_one_or_refused(text):
    with contextlib.suppress(ConfigurationError):
        url = VaultUrl.parse(f"vault+aws://{text}")
        assert url.name.strip("/ ")
        assert url.key is None or url.key
        assert "" not in url.options.values()
