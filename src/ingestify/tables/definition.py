"""A table: its name, the function that makes its rows, and the datasets that it is made of."""

from __future__ import annotations

import dataclasses
import importlib
import re
from collections.abc import Callable
from typing import Any

from ingestify.domain.dataset import Dataset
from ingestify.errors import ConfigurationError
from ingestify.plugins import find_plugin
from ingestify.provider_formats.built_in import LOADERS_GROUP, find_format

__all__ = ["TableDefinition"]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_TRACKING = "tracking"


@dataclasses.dataclass(frozen=True, slots=True)
class TableDefinition:
    """What a table is. It can be pickled.

    Attributes:
        name: Letters, digits and `_`, with a letter first.
        path: Where the function is that makes the rows: `package.module:function` or `package.module.function`.
        takes_input: Whether the function is built in and gets `(TableInput, TableDefinition)`. A user's function gets
            `(files, dataset)`.
        version: The version of the rows. If it changes, the whole table is built anew.
        is_large: Whether one dataset has millions of rows.
        provider: Only datasets of this provider; None: any.
        dataset_type: Only datasets of this type; None: any.
        feeds: Only datasets with at least one of these feeds; empty: any.
        kloppy_type: Only datasets that kloppy can load: `events`, `tracking`, or `any` of both; empty: kloppy is not
            needed.
    """

    name: str
    path: str
    takes_input: bool = False
    version: str = "1"
    is_large: bool = False
    provider: str | None = None
    dataset_type: str | None = None
    feeds: tuple[str, ...] = ()
    kloppy_type: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ConfigurationError(
                f"The table name {self.name!r} is not possible: use letters, digits and _, with a letter first."
            )

    def is_for(self, dataset: Dataset, loader: str | None = None) -> bool:
        """Return whether the table is made of a dataset.

        Args:
            dataset: The dataset.
            loader: The format of its files by the settings; None: the one that its source named.
        """
        return (
            self.provider in (None, dataset.provider)
            and self.dataset_type in (None, dataset.dataset_type)
            and (not self.kloppy_type or self._can_be_loaded(loader or dataset.loader, dataset.dataset_type))
            and (not self.feeds or not {file.data_feed_key for file in dataset.files.values()}.isdisjoint(self.feeds))
        )

    def _can_be_loaded(self, loader: str, dataset_type: str) -> bool:
        is_tracking = dataset_type == _TRACKING
        if find_format(loader, dataset_type) is not None:
            return self.kloppy_type == "any" or (self.kloppy_type == _TRACKING) is is_tracking
        # What the loader of an installed package returns is known only when it has loaded: `events` of another type.
        return (not is_tracking or self.kloppy_type != "events") and (
            find_plugin(LOADERS_GROUP, f"{loader}.{dataset_type}") is not None
        )

    @property
    def made_by(self) -> str:
        """A text that decides about the rows. If it changes, the whole table is built anew."""
        return repr(self)

    def load_function(self) -> Callable[..., Any]:
        """Import and return the function that makes rows.

        Raises:
            ConfigurationError: There is no such function, or its module cannot be imported.
        """
        module, _, name = self.path.partition(":") if ":" in self.path else self.path.rpartition(".")
        if not module or not name:
            raise ConfigurationError(
                f"The function of the table '{self.name}' is '{self.path}'; write package.module:function."
            )
        try:
            found: Any = importlib.import_module(module)
            for part in name.split("."):
                found = getattr(found, part)
        except (Exception, SystemExit) as error:  # the module is anybody's code
            raise ConfigurationError(
                f"The function '{self.path}' of the table '{self.name}' cannot be imported: "
                f"{type(error).__name__}: {error}"
            ) from error
        if not callable(found):
            raise ConfigurationError(
                f"'{self.path}' of the table '{self.name}' is {found!r}; it must be a function of (files, dataset)."
            )
        return found  # type: ignore[no-any-return]
