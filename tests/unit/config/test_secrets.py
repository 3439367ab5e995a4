from __future__ import annotations

import json
from typing import Any

import pytest

from ingestify.config.secrets import find_vault_urls, resolve_configuration, resolve_lake_url, with_secrets
from ingestify.config.settings import Settings
from ingestify.errors import ConfigurationError, SecretError
from ingestify.masking import mask_text
from ingestify.vaults.lookup import SecretLookup
from ingestify.vaults.url import VaultUrl

RDS = {"engine": "postgres", "host": "h", "port": 5432, "username": "me", "password": "p@canary", "dbname": "lake"}


class Vault:
    """A vault in memory."""

    options: frozenset[str] = frozenset()

    def __init__(self, secrets: dict[str, str]) -> None:
        self.secrets = secrets
        self.asked: list[str] = []

    def read(self, url: VaultUrl) -> str:
        self.asked.append(url.name)
        if url.name not in self.secrets:
            raise SecretError(f"The secret {url} cannot be read: there is no such secret.")
        return self.secrets[url.name]


def lookup(**secrets: object) -> SecretLookup:
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in secrets.items()}
    vault = Vault(texts)
    return SecretLookup({"vault+mine": lambda: vault})


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


def test_a_secret_is_a_configuration_or_a_part_of_one() -> None:
    secrets = lookup(club={"user": "me", "options": {"key": "k"}}, other={"user": "you"})
    assert resolve_configuration("vault+mine://club", lookup=secrets) == {"user": "me", "options": {"key": "k"}}
    assert resolve_configuration("vault+mine://club#options", lookup=secrets) == {"key": "k"}
    merged = resolve_configuration(
        [{"user": "nobody", "options": {"page_size": 10}}, "vault+mine://club", "vault+mine://other"], lookup=secrets
    )
    assert merged == {"user": "you", "options": {"page_size": 10, "key": "k"}}


def test_a_value_that_is_a_vault_url_stands_for_the_secret_at_any_depth() -> None:
    secrets = lookup(token="t", club={"key": "k", "pages": 3})
    resolved = resolve_configuration(
        {
            "api_key": "vault+mine://club#key",
            "deep": [{"token": "vault+mine://token", "pages": "vault+mine://club#pages"}],
            "text": "see vault+mine://token",
        },
        lookup=secrets,
    )
    assert resolved == {"api_key": "k", "deep": [{"token": "t", "pages": 3}], "text": "see vault+mine://token"}


def test_what_a_vault_holds_is_never_looked_up_again() -> None:
    secrets = lookup(a={"next": "vault+mine://b"}, b="reached")
    assert resolve_configuration("vault+mine://a", lookup=secrets) == {"next": "vault+mine://b"}


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        ([{}, "vault+mine://gone"], r"^mine\.configuration\[1\]: The secret vault\+mine://gone cannot be read"),
        (
            {"a": [{"b": "vault+mine://club#kye"}]},
            r"^mine\.configuration\.a\[0\]\.b: .* has no key 'kye'; did you mean",
        ),
        ("vault+mine://token", r"^mine\.configuration: The secret vault\+mine://token is no JSON object"),
        ({"a": "vault+mine://"}, r"^mine\.configuration\.a: .* names no secret"),
        ({"a": "vault+other://x"}, r"^mine\.configuration\.a: .*nothing reads vault\+other://"),
    ],
)
def test_what_cannot_be_had_is_named_with_its_setting_and_never_shown(configuration: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as raised:
        resolve_configuration(configuration, "mine.configuration", lookup(club={"key": "canary"}, token="canary"))
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize("value", ["hunter2", 7, ["hunter2"], [["hunter2"]]])
def test_another_shape_is_refused_without_showing_the_value(value: object) -> None:
    with pytest.raises(ConfigurationError, match="must be a mapping") as caught:
        resolve_configuration(value)  # type: ignore[arg-type]

    assert "hunter2" not in str(caught.value)


def test_vault_urls_are_found_with_their_places() -> None:
    found = find_vault_urls({"a": ["x", "vault+mine://b#c"], "d": {"e": "VAULT+AWS://f"}}, "")
    assert [(where, str(url), url.key) for where, url in found] == [
        ("a[1]", "vault+mine://b", "c"),
        ("d.e", "VAULT+AWS://f".lower(), None),
    ]


# ---- the lake's URLs ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("secret", "url", "resolved"),
    [
        ("postgresql://me:p@h/lake\n", "vault+mine://db", "postgresql://me:p@h/lake"),
        ("sqlite:///lake/catalog.db", "vault+mine://db", "sqlite:////folder/lake/catalog.db"),
        (RDS, "vault+mine://db", "postgresql://me:p%40canary@h:5432/lake"),
        ({"catalogue": RDS}, "vault+mine://db#catalogue", "postgresql://me:p%40canary@h:5432/lake"),
        ({"url": "mysql://h/lake"}, "vault+mine://db#url", "mysql://h/lake"),
        ("unused", "sqlite:///x.db", "sqlite:////folder/x.db"),
    ],
)
def test_a_secret_is_the_url_of_a_database_or_what_rds_writes(secret: object, url: str, resolved: str) -> None:
    assert resolve_lake_url(url, "metadata_url", "/folder", lookup(db=secret)) == resolved


def test_a_secret_is_the_url_of_the_files() -> None:
    secrets = lookup(files="file://files/", lake={"file_url": "s3://bucket/lake"})
    assert resolve_lake_url("vault+mine://files", "file_url", "/folder", secrets) == "file:///folder/files/"
    assert resolve_lake_url("vault+mine://lake#file_url", "file_url", "/folder", secrets) == "s3://bucket/lake"


@pytest.mark.parametrize(
    ("secret", "key", "message"),
    [
        ("canary", "metadata_url", r"has no URL as its text; store one, or a database's JSON .*: …#metadata_url"),
        ("canary", "file_url", "has no URL as its text; store one, or name one of its values: …#file_url"),
        ({"file_url": "canary"}, "file_url", "has no URL"),
        ("vault+mine://canary", "file_url", "has no URL"),
        ({"password": "canary"}, "metadata_url", "describes no database: it lacks engine, host, username, dbname"),
        ("{canary", "metadata_url", "describes no database: .*is no JSON object"),
    ],
)
def test_a_secret_that_is_no_url_is_refused_unseen(secret: object, key: str, message: str) -> None:
    with pytest.raises(SecretError, match=rf"main\.{key}: The secret vault\+mine://lake {message}") as raised:
        resolve_lake_url("vault+mine://lake", key, "/folder", lookup(lake=secret))
    assert "canary" not in str(raised.value)


def test_the_password_of_a_database_is_hidden_in_each_way_that_it_is_written() -> None:
    resolve_lake_url("vault+mine://a", "metadata_url", "/", lookup(a="postgresql://me:pass%40word-canary@h/lake"))
    for shown in ("pass%40word-canary", "pass@word-canary"):
        assert mask_text(f"FATAL: password {shown} is wrong") == "FATAL: password *** is wrong"


# ---- all of the settings -----------------------------------------------------------------------------------------


def test_each_configuration_of_the_settings_may_name_secrets() -> None:
    a_key = {"key": "vault+mine://club#key"}
    settings = Settings.model_validate(
        {
            "main": {"metadata_url": "vault+mine://never-read", "file_url": "file://files"},
            "sources": {"s": {"type": "a.B", "configuration": [a_key, {"page": 1}]}, "plain": {"type": "a.B"}},
            "dataset_types": [
                {
                    "provider": "p",
                    "dataset_type": "t",
                    "checks": ["a.Plain", {"type": "a.C", "configuration": "vault+mine://club"}],
                }
            ],
            "ingestion_plans": [
                {"source": "s", "dataset_type": "t"},
                {"source": "s", "dataset_type": "t", "fetch_policy": {"type": "a.D", "configuration": a_key}},
            ],
            "event_subscribers": [{"type": "a.E", "configuration": a_key}],
            "run_hooks": [{"type": "a.F", "configuration": a_key}],
        }
    )
    resolved = with_secrets(settings, lookup(club={"key": "k"}))
    assert resolved.sources["s"].configuration == {"key": "k", "page": 1}
    assert resolved.sources["plain"].configuration == {}
    assert [check.configuration for check in resolved.dataset_types[0].checks] == [{}, {"key": "k"}]
    assert resolved.ingestion_plans[0].fetch_policy is None
    policy = resolved.ingestion_plans[1].fetch_policy
    assert policy is not None
    assert policy.configuration == {"key": "k"}
    assert resolved.event_subscribers[0].configuration == {"key": "k"}
    assert resolved.run_hooks[0].configuration == {"key": "k"}
    assert resolved.main.metadata_url == "vault+mine://never-read"
    assert settings.sources["s"].configuration == [a_key, {"page": 1}], "the settings as they were read stay so"

    with pytest.raises(SecretError, match=r"^sources\.s\.configuration\[0\]\.key: "):
        with_secrets(settings, lookup())


def test_what_looks_like_a_secret_in_any_configuration_is_hidden() -> None:
    settings = Settings.model_validate(
        {
            "main": {"metadata_url": "sqlite:///x.db", "file_url": "file://files"},
            "event_subscribers": [{"type": "a.E", "configuration": {"webhook_token": "canary-of-a-subscriber"}}],
        }
    )
    with_secrets(settings, lookup())
    assert "canary-of-a-subscriber" not in mask_text("it said canary-of-a-subscriber")
