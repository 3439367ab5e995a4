"""Secrets: merged into a configuration, and kept out of what people read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ingestify.errors import ConfigurationError
from ingestify.masking import mask_url

__all__ = ["is_vault_url", "refuse_vault_url", "resolve_configuration"]


def is_vault_url(value: object) -> bool:
    """Return whether `value` is the url of a secret in a vault: `vault+aws://…`, `vault+gcp://…`."""
    return isinstance(value, str) and re.match(r"vault\+(aws|gcp)://.", value, re.IGNORECASE) is not None


def resolve_configuration(
    configuration: Mapping[str, object] | str | Sequence[Mapping[str, object] | str] | None,
    where: str = "configuration",
) -> dict[str, Any]:
    """Return the keyword arguments that a `configuration` stands for. The caller may change the result.

    Args:
        configuration: A mapping, a vault url, or a list of those, merged from left to right. Where two parts have
            a mapping under the same key, the mappings are merged too; otherwise the later part counts. None is
            an empty mapping.
        where: What error messages call it, such as `sources.mine.configuration`.

    Raises:
        ConfigurationError: It has another shape, or a vault url, which this version cannot read. The message
            never shows a value of the configuration.
    """
    if configuration is None:
        return {}
    if isinstance(configuration, (str, Mapping)):
        return _resolve_part(configuration, where)
    if not isinstance(configuration, Sequence):
        raise _wrong_shape(where)
    merged: dict[str, Any] = {}
    for index, part in enumerate(configuration):
        merged = _merge(merged, _resolve_part(part, f"{where}[{index}]"))
    return merged


def _resolve_part(part: object, where: str) -> dict[str, Any]:
    if isinstance(part, str) and is_vault_url(part):
        refuse_vault_url(part, where)
    if not isinstance(part, Mapping):
        raise _wrong_shape(where)
    return {str(key): _copied(value) for key, value in part.items()}


def _copied(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _copied(each) for key, each in value.items()}
    return [_copied(each) for each in value] if isinstance(value, list) else value


def _merge(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(earlier)
    for key, value in later.items():
        known = merged.get(key)
        merged[key] = _merge(known, value) if isinstance(known, Mapping) and isinstance(value, Mapping) else value
    return merged


def _wrong_shape(where: str) -> ConfigurationError:
    return ConfigurationError(f"{where}: must be a mapping (key: value), a vault url, or a list of those.")


def refuse_vault_url(value: str, where: str) -> None:
    """Do nothing for a value that is no vault url, such as a metadata_url with its password in an `!ENV`.

    Raises:
        ConfigurationError: It is one; this version cannot read secrets from vaults.
    """
    if is_vault_url(value):
        raise ConfigurationError(
            f"{where}: '{mask_url(value)}' is a secret in a vault, which this version of ingestify cannot read yet; "
            f'put the value into an environment variable, and write !ENV "${{NAME}}".'
        )
