"""A format: the feeds of a provider's datasets of one type, and which argument of kloppy each of them is."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable

from ingestify.domain.bundle import BundleType, is_named
from ingestify.domain.bundle_check import BundleCheck

__all__ = ["FormatFeed", "ProviderFormat"]


@dataclasses.dataclass(frozen=True, slots=True)
class FormatFeed:
    """One feed of a format.

    Attributes:
        name: What the feed is called in a dataset, in the provider's words where it has some: `f24`, `ma3`.
        argument: kloppy's parameter for it.
        is_optional: Whether kloppy reads a dataset without it.
        other_name: Another feed that kloppy reads in its place.
        has_parts: Whether it may come in several files, one after the other: `ball-1-1`, `ball-1-2`, … beside `ball`.
        needs_path: Whether kloppy takes no stream, because it looks at the ending of a file's name.
        mark: A regular expression of what each such file holds; empty: nothing can be said of it.
        match_id: A regular expression whose group is the provider's identifier of the match; empty: it does not say.
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
        """What stands for it in the feeds that a `BundleType` requires."""
        parts = f"{self.name}-*" if self.has_parts else ""
        return "|".join(one for one in (self.name, self.other_name, parts) if one)

    def find_names(self, feeds: Iterable[str]) -> list[str]:
        """Return which of a dataset's feeds are this one, parts in their order: `ball-1-2` before `ball-1-10`."""
        names = sorted((one for one in dict.fromkeys(feeds) if is_named(one, self.wanted)), key=_numbers_as_such)
        return names if self.has_parts else sorted(names, key=lambda one: one != self.name)[:1]

    def part_of(self, feed: str) -> str:
        """Return `1-10` for the part `ball-1-10`; empty for the feed that comes in one file."""
        return feed.removeprefix(self.name).removeprefix("-")


@dataclasses.dataclass(frozen=True, slots=True)
class ProviderFormat:
    """Datasets of one type in the format of one provider.

    Attributes:
        name: What `loader:` of a source says, such as `opta`.
        function: kloppy's function, below its package: `opta.load`.
        checks: What must hold between its files besides what `agreement` says.
        bundle_types: Its only one, for whom a source declares several.
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
        """What a complete dataset holds."""
        return self.bundle_types[0]


def _numbers_as_such(text: str) -> list[tuple[int, str]]:
    return [(int(one), "") if one.isdigit() else (-1, one) for one in re.split(r"([0-9]+)", text)]
