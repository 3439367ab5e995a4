"""The paths of objects, in Hive style. Nothing that a provider sends can make a path outside its bucket.

`{bucket}/provider={p}/dataset_type={t}/{key}={value}/…/{feed}__{version}.{hash}.{format}{compression}`

Two texts never share a path, even on a file system that does not distinguish `a` and `A`, or the two forms of `é`. Rows
keep the path of each object, so a lake loses nothing when this module changes.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import unicodedata
import urllib.parse
from collections.abc import Mapping

from ingestify.domain.identifier import Identifier, canonical_value
from ingestify.errors import StoreError
from ingestify.store.objects.compression import suffix
from ingestify.store.objects.transformations import KeyTransformation

__all__ = [
    "Layout",
    "bucket_folders",
    "encode_component",
    "is_inside",
    "is_object_path",
    "require_inside",
]

MAX_VALUE_CHARACTERS = 40
"""A longer value is cut and given a hash, so that no path grows too long for a file system."""

MAX_ENCODED_BYTES = 110
"""An encoded value that is longer is cut too: `日` takes nine bytes, and a name may have 255 in all."""

MAX_FOLDER_BYTES = 700
"""With the longest object name, a path stays below the 1,024 bytes that S3 and the catalogue's column take."""

_FEED_BYTES = 80
_NO_NAMES = frozenset({"", ".", ".."})
_HASH_CHARACTERS = 32

_HAS_CAPITAL = re.compile(r"[A-Z]")
# On Windows these are devices, whatever follows the first dot.
_DEVICE = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(?=\.|$)")


@functools.lru_cache(maxsize=4096)  # successive paths share most of their parts
def encode_component(text: str, max_bytes: int = MAX_ENCODED_BYTES) -> str:
    """Return `text` as one safe part of a path, different from that of any other text: `events`, `DFL-1~0a1b…`.

    Small letters, digits, `-`, `_` and `.` stay, and everything else is percent-encoded. A text of more than 40
    characters is cut and gets a hash. A text with a capital letter gets a hash too: on a file system that ignores case
    `match_id=a` and `match_id=A` would otherwise be one folder. In a name that a file system reserves (`.`, `..`, a
    leading or trailing dot, `nul.txt`) the first or last character is encoded too. An encoded text of more than
    `max_bytes` is cut.
    """
    encoded = _quote(text)
    if len(text) > MAX_VALUE_CHARACTERS or len(encoded) > max_bytes or _HAS_CAPITAL.search(text):
        ending = f"~{_digest(text)[:16]}"
        kept = text[:MAX_VALUE_CHARACTERS]
        while len(_quote(kept)) > max_bytes - len(ending):
            kept = kept[:-1]
        encoded = f"{_quote(kept)}{ending}"
    if encoded.startswith(".") or _DEVICE.match(encoded):
        encoded = f"%{ord(encoded[0]):02X}{encoded[1:]}"
    if encoded.endswith("."):
        encoded = encoded[:-1] + "%2E"
    return encoded or "%"  # no other text is encoded so


def _quote(text: str) -> str:
    # A ~ in the text is encoded, so that no text looks like the cut form of another.
    return urllib.parse.quote(text, safe="", errors="surrogatepass").replace("~", "%7E")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def require_inside(bucket: str, path: str) -> str:
    """Return `path` if it lies in the folder of `bucket`: a second check before anything is written.

    Raises:
        StoreError: It does not lie there.
    """
    first, *others = path.split("/")
    if first != encode_component(bucket) or not others or not is_inside(path) or "\\" in path:
        raise StoreError(f"The path {path!r} is outside its bucket '{bucket}'; nothing was written to it.")
    return path


def is_inside(path: str) -> bool:
    """Whether a path stays below the lake's root. The published package wrote backslashes, as parts of names."""
    separates = os.sep == "\\" and "\\" in path
    return not separates and "\0" not in path and _NO_NAMES.isdisjoint(path.split("/"))


_ADOPTED_PATH = re.compile(r"[^/]+/provider=.*/dataset_type=.*/[0-9]+/[^/]+__[^/]+\.[^/]+\.gz", re.DOTALL)

_OBJECT_PATH = re.compile(
    rf"[^/]+/provider=[^/]+/dataset_type=[^/]+/(?:[^/]+/)*[^/]+__[^/]+\.[0-9a-f]{{{_HASH_CHARACTERS}}}\.[^/]+"
)


def is_object_path(path: str, *, is_adopted: bool = False) -> bool:
    """Whether any version of this layout may have made a path; in an adopted lake, also the published package.

    Before 0.14 of that package, a value with a slash made two levels.
    """
    return _OBJECT_PATH.fullmatch(path) is not None or (is_adopted and _ADOPTED_PATH.fullmatch(path) is not None)


def bucket_folders(bucket: str) -> set[str]:
    """Return the folders, without a slash, of a bucket's objects, of all releases and of adopted lakes."""
    return {encode_component(bucket), _encoded_by_the_first_release(bucket), *_adopted_folders(bucket)}


def _adopted_folders(bucket: str) -> set[str]:
    """Return the folders of a bucket in lakes of the published package: as it is; from its version 0.14 on, encoded."""
    encoded = urllib.parse.quote(bucket, safe="", errors="surrogatepass")
    if len(encoded) > MAX_VALUE_CHARACTERS:
        digest = hashlib.md5(bucket.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
        encoded = f"{encoded[:MAX_VALUE_CHARACTERS]}_{digest[:8]}"
    return {one for one in (bucket, encoded) if "/" not in one and one not in (".", "..")}


def _encoded_by_the_first_release(text: str) -> str:
    text = unicodedata.normalize("NFC", text)
    encoded = urllib.parse.quote(text, safe="", errors="surrogatepass")
    if len(text) > MAX_VALUE_CHARACTERS or len(encoded) > MAX_ENCODED_BYTES:
        kept = text[:MAX_VALUE_CHARACTERS]
        quoted = urllib.parse.quote(kept, safe="", errors="surrogatepass")
        while len(quoted) > MAX_ENCODED_BYTES - 13:
            kept = kept[:-1]
            quoted = urllib.parse.quote(kept, safe="", errors="surrogatepass")
        encoded = f"{quoted}~{_digest(text)[:12]}"
    if encoded.startswith("."):
        encoded = "%2E" + encoded[1:]
    if encoded.endswith("."):
        encoded = encoded[:-1] + "%2E"
    return encoded or "%"


TransformationKey = tuple[str, str, str]


class Layout:
    """Makes the paths of objects.

    Args:
        transformations: (provider, dataset type, identifier key) to its transformation. A changed transformation
            loses no file: rows keep the path of each object.
    """

    def __init__(self, transformations: Mapping[TransformationKey, KeyTransformation] | None = None) -> None:
        self._transformations = dict(transformations or {})

    def folder(self, bucket: str, provider: str, dataset_type: str, identifier: Identifier) -> str:
        """Return the folder of a dataset, below the lake's root, without a slash at its end."""
        root = [
            encode_component(bucket),
            f"provider={encode_component(provider)}",
            f"dataset_type={encode_component(dataset_type)}",
        ]
        own = {key: self._transformations.get((provider, dataset_type, key)) for key in identifier}
        added = {f"{key}_{one.name}" for key, one in own.items() if one is not None}
        levels = []
        for key, transformation in own.items():
            value = canonical_value(identifier[key], key)
            if transformation is not None:
                level = encode_component(transformation.transform(value))
                levels.append(f"{encode_component(key)}_{encode_component(transformation.name)}={level}")
            name = encode_component(key)
            if key in added:  # an identifier key with the name of an added level
                name = name.replace("_", "%5F")
            levels.append(f"{name}={encode_component(value)}")
        return "/".join([*root, *_shortened(levels, MAX_FOLDER_BYTES - len("/".join(root)))])

    def file_name(
        self, data_feed_key: str, data_spec_version: str, tag: str, serialization_format: str, compression_method: str
    ) -> str:
        """Return an object's name, with the content's hash and without a revision number."""
        feed = f"{encode_component(data_feed_key, _FEED_BYTES)}__{encode_component(data_spec_version, _FEED_BYTES)}"
        ending = encode_component(serialization_format.lower(), _FEED_BYTES // 2)
        return f"{feed}.{tag[:_HASH_CHARACTERS]}.{ending}{suffix(compression_method)}"


def _shortened(levels: list[str], most_bytes: int) -> list[str]:
    """Return the levels of a folder; if there are too many, the last ones become one level of `~` and a hash."""
    if sum(len(level) + 1 for level in levels) <= most_bytes:
        return levels
    room = most_bytes - _HASH_CHARACTERS - 2
    kept: list[str] = []
    for level in levels:
        room -= len(level) + 1
        if room < 0:
            break
        kept.append(level)
    return [*kept, f"~{_digest('/'.join(levels))[:_HASH_CHARACTERS]}"]
