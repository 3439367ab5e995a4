"""Transformations, which spread the values of an identifier key over folders: a level above the key's own.

The row of a file has its path. So a changed transformation is for new files only: an old file stays where it is, and is
read, verified and deleted there.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Protocol, runtime_checkable

from ingestify.errors import ConfigurationError
from ingestify.masking import mask_text

__all__ = [
    "BucketTransformation",
    "CustomTransformation",
    "HashBucketTransformation",
    "KeyTransformation",
    "PrefixTransformation",
]


@runtime_checkable
class KeyTransformation(Protocol):
    """Adds a folder level above one identifier key, so that no folder holds a million others.

    One object serves all threads: each worker calls `transform` when it publishes a dataset.
    """

    name: str
    """The ending of the added level's name: `bucket` makes `match_id_bucket=…`. Letters, digits, `_` and `-`."""

    def transform(self, value: str) -> str:
        """Return the value of the added level.

        Every text must have a value, and the same one on every machine, so that a dataset's files lie together. The
        value is encoded and, if it is long, cut like any other part of a path.

        Args:
            value: The canonical text of the key's value: `12` for 12 and for "12", `true` for True.
        """


class BucketTransformation:
    """Numbers by ranges: with a size of 1,000, 12 lies in `match_id_bucket=0-999`.

    Args:
        bucket_size: How many numbers a range holds.
    """

    name = "bucket"

    def __init__(self, bucket_size: int) -> None:
        self.bucket_size = _at_least_one("bucket_size", bucket_size)

    def transform(self, value: str) -> str:
        """Return the range that `value` lies in; `other` if it is no whole number of up to 30 digits."""
        if not re.fullmatch(r"-?[0-9]{1,30}", value):
            return "other"
        start = int(value) // self.bucket_size * self.bucket_size
        return f"{start}-{start + self.bucket_size - 1}"


class HashBucketTransformation:
    """Values of any kind evenly into a number of folders: of 100, `arsenal` lies in `keyword_bucket=36`.

    The number is that of the first 8 bytes of the value's SHA-256 (as UTF-8, NFC), read as a big-endian whole number,
    modulo the count; with zeros before it, so that all names are equally long and sort as numbers do.

    Args:
        bucket_count: How many folders there are.
    """

    name = "bucket"

    def __init__(self, bucket_count: int) -> None:
        self.bucket_count = _at_least_one("bucket_count", bucket_count)
        self._digits = len(str(self.bucket_count - 1))

    def transform(self, value: str) -> str:
        """Return the number of the folder, from 0."""
        # Not hash(): its value for a text differs between processes.
        text = unicodedata.normalize("NFC", value).encode("utf-8", "surrogatepass")
        number = int.from_bytes(hashlib.sha256(text).digest()[:8], "big") % self.bucket_count
        return f"{number:0{self._digits}d}"


class PrefixTransformation:
    """Texts by their first characters: with a length of 2, `arsenal` lies in `keyword_prefix=ar`.

    Args:
        prefix_length: How many characters (code points of NFC, not bytes) name the folder.
    """

    name = "prefix"

    def __init__(self, prefix_length: int) -> None:
        self.prefix_length = _at_least_one("prefix_length", prefix_length)

    def transform(self, value: str) -> str:
        """Return the first characters of `value`; all of it if it has no more."""
        return unicodedata.normalize("NFC", value)[: self.prefix_length]


class CustomTransformation:
    """A user's own transformation, whose results are checked.

    Args:
        transformation: The object that was made from a dotted path.
        type_name: The dotted path, for messages.
        where: The key of the transformation, for messages: `statsbomb/match/match_id`.

    Raises:
        ConfigurationError: The object is no transformation, or its name cannot be part of a path.
    """

    def __init__(self, transformation: object, type_name: str, where: str) -> None:
        self._called = f"The transformation '{type_name}' of {where}"
        if not isinstance(transformation, KeyTransformation) or not callable(transformation.transform):
            raise ConfigurationError(
                f"{self._called} is of the type {type(transformation).__name__}; it must have a name, such as "
                f"'decade', and a method transform(value) that returns text."
            )
        name = transformation.name
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", name):
            raise ConfigurationError(
                f"{self._called} has the name {name!r}, which is added to the key's in paths; "
                f"use up to 40 letters, digits, _ and -."
            )
        self.name = name
        self._transformation = transformation

    def transform(self, value: str) -> str:
        """Return the transformed value.

        Raises:
            ConfigurationError: The transformation raised, or returned something else than text. Only the dataset with
                this value fails.
        """
        try:
            made: object = self._transformation.transform(value)
        except Exception as error:
            raise ConfigurationError(
                f"{self._called} raised {type(error).__name__} for the value '{value}': {mask_text(str(error))}. It "
                f"must return text for every value that the source may have."
            ) from error
        if not isinstance(made, str):
            raise ConfigurationError(
                f"{self._called} returned a {type(made).__name__} for the value '{value}'; it must return text."
            )
        return made


def _at_least_one(option: str, number: int) -> int:
    if number < 1:
        raise ConfigurationError(f"{option}: {number} is not 1 or more.")
    return number
