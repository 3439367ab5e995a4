"""The profile of a file: what can be counted in it, and compared with other files of its kind."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping

__all__ = ["FileProfile", "peers_of"]


@dataclasses.dataclass(frozen=True, slots=True)
class FileProfile:
    """What can be counted in a file.

    Attributes:
        file_id: `{data_feed_key}__{data_spec_version}`.
        size: The provider's bytes.
        rows: How many records it has; None: its format has none, or it is too large to be read for this.
        nulls: The name of each column to the number of records without a value in it.
    """

    file_id: str
    size: int
    rows: int | None = None
    nulls: Mapping[str, int] = dataclasses.field(default_factory=dict)


def peers_of(bucket: str, provider: str, dataset_type: str, selector: str) -> str:
    """Return a text that is the same for the datasets that are compared with each other: those of one selector.

    Args:
        bucket: The bucket of the datasets.
        provider: Their provider.
        dataset_type: Their type.
        selector: The canonical text of their selector, such as a competition and a season.
    """
    return hashlib.sha256(json.dumps([bucket, provider, dataset_type, selector]).encode()).hexdigest()
