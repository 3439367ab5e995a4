"""A format: the feeds of a provider's datasets of one type, and the argument of kloppy for each feed."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable

import msgspec

from ingestify.domain.bundle import BundleType, is_named
from ingestify.domain.bundle_check import BundleCheck

__all__ = ["FormatFeed", "ProviderFormat"]


class FormatFeed(msgspec.Struct, frozen=True):
    """One feed of a format.

    Attributes:
        name: The feed's name in a dataset, which is the provider's own if there is one: `f24`, `ma3`.
        argument: kloppy's parameter for the feed.
        is_optional: Whether kloppy can read a dataset without the feed.
        other_name: Another feed that kloppy reads in its place.
        has_parts: Whether the feed may come in several files: `ball-1-1`, `ball-1-2`, … instead of `ball`.
        needs_path: Whether kloppy needs a path, because it uses the suffix of the file's name.
        mark: A regular expression that each file of the feed matches; empty: the file is not checked.
        match_id: A regular expression whose group is the provider's id of the match; empty: the file has none.
    """

    name: str
    argument: str
    is_optional: bool = False
    other_name: str = ""
    has_parts: bool = False
    needs_path: bool = False
    mark: str = ""
    match_id: str = ""

    @property
    def wanted(self) -> str:
        """The text for this feed in the required feeds of a `BundleType`."""
        parts = f"{self.name}-*" if self.has_parts else ""
        return "|".join(one for one in (self.name, self.other_name, parts) if one)

    def find_names(self, feeds: Iterable[str]) -> list[str]:
        """Return the names of this feed in a dataset, with parts in their order: `ball-1-2` before `ball-1-10`."""
        names = sorted((one for one in dict.fromkeys(feeds) if is_named(one, self.wanted)), key=_numbers_as_such)
        return names if self.has_parts else sorted(names, key=lambda one: one != self.name)[:1]

    def part_of(self, feed: str) -> str:
        """Return `1-10` for the part `ball-1-10`; empty for a feed in one file."""
        return feed.removeprefix(self.name).removeprefix("-")


@dataclasses.dataclass(frozen=True, slots=True)
class ProviderFormat:
    """Datasets of one type in the format of one provider.

    Attributes:
        name: The value of a source's setting `loader`, such as `opta`.
        dataset_type: The type of the datasets.
        function: kloppy's function, without the package's name: `opta.load`.
        feeds: The feeds.
        checks: The bundle checks beside that of `agreement`.
        bundle_types: One bundle type; a tuple, as a source has it.
    """

    name: str
    dataset_type: str
    function: str
    feeds: tuple[FormatFeed, ...]
    checks: tuple[type[BundleCheck], ...] = ()
    bundle_types: tuple[BundleType] = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        requires = tuple(feed.wanted for feed in self.feeds if not feed.is_optional)
        optional = tuple(feed.wanted for feed in self.feeds if feed.is_optional)
        object.__setattr__(self, "bundle_types", (BundleType(self.dataset_type, requires, optional),))

    @property
    def bundle_type(self) -> BundleType:
        """The feeds of a complete dataset."""
        return self.bundle_types[0]


def _numbers_as_such(text: str) -> list[tuple[int, str]]:
    return [(int(one), "") if one.isdigit() else (-1, one) for one in re.split(r"([0-9]+)", text)]
