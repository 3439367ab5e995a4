"""How the values of an identifier key are spread over folders."""

from __future__ import annotations

import re
from typing import Protocol

from ingestify.errors import ConfigurationError

__all__ = ["BucketTransformation", "KeyTransformation", "PrefixTransformation"]


class KeyTransformation(Protocol):
    """Adds a folder level above one identifier key, so that no folder holds a million others."""

    name: str
    """What is added to the key's name: `bucket` makes `match_id_bucket=…`."""

    def transform(self, value: str) -> str:
        """Return the value of the added level."""


class BucketTransformation:
    """Numbers by ranges: with a size of 1,000, 12 lies in `match_id_bucket=0-999`.

    Args:
        bucket_size: How many numbers a range holds.
    """

    name = "bucket"

    def __init__(self, bucket_size: int) -> None:
        if bucket_size < 1:
            raise ConfigurationError(f"bucket_size: {bucket_size} is not 1 or more.")
        self.bucket_size = bucket_size

    def transform(self, value: str) -> str:
        """Return the range that `value` lies in; text that is no integer lies in `other`."""
        if not re.fullmatch(r"-?[0-9]{1,30}", value):
            return "other"
        start = int(value) // self.bucket_size * self.bucket_size
        return f"{start}-{start + self.bucket_size - 1}"


class PrefixTransformation:
    """Text by its first characters: with a length of 2, `arsenal` lies in `keyword_prefix=ar`."""

    name = "prefix"

    def __init__(self, prefix_length: int) -> None:
        if prefix_length < 1:
            raise ConfigurationError(f"prefix_length: {prefix_length} is not 1 or more.")
        self.prefix_length = prefix_length

    def transform(self, value: str) -> str:
        """Return the first characters of `value`."""
        return value[: self.prefix_length]
