"""Looks up the secrets that the settings name: in configurations, and as URLs of the lake."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from ingestify.config.database_secret import database_url
from ingestify.config.locations import resolve_url
from ingestify.config.settings import Settings
from ingestify.errors import ConfigurationError, MissingExtraError, SecretError
from ingestify.masking import hide_all
from ingestify.vaults.lookup import SecretLookup
from ingestify.vaults.url import VaultUrl, is_vault_url

__all__ = ["find_vault_urls", "resolve_configuration", "resolve_lake_url", "with_secrets"]

ConfigurationValue = Mapping[str, Any] | str | Sequence[Mapping[str, Any] | str] | None
"""The forms of a `configuration`; see `ingestify.config.field_types`."""

_Found = TypeVar("_Found")
_Section = TypeVar("_Section", bound=BaseModel)


def with_secrets(settings: Settings, lookup: SecretLookup) -> Settings:
    """Return settings whose configurations are mappings, with the secrets in place of their vault urls.

    Sections that are not enabled stay as they are, and so do the URLs in `main`: see `resolve_lake_url`.

    Raises:
        SecretError: A secret cannot be read. The message names the setting, and never shows the secret.
    """

    def resolved(section: _Section, where: str) -> _Section:
        if not getattr(section, "enabled", True):
            return section  # nothing is made of it
        configuration: ConfigurationValue = getattr(section, "configuration", None)
        merged = resolve_configuration(configuration, f"{where}.configuration", lookup)
        hide_all(merged)
        return section.model_copy(update={"configuration": merged})

    return settings.model_copy(
        update={
            "sources": {name: resolved(one, f"sources.{name}") for name, one in settings.sources.items()},
            "dataset_types": tuple(
                one.model_copy(
                    update={
                        "checks": tuple(
                            resolved(check, f"dataset_types[{index}].checks[{number}]")
                            for number, check in enumerate(one.checks)
                        )
                    }
                )
                for index, one in enumerate(settings.dataset_types)
            ),
            "ingestion_plans": tuple(
                plan
                if plan.fetch_policy is None or not plan.enabled
                else plan.model_copy(
                    update={"fetch_policy": resolved(plan.fetch_policy, f"ingestion_plans[{index}].fetch_policy")}
                )
                for index, plan in enumerate(settings.ingestion_plans)
            ),
            "event_subscribers": tuple(
                resolved(one, f"event_subscribers[{index}]") for index, one in enumerate(settings.event_subscribers)
            ),
            "event_publishers": tuple(
                resolved(one, f"event_publishers[{index}]") if one.enabled else one
                for index, one in enumerate(settings.event_publishers)
            ),
            "run_hooks": tuple(resolved(one, f"run_hooks[{index}]") for index, one in enumerate(settings.run_hooks)),
        }
    )


def resolve_lake_url(url: str, key: str, folder: str | Path, lookup: SecretLookup) -> str:
    """Return a `metadata_url` or `file_url` without vault urls, and with a relative path made absolute.

    A secret may be a URL; for `metadata_url` also the JSON of a database by Amazon RDS.

    Args:
        url: The URL, or a vault url.
        key: `metadata_url` or `file_url`.
        folder: The base of relative paths, also of those in a secret.
        lookup: Reads the secrets.

    Raises:
        SecretError: The secret cannot be read, or is no URL.
        ConfigurationError: See `resolve_url`.
    """
    if is_vault_url(url):
        url = _look_up(url, f"main.{key}", lambda one: _lake_url(one, key, lookup))
    return resolve_url(url, folder)


def _lake_url(url: VaultUrl, key: str, lookup: SecretLookup) -> str:
    found = lookup.read_value(url)
    if key == "metadata_url" and (isinstance(found, dict) or (url.key is None and found.lstrip().startswith("{"))):
        try:
            return database_url(lookup.read_mapping(url))
        except SecretError as error:
            raise SecretError(f"The secret {url} describes no database: {error}") from error
    if not isinstance(found, str) or "://" not in found or is_vault_url(found):
        or_rds = ", or a database's JSON as Amazon RDS writes it" if key == "metadata_url" else ""
        raise SecretError(
            f"The secret {url} has no URL as its text; store one{or_rds}, or name one of its values: …#{key}."
        )
    return found


def resolve_configuration(
    configuration: ConfigurationValue, where: str = "configuration", lookup: SecretLookup | None = None
) -> dict[str, Any]:
    """Return a `configuration` as keyword arguments. The caller may change the result.

    Args:
        configuration: A mapping, a vault url, or a list of those, merged from left to right. Two mappings under the
            same key are merged too; otherwise the later value replaces the earlier one. None means an empty mapping.
            A vault url anywhere in a mapping is replaced by the secret, or by the value of it that the url names. A
            value from a vault is never looked up again.
        where: Its name in error messages, such as `sources.mine.configuration`.
        lookup: Reads the secrets; None: there are none, or they are resolved already.

    Raises:
        ConfigurationError: It has another shape. The message never shows a value of the configuration.
        SecretError: A secret cannot be read.
    """
    if configuration is None:
        return {}
    if isinstance(configuration, (str, Mapping)):
        return _resolve_part(configuration, where, lookup)
    if not isinstance(configuration, Sequence):
        raise _wrong_shape(where)
    merged: dict[str, Any] = {}
    for index, part in enumerate(configuration):
        merged = _merge(merged, _resolve_part(part, f"{where}[{index}]", lookup))
    return merged


def find_vault_urls(value: object, where: str = "configuration") -> Iterator[tuple[str, VaultUrl]]:
    """Yield the vault urls in a configuration, each with its place.

    Raises:
        ConfigurationError: One names no secret.
    """
    if isinstance(value, str) and is_vault_url(value):
        yield where, _look_up(value, where, lambda url: url)
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from find_vault_urls(each, f"{where}.{key}" if where else str(key))
    elif isinstance(value, (list, tuple)):
        for index, each in enumerate(value):
            yield from find_vault_urls(each, f"{where}[{index}]")


def _resolve_part(part: object, where: str, lookup: SecretLookup | None) -> dict[str, Any]:
    if lookup is not None and isinstance(part, str) and is_vault_url(part):
        return _look_up(part, where, lookup.read_mapping)
    if not isinstance(part, Mapping):
        raise _wrong_shape(where)
    return {str(key): _resolve_value(value, f"{where}.{key}", lookup) for key, value in part.items()}


def _resolve_value(value: object, where: str, lookup: SecretLookup | None) -> object:
    """Return a copy of a value, with the secrets in it looked up."""
    if isinstance(value, Mapping):
        return {key: _resolve_value(each, f"{where}.{key}", lookup) for key, each in value.items()}
    if isinstance(value, list):
        return [_resolve_value(each, f"{where}[{index}]", lookup) for index, each in enumerate(value)]
    if lookup is not None and isinstance(value, str) and is_vault_url(value):
        return _look_up(value, where, lookup.read_value)
    return value


def _look_up(text: str, where: str, look: Callable[[VaultUrl], _Found]) -> _Found:
    """Return the result of `look` for a vault url. An error gets the name of the setting."""
    try:
        return look(VaultUrl.parse(text))
    except SecretError as error:
        raise SecretError(f"{where}: {error}") from error
    except MissingExtraError:
        raise
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}: {error}") from error


def _merge(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(earlier)
    for key, value in later.items():
        known = merged.get(key)
        merged[key] = _merge(known, value) if isinstance(known, Mapping) and isinstance(value, Mapping) else value
    return merged


def _wrong_shape(where: str) -> ConfigurationError:
    return ConfigurationError(f"{where}: must be a mapping (key: value), a vault url, or a list of those.")
