"""Which data feeds are wanted, and in which versions."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from ingestify.errors import ConfigurationError

__all__ = ["DEFAULT_FEED", "DataSpecVersionCollection", "HasFileId", "file_id"]

DEFAULT_FEED = "default"
"""The key that gives the version of every feed that is not named."""


def file_id(data_feed_key: str, data_spec_version: str) -> str:
    """Return the id of a file within its dataset: `events__v8`."""
    return f"{data_feed_key}__{data_spec_version}"


class HasFileId:
    """A file of a feed in a version."""

    __slots__ = ()

    data_feed_key: str
    data_spec_version: str

    @property
    def file_id(self) -> str:
        """`{data_feed_key}__{data_spec_version}`, unique within a dataset."""
        # As `file_id` writes it. Several are needed for each file of a run, and a call would take twice as long.
        return f"{self.data_feed_key}__{self.data_spec_version}"


class DataSpecVersionCollection(Mapping[str, tuple[str, ...]]):
    """Feed to its wanted versions: `{"match": "v6", "events": ["v8", "v9"]}`.

    Args:
        versions: Feed key to one version or several. `default` stands for every feed not named.
            None or an empty mapping means `{"default": "v1"}`.

    Raises:
        ConfigurationError: A feed has no version, or one that is not text.
    """

    __slots__ = ("_versions",)

    def __init__(self, versions: Mapping[str, str | Collection[str]] | None = None) -> None:
        self._versions: dict[str, tuple[str, ...]] = {}
        for feed, wanted in (versions or {DEFAULT_FEED: "v1"}).items():
            # A set has another order in each process.
            unordered = sorted(wanted) if isinstance(wanted, (set, frozenset)) else wanted
            several = (
                (wanted,) if isinstance(wanted, str) else tuple(unordered if isinstance(wanted, Collection) else ())
            )
            if not several or not all(isinstance(version, str) and version for version in several):
                raise ConfigurationError(
                    f"data_spec_versions: '{feed}' has {wanted!r}; write a version such as v1, or a list of them."
                )
            self._versions[str(feed)] = tuple(dict.fromkeys(several))

    @classmethod
    def from_dict(cls, versions: Mapping[str, str | Collection[str]] | None) -> DataSpecVersionCollection:
        """Return the collection that `versions` describes; the same as calling the class."""
        return cls(versions)

    def versions_of(self, feed: str) -> tuple[str, ...]:
        """Return the wanted versions of `feed`, those of `default` if it is not named, or ()."""
        return self._versions.get(feed) or self._versions.get(DEFAULT_FEED, ())

    def get_version(self, feed: str, default: str | None = None) -> str | None:
        """Return the one wanted version of `feed`; `default` if the feed is not wanted.

        Raises:
            ConfigurationError: The feed is wanted in more than one version.
        """
        versions = self.versions_of(feed)
        if not versions:
            return default
        if len(versions) != 1:
            raise ConfigurationError(
                f"data_spec_versions wants {len(versions)} versions of '{feed}'; this source needs exactly one."
            )
        return versions[0]

    def as_dict(self) -> dict[str, list[str]]:
        """Return a plain dict of lists, as JSON stores it."""
        return {feed: list(versions) for feed, versions in self._versions.items()}

    def __getitem__(self, feed: str) -> tuple[str, ...]:
        return self._versions[feed]

    def __iter__(self) -> Iterator[str]:
        return iter(self._versions)

    def __len__(self) -> int:
        return len(self._versions)

    def __repr__(self) -> str:
        return f"DataSpecVersionCollection({self.as_dict()!r})"
