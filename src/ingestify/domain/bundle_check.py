"""A bundle check: do the files of a dataset agree with each other?"""

from __future__ import annotations

import abc
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Protocol

from ingestify.domain.dataset import Dataset, DatasetState
from ingestify.domain.identifier import Identifier
from ingestify.domain.json_value import JsonValue
from ingestify.domain.profile import FileProfile

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = ["Bundle", "BundleCheck", "BundleFile"]


class BundleFile(Protocol):
    """One file of a bundle: new, or as the lake has it. It has every attribute of `File` too.

    Content that was read or parsed once is kept until the bundle is decided, so several checks cost one parse. The
    frames of a file of more than 64 MiB are not kept.
    """

    @property
    def data_feed_key(self) -> str:
        """The feed, such as `events`."""

    @property
    def data_spec_version(self) -> str:
        """The feed's version, such as `v8`."""

    @property
    def file_id(self) -> str:
        """`{data_feed_key}__{data_spec_version}`."""

    @property
    def size(self) -> int:
        """The provider's bytes."""

    @property
    def stream(self) -> BinaryIO:
        """A binary file object with the content, from its beginning; it can seek.

        It has the provider's bytes; but of gzip that is declared as JSON or another text, what is inside.
        """

    @property
    def is_new(self) -> bool:
        """Whether this run fetched it, and the lake has not got it."""

    def read(self) -> bytes:
        """Return the content, as `stream` has it."""

    def json(self) -> JsonValue:
        """Return the content as plain JSON values; parsed once, however many checks ask."""

    def json_as(self, shape: Any) -> Any:
        """Return the JSON content decoded into a msgspec type, such as `list[SomeStruct]`.

        This is much faster than `json()` if only some fields matter: the event ids of a match take 3 ms, not 35. A
        shape that the check names in `shapes` is decoded while the file arrives, and costs nothing here.

        Args:
            shape: The msgspec type.

        Raises:
            SourceError: The content has another shape; the message says where.
        """

    def to_polars(self, records: str | None = None, encoding: str | None = None, **options: Any) -> pl.DataFrame:
        """Return a polars DataFrame of a JSON, JSON Lines, CSV or TSV file, as `LoadedFile.to_polars` does later.

        It is made once, however many checks ask with the same arguments and no options. Each gets a copy of its own.

        Args:
            records: The dotted path of the records in JSON; None: they are looked for.
            encoding: The encoding of the text, such as `cp1252`; None: UTF-8, or what a byte order mark says.
            **options: Passed on to polars.

        Raises:
            MissingExtraError: polars is not installed.
            LoadError: The file has another format, or no such records.
        """

    def to_pandas(self, records: str | None = None, encoding: str | None = None, **options: Any) -> pd.DataFrame:
        """Return a pandas DataFrame; see `to_polars`. Nested objects become dotted columns.

        Raises:
            MissingExtraError: pandas is not installed.
            LoadError: The file has another format, or no such records.
        """


class Bundle(Protocol):
    """A dataset before its commit: the new files, and the unchanged files of the lake."""

    @property
    def provider(self) -> str:
        """The provider's name."""

    @property
    def dataset_type(self) -> str:
        """The type: `match`, `tracking`, …."""

    @property
    def loader(self) -> str:
        """The format that its source declares, such as `opta`; empty: that of its provider."""

    @property
    def identifier(self) -> Identifier:
        """What it is at the provider."""

    @property
    def name(self) -> str:
        """For people."""

    @property
    def metadata(self) -> Mapping[str, JsonValue]:
        """What the source says of it besides its files."""

    @property
    def state(self) -> DatasetState:
        """The state that it would be committed with."""

    @property
    def existing(self) -> Dataset | None:
        """The dataset in the lake; None if it is new."""

    @property
    def files(self) -> Mapping[str, BundleFile]:
        """File id to file."""

    @property
    def feeds(self) -> list[str]:
        """The feeds that are there."""

    def profile(self, file_id: str) -> FileProfile:
        """Return what can be counted in a file: its size, its records, and the columns without a value.

        The profile of a new file is kept with its revision.
        """

    def earlier_profiles(self, file_id: str) -> Sequence[FileProfile]:
        """Return the profiles of earlier revisions of a file, newest first: those of the revisions that have one."""

    def other_profiles(self, file_id: str) -> Sequence[FileProfile]:
        """Return the profile of the same file of each of the last datasets of the same competition that have one."""

    def find_file(self, data_feed_key: str) -> BundleFile | None:
        """Return the file of a feed in its highest version, or None."""

    def require_file(self, data_feed_key: str, data_spec_version: str | None = None) -> BundleFile:
        """Return the file of a feed; without a version, the highest there is.

        Raises:
            LoadError: There is none. A check that raises it rejects the bundle with that message.
        """

    def get_file(self, data_feed_key: str, data_spec_version: str | None = None) -> BundleFile:
        """The same as `require_file`."""


class BundleCheck(abc.ABC):
    """Subclass it to say what must hold between the files of a dataset before anybody sees them.

    If a check finds a problem, or raises an error, the bundle goes into quarantine: it is kept with the reasons, and
    readers do not see it. If the check has the mode `warn`, the bundle is published, and what the check found is kept
    with the revision as `warnings`. A check is used if one of these names it:

    - a source's `bundle_checks`, for the datasets of its provider;
    - the settings' `dataset_types: [{provider:, dataset_type:, checks: [my_package.MyCheck]}]`;
    - the entry point group `ingestify.checks`, by which a package adds a check to every lake.

    `find_problems` is called in threads, for several bundles at once: keep no state in it. A slow check
    (a kloppy load, a pandera suite) slows the bundles that changed, and nothing else.

    Attributes:
        provider: The provider whose datasets it is for; None: any.
        dataset_type: The dataset type it is for; None: any.
        mode: `reject` or `warn`: what its problems do.
        time_limit: After how many seconds it is not waited for any more. None: it is waited for, whatever it does;
            then it needs no thread of its own.
        compares_new_files: Whether it compares new files with earlier ones, so that it has nothing to look at in a lake
            as it is (`engine.check_quality`).
        shapes: Feed to a msgspec type that `find_problems` asks for with `file.json_as(shape)`: it is decoded in
            the one pass in which the file's JSON is checked.
        configuration: What the settings say beside its type.
    """

    provider: str | None = None
    dataset_type: str | None = None
    mode: Literal["reject", "warn"] = "reject"
    time_limit: float | None = 300.0
    compares_new_files: bool = False

    def __init__(self, **configuration: Any) -> None:
        self.configuration = configuration

    @property
    def name(self) -> str:
        """What it is called in reasons: the class's name."""
        return type(self).__name__

    @property
    def shapes(self) -> Mapping[str, Any]:
        """Feed to the msgspec type that this check decodes its JSON into; none by default."""
        return {}

    def is_for(self, provider: str, dataset_type: str) -> bool:
        """Return whether it is for the datasets of that kind."""
        return self.provider in (None, provider) and self.dataset_type in (None, dataset_type)

    def prepare(self) -> None:  # noqa: B027 - most checks need nothing
        """Import what the check needs. Called before a run fetches anything, and by `ingestify config check`.

        Raises:
            ConfigurationError: Something that the settings name cannot be imported. The run does not begin.
            MissingExtraError: A package is not installed. The run begins, and the check fails each of its datasets.
        """

    def looks_at(self, bundle: Bundle) -> bool:  # noqa: ARG002 - most checks look at every bundle
        """Return whether a bundle has what it looks at. If not, `engine.check_quality` does not count it as passed."""
        return True

    @abc.abstractmethod
    def find_problems(self, bundle: Bundle) -> Iterable[str]:
        """Return, or yield, the problems of a bundle, each as a sentence for people. None: the files agree.

        Called after each file was checked by itself, and only if a file changed.
        """
