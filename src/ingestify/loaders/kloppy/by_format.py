"""Loads the datasets of a format by the table of formats, which says which feed is which argument of kloppy."""

from __future__ import annotations

import importlib
import inspect
import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ingestify.loaders.kloppy.files import FeedFiles, OpenedFile
from ingestify.provider_formats.provider_format import FormatFeed, ProviderFormat
from ingestify.suggestion import did_you_mean

if TYPE_CHECKING:
    from kloppy.domain import Dataset as KloppyDataset

__all__ = ["FormatLoader"]


class FormatLoader(msgspec.Struct, frozen=True):
    """Loads datasets of one format with kloppy. A `files.Loader`."""

    format: ProviderFormat

    def __call__(self, files: FeedFiles, kwargs: Mapping[str, Any]) -> KloppyDataset:
        """Return an EventDataset or a TrackingDataset.

        Args:
            files: The files of the dataset.
            kwargs: Arguments for kloppy. `three_sixty=False` leaves out the optional file `three_sixty_data`; the same
                holds for each optional file.

        Raises:
            LoadError: A feed that kloppy needs is missing.
            TypeError: kloppy's function does not take one of the arguments.
        """
        module, _, function = self.format.function.partition(".")
        load = getattr(importlib.import_module(f"kloppy.{module}"), function)  # heavy and optional
        optional = {_switch(feed) for feed in self.format.feeds if feed.is_optional}
        self._refuse_unknown(load, kwargs, optional)
        with tempfile.TemporaryDirectory(prefix="ingestify-") as folder:
            switches = {name: kwargs[name] for name in optional if isinstance(kwargs.get(name), bool)}
            options = {name: value for name, value in kwargs.items() if name not in switches}
            arguments = {
                feed.argument: _argument(feed, files, Path(folder))
                for feed in self.format.feeds
                if switches.get(_switch(feed), True)
            }
            # A missing optional file is no argument at all: the defaults of kloppy's functions differ.
            return load(**{name: value for name, value in arguments.items() if value is not None}, **options)

    def _refuse_unknown(self, load: Callable[..., Any], kwargs: Mapping[str, Any], switches: Collection[str]) -> None:
        """Raise a TypeError with a suggestion for a misspelt argument; kloppy's own error names no function."""
        parameters = inspect.signature(load).parameters
        if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values()):
            return
        known = sorted({*parameters, *switches} - {feed.argument for feed in self.format.feeds})
        unknown = next((name for name in kwargs if name not in parameters and name not in switches), None)
        if unknown is not None:
            raise TypeError(
                f"kloppy.{self.format.function}() got an unexpected keyword argument '{unknown}'"
                f"{did_you_mean(unknown, known) or '.'} It takes {', '.join(known)}."
            )


def _switch(feed: FormatFeed) -> str:
    """Return the keyword with which a caller leaves out an optional feed."""
    return feed.argument.removesuffix("_data")


def _argument(feed: FormatFeed, files: FeedFiles, folder: Path) -> Any:
    names = feed.find_names(files.feeds)
    if not names and feed.is_optional:
        return None
    opened = [files.require_file(name) for name in names or [feed.name]]
    if feed.has_parts:
        from kloppy.io import Source  # kloppy would read a stream in a list as a list of lines

        return [Source(data=file.stream) for file in opened]
    return _as_path(opened[0], folder / feed.name) if feed.needs_path else opened[0].stream


def _as_path(file: OpenedFile, path: Path) -> str:
    """Copy a file, and return the path of the copy, whose suffix is .xml or .json."""
    with path.open("wb") as copy:
        shutil.copyfileobj(file.stream, copy)
    with path.open("rb") as copy:
        is_xml = copy.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
    return str(path.rename(path.with_suffix(".xml" if is_xml else ".json")))
