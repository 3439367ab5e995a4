"""What the sources without code have in common whose datasets are of one type: `ingestify.files`, `ingestify.push`."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from pydantic import Field, model_validator

from ingestify.domain.bundle import BundleType
from ingestify.domain.source import Source
from ingestify.errors import ConfigurationError
from ingestify.progress.printable import PrintableLogger
from ingestify.provider_formats.built_in import check_loader, find_bundle_types
from ingestify.typed_section import Section, Text, wrong

__all__ = ["OneTypeDeclaration", "OneTypeSource"]

logger = PrintableLogger(__name__)


class OneTypeDeclaration(Section):
    """The part of the configuration that says what the datasets are."""

    provider: Text = Field(description="The provider's name.")
    dataset_type: Text = Field(default="match", description="The type of the datasets.")
    loader: Text | None = Field(
        default=None,
        description="The format of the files, such as opta or tracab (ingestify sources list): it says which feeds a "
        "complete dataset has, how they are checked, and how kloppy loads them. Left out: that of the provider's name, "
        "for kloppy alone.",
    )
    requires: tuple[Text, ...] | None = Field(
        default=None,
        description="The feeds that a complete dataset has. Left out: those of loader, else what is built in for the "
        "type.",
    )
    optional: tuple[Text, ...] = Field(default=(), description="With requires: the feeds that some have besides.")
    licence: Text | None = Field(default=None, description="The licence of the data, kept with each revision.")
    attribution: Text | None = Field(default=None, description="How users of the data must name its source.")

    @model_validator(mode="after")
    def _check_loader(self) -> Self:
        try:
            check_loader(self.loader or "", self.dataset_type)
        except ConfigurationError as error:
            raise wrong(f"loader: {error}") from error
        return self


class OneTypeSource(Source):
    """A source without code whose datasets are of one type.

    Args:
        name: The source's name in the configuration.
        configuration: Its configuration.
        declared: What that says of the datasets.
    """

    concurrent_discovery = True
    expects_usual_feeds = True

    def __init__(self, name: str, configuration: Mapping[str, Any], declared: OneTypeDeclaration) -> None:
        super().__init__(name, **configuration)
        self._declared = declared
        self.provider = declared.provider
        self.licence = declared.licence or ""
        self.attribution = declared.attribution or ""
        self.loader = declared.loader or ""
        if declared.requires is not None:
            self.bundle_types = (BundleType(declared.dataset_type, declared.requires, declared.optional),)
        self._warned: set[str] = set()
        self._lock = threading.Lock()

    def discover_selectors(self, dataset_type: str) -> list[dict[str, Any]]:
        """Return one selector without attributes: the place of the files is listed as a whole."""
        self._check_type(dataset_type)
        return [{}]

    def _check_type(self, dataset_type: str) -> None:
        if dataset_type != self._declared.dataset_type:
            raise ConfigurationError(
                f"The source '{self.name}' has no datasets of the type '{dataset_type}'; it has "
                f"'{self._declared.dataset_type}'."
            )

    def _lacking(self, feeds: Iterable[str]) -> Sequence[str]:
        """Return the feeds that a complete dataset has besides these, as far as they are known here."""
        there = set(feeds)
        declared = self.bundle_types or find_bundle_types(str(self.loader), self._declared.dataset_type, there)
        return [feed for one in declared for feed in one.lacking(there)]

    def _warn_once(self, text: str) -> None:
        """Log a warning, and not again in later runs of this process."""
        with self._lock:
            is_new = text not in self._warned
            self._warned.add(text)
        if is_new:
            logger.warning("%s", text)
