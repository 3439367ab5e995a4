"""Where an object lies: Hive-style paths that nothing a provider sends can leave.

`{bucket}/provider={p}/dataset_type={t}/{key}={value}/…/{feed}__{version}.{hash}.{format}{compression}`
"""

from __future__ import annotations

import functools
import hashlib
import re
import unicodedata
import urllib.parse
from collections.abc import Mapping

from ingestify.domain.identifier import Identifier, canonical_value
from ingestify.store.compression import suffix
from ingestify.store.transformations import KeyTransformation

__all__ = ["Layout", "bucket_folders", "encode_component", "is_object_path"]

MAX_VALUE_CHARACTERS = 40
"""A longer value is cut and given a hash, so that no path grows too long for a file system."""

MAX_ENCODED_BYTES = 110
"""So is one that is longer than this once it is encoded: `日` is nine bytes then, and a name may have 255 in all."""

_FEED_BYTES = 80
_HASH_CHARACTERS = 32


@functools.lru_cache(maxsize=4096)  # most parts of a path are those of the path before
def encode_component(text: str, max_bytes: int = MAX_ENCODED_BYTES) -> str:
    """Return `text` as one safe part of a path: NFC, cut at 40 characters with a hash, percent-encoded.

    Letters, digits, `-`, `_`, `.` and `~` stay. A part that a file system reserves (`.`, `..`, a leading or trailing
    dot) has its dots encoded too.

    Args:
        max_bytes: The most that it may have once it is encoded; more is cut too.
    """
    text = unicodedata.normalize("NFC", text)
    encoded = _quote(text)
    if len(text) > MAX_VALUE_CHARACTERS or len(encoded) > max_bytes:
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
        kept = text[:MAX_VALUE_CHARACTERS]
        while len(_quote(kept)) > max_bytes - len(digest) - 1:
            kept = kept[:-1]
        encoded = f"{_quote(kept)}~{digest}"
    if encoded.startswith("."):
        encoded = "%2E" + encoded[1:]
    if encoded.endswith("."):
        encoded = encoded[:-1] + "%2E"
    return encoded or "%"  # which nothing else is encoded as


def _quote(text: str) -> str:
    return urllib.parse.quote(text, safe="", errors="surrogatepass")


_OBJECT_PATH = re.compile(
    rf"[^/]+/provider=[^/]+/dataset_type=[^/]+/(?:[^/]+/)*[^/]+__[^/]+\.[0-9a-f]{{{_HASH_CHARACTERS}}}\.[^/]+"
)


def is_object_path(path: str) -> bool:
    """Whether a path is one that this layout, of whatever version, may have made."""
    return _OBJECT_PATH.fullmatch(path) is not None


def bucket_folders(bucket: str) -> set[str]:
    """Return the folders, without a slash, that objects of a bucket may be in."""
    return {encode_component(bucket), _quote(unicodedata.normalize("NFC", bucket))}


TransformationKey = tuple[str, str, str]


class Layout:
    """Makes paths.

    Args:
        transformations: (provider, dataset type, identifier key) to its transformation. Changing one never
            loses a file: rows keep the path that each object was written to.
    """

    def __init__(self, transformations: Mapping[TransformationKey, KeyTransformation] | None = None) -> None:
        self._transformations = dict(transformations or {})

    def folder(self, bucket: str, provider: str, dataset_type: str, identifier: Identifier) -> str:
        """Return the folder of a dataset, below the lake's root, without a slash at its end."""
        parts = [
            encode_component(bucket),
            f"provider={encode_component(provider)}",
            f"dataset_type={encode_component(dataset_type)}",
        ]
        for key, raw in identifier.items():
            value = canonical_value(raw, key)
            transformation = self._transformations.get((provider, dataset_type, key))
            if transformation is not None:
                level = encode_component(transformation.transform(value))
                parts.append(f"{encode_component(key)}_{transformation.name}={level}")
            parts.append(f"{encode_component(key)}={encode_component(value)}")
        return "/".join(parts)

    def file_name(
        self, data_feed_key: str, data_spec_version: str, tag: str, serialization_format: str, compression_method: str
    ) -> str:
        """Return an object's name. It carries the content's hash, and never a revision number."""
        feed = f"{encode_component(data_feed_key, _FEED_BYTES)}__{encode_component(data_spec_version, _FEED_BYTES)}"
        ending = encode_component(serialization_format, _FEED_BYTES // 2).lower()
        return f"{feed}.{tag[:_HASH_CHARACTERS]}.{ending}{suffix(compression_method)}"
