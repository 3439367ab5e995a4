"""The base class of most built-in sources: one base URL, and declared dataset types."""

from __future__ import annotations

from typing import Any

from ingestify.domain.bundle import BundleType
from ingestify.domain.feeds import DataSpecVersionCollection
from ingestify.domain.source import Source
from ingestify.errors import ConfigurationError

__all__ = ["BaseUrlSource", "find_bundle_type", "origin_of"]


class BaseUrlSource(Source):
    """A source below one base URL, so that a mirror can take the provider's place. A subclass has `bundle_types`.

    Args:
        name: The source's name in the configuration.
        base_url: The URL to which all paths are added.
        **configuration: The other options.

    Raises:
        ConfigurationError: The base URL is no http or https URL.
    """

    concurrent_discovery = True
    lists_everything = True

    def __init__(self, name: str, base_url: str, **configuration: Any) -> None:
        super().__init__(name, base_url=base_url, **configuration)
        self._base_url = self._checked_url("base_url", base_url).rstrip("/")
        self.origin = origin_of(self._base_url)

    def _checked_url(self, option: str, url: object) -> str:
        if not isinstance(url, str) or not url.startswith(("http://", "https://")):
            raise ConfigurationError(
                f"The source '{self.name}' has {option} {url!r}; it must begin with https:// or http://."
            )
        return url

    def _useless_api(self, api_url: str, needed: str) -> ConfigurationError:
        """Return the error of an `api_url` that says nothing of what is below the base URL."""
        return ConfigurationError(
            f"The source '{self.name}' has api_url {api_url!r}, which cannot be used with its base_url "
            f"{self._base_url!r}: base_url must {needed}. Correct one of the two, or leave api_url out."
        )

    def _bundle_type(self, dataset_type: str, versions: DataSpecVersionCollection | None = None) -> BundleType:
        return find_bundle_type(self, dataset_type, versions)


def origin_of(location: str) -> str:
    """Return the scheme and the host of a URL, without credentials; `file` for a path."""
    scheme, separator, rest = location.partition("://")
    host = rest.partition("/")[0].rpartition("@")[2]
    return f"{scheme.lower()}://{host}" if separator and host else "file"


def find_bundle_type(
    source: Source, dataset_type: str, versions: DataSpecVersionCollection | None = None
) -> BundleType:
    """Return the bundle type that a source declares for a dataset type.

    Args:
        source: The source.
        dataset_type: The dataset type.
        versions: The wanted feeds; None: they are not checked.

    Raises:
        ConfigurationError: The source has no such type, or the type lacks one of the wanted feeds.
    """
    chosen = next((one for one in source.bundle_types if one.dataset_type == dataset_type), None)
    if chosen is None:
        there = " and ".join(f"'{one.dataset_type}'" for one in source.bundle_types)
        raise ConfigurationError(
            f"The source '{source.name}' has no datasets of the type '{dataset_type}'; it has {there}."
        )
    if versions is not None and (unknown := chosen.unknown(versions)):
        raise ConfigurationError(
            f"The source '{source.name}' has no feed {', '.join(unknown)}; "
            f"a {dataset_type} has {', '.join((*chosen.requires, *chosen.optional))}."
        )
    return chosen
