"""The documents of sources: `sources list`, `sources describe` and `sources check`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict

from ingestify.documents.document import filled
from ingestify.domain.dataset import DatasetState
from ingestify.domain.json_value import JsonValue
from ingestify.masking import mask_text
from ingestify.sources.description import DatasetTypeDescription, SourceDescription

if TYPE_CHECKING:
    from ingestify.main.trial import SourceTrial, TriedFile  # heavy, and `sources list` needs none of it: pydantic

__all__ = [
    "LoaderDocument",
    "OptionDocument",
    "SourceDocument",
    "TrialDocument",
    "TriedDatasetDocument",
    "TriedFileDocument",
    "source_document",
    "trial_document",
]

_SHOWN_CHARACTERS = 70


class OptionDocument(TypedDict):
    """An option of a source's `configuration`.

    Attributes:
        kind: The type, as the class annotates it; empty if it does not.
        default: In Python's notation; null: the option is required.
    """

    name: str
    kind: str
    default: str | None
    text: str


class LoaderDocument(TypedDict):
    """A value of a source's option `loader`.

    Attributes:
        requires: The feeds that kloppy needs, `one|another`.
        optional: The feeds that kloppy reads if they are there.
    """

    name: str
    dataset_type: str
    requires: Sequence[str]
    optional: Sequence[str]


class SourceDocument(TypedDict):
    """A type of source.

    Attributes:
        type: The value of `type:` in the configuration.
        provider: Empty: the configuration decides it.
        open_data: Whether `use_open_data` means this type.
        attribution: How users of the data must name its source.
        hosts: The hosts that it requests by default; its downloads may be redirected to `redirect_hosts`.
        change_signal: How it sees that a file changed.
        max_concurrency: The most requests in flight; null: no limit of its own.
        takes_any_option: Whether it also takes other options than these.
    """

    type: str
    provider: str
    open_data: bool
    summary: str
    text: str
    licence: str
    attribution: str
    hosts: Sequence[str]
    redirect_hosts: Sequence[str]
    change_signal: str
    max_concurrency: int | None
    requests_per_second: float | None
    dataset_types: Sequence[DatasetTypeDescription]
    options: Sequence[OptionDocument]
    takes_any_option: bool
    loaders: Sequence[LoaderDocument]


class TriedDatasetDocument(TypedDict):
    """The dataset that was fetched."""

    identifier: Mapping[str, JsonValue]
    name: str
    state: DatasetState
    metadata: Mapping[str, JsonValue]


class TriedFileDocument(TypedDict):
    """A file that was fetched.

    Attributes:
        begins: Its first characters.
        keys: The keys of a JSON object, or of the first object of a list.
        items: How many elements a JSON list has.
    """

    file_id: str
    data_serialization_format: str
    size: int
    content_type: str | None
    begins: str
    keys: Sequence[str] | None
    items: int | None


class TrialDocument(TypedDict):
    """A source that was tried out.

    Attributes:
        announced: The ids of the files that it announced.
        notes: What is worth knowing and not wrong.
        problems: What is wrong, a line each.
    """

    source: str
    provider: str
    dataset_type: str
    requests: int
    received_bytes: int
    announced: Sequence[str]
    dataset: TriedDatasetDocument | None
    files: Sequence[TriedFileDocument]
    notes: Sequence[str]
    problems: Sequence[str]


def source_document(description: SourceDescription) -> SourceDocument:
    """Return a type of source."""
    return filled(
        SourceDocument,
        description,
        options=[filled(OptionDocument, one) for one in description.options],
        loaders=[filled(LoaderDocument, one) for one in description.loaders],
    )


def trial_document(trial: SourceTrial) -> TrialDocument:
    """Return what was found when a source was tried out."""
    return filled(
        TrialDocument,
        trial,
        requests=trial.report.totals.requests,
        received_bytes=trial.report.totals.received_bytes,
        dataset=None if trial.dataset is None else filled(TriedDatasetDocument, trial.dataset),
        files=[_tried_file(file) for file in trial.files],
        problems=[mask_text(problem) for problem in trial.problems],
    )


def _tried_file(file: TriedFile) -> TriedFileDocument:
    begins = file.beginning[:_SHOWN_CHARACTERS].decode("utf-8", "replace")
    return filled(TriedFileDocument, file, data_serialization_format=file.format, begins=begins)
