"""Tries out a source of the configuration: it fetches one dataset into a lake in memory."""

from __future__ import annotations

import dataclasses
import functools
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ingestify.config.reader import read_settings
from ingestify.config.secrets import resolve_lake_url, with_secrets
from ingestify.config.settings import IngestionPlanSettings, Settings
from ingestify.domain.dataset import Dataset
from ingestify.domain.plan import IngestionPlan
from ingestify.domain.quarantine import QuarantineEntry
from ingestify.domain.resource import DatasetResource, UnreadableEntry
from ingestify.domain.run import RunReport
from ingestify.domain.selector import identifier_matches
from ingestify.domain.source import Source, collecting
from ingestify.errors import ConfigurationError
from ingestify.main.adapters import inbox_of, make_engine, memory_store
from ingestify.main.opening import lake_that_counts
from ingestify.main.parts import make_layout, make_source
from ingestify.sources.own_modules import make_importable
from ingestify.store.dataset_store import DatasetStore
from ingestify.suggestion import did_you_mean
from ingestify.vaults.lookup import SecretLookup

__all__ = ["SourceTrial", "TriedFile", "try_source"]

BEGINNING_BYTES = 400


@dataclasses.dataclass(frozen=True, slots=True)
class TriedFile:
    """One file of the dataset.

    Attributes:
        beginning: Its first bytes.
        keys: The keys of a JSON object, or of the first object of a list; None: it is neither.
        items: How many elements a JSON list has; None: it is no list.
    """

    file_id: str
    format: str
    size: int
    content_type: str | None
    beginning: bytes
    keys: tuple[str, ...] | None = None
    items: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class SourceTrial:
    """The result of trying a source out.

    Attributes:
        announced: The file ids that the source announced.
        dataset: None if no dataset was ingested.
        problems: What is wrong, a line each.
        notes: What is worth knowing and not wrong.
    """

    source: str
    provider: str
    dataset_type: str
    report: RunReport
    announced: tuple[str, ...]
    dataset: Dataset | None
    files: tuple[TriedFile, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...]


def try_source(
    path: Path, name: str, *, dataset_type: str | None = None, filters: Mapping[str, Any] | None = None
) -> SourceTrial:
    """Fetch the first dataset that a source lists. The configured lake only counts, if the source has a budget.

    Args:
        path: The config.yaml.
        name: The name of a source in it.
        dataset_type: The plan to use; None: the first, or, without a plan, the source's own first type.
        filters: The filters, as of a run.

    Raises:
        ConfigurationError: There is no such source or plan, or something is wrong with its settings.
        IngestifyError: What the source raised before there was any dataset.
    """
    settings = read_settings(path)
    if name not in settings.sources:
        listed = ", ".join(settings.sources) or "none"
        hint = did_you_mean(name, settings.sources) or f"; there are {listed}."
        raise ConfigurationError(f"{path}: there is no source '{name}'{hint}")
    lookup, folder = SecretLookup(), path.absolute().parent
    settings = with_secrets(settings, lookup)
    make_importable(str(folder))
    source = make_source(name, settings.sources[name])
    if collecting(source) is not None:
        raise ConfigurationError(f"The source '{name}' submits work and collects it later; run it to try it out.")
    plan = _make_plan(settings, source, name, dataset_type)
    first = _First(source)
    store, main = memory_store(layout=make_layout(settings)), settings.main
    file_url = resolve_lake_url(main.file_url, "file_url", folder, lookup)
    store.open_inbox = inbox_of(file_url, main.default_bucket, main.file_options, folder)  # it is only read
    with (
        lake_that_counts(path, settings.sources[name]) as lake,
        make_engine(store, settings.sources, [plan], settings, folder, counted_in=lake) as engine,
    ):
        report = engine.run_report(**(filters or {}))
        found = next(iter(engine.list_datasets() if report.totals.new else ()), None)
        held = list(store.quarantine.list_entries())
        files = () if found is None else tuple(_iter_files(store, found))
    problems = tuple(_iter_problems(report, first.resource, found, held))
    return SourceTrial(
        name,
        source.provider,
        plan.dataset_type,
        report,
        () if first.resource is None else tuple(first.resource.files),
        found,
        files,
        problems,
        tuple(_iter_notes(first.resource, found)),
    )


def _make_plan(settings: Settings, source: Source, name: str, dataset_type: str | None) -> IngestionPlan:
    plans: Sequence[IngestionPlanSettings] = [one for one in settings.ingestion_plans if one.source == name]
    if dataset_type is not None:
        plans = [one for one in plans if one.dataset_type == dataset_type]
    if plans:
        chosen = plans[0]
        rules = [rule if isinstance(rule, str) else dict(rule) for rule in chosen.selectors or ()]
        return IngestionPlan(source, chosen.dataset_type, chosen.data_spec_versions, rules)
    declared = dataset_type or next((one.dataset_type for one in source.bundle_types), None)
    if declared is None:
        raise ConfigurationError(f"No ingestion plan has the source '{name}'; name a type with --dataset-type.")
    return IngestionPlan(source, declared)


_ABOUT_THE_CALL = frozenset({"dataset_type", "data_spec_versions", "dataset_collection_metadata"})


class _First:
    """Replaces a source's `find_datasets`: it yields the first dataset of the first selector that has one.

    If the index of that selector is read once more, for the consistency check, it yields the same dataset again.
    """

    def __init__(self, source: Source) -> None:
        self.resource: DatasetResource | None = None
        self._selector: Mapping[str, Any] = {}
        self._find = source.find_datasets
        self._lock = threading.Lock()
        functools.update_wrapper(self, self._find)  # the planner reads the signature of what is wrapped
        source.find_datasets = self  # type: ignore[method-assign]

    def __call__(self, *arguments: Any, **given: Any) -> Iterator[DatasetResource | UnreadableEntry]:
        chosen = None
        selector = {key: value for key, value in given.items() if key not in _ABOUT_THE_CALL}
        with self._lock:  # selectors are discovered side by side, and one dataset is enough
            if self.resource is None:
                chosen = _first_of(self._find(*arguments, **given) or (), selector)
                if isinstance(chosen, DatasetResource):
                    self.resource, self._selector = chosen, selector
            elif selector == self._selector:
                chosen = _same_of(self._find(*arguments, **given) or (), self.resource)
        if chosen is not None:
            yield chosen


def _same_of(found: Iterable[Any], wanted: DatasetResource) -> DatasetResource | None:
    """Return a dataset again from a second listing; None if it is not listed any more."""
    for one in found:
        for each in one if isinstance(one, (list, tuple)) else [one]:
            if isinstance(each, DatasetResource) and each.dataset_resource_id == wanted.dataset_resource_id:
                return each
    return None


def _first_of(found: Iterable[Any], selector: Mapping[str, Any]) -> DatasetResource | UnreadableEntry | None:
    """Return the first dataset that is ready, else the first one; if there is none, the first unreadable entry.

    Args:
        found: What `find_datasets` returned.
        selector: The selector with the filters, which a source may ignore.
    """
    unreadable = None
    for one in found:
        several = list(one) if isinstance(one, (list, tuple)) else [one]
        readable = [each for each in several if not isinstance(each, UnreadableEntry) and _is_wanted(each, selector)]
        if readable:
            first: DatasetResource = next((each for each in readable if each.postponed is None), readable[0])
            return first
        unreadable = unreadable or next((each for each in several if isinstance(each, UnreadableEntry)), None)
    return unreadable


def _is_wanted(resource: Any, selector: Mapping[str, Any]) -> bool:
    own = resource.dataset_resource_id if isinstance(resource, DatasetResource) else {}
    return identifier_matches(own, {key: value for key, value in selector.items() if key in own})


def _iter_files(store: DatasetStore, dataset: Dataset) -> Iterator[TriedFile]:
    files = store.load_files(dataset)
    for file_id, file in sorted(dataset.files.items()):
        loaded = files[file_id]
        with loaded.stream as stream:
            beginning = stream.read(BEGINNING_BYTES)
        keys, items = (None, None)
        if file.data_serialization_format == "json":
            keys, items = _shape(loaded.json())
        yield TriedFile(file_id, file.data_serialization_format, file.size, file.content_type, beginning, keys, items)


def _shape(value: Any) -> tuple[tuple[str, ...] | None, int | None]:
    items = len(value) if isinstance(value, list) else None
    first = value[0] if isinstance(value, list) and value else value
    return (tuple(map(str, first)) if isinstance(first, dict) else None), items


def _iter_problems(
    report: RunReport, resource: DatasetResource | None, dataset: Dataset | None, held: Sequence[QuarantineEntry]
) -> Iterator[str]:
    if report.error is not None:
        yield str(report.error)
    for reason in report.left_alone:
        yield f"It was not asked: {reason}."
    for task in report.failed_tasks:
        yield f"{task.name}: {task.error}"
    for task in report.left_out_tasks:
        yield f"{task.name}: {task.error}"
    for entry in held:
        yield f"{entry.identifier} failed its checks: {'; '.join(entry.reasons)}"
    if resource is None and report.error is None and not report.left_alone:
        nothing = "It lists no dataset: look at the selectors, the filters, and where its index is."
        yield f"{nothing} {report.not_listed}" if report.not_listed else nothing
    elif resource is not None and resource.postponed is not None:
        yield f"{resource} is not ready: {resource.postponed}."
    elif resource is not None and not resource.files:
        yield f"{resource} has no files: look at the feeds, and at data_spec_versions of the plan."
    elif dataset is not None and not dataset.files and not report.failed_tasks:
        yield f"{resource} has files that are not there yet, and nothing else."


def _iter_notes(resource: DatasetResource | None, dataset: Dataset | None) -> Iterator[str]:
    if dataset is None or resource is None:
        return
    if dataset.missing_feeds:
        yield f"It lacks {', '.join(dataset.missing_feeds)}, so it is {dataset.state}."
    left_out = dataset.left_out_files
    if absent := [one for one in resource.files if one not in dataset.files and one not in left_out]:
        yield f"The provider does not have {', '.join(absent)} (404), which is allowed."
    no_time = [
        one.file_id for one in resource.files.values() if one.last_modified is None and one.content_version is None
    ]
    if no_time:
        yield f"No time says when {', '.join(no_time)} changed: each run asks the provider."
    if resource.name is None:
        yield "It has no name for people."
