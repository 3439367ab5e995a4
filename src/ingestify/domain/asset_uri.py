"""The URI of what a lake has of one kind, for orchestrators, lineage and other systems that name data sets by a URI.

`ingestify://{lake}/{provider}/{dataset_type}`, such as `ingestify://club/statsbomb/match`. Other systems keep these
URIs with what they know of the data, so the scheme never changes.
"""

from __future__ import annotations

import re
import urllib.parse

from ingestify.errors import ConfigurationError

__all__ = ["LAKE_NAME", "asset_name", "asset_namespace", "asset_uri"]

LAKE_NAME = r"^[a-z0-9][a-z0-9._-]{0,99}$"
"""The name of a lake. Lower case only: it is the host of a URI, which programs may write in lower case."""

_DEFAULT_BUCKET = "main"


def asset_uri(lake: str, provider: str, dataset_type: str, bucket: str = _DEFAULT_BUCKET) -> str:
    """Return the URI of all datasets of one provider and dataset type. Nothing is opened.

    Example::

        from ingestify import asset_uri

        assert asset_uri("club", "statsbomb", "match") == "ingestify://club/statsbomb/match"

    Args:
        lake: The name of the lake (`main.name` of the settings), or its id.
        provider: The provider's name.
        dataset_type: The dataset type.
        bucket: The part of the lake. Any other one than `main` is in the URI, as `?bucket=women`.

    Raises:
        ConfigurationError: The lake's name has characters that a host in a URI has not.
    """
    return f"{asset_namespace(lake)}/{asset_name(provider, dataset_type, bucket)}"


def asset_namespace(lake: str) -> str:
    """Return the part of the URI that all data of a lake has: `ingestify://club`. Raises the same as `asset_uri`."""
    if not re.fullmatch(LAKE_NAME, lake):
        raise ConfigurationError(
            f"The lake's name is {lake!r:.120}; write up to 100 lower-case letters, digits, and _ . -, such as club."
        )
    return f"ingestify://{lake}"


def asset_name(provider: str, dataset_type: str, bucket: str = _DEFAULT_BUCKET) -> str:
    """Return the part of the URI after the lake: `statsbomb/match`. Characters that a URI reserves are encoded."""
    path = "/".join(urllib.parse.quote(part, safe="") for part in (provider, dataset_type))
    return path if bucket == _DEFAULT_BUCKET else f"{path}?{urllib.parse.urlencode({'bucket': bucket})}"
