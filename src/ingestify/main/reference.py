"""What another process needs to open the same lake: no open connection, and no secret."""

from __future__ import annotations

import dataclasses
import os
import re
import threading
from collections.abc import Mapping
from typing import Any

from ingestify.config.locations import resolve_url
from ingestify.main.opening import open_datastore
from ingestify.main.place import Place
from ingestify.masking import mask_text, mask_url
from ingestify.store.dataset_store import DatasetStore
from ingestify.vaults.url import is_vault_url

__all__ = ["LakeReference", "reference_of"]

_opened: dict[tuple[int, LakeReference], DatasetStore] = {}
_lock = threading.Lock()

_USER_NAME = re.compile(r"(?<=://)([^:/?#@]+)@(?=[^@]*$)")
"""A user name that stands alone, as where the server trusts the host, or the password is in a file of its own."""


@dataclasses.dataclass(frozen=True, slots=True)
class LakeReference:
    """The config file or the URLs of a lake, without secrets.

    Attributes:
        config: The absolute path of a config.yaml, which the other process reads; empty: the URLs name the lake.
    """

    config: str
    metadata_url: str
    file_url: str
    bucket: str

    def open(self) -> DatasetStore:
        """Return the lake. A process opens it once; a process that was forked opens it anew.

        Raises:
            ConfigurationError: The config file is not there, or says something else by now.
        """
        key = os.getpid(), self
        with _lock:
            if key not in _opened:
                place = (
                    Place.of_config(self.config)
                    if self.config
                    else Place(metadata_url=self.metadata_url, file_url=self.file_url)
                )
                store = open_datastore(place, self.bucket)
                store.reference = self
                _opened[key] = store
            return _opened[key]


def reference_of(place: Place, bucket: str, file_options: Mapping[str, Any] | None) -> LakeReference | str:
    """Return the reference of a lake, or why it has none."""
    if place.config is not None:
        return LakeReference(str(place.config.absolute()), "", "", bucket)
    if file_options:
        return "its file_options, which may hold secrets, were given in Python"
    urls = [url if is_vault_url(url) else resolve_url(url, place.base) for url in (place.metadata_url, place.file_url)]
    # A database's user name is no secret. In the URL of an object store, it may be a key.
    shown = [_USER_NAME.sub(lambda found: "" if mask_text(found[1]) == found[1] else found[0], urls[0]), urls[1]]
    if any(mask_url(url) != url for url in shown):
        return "its URL has a password or another secret"
    return LakeReference("", urls[0], urls[1], bucket)
