from __future__ import annotations

import json
import traceback
from typing import Any

import pytest

from ingestify.errors import SecretError
from ingestify.masking import mask_text
from ingestify.vaults import lookup as module
from ingestify.vaults.lookup import SecretLookup
from ingestify.vaults.url import VaultUrl
from tests.support.installed_packages import Install


class Reader:
    """A vault in memory."""

    options = frozenset({"region"})

    def __init__(self, secrets: dict[str, Any]) -> None:
        self.secrets = secrets
        self.asked: list[str] = []

    def read(self, url: VaultUrl) -> str:
        self.asked.append(url.name)
        found = self.secrets[url.name]
        if isinstance(found, Exception):
            raise found
        return found


def vault(**secrets: Any) -> tuple[SecretLookup, Reader]:
    reader = Reader(secrets)
    return SecretLookup({"vault+mine": lambda: reader}), reader


def url(text: str) -> VaultUrl:
    return VaultUrl.parse(f"vault+mine://{text}")


def test_a_secret_is_text_or_one_of_its_values():
    lookup, _ = vault(token="canary-token\r\n", api=json.dumps({"key": "canary-key", "page": 10, "more": {"a": [1]}}))
    assert lookup.read_text(url("token")) == "canary-token"
    assert lookup.read_value(url("token")) == "canary-token"
    assert lookup.read_value(url("api#key")) == "canary-key"
    assert lookup.read_value(url("api#page")) == 10
    assert lookup.read_mapping(url("api#more")) == {"a": [1]}
    assert lookup.read_mapping(url("api")) == {"key": "canary-key", "page": 10, "more": {"a": [1]}}


def test_a_secret_is_read_once_whatever_is_wanted_of_it():
    lookup, reader = vault(api='{"user": "u", "password": "p"}')
    for text in ("api#user", "api#password", "api"):
        lookup.read_value(url(text))
    assert reader.asked == ["api"]
    lookup.read_text(url("api?region=other"))
    assert reader.asked == ["api", "api"]


@pytest.mark.parametrize(
    ("secret", "text", "message"),
    [
        ("canary", "a#key", "is no JSON object .*, so it has no key 'key'"),
        ("canary", "a", "is no JSON object"),
        ('["canary"]', "a", "is no JSON object"),
        ("[" * 100_000, "a", "is no JSON object"),
        ('{"api_key": "canary"}', "a#apikey", "has no key 'apikey'; did you mean 'api_key'"),
        ('{"b": "canary", "a": 1}', "a#zzz", "has no key 'zzz'; it has a, b"),
        ("{}", "a#zzz", "it has none"),
        ('{"a": "canary"}', "a#a", "The value 'a' of the secret .* is no JSON object"),
        ('{"a": null}', "a#a", "is null"),
        ("", "a", "is empty; put a value"),
        ("\n", "a", "is empty"),
    ],
)
def test_what_is_not_as_it_is_wanted_is_refused_unseen(secret, text, message):
    lookup, _ = vault(a=secret)
    with pytest.raises(SecretError, match=message) as raised:
        lookup.read_mapping(url(text))
    assert "vault+mine://a" in str(raised.value)
    assert_unseen(raised.value, "canary")


@pytest.mark.parametrize(
    ("found", "message"),
    [(ValueError("canary"), "its reader raised ValueError"), (b"canary", "its reader returned a bytes, no text")],
)
def test_a_reader_that_misbehaves_is_told_without_its_words(found, message):
    lookup, _ = vault(a=found)
    with pytest.raises(SecretError, match=message) as raised:
        lookup.read_text(url("a"))
    assert_unseen(raised.value, "canary")


def assert_unseen(error: BaseException, canary: str) -> None:
    assert canary not in "".join(traceback.format_exception(error))
    seen: BaseException | None = error
    while seen is not None:
        # What is suppressed is not shown.
        assert canary not in repr(seen)
        seen = seen.__cause__


def test_a_scheme_and_its_options_are_checked_without_asking():
    lookup, reader = vault()
    lookup.check(url("a?region=x"))
    with pytest.raises(SecretError, match=r"vault\+mine:// has no option 'regoin'; there is region"):
        lookup.check(url("a?regoin=x"))
    with pytest.raises(SecretError, match=r"nothing reads vault\+other://; there is vault\+mine://"):
        lookup.check(VaultUrl.parse("vault+other://a"))
    assert reader.asked == []


def test_whatever_was_read_is_never_shown_again():
    secret = {
        "name": "canary-1",
        "deep": [{"x": "canary-2"}],
        "number": 31415926,
        "flag": True,
        "url": "p://u:canary-3@h",
    }
    lookup, _ = vault(text="canary-4", api=json.dumps(secret), key="-----BEGIN-----\ncanary-5 line\n-----END-----\n")
    lookup.read_text(url("text"))
    lookup.read_value(url("api#flag"))
    lookup.read_text(url("key"))
    for shown in ("canary-1", "canary-2", "31415926", "canary-3", "canary-4", "canary-5 line"):
        assert shown not in mask_text(f"it said {shown} to me"), shown
    assert mask_text("it is True") == "it is True"


def test_of_a_database_the_ordinary_words_are_shown():
    database = {"engine": "postgres", "username": "postgres", "host": "db.example", "password": "canary-6"}
    lookup, _ = vault(db=json.dumps(database))
    lookup.read_mapping(url("db"))
    assert mask_text("postgres at db.example said canary-6") == "postgres at db.example said ***"
    lookup, _ = vault(lake=json.dumps({"catalogue": database | {"password": "canary-7"}}))
    lookup.read_value(url("lake#catalogue"))
    assert mask_text("postgres at db.example said canary-7") == "postgres at db.example said ***"


# ---- readers of installed packages -------------------------------------------------------------------------------


class Hashicorp(Reader):
    def __init__(self) -> None:
        super().__init__({"kv/lake": "from elsewhere"})


class NoReader:
    pass


def test_a_package_brings_a_reader_for_its_scheme(install: Install):
    install("vaults", {module.ENTRY_POINT_GROUP: {"vault+hashicorp": f"{__name__}:Hashicorp"}})
    lookup = SecretLookup()
    assert lookup.read_text(VaultUrl.parse("vault+hashicorp://kv/lake")) == "from elsewhere"
    with pytest.raises(
        SecretError, match=r"there are vault\+aws://, vault\+gcp://, vault\+hashicorp://.*ingestify\.secrets"
    ):
        lookup.check(VaultUrl.parse("vault+azure://a"))


def test_a_package_cannot_take_the_place_of_what_is_built_in(install: Install):
    install("vaults", {module.ENTRY_POINT_GROUP: {"vault+aws": f"{__name__}:Hashicorp"}})
    assert module._find_makers()["vault+aws"] is module.AwsSecretReader


class Unmakeable:
    def __init__(self, needed: str) -> None: ...


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (f"{__name__}:Missing", "cannot be imported: AttributeError"),
        ("no_such_module:Reader", "cannot be imported: ModuleNotFoundError"),
        (f"{__name__}:Unmakeable", "cannot be made: TypeError"),
        (f"{__name__}:NoReader", "is a NoReader; it must have options, a frozenset, and a method read"),
    ],
)
def test_a_reader_that_is_none_is_named_with_its_package(install: Install, value, message):
    install("vaults", {module.ENTRY_POINT_GROUP: {"vault+hashicorp": value}})
    title = rf"The secret reader 'vault\+hashicorp' of the installed package vaults 1\.0 \({value}\)"
    with pytest.raises(SecretError, match=f"{title} {message}"):
        SecretLookup().read_text(VaultUrl.parse("vault+hashicorp://a"))
