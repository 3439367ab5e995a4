"""A bundle check that looks at the records of one feed as a data frame."""

from __future__ import annotations

import abc
import functools
import importlib.util
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar

from ingestify.domain.bundle_check import Bundle, BundleCheck, BundleFile
from ingestify.errors import ConfigurationError, LoadError, MissingExtraError
from ingestify.sources.registry import LaterImport

__all__ = ["FrameCheck", "named_row", "shown_text", "shown_value"]

_MOST_CHARACTERS = 60


class FrameCheck(BundleCheck):
    """A check of the records of one feed, as a data frame. Subclass it to validate frames with another package.

    Args:
        feed: The feed, such as `events`. Its file in the highest version is checked.
        given: What it is validated with, or the dotted path of that, such as `my_schemas:Events`.
        required: Whether a bundle without the feed has a problem. Otherwise nothing is checked there.
        records: Where the records are in JSON; see `BundleFile.to_polars`.
        encoding: The encoding of the text; see `BundleFile.to_polars`.
        transform: A function that gets the frame and returns the one to validate, or its dotted path; None: none.

    Attributes:
        package: The package that it needs.
        extra: The extra that brings the package.
        what: What is given, for an error.
    """

    package: ClassVar[str]
    extra: ClassVar[str]
    what: ClassVar[str]

    def __init__(
        self,
        feed: str,
        given: object,
        *,
        required: bool = False,
        records: str | None = None,
        encoding: str | None = None,
        transform: Callable[[Any], Any] | str | None = None,
    ) -> None:
        super().__init__(feed=feed, required=required, records=records, encoding=encoding, transform=transform)
        if not isinstance(feed, str) or not feed:
            raise ConfigurationError(f"{type(self).__name__}: the feed is {feed!r}; write its name, such as events.")
        self._feed = feed
        self._required = required
        self._how = (records, encoding)
        self._given = LaterImport(given, self.what) if isinstance(given, str) else given
        self._transform = (
            LaterImport(transform, "function that transforms a frame") if isinstance(transform, str) else transform
        )

    @property
    def name(self) -> str:
        """What it is called in reasons: its class and its feed."""
        return f"{type(self).__name__} of {self._feed}"

    def prepare(self) -> None:
        """Import the package and what it validates with.

        Raises:
            MissingExtraError: The package is not installed.
            ConfigurationError: What was given cannot be imported, or is something else.
        """
        if importlib.util.find_spec(self.package) is None:
            raise MissingExtraError(self.extra, f"The check {self.name}")
        self.load()
        self._transformation  # noqa: B018 - it is imported

    def looks_at(self, bundle: Bundle) -> bool:
        """Return whether the bundle has the feed, or has to have it."""
        return self._required or bundle.find_file(self._feed) is not None

    @abc.abstractmethod
    def load(self) -> object:
        """Return what it validates with. Called by several threads; it is imported at the first call."""

    @abc.abstractmethod
    def read_frame(self, file: BundleFile, records: str | None, encoding: str | None) -> Any:
        """Return the frame of the feed, before it is transformed."""

    @abc.abstractmethod
    def validate(self, frame: Any) -> Iterable[str]:
        """Return, or yield, the problems of a frame, each as a sentence."""

    def find_problems(self, bundle: Bundle) -> Iterable[str]:
        """Yield the problems of the feed, each as a sentence that begins with its name."""
        frame = self.find_frame(bundle)
        if frame is not None:
            yield from map(self.titled, self.validate(frame))
        elif self._required:
            yield f"there is no feed '{self._feed}', which {self.name} needs"

    def find_frame(self, bundle: Bundle) -> Any:
        """Return the frame that is validated; None: the bundle has no such feed.

        Raises:
            LoadError: The function that transforms the frame returned no frame.
        """
        file = bundle.find_file(self._feed)
        if file is None:
            return None
        self.prepare()
        frame = self.read_frame(file, *self._how)
        if self._transformation is None:
            return frame
        transformed = self._transformation(frame)
        if not isinstance(transformed, type(frame)):  # None would be no feed, and of a LazyFrame no row is checked
            raise LoadError(
                f"the function that transforms the frame returned {shown_text(type(transformed).__name__)}, and not a "
                f"DataFrame of the package of what it got"
            )
        return transformed

    def titled(self, problem: str) -> str:
        """Return a problem as a sentence that begins with the feed."""
        return f"{self._feed}: {problem}"

    @functools.cached_property
    def _transformation(self) -> Callable[[Any], Any] | None:
        given = self._transform
        found: Any = given.load() if isinstance(given, LaterImport) else given
        if found is not None and not callable(found):
            raise ConfigurationError(f"{self.name}: transform is {found!r}; it must be a function of a frame.")
        transformation: Callable[[Any], Any] | None = found
        return transformation

    def _load_given(self) -> Any:
        return self._given.load() if isinstance(self._given, LaterImport) else self._given

    def _path_of(self, name: str) -> Path:
        """Return the path of a file that is named beside the config file."""
        folder = self._given.folder if isinstance(self._given, LaterImport) else None
        return Path(folder or ".", name)


def shown_text(text: object) -> str:
    """Return a text for a sentence; the end of a long one is left out."""
    shown = str(text)
    return shown if len(shown) <= _MOST_CHARACTERS else f"{shown[:_MOST_CHARACTERS]}…"


def shown_value(value: object) -> str:
    """Return a value for a sentence, as Python writes it."""
    is_of_numpy = hasattr(value, "item") and not hasattr(value, "__len__")
    return shown_text(repr(value.item() if is_of_numpy else value))  # type: ignore[attr-defined]


def named_row(number: object, ids: Callable[[Any], object]) -> str:
    """Return which row it is: its number, counted from 0, and its id if it has one.

    Args:
        number: The number.
        ids: Returns the id of a row by its number; None: it has none.
    """
    try:
        row_id = ids(number)
    except Exception:  # noqa: BLE001 - a transformed frame may have another index, or no such column
        row_id = None
    return f"row {number}" if row_id is None else f"row {number} (id {shown_value(row_id)})"
