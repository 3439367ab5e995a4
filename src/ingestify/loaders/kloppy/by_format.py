"""Loads the datasets of a format as the table of formats says: which feed is which of kloppy's arguments."""

from __future__ import annotations

import dataclasses
import importlib
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ingestify.loaders.kloppy.files import FeedFiles, OpenedFile
from ingestify.provider_formats.provider_format import FormatFeed, ProviderFormat

__all__ = ["FormatLoader"]


@dataclasses.dataclass(frozen=True, slots=True)
class FormatLoader:
    """Makes kloppy's objects of datasets in one format; a `files.Loader`."""

    format: ProviderFormat

    def __call__(self, files: FeedFiles, kwargs: Mapping[str, Any]) -> Any:
        """Return an EventDataset or a TrackingDataset.

        Raises:
            LoadError: A feed that kloppy needs is not there.
        """
        module, _, function = self.format.function.partition(".")
        load = getattr(importlib.import_module(f"kloppy.{module}"), function)  # heavy and optional
        with tempfile.TemporaryDirectory(prefix="ingestify-") as folder:
            arguments = {feed.argument: _argument(feed, files, Path(folder)) for feed in self.format.feeds}
            # What is optional is so in kloppy, too; but not in each of its functions by the same default.
            return load(**{name: value for name, value in arguments.items() if value is not None}, **kwargs)


def _argument(feed: FormatFeed, files: FeedFiles, folder: Path) -> Any:
    names = feed.find_names(files.feeds)
    if not names and feed.is_optional:
        return None
    opened = [files.get_file(name) for name in names or [feed.name]]
    if feed.has_parts:
        from kloppy.io import Source  # because it takes a stream in a list for a list of its lines

        return [Source(data=file.stream) for file in opened]
    return _as_path(opened[0], folder / feed.name) if feed.needs_path else opened[0].stream


def _as_path(file: OpenedFile, path: Path) -> str:
    """Return the path of a copy whose ending says what it is."""
    with path.open("wb") as copy:
        shutil.copyfileobj(file.stream, copy)
    with path.open("rb") as copy:
        is_xml = copy.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
    return str(path.rename(path.with_suffix(".xml" if is_xml else ".json")))
