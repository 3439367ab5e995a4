"""The engine: the object that users work with. It fills a lake by ingestion plans, and reads it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import logging
import os
import threading
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from pickle import PicklingError
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from ingestify.domain.dataset import Dataset, DatasetCollection
from ingestify.domain.delivery import OpenDelivery
from ingestify.domain.events import DomainEvent
from ingestify.domain.html_table import html_table
from ingestify.domain.listing_order import listing_order
from ingestify.domain.plan import IngestionPlan, LeftOutPlan, ParseExpression
from ingestify.domain.ports import (
    NOT_OBSERVED,
    DatasetFilter,
    FetchContext,
    Fetcher,
    HostWaitBook,
    Observer,
    RequestBudgetBook,
    Usage,
)
from ingestify.domain.run import Counters, RunReport, RunState
from ingestify.domain.selector import Filters, Selector, given_filters
from ingestify.domain.source import Source
from ingestify.engine.bundle.bundle_rules import BundleRules
from ingestify.engine.calls.offline import OfflineReader
from ingestify.engine.calls.reading import AutoIngestOptions, Reader, auto_ingest_options, error_to_raise
from ingestify.engine.calls.shown_reading import iter_shown
from ingestify.engine.calls.shown_run import ShownRun
from ingestify.engine.calls.streaming import Stream, in_collections
from ingestify.engine.calls.tracebacks import shortened
from ingestify.engine.discovery.discovery import iter_discovered
from ingestify.engine.discovery.planner import NoPlanFits, expand_plan
from ingestify.engine.offer import OfferList
from ingestify.engine.report.health import WatchedPlan
from ingestify.engine.report.report import JobProgress, RunListener
from ingestify.engine.run.missing_detection import MissingLimits
from ingestify.engine.run.options import RunOptions
from ingestify.engine.run.run import IngestionRun
from ingestify.engine.sources import EngineSources
from ingestify.engine.workers import RunThread
from ingestify.errors import ConfigurationError, IngestifyError
from ingestify.progress.display import Display
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.maintenance.garbage import SAFETY_AGE, Garbage, collect_garbage
from ingestify.store.process import this_process
from ingestify.store.quarantine import Quarantine
from ingestify.store.reading.dataset_list import DatasetList
from ingestify.store.reading.dataset_reader import StateArgument
from ingestify.store.reading.mapping import MapResult, map_datasets
from ingestify.store.reading.nothing_found import NamesOfSources

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import pandas as pd
    import polars as pl

    from ingestify.domain.bundle_check import BundleCheck
    from ingestify.domain.lock import Lock
    from ingestify.engine.keeping.mirroring import CopyReport
    from ingestify.engine.keeping.quality import QualityFinding, QualityReport
    from ingestify.engine.keeping.verifying import VerifyReport
    from ingestify.engine.watching.watching import Watching
    from ingestify.pictures.picture import Picture
    from ingestify.store.dataset_store import KloppyDataset
    from ingestify.store.export.report import ExportReport
    from ingestify.store.reading.coverage_list import CoverageList, FreshnessList
    from ingestify.store.reading.dataset_diff import DatasetDiff, RevisionLog
    from ingestify.store.reading.following import FollowedEvent
    from ingestify.store.reading.locked import LockCheck
    from ingestify.tables.lake_tables import LakeTables
    from ingestify.tables.report import TablesBuilt, TableStates, TablesVerified
    from ingestify.tables.sql import SqlParameters
    from ingestify.tables.work import LoaderOf

__all__ = ["IngestionEngine"]

R = TypeVar("R")

logger = logging.getLogger(__name__)

_PROBLEMS_SHOWN = 5

_JOBS_DRAWN = 400
"""The most jobs of a picture of the last runs."""

_NO_KEYS = ("provider", "dataset_type", "state", "dataset_state", "where")
"""Filters that are no identifier keys; None means any."""


class IngestionEngine:
    """A lake with its ingestion plans. Made by `get_engine`.

    Use it from one thread at a time. The datasets that it returns may be used from any thread.

    Args:
        store: The lake.
        make_fetcher: Makes the HTTP client of a source.
        plans: The plans that `load` ingests.
        concurrency: How many files are fetched at once.
        parse_expression: Parses a selector that is an expression.
        make_open_data_source: `(provider, configuration)` → the source of a provider's open data.
        rules: How bundles are validated; None: the built-in rules.
        limits_of: How many datasets of a source may be missing at once; None: the built-in limits.
        open_delivery: Opens a delivery for a source that reads deliveries.
        host_waits: Which hosts have to be left alone, shared by all clients; None: each client keeps its own.
        budgets: How many requests sources have; None: any number.
        left_out: The plans of the settings that are not enabled.
        open_data: The providers that `make_open_data_source` knows.
        open_tables: Returns the tables of the lake; None: there is no place for them.
        stale_after: The age of a selector's last ingest from which on subscribers are told that it is stale; None: they
            are not told.
        observer: Observes the runs that are not dry.
        metrics_text: Returns the text of `metrics`; None: there are no metrics.

    Attributes:
        last_report: The report of the last run of this engine, by `load`, by `auto_ingest` or by a stream that has
            ended; None before the first run.
    """

    def __init__(
        self,
        store: DatasetStore,
        *,
        make_fetcher: Callable[[Source], Fetcher],
        plans: Sequence[IngestionPlan] = (),
        concurrency: int = 32,
        parse_expression: ParseExpression | None = None,
        make_open_data_source: Callable[[str, Mapping[str, Any]], Source] | None = None,
        rules: BundleRules | None = None,
        limits_of: Callable[[Source], MissingLimits] | None = None,
        open_delivery: OpenDelivery | None = None,
        host_waits: HostWaitBook | None = None,
        budgets: RequestBudgetBook | None = None,
        left_out: Sequence[LeftOutPlan] = (),
        open_data: Collection[str] = (),
        open_tables: Callable[[LoaderOf], LakeTables] | None = None,
        stale_after: dt.timedelta | None = None,
        observer: Observer = NOT_OBSERVED,
        metrics_text: Callable[[], str] | None = None,
    ) -> None:
        self.store = store
        self.last_report: RunReport | None = None
        self._concurrency = concurrency
        self._parse_expression = parse_expression
        self._rules = rules or BundleRules()
        self._limits_of = limits_of
        self._host_waits = host_waits
        self._budgets = budgets
        self._open_tables = open_tables
        self._stale_after = stale_after
        self._observer = observer
        self._metrics_text = metrics_text
        self._sources = EngineSources(
            store,
            self._rules,
            make_fetcher=make_fetcher,
            parse_expression=parse_expression,
            make_open_data_source=make_open_data_source,
            open_delivery=open_delivery,
            left_out=left_out,
            open_data=open_data,
        )
        self._reader = Reader(store, self._keep_report)
        store.names_of_sources = NamesOfSources(self._sources.providers, self._sources.keys)
        store.record_keys_of = self._sources.with_record_keys(store.record_keys_of)
        store.export_layout_of = self._sources.with_export_layouts(store.export_layout_of)
        store.zone_of = self._sources.with_zones(store.zone_of)
        store.loader_of = self._sources.loader_of
        store.quarantine.bundle_type_of = lambda entry: self._rules.type_of_entry(
            entry, (plan.source for plan in self.ingestion_plans)
        )
        for plan in plans:
            self.add_ingestion_plan(plan)

    def _keep_report(self, report: RunReport) -> None:
        self.last_report = report

    def __reduce__(self) -> tuple[Any, ...]:
        raise PicklingError(f"{self!r} cannot be passed to another process; pass engine.store, which reads the lake.")

    def __repr__(self) -> str:
        plans = [f"{plan.source.name}/{plan.dataset_type}" for plan in self.ingestion_plans]
        shown = ", ".join(plans[:3]) + (f" and {len(plans) - 3} more" if len(plans) > 3 else "")
        return f"IngestionEngine({self.store!r}; {f'plans: {shown}' if plans else 'no plans'})"

    def _repr_html_(self) -> str:
        from ingestify.pictures.picture import PREVIEW_SECONDS, shown_in_notebook  # only a notebook needs it

        plans = [(plan.source.name, plan.source.provider, plan.dataset_type) for plan in self.ingestion_plans]
        table = html_table(
            f"Lake in {self.store.where}, bucket '{self.store.bucket}'",
            ("plan of", "provider", "dataset type"),
            plans,
            len(plans),
        )
        return shown_in_notebook(lambda: self.plot("runs"), within_seconds=PREVIEW_SECONDS) + table

    @property
    def quarantine(self) -> Quarantine:
        """The bundles that failed a check. Each waits for a decision, and readers see what the lake had before."""
        return self.store.quarantine

    # ---- filling the lake ------------------------------------------------------------------------------

    @property
    def ingestion_plans(self) -> tuple[IngestionPlan, ...]:
        """The plans that `load` ingests."""
        return tuple(self._sources.plans)

    def find_left_out(self, source: str | None = None, dataset_type: str | None = None) -> list[LeftOutPlan]:
        """Return the plans of the settings that are not enabled; None means any."""
        return self._sources.find_left_out(source, dataset_type)

    def add_ingestion_plan(self, plan: IngestionPlan) -> None:
        """Add a plan that `load` ingests. Its source gets an HTTP client of this engine.

        Raises:
            ConfigurationError: The source names a loader that does not exist.
        """
        self._sources.add(plan)

    @overload
    def load(
        self,
        dry_run: bool = False,
        provider: str | None = None,
        source: str | None = None,
        dataset_type: str | None = None,
        *,
        async_yield_events: Literal[True],
        **options: Any,
    ) -> Iterator[DomainEvent]: ...

    @overload
    def load(
        self,
        dry_run: bool = False,
        provider: str | None = None,
        source: str | None = None,
        dataset_type: str | None = None,
        *,
        listener: RunListener | None = None,
        accept_missing: bool = False,
        deadline: dt.timedelta | None = None,
        ignore_waits: bool = False,
        refetch: bool = False,
        progress: bool | None = None,
        raise_errors: bool = False,
        auto_ingest_config: AutoIngestOptions | None = None,
        async_yield_events: Literal[False] = False,
        **selector: Any,
    ) -> RunReport: ...

    def load(
        self,
        dry_run: bool = False,
        provider: str | None = None,
        source: str | None = None,
        dataset_type: str | None = None,
        *,
        listener: RunListener | None = None,
        accept_missing: bool = False,
        deadline: dt.timedelta | None = None,
        ignore_waits: bool = False,
        refetch: bool = False,
        progress: bool | None = None,
        raise_errors: bool = False,
        auto_ingest_config: AutoIngestOptions | None = None,
        async_yield_events: bool = False,
        **selector: Any,
    ) -> RunReport | Iterator[DomainEvent]:
        """Bring the lake up to date for the plans and the filters. `run` is another name of it.

        A job (one selector of one plan) that another run works on, in this process or another one, is SKIPPED.

        Example::

            engine.load(provider="statsbomb", competition_id=43, season_id=106)

        Args:
            dry_run: Only compare: the run reads indexes, fetches no files, and writes nothing.
            provider: Only plans of this provider; None: any.
            source: Only plans of the source with this name; None: any.
            dataset_type: Only plans of this dataset type; None: any.
            listener: Called by the run's threads while it runs.
            accept_missing: Mark datasets that are no longer listed as MISSING at once, however many they are. Without
                it, a selector that lists nothing or much less than before, or that is no longer discovered, is
                reported, and the next run has to find the same.
            deadline: How long the run may take; None: no limit. After that, the run begins nothing new, aborts its
                requests, and commits what is complete.
            ignore_waits: Ask also hosts that wanted to be left alone for longer, and forget that they did.
            refetch: Fetch in full every dataset that the lake has, although nothing says that it changed.
            progress: Whether to show the progress, and a last line, as the command does. None: where a person looks,
                which is at a terminal (stderr) or in a notebook; not in tests and CI, and not where
                `INGESTIFY_NO_PROGRESS` is set.
            raise_errors: Raise the first error of a source during discovery, at the end of the run.
            auto_ingest_config: The options of `auto_ingest` of `iter_datasets` that say what is ingested: `enabled`,
                `use_open_data`, `configuration` and `data_spec_versions`.
            async_yield_events: Return an iterator of the domain events. The run begins with its first step, goes on in
                the background, and is stopped if the loop is left. The report is `last_report` then.
            **selector: Filters for selectors and datasets: `competition_id=11, match_id=[12, 13]`.

        Returns:
            The report. It counts and lists failed datasets, and selectors whose discovery failed: one warning names
            them. Its state is FAILED if a selector failed, and its `error` is the first error of a discovery. If no
            plan has the names of provider, source and dataset type, a warning says so, and nothing is done.

        Raises:
            ConfigurationError: No dataset of the plans can have a key of the filters.
            StopProcessing: A source stopped the run. Finished datasets are kept.
            DeadlineReached: The deadline came before the end. Finished datasets are kept.
            FatalError: A source stopped the run with an error. Finished datasets are kept.
            KeyboardInterrupt: Ctrl-C, or a source or loader raised it or SystemExit. Finished datasets are kept.
            StoreError: The lake cannot be written any more.
            Exception: With `raise_errors`, an error of a source during discovery; the other jobs went on to their end.
        """
        try:
            run, plans = self._prepare_run(
                dry_run=dry_run,
                provider=provider,
                source=source,
                dataset_type=dataset_type,
                selector=selector,
                listener=listener,
                accepts_missing=accept_missing,
                deadline=deadline,
                ignores_waits=ignore_waits,
                refetch=refetch,
                auto_ingest_config=auto_ingest_config,
                is_told=True,
            )
            shown = ShownRun(run, plans, progress)
            if async_yield_events:
                return self._reader.stream_events(shown, raise_errors=raise_errors)
            report = shown.execute()
        except NoPlanFits as error:
            logger.warning("%s", error)
            self.last_report = RunReport(str(uuid.uuid4()), RunState.FINISHED, (), Counters(), 0.0, dry_run)
            return iter(()) if async_yield_events else self.last_report
        except IngestifyError as error:
            raise shortened(error)  # noqa: B904 - it is that one
        error_raised = error_to_raise(shown, report, raise_errors=raise_errors)
        self._reader.tell(shown, report, in_one=error_raised is None)
        if error_raised is not None:
            raise shortened(error_raised)
        return report

    run = load

    def run_report(
        self,
        dry_run: bool = False,
        provider: str | None = None,
        source: str | None = None,
        dataset_type: str | None = None,
        *,
        listener: RunListener | None = None,
        accept_missing: bool = False,
        deadline: dt.timedelta | None = None,
        ignore_waits: bool = False,
        refetch: bool = False,
        **selector: Any,
    ) -> RunReport:
        """Do the same as `load`, but return also an error that stopped the run in the report instead of raising it."""
        run, _ = self._prepare_run(
            dry_run=dry_run,
            provider=provider,
            source=source,
            dataset_type=dataset_type,
            selector=selector,
            listener=listener,
            accepts_missing=accept_missing,
            deadline=deadline,
            ignores_waits=ignore_waits,
            refetch=refetch,
        )
        self.last_report = run.execute()
        return self.last_report

    def _prepare_run(
        self,
        *,
        provider: str | None,
        source: str | None,
        dataset_type: str | None,
        selector: Mapping[str, Any],
        auto_ingest_config: AutoIngestOptions | None = None,
        **options: Any,
    ) -> tuple[IngestionRun, list[IngestionPlan]]:
        left_out = self.find_left_out(source, dataset_type)
        for one in left_out:
            logger.info("left out: %s", one)
        config = auto_ingest_options(True if auto_ingest_config is None else auto_ingest_config)
        is_of_plans = not config.get("use_open_data")
        if left_out and is_of_plans and not any(source in (None, plan.source.name) for plan in self.ingestion_plans):
            raise NoPlanFits(f"Nothing is ingested, as all of it is left out: {left_out[0]}.")
        filters = given_filters(selector)
        plans = self._choose_plans(config, filters, provider, source, dataset_type)
        kind = {"provider": provider, "source": source, "dataset_type": dataset_type}
        return self._new_run(plans, filters, kind, **options), plans

    def watch(
        self, provider: str | None = None, source: str | None = None, dataset_type: str | None = None
    ) -> Iterator[Dataset]:
        """Keep the lake up to date for ever, and yield each dataset that has changed.

        Each selector of the plans is looked at when its `schedule` says so: around a match often, then less often. A
        loop that is left ends it; so does Ctrl-C. It goes on if a provider or the lake cannot be reached.

        Args:
            provider: Only plans of this provider; None: any.
            source: Only plans of the source with this name; None: any.
            dataset_type: Only plans of this dataset type; None: any.

        Returns:
            An iterator. After each look, it yields what has changed in these plans' datasets since the one before,
            also by other processes. It does nothing before its first step.

        Raises:
            NoPlanFits: No plan has these names; raised by the call itself.
            KeyboardInterrupt: Ctrl-C. Finished datasets are kept.
        """
        from ingestify.engine.watching.changed import iter_changed  # a run does not watch

        watching = self.watching(provider, source, dataset_type)
        plans = self._sources.choose({}, provider, source, dataset_type)
        return iter_changed(self.store, watching, plans)

    def watching(
        self,
        provider: str | None = None,
        source: str | None = None,
        dataset_type: str | None = None,
        listener: RunListener | None = None,
    ) -> Watching:
        """Return what `watch` iterates over: it knows what is looked at next, and can be stopped by another thread.

        Args:
            provider: Only plans of this provider; None: any.
            source: Only plans of the source with this name; None: any.
            dataset_type: Only plans of this dataset type; None: any.
            listener: Called by the threads of its runs.

        Raises:
            NoPlanFits: No plan has these names.
        """
        from ingestify.engine.watching.agenda import Agenda  # a run does not watch
        from ingestify.engine.watching.told import Told
        from ingestify.engine.watching.watching import Watching

        plans = self._sources.choose({}, provider, source, dataset_type)
        agenda = Agenda(self.store, plans, self._parse_expression, self._budgets)
        kind = {"provider": provider, "source": source, "dataset_type": dataset_type}
        return Watching(
            self.store,
            agenda,
            Told(plans),
            lambda some: self._new_run(some, {}, kind, listener=listener, is_told=True),
        )

    def ask_source(self, plan: IngestionPlan) -> int:
        """Ask a plan's source whether it answers: for its selectors, else for the first dataset of one selector.

        Returns:
            How many requests this took.

        Raises:
            Exception: Any error of the source.
        """
        look = FetchContext(Usage(), threading.Event())
        with self._sources.fetcher_of(plan.source).activated(look):
            jobs = expand_plan(plan, {}, self._parse_expression).jobs
            if jobs and not look.usage.requests:
                progress = JobProgress(jobs[0], str(uuid.uuid4()), this_process())
                next(iter_discovered(progress, self.store, lambda *_: None), None)
        return look.usage.requests

    def list_selectors(self, plan: IngestionPlan) -> list[Selector]:
        """Return the selectors of a plan: those that it names, and those that its source discovers.

        A source that discovers its selectors is asked, with a request or a few; nothing else is.

        Args:
            plan: One of `ingestion_plans`.

        Raises:
            Exception: Any error of the source.
        """
        look = FetchContext(Usage(), threading.Event())
        with self._sources.fetcher_of(plan.source).activated(look):
            return [job.selector for job in expand_plan(plan, {}, self._parse_expression).jobs]

    def _new_run(
        self, plans: Sequence[IngestionPlan], filters: Filters, kind: Mapping[str, str | None], **options: Any
    ) -> IngestionRun:
        if not options.get("dry_run"):  # that makes no checks
            self._rules.prepare_checks(plans)
        run_options = RunOptions(
            concurrency=self._concurrency,
            fetcher_of=self._sources.fetcher_of,
            parse_expression=self._parse_expression,
            rules=self._rules,
            limits_of=self._limits_of,
            host_waits=self._host_waits,
            budgets=self._budgets,
            narrowed_to={**{name: value for name, value in kind.items() if value is not None}, **filters},
            stale_after=self._stale_after,
            watched=[WatchedPlan.of(plan) for plan in self.ingestion_plans],
            observer=NOT_OBSERVED if options.get("dry_run") else self._observer,
            **options,
        )
        return IngestionRun(self.store, plans, filters, run_options)

    # ---- reading the lake ------------------------------------------------------------------------------

    @overload
    def iter_datasets(
        self,
        auto_ingest: bool | AutoIngestOptions = False,
        provider: str | None = None,
        dataset_type: str | None = None,
        dataset_id: str | Sequence[str] | None = None,
        dataset_state: StateArgument = None,
        batch_size: int = 1000,
        yield_dataset_collection: Literal[False] = False,
        where: str | None = None,
        state: StateArgument = None,
        progress: bool | None = None,
        as_of: dt.datetime | dt.date | str | None = None,
        lock: Lock | str | Path | None = None,
        **selector: Any,
    ) -> Iterator[Dataset]: ...

    @overload
    def iter_datasets(
        self,
        auto_ingest: bool | AutoIngestOptions = False,
        provider: str | None = None,
        dataset_type: str | None = None,
        *,
        yield_dataset_collection: Literal[True],
        **options: Any,
    ) -> Iterator[DatasetCollection]: ...

    def iter_datasets(
        self,
        auto_ingest: bool | AutoIngestOptions = False,
        provider: str | None = None,
        dataset_type: str | None = None,
        dataset_id: str | Sequence[str] | None = None,
        dataset_state: StateArgument = None,
        batch_size: int = 1000,
        yield_dataset_collection: bool = False,
        where: str | None = None,
        state: StateArgument = None,
        progress: bool | None = None,
        as_of: dt.datetime | dt.date | str | None = None,
        lock: Lock | str | Path | None = None,
        **selector: Any,
    ) -> Iterator[Dataset] | Iterator[DatasetCollection]:
        """Yield datasets of the lake, if wanted after an ingest.

        If another run works on the same datasets, this call waits for it, so that it yields current datasets. Leaving
        the loop or Ctrl-C ends the wait too.

        Example::

            for dataset in engine.iter_datasets(
                auto_ingest={"use_open_data": True},
                provider="statsbomb",
                dataset_type="match",
                competition_id=43,
                season_id=106,
            ):
                print(dataset.name, dataset.metadata["home_score"])

        Args:
            auto_ingest: True: first ingest what the filters name, then yield. A dict with options: `enabled` (False: do
                not ingest), `streaming` (yield each dataset once, the moment it is current), `use_open_data` (ingest
                the provider's open data, without a plan; `provider` and `dataset_type` must be given), `configuration`
                (of that source, such as `{"base_url": …}`), `data_spec_versions`, and `if_offline`: where a provider
                cannot be reached, `"serve"` (the default) yields what the lake has, after one warning; `"error"`
                raises. If no plan has these names, a warning says so, and what the lake has is yielded.
            provider: Only datasets of this provider, such as `"statsbomb"`; None: any.
            dataset_type: Only datasets of this type, such as `"match"`; None: any.
            dataset_id: Only the dataset with this id, as `dataset.dataset_id`, or with one of these ids; None: any.
            dataset_state: The same as `state`.
            state: A name in any case, a `DatasetState`, or a list of these; None: any.
            batch_size: How many datasets are read from the catalogue at a time.
            yield_dataset_collection: Yield `DatasetCollection`s of up to `batch_size` instead.
            where: A condition on datasets, such as `metadata.home_score > 2`; see
                `DatasetStore.get_dataset_collection`. It chooses what is yielded, not what an ingest fetches: metadata
                is known only after discovery.
            progress: Whether to show the progress of the ingest, as `load` does. True also shows how many datasets the
                loop has read, with or without an ingest.
            as_of: The lake as its readers saw it then, with the names, states and metadata of today; see
                `DatasetStore.get_dataset_collection`. Without an ingest.
            lock: A lock or its path: its datasets, each with exactly the locked files, from whichever revision of this
                lake has them, in the order of the lock. An ingest may come first, but not a streaming one.
            **selector: Identifier keys; a list means any of its values.

        Returns:
            An iterator. It does nothing before its first step. Leaving the loop early stops a streaming ingest cleanly.

        Raises:
            ValueError: An unknown `state`; raised by the call itself.
            ConfigurationError: An unknown option, or an invalid `where`; raised by the call itself.
            LockError: The lock cannot be read; or, on iterating, the lake lacks some of its bytes.
            FetchError: On iterating: a provider cannot be reached, and the lake has no dataset of it to serve.
            Exception: On iterating: the error that ended the ingest. A stream yields all finished datasets before.
        """
        filters = given_filters(selector)
        wanted = self.store.dataset_filter(
            dataset_type, provider, dataset_id, dataset_state, where, state, as_of=as_of, **filters
        )
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; it must be 1 or more.")
        locked = None if lock is None else _read_lock(lock, wanted)

        def read(*, explains: bool) -> Iterator[Any]:
            if locked is not None:
                return self.store.iter_locked(locked, wanted, batch_size, in_collections=yield_dataset_collection)
            reading = self.store.iter_matching(
                wanted, batch_size, in_collections=yield_dataset_collection, explains=explains
            )
            return iter_shown(self.store, wanted, reading) if progress else reading

        options = auto_ingest_options({"enabled": False} if auto_ingest is None else auto_ingest)
        if not options.get("enabled", True):
            return self._reader.read(wanted, read)
        if locked is not None and options.get("streaming"):
            raise ConfigurationError("A lock names datasets that are there; leave streaming out.")
        if as_of is not None:
            raise ConfigurationError("as_of reads the lake as it was; leave auto_ingest out, or load() before.")
        try:
            plans = self._choose_plans(options, filters, provider, None, dataset_type)
        except NoPlanFits as error:
            logger.warning("%s", error)
            return self._reader.read(wanted, read)
        kind = {"provider": provider, "dataset_type": dataset_type}
        offline = OfflineReader(self.store, wanted, plans) if options.get("if_offline") != "error" else None
        told = {"unreachable_hosts": None if offline is None else offline.unreachable_hosts, "is_told": True}
        if options.get("streaming"):
            stream = Stream(wanted, offline)
            run = self._new_run(plans, filters, kind, waits=_may_wait(), on_current=stream.on_current, **told)
            shown = ShownRun(run, plans, progress, " and were not yielded", read=lambda: stream.yielded)
            datasets = self._reader.stream(stream, shown, offline)
            return in_collections(datasets, batch_size) if yield_dataset_collection else datasets
        run = self._new_run(plans, filters, kind, waits=_may_wait(), **told)
        shown = ShownRun(run, plans, progress, ", and the lake keeps what it has of them")
        return self._reader.sync_and_read(shown, offline, read)

    def _choose_plans(
        self,
        options: AutoIngestOptions,
        filters: Filters,
        provider: str | None,
        source: str | None,
        dataset_type: str | None,
    ) -> list[IngestionPlan]:
        if not options.get("enabled", True):
            raise NoPlanFits("Nothing is ingested, as auto_ingest_config has enabled: False.")
        if options.get("use_open_data"):
            if provider is None or dataset_type is None:
                raise ConfigurationError(
                    "use_open_data needs to know what to get: give provider= and dataset_type=, such as "
                    'provider="statsbomb", dataset_type="match".'
                )
            open_data = self._sources.open_data(provider, options.get("configuration") or {}, dataset_type)
            plan = IngestionPlan(open_data, dataset_type, options.get("data_spec_versions"))
            self._sources.fetcher_of(open_data)
            return self._sources.narrow([plan], filters)
        if extra := sorted({"configuration", "data_spec_versions"} & set(options)):
            raise ConfigurationError(f"auto_ingest has {' and '.join(extra)}, which only goes with use_open_data.")
        return self._sources.choose(filters, provider, source, dataset_type)

    # ---- what a provider has ---------------------------------------------------------------------------

    def competitions(
        self, provider: str, dataset_type: str | None = None, *, configuration: Mapping[str, Any] | None = None
    ) -> OfferList:
        """Return the competitions and seasons of a provider as a table, without an ingest.

        The table is a list of dicts with the columns: keys, names, and `in_lake` (how many datasets the lake has).
        `to_polars()` and `to_pandas()` make a data frame of it. Its attribute `terms` has licence and attribution.

        Example::

            engine.competitions("statsbomb").to_polars()

        Args:
            provider: The name of a configured source or of a provider. The source of a plan is asked, else the
                provider's open data.
            dataset_type: None: `match`, or the type of the source's plans.
            configuration: The configuration of the open data source, such as `{"base_url": …}`; with it, no plan's
                source is asked.

        Raises:
            ConfigurationError: There is no such source and no such open data, or several sources of the provider.
            FetchError: The provider did not answer.
        """
        try:
            with self._sources.look_at(provider, dataset_type, configuration) as look:
                return look.competitions()
        except IngestifyError as error:
            raise shortened(error)  # noqa: B904 - it is that one

    def matches(
        self,
        provider: str,
        dataset_type: str | None = None,
        *,
        configuration: Mapping[str, Any] | None = None,
        everything: bool = False,
        **selector: Any,
    ) -> OfferList:
        """Return the matches of a provider as a table, without an ingest.

        The table is like that of `competitions`, with the columns: keys, names of competition and season, date, teams,
        score, the states `at_provider` and `in_lake` (None: not in the lake), `revision_id`, and all `metadata`. The
        source reads indexes only: one for StatsBomb's open data if competition_id and season_id are given.

        Example::

            engine.matches("statsbomb", competition_id=43, season_id=106).to_polars()

        Args:
            provider: See `competitions`.
            dataset_type: See `competitions`.
            configuration: See `competitions`.
            everything: List all matches, also where the provider has more than 10 competitions and seasons.
            **selector: Filters: `competition_id=43, season_id=[3, 106]`.

        Raises:
            ConfigurationError: See `competitions`; or there are more than 10 competitions and seasons, each of which
                may be a request, and the filters name none.
            FetchError: The provider did not answer.
        """
        filters = given_filters(selector)
        try:
            with self._sources.look_at(provider, dataset_type, configuration, filters) as look:
                return look.matches(filters, everything=everything)
        except IngestifyError as error:
            raise shortened(error)  # noqa: B904 - it is that one

    # ---- what the lake has -----------------------------------------------------------------------------

    @overload
    def list_datasets(self, *, as_count: Literal[False] = False, **filters: Any) -> DatasetList: ...

    @overload
    def list_datasets(self, *, as_count: Literal[True], **filters: Any) -> int: ...

    def list_datasets(self, *, as_count: bool = False, **filters: Any) -> DatasetList | int:
        """Return the datasets of the lake as a list that is shown as a table.

        The list is sorted by provider, dataset type, competition, season, date and name; see `domain.listing_order`.
        `iter_datasets` yields datasets in the order in which they came into the lake.

        `to_polars()` and `to_pandas()` of the list return a data frame with a row for each dataset and a column for
        each identifier key. The table and the frame say which datasets have newer files in quarantine.

        Example::

            matches = engine.list_datasets(competition_id=43, where="metadata.home_score > 2").to_polars()

        Args:
            as_count: Return only how many datasets there are; then nothing of them is read.
            **filters: `provider`, `dataset_type`, `dataset_id`, `state`, `where`, `as_of` and identifier keys, as in
                `iter_datasets`; and `has_warnings=True` for those with warnings of checks (`dataset.warnings`).
        """
        wanted = self.store.dataset_filter(**filters)
        if as_count:
            self.store.warn_of_deleted(wanted)
            return self.store.catalogue.datasets.read_metadata(wanted).row_count
        waiting = self._reader.tell_of_waiting(wanted)
        datasets: Iterator[Any] = self.store.iter_matching(wanted, explains=not waiting)
        return DatasetList(sorted(datasets, key=_place_of), {one.dataset_id for one in waiting})

    def map(
        self,
        function: Callable[[Dataset], R],
        executor: Executor | None = None,
        *,
        progress: bool | None = None,
        lock: Lock | str | Path | None = None,
        **filters: Any,
    ) -> Iterator[MapResult[R]]:
        """Apply a function to datasets side by side, and yield the results as they come.

        A dataset at which the function fails does not stop the others: its result has the `error`, and raises it where
        its `value` is read. A warning at the end says how many failed.

        Example::

            def count_shots(dataset):
                events = dataset.require_file("events").json()
                return sum(event["type"]["name"] == "Shot" for event in events)

            counts = [result.value for result in engine.map(count_shots, provider="statsbomb")]

        Args:
            function: Called with one dataset, in another process, which opens the lake itself, once. It may be a lambda
                or a function of a notebook. What it returns goes back to this process.
            executor: Any `concurrent.futures.Executor`, such as `client.get_executor()` of Dask, or a
                `ThreadPoolExecutor`; it is not shut down. None: a process for each core, for this call.
            progress: Whether to show how many datasets are done; None: if a person watches.
            lock: A lock or its path: its datasets with exactly the locked files.
            **filters: `provider`, `dataset_type`, `dataset_id`, `state`, `where`, `as_of` and identifier keys, as in
                `iter_datasets`.

        Raises:
            ConfigurationError: An invalid filter, or no function; raised by the call itself. Or the function cannot be
                sent to another process, as it uses a lock or an open file from outside.
            LockError: The lock cannot be read, or the lake lacks some of its bytes.
        """
        if not callable(function):
            raise ConfigurationError(f"engine.map: {function!r} is no function; give one that takes a dataset.")
        datasets = self.iter_datasets(lock=lock, progress=False, **filters)
        return map_datasets(function, datasets, executor, progress)

    def to_polars(
        self,
        data_feed_key: str | None = None,
        data_spec_version: str | None = None,
        *,
        records: str | None = None,
        encoding: str | None = None,
        kloppy: bool | Mapping[str, Any] = False,
        progress: bool | None = None,
        lock: Lock | str | Path | None = None,
        **filters: Any,
    ) -> pl.DataFrame:
        """Return a feed of many datasets as one polars DataFrame, or without a feed the table of the datasets.

        The rows come in the order of `list_datasets`, or of the lock. The columns are those of `DatasetList.to_polars`.

        Example::

            season = engine.to_polars("events", provider="statsbomb", competition_id=43)
            table = engine.to_polars(provider="statsbomb")
            of_kloppy = engine.to_polars(kloppy={"coordinates": "kloppy"}, competition_id=43)

        Args:
            data_feed_key: See `DatasetList.to_polars`.
            data_spec_version: None: of each dataset, the highest that is there.
            records: Of JSON, the dotted way to the records; see `Dataset.to_polars`.
            encoding: What the text is written in; see `Dataset.to_polars`.
            kloppy: True, or arguments for kloppy: the frames that kloppy makes of the datasets, also of XML and
                tracking data; see `DatasetList.to_polars`. Several processes read.
            progress: Whether to show how many files were read; None: if a person watches.
            lock: A lock or its path: its datasets with exactly the locked files.
            **filters: `provider`, `dataset_type`, `dataset_id`, `state`, `where`, `as_of` and identifier keys, as in
                `iter_datasets`.

        Raises:
            MissingExtraError: polars is not installed.
            LoadError: No dataset has the feed, or it has another format; kloppy can read none.
            LockError: The lock cannot be read, or the lake lacks some of its bytes.
        """
        listed = self._list(lock, filters)
        try:
            return listed.to_polars(
                data_feed_key, data_spec_version, records=records, encoding=encoding, kloppy=kloppy, progress=progress
            )
        except IngestifyError as error:
            raise shortened(error)  # noqa: B904 - it is that one

    def to_pandas(
        self,
        data_feed_key: str | None = None,
        data_spec_version: str | None = None,
        *,
        records: str | None = None,
        encoding: str | None = None,
        kloppy: bool | Mapping[str, Any] = False,
        progress: bool | None = None,
        lock: Lock | str | Path | None = None,
        **filters: Any,
    ) -> pd.DataFrame:
        """Return the same as a pandas DataFrame; nested objects become dotted columns. Needs the extra `pandas`."""
        listed = self._list(lock, filters)
        try:
            return listed.to_pandas(
                data_feed_key, data_spec_version, records=records, encoding=encoding, kloppy=kloppy, progress=progress
            )
        except IngestifyError as error:
            raise shortened(error)  # noqa: B904 - it is that one

    def _list(self, lock: Lock | str | Path | None, filters: dict[str, Any]) -> DatasetList:
        if lock is None:
            listed: DatasetList = self.list_datasets(**filters)
            return listed
        datasets: Iterator[Any] = self.iter_datasets(lock=lock, **filters)
        return DatasetList(datasets)

    def plot(self, kind: str = "coverage", **filters: Any) -> Picture:
        """Return a picture of the lake: SVG with its table, which a notebook shows and `save` writes.

        Example::

            engine.plot(provider="statsbomb").save("coverage.svg")
            engine.plot("runs")

        Args:
            kind: `coverage` is how much of each feed of each season is there; `runs` the last runs, with a bar for each
                job.
            **filters: Of `coverage`, the filters of `list_datasets`.

        Raises:
            ConfigurationError: There is no such picture, or the filters are wrong.
            StoreError: The lake cannot be read.
        """
        if kind == "runs" and not filters:
            from ingestify.pictures.run_history import run_history  # only who looks at it needs it

            return run_history([job.bar for job in self.store.catalogue.jobs.load(_JOBS_DRAWN, with_tasks=False)])
        if kind == "coverage":
            from ingestify.domain.coverage import coverage_of
            from ingestify.domain.lake_coverage import coverage_of_competitions

            given = {name: value for name, value in filters.items() if value is not None}
            if given.keys() <= {"provider", "dataset_type"}:  # counted by the database
                counted = self.store.overview.coverage()
                return coverage_of_competitions(
                    one for one in counted if all(getattr(one, name) == value for name, value in given.items())
                )
            return coverage_of(self.store.iter_in_order(self.store.dataset_filter(**filters)))
        raise ConfigurationError(
            "A picture of the runs takes no filters."
            if kind == "runs"
            else f"There is no picture '{kind}' of a lake; there are coverage and runs. Those of a match are drawn by "
            f"its dataset: dataset.plot('shots')."
        )

    def get_dataset(self, dataset_id: str | None = None, **filters: Any) -> Dataset:
        """Return the one dataset that has an id, or that the filters name; see `DatasetReader.get_dataset`.

        Example::

            dataset = engine.get_dataset(provider="statsbomb", match_id=3788741)
            before = dataset.at(revision=0)

        Raises:
            DatasetNotFound: There is none. The message says why, and what there is instead.
            LoadError: Several are meant; the message names some.
        """
        try:
            return self.store.get_dataset(dataset_id, **filters)
        except IngestifyError as error:
            raise shortened(error)  # noqa: B904 - it is that one

    def lock(self, path: str | Path | None = None, **filters: Any) -> Lock:
        """Lock the files of the datasets that the filters name, so that a study can be repeated with the same bytes.

        Example::

            engine.lock("study.lock", competition_id=43, season_id=106)
            for dataset in engine.iter_datasets(lock="study.lock"):
                events = dataset.to_polars("events")

        Args:
            path: Where the lock is written to; None: it is only returned.
            **filters: `provider`, `dataset_type`, `dataset_id`, `state`, `where`, `as_of` and identifier keys.

        Returns:
            The lock. Datasets without files are not in it, and a warning names some.

        Raises:
            LockError: It cannot be written.
        """
        try:
            return self.store.lock(self.store.dataset_filter(**filters), path)
        except IngestifyError as error:
            raise shortened(error)  # noqa: B904 - it is that one

    def check_lock(self, lock: Lock | str | Path, **filters: Any) -> LockCheck:
        """Return what the lake has of the datasets of a lock, as a table: same, other revision, differs, missing.

        Args:
            lock: A lock, or its path.
            **filters: `provider`, `dataset_type` and identifier keys: only these datasets of the lock.

        Raises:
            LockError: The lock cannot be read.
        """
        from ingestify.store.reading.locked import check_lock

        wanted = self.store.dataset_filter(**filters)
        try:
            return check_lock(self.store.catalogue, _read_lock(lock, wanted), wanted)
        except IngestifyError as error:
            raise shortened(error)  # noqa: B904 - it is that one

    def diff(
        self,
        dataset: Dataset,
        from_revision: int = -2,
        to_revision: int = -1,
        *,
        feed: str | Collection[str] | None = None,
    ) -> DatasetDiff:
        """Return what changed between two revisions of a dataset, record by record; see `DatasetReader.diff`.

        Raises:
            LoadError: There is no such revision, or no such feed in either.
            IntegrityError: An object is missing or damaged.
        """
        try:
            return self.store.diff(dataset, from_revision, to_revision, feed=feed)
        except IngestifyError as error:
            raise shortened(error)  # noqa: B904 - it is that one

    def log(self, dataset: Dataset) -> RevisionLog:
        """Return the revisions of a dataset, oldest first, each with a sentence about what changed.

        Raises:
            IntegrityError: An object is missing or damaged.
        """
        return self.store.log(dataset)

    def follow(
        self,
        dataset: Dataset,
        *,
        after: str | int | None = None,
        feed: str = "events",
        forever: bool = False,
        timeout: dt.timedelta | None = None,
        poll_interval: float = 5.0,
    ) -> Iterator[FollowedEvent]:
        """Yield what became of the events of a match while it is played: each new event, and each correction.

        Something else fills the lake, in this process or another one: `ingestify watch`. Each look compares the
        current revision with that of the look before, as `diff` does. What only moved, or only has a new key, is no
        change. A match has settled half an hour after its end (docs/live.md).

        Example::

            dataset = engine.get_dataset(provider="statsbomb", match_id=3788741)
            shots = {}
            for one in engine.follow(dataset):
                if one.kind in ("added", "changed") and one.event["type"]["name"] == "Shot":
                    shots[one.event["id"]] = one.event["shot"]["statsbomb_xg"]

        Args:
            dataset: The match.
            after: Go on behind this: the `cursor` of the last event that the caller has, or the number of a revision.
                None: all events that there are come first, as `added`.
            feed: The feed with the events: a list in JSON, CSV or XML, of up to 16 MB.
            forever: Go on after the match has settled, for corrections.
            timeout: End after so long; None: when the match has settled.
            poll_interval: The seconds between two queries of the catalogue.

        Returns:
            An iterator. It ends when the match has settled, or with the timeout.

        Raises:
            ConfigurationError: `after` is no cursor, or `poll_interval` is not above 0; raised by the call itself.
            LoadError: The feed cannot be followed, or the lake does not have the revision any more.
            DatasetNotFound: The dataset was deleted.
        """
        from ingestify.store.reading.following import Following  # a run does not follow

        following = Following(
            self.store,
            dataset,
            after=after,
            feed=feed,
            forever=forever,
            timeout=timeout,
            poll_interval=poll_interval,
        )
        return following.iterate()

    def export(
        self,
        folder: str | Path,
        *,
        format: Literal["files", "parquet"] = "files",  # noqa: A002 - the name that people look for
        overwrite: bool = False,
        dry_run: bool = False,
        lock: Lock | str | Path | None = None,
        progress: bool | None = None,
        **filters: Any,
    ) -> ExportReport:
        """Write the files of datasets into a folder, where readers of the provider's own files look for them.

        The bytes are exactly the provider's. A provider's layout is that which its source declares
        (`Source.export_layout`), below the folder; its lists are written anew. A file without a place in it is
        `{provider}/{dataset_type}/{key}={value}/{feed}.{format}`. `LICENCE-{provider}.txt` has the provider's terms.

        Example::

            engine.export("open-data", provider="statsbomb", competition_id=43)

        Args:
            folder: The folder; it is made. An export removes nothing from it.
            format: `files`, or `parquet`: a table of each feed of each dataset, with the identifier's keys as columns.
            overwrite: Replace files that are there and have other bytes. Entries of other datasets stay in the lists.
            dry_run: Write nothing.
            lock: A lock or its path: exactly the locked files; see `iter_datasets`.
            progress: Whether to show the progress, as `load` does.
            **filters: `provider`, `dataset_type`, `dataset_id`, `state`, `where`, `as_of` and identifier keys, as in
                `iter_datasets`.

        Raises:
            ConfigurationError: There is no such format, or the filters are wrong.
            ExportError: A file that is there has other bytes, two files would have one path, or a name is too long.
                Then nothing was written. Or the disk refused.
            LockError: The lake lacks some of the locked bytes.
            MissingExtraError: Parquet needs polars.
            StoreError: The lake cannot be read.
        """
        from ingestify.store.export.exporting import export_datasets

        wanted = self.store.dataset_filter(**filters)
        display = Display(progress)
        try:
            report = export_datasets(
                self.store,
                self.store.iter_to_export(wanted, None if lock is None else _read_lock(lock, wanted)),
                Path(folder),
                moving=display.moving,
                export_format=format,
                overwrite=overwrite,
                dry_run=dry_run,
                workers=self._concurrency,
            )
        except IngestifyError as error:
            raise shortened(error)  # noqa: B904 - it is that one
        if not report.progress.datasets:
            self.store.warn_nothing_found(wanted)
        display.tell(report.line)
        return report

    def load_dataset_with_kloppy(
        self, dataset: Dataset | None, loader: str | None = None, **kwargs: Any
    ) -> KloppyDataset:
        """Read a dataset from the lake with kloppy.

        Example::

            dataset = engine.list_datasets(match_id=3788741)[0]
            shots = engine.load_dataset_with_kloppy(dataset, coordinates="statsbomb", event_types=["shot"])
            passes = engine.load_dataset_with_kloppy(dataset, three_sixty=False).filter("pass")

        Args:
            dataset: The dataset. None (the result of `.first()` where nothing matched) raises a clear error.
            loader: The format of the files, such as `opta`. None: the loader in `dataset_types` of the settings, else
                the one that the source names now or named at the ingest, else that of the provider.
            **kwargs: Passed on to kloppy, such as `coordinates="statsbomb"`, `event_types=["pass"]`. For StatsBomb,
                `three_sixty=False` skips the freeze frames, which take most of the time.

        Returns:
            An `EventDataset` or a `TrackingDataset` of kloppy.

        Raises:
            MissingExtraError: kloppy is not installed.
            LoadError: A feed that kloppy needs is missing, or kloppy cannot read this dataset.
        """
        return self.store.load_with_kloppy(dataset, loader, **kwargs)

    def destroy_dataset(
        self,
        dataset_id: str | Sequence[str] | None = None,
        selector: Selector | Mapping[str, object] | None = None,
        **keys: Any,
    ) -> list[str]:
        """Remove datasets from the lake. Readers stop seeing them at once.

        Their files stay in the storage for a safety age, for readers that have them open; then
        `engine.collect_garbage()` removes them.

        Args:
            dataset_id: The id of one dataset, or a list of ids.
            selector: A `Selector` or a dict, whose keys count as if they were given one by one.
            **keys: Filters as in `iter_datasets`, such as `match_id=12`.

        Returns:
            The ids of the datasets that were removed; none if there is no such dataset.

        Raises:
            ConfigurationError: Nothing is given, which never means all datasets. Or an identifier key is None, which
                means any value for a reader.
        """
        filters = {**({} if selector is None else Selector.of(selector).attributes), **keys}
        nothing = next((key for key, value in filters.items() if value is None and key not in _NO_KEYS), None)
        if nothing is not None:
            raise ConfigurationError(
                f"destroy_dataset got {nothing}=None, which narrows nothing, so it would remove more than was meant: "
                f"give a value, or leave it out. Nothing was removed."
            )
        filters = given_filters(filters)
        if dataset_id is None and not filters:
            raise ConfigurationError("destroy_dataset needs a dataset_id or a filter such as match_id=12.")
        removed: list[str] = []
        collections: Iterator[DatasetCollection] = self.store.iter_dataset_collection_batches(
            yield_dataset_collection=True, dataset_id=dataset_id, **filters
        )
        for collection in collections:
            self.store.delete_datasets(list(collection))
            removed += [dataset.dataset_id for dataset in collection]
        return removed

    # ---- tables ----------------------------------------------------------------------------------------

    @property
    def tables(self) -> LakeTables:
        """The columnar tables of the lake, as the settings describe them.

        Raises:
            ConfigurationError: There is no place for them, or the settings are wrong.
        """
        if self._open_tables is None:
            raise ConfigurationError("This engine has no place for tables.")
        return self._open_tables(self._sources.loader_of)

    def build_tables(
        self,
        *names: str,
        rebuild: bool = False,
        retry_failed: bool = False,
        executor: Executor | None = None,
        progress: bool | None = None,
    ) -> TablesBuilt:
        """Bring columnar tables to the state of the lake: only what changed since the last build is made again.

        Readers of a table see each batch as a whole, and may read while it is built. A match that a table cannot be
        made of is in the report and in the table `problems`, and has no rows. A build that was killed goes on.

        Example::

            engine.build_tables()
            engine.build_tables("matches", rebuild=True)

        Args:
            *names: The tables; none: those of the settings, else `matches`, `events`, `lineups`, `tracking` and
                `freeze_frames`.
            rebuild: Make all rows again. Readers see the old ones until all new ones are there.
            retry_failed: Try again the matches that failed and have not changed since.
            executor: Makes the rows, such as that of Dask: any `concurrent.futures.Executor`. None: a process for each
                core.
            progress: Whether to show the progress, as `load` does.

        Raises:
            ConfigurationError: There is no such table, or no place for tables.
            MissingExtraError: The extra `tables` is not installed.
            StoreError: The lake cannot be read, or the tables cannot be written. Committed batches stay.
        """
        display = Display(progress)
        try:
            report = self.tables.build(
                names, is_anew=rebuild, retries=retry_failed, executor=executor, moving=display.moving
            )
        except IngestifyError as error:
            raise shortened(error)  # noqa: B904 - it is that one
        for problem in report.problems[:_PROBLEMS_SHOWN]:
            logger.warning("%s", problem)
        display.tell(report.line)
        return report

    def table(self, name: str, **filters: object) -> pl.LazyFrame:
        """Return a table as a lazy polars frame: only the columns and rows that a query needs are read.

        It is the snapshot of this moment; a build that comes later does not change it.

        Example::

            shots = engine.table("events", competition_id=43, event_type="SHOT").collect()

        Args:
            name: A built table, or `matches`, which is read from the catalogue and needs no build.
            **filters: A column to its value, or to a list of values; None: any.

        Raises:
            ConfigurationError: The table is not built, or has no such column.
            MissingExtraError: The extra `tables` is not installed.
            StoreError: The table cannot be read.
        """
        try:
            return self.tables.scan(name, {key: value for key, value in filters.items() if value is not None})
        except IngestifyError as error:
            raise shortened(error)  # noqa: B904 - it is that one

    def sql(self, query: str, parameters: SqlParameters | None = None) -> pl.DataFrame:
        """Return the result of a SELECT over the tables of the lake, in DuckDB's SQL.

        The query may name each built table, such as `events`; `matches`, which is read from the catalogue and needs no
        build; and `raw.{provider}_{feed}`, such as `raw.statsbomb_lineups`: the records of the provider's files, which
        are read for this query. It can read nothing else, and write nothing.

        Example::

            engine.sql("select home_team, count(*) as matches from matches group by all order by all")

        Args:
            query: One SELECT.
            parameters: The values of `?` in the query; or a dict, with the values of `$name`.

        Raises:
            ConfigurationError: The query is not one SELECT, or it is wrong; the message lists the tables.
            LoadError: DuckDB cannot execute the query, or files that it names make no frame.
            MissingExtraError: The extra `tables` is not installed.
            StoreError: The lake or a table cannot be read.
        """
        try:
            return self.tables.sql(query, parameters)
        except IngestifyError as error:
            raise shortened(error)  # noqa: B904 - it is that one

    def list_tables(self) -> TableStates:
        """Return the tables that are built, and those that a build would make, with their size and problems.

        Raises:
            ConfigurationError: There is no place for tables.
            StoreError: The lake or a table cannot be read.
        """
        try:
            return self.tables.states()
        except IngestifyError as error:
            raise shortened(error)  # noqa: B904 - it is that one

    def verify_tables(
        self,
        *names: str,
        make_rows: bool = False,
        executor: Executor | None = None,
        progress: bool | None = None,
    ) -> TablesVerified:
        """Compare tables with the lake: are all rows there, and of the current revisions, and no others?

        Args:
            *names: The tables; none: all that are built.
            make_rows: Make the rows of all datasets again, and compare how many there are.
            executor: See `build_tables`.
            progress: Whether to show the progress, as `load` does.

        Raises:
            ConfigurationError: A table is not built.
            StoreError: The lake or a table cannot be read.
        """
        display = Display(progress)
        try:
            report = self.tables.verify(names, makes_rows=make_rows, executor=executor, moving=display.moving)
        except IngestifyError as error:
            raise shortened(error)  # noqa: B904 - it is that one
        display.tell(report.line)
        return report

    def drop_tables(self, *names: str) -> list[str]:
        """Remove tables with all their files. The lake is not changed. Returns the names.

        Raises:
            ConfigurationError: No name is given, or a table is not built; then none was removed.
            StoreError: The place of the tables cannot be written.
        """
        if not names:
            raise ConfigurationError("drop_tables needs the names of tables. Nothing was removed.")
        try:
            return self.tables.drop(names)
        except IngestifyError as error:
            raise shortened(error)  # noqa: B904 - it is that one

    # ---- keeping the lake ------------------------------------------------------------------------------

    def verify(
        self,
        *,
        repair: bool = False,
        sample: float = 1.0,
        seed: int | None = None,
        progress: bool | None = None,
    ) -> VerifyReport:
        """Read every file of this bucket and compare it with the catalogue. A run may go on meanwhile.

        Args:
            repair: Restore damaged files from another copy, or fetch them again by the plans; then verify again.
            sample: Read only a random share of the files, above 0 and up to 1.
            seed: The seed of an earlier report, to read the same files; None: any share.
            progress: Whether to show the progress, as `load` does.

        Raises:
            LakeIdentityError: The storage does not belong to the catalogue.
            StoreError: The catalogue or the storage cannot be read or, for a repair, written.
        """
        from ingestify.engine.keeping.verifying import fetch_anew, verify  # a run does not verify
        from ingestify.store.maintenance.verification import Verification

        store, display = self.store, Display(progress)
        report = verify(
            store,
            Verification(store.catalogue, store.storage, bucket=store.bucket, share=sample, seed=seed),
            refetch=(lambda wanted: fetch_anew(self.run_report, wanted)) if repair else None,
            moving=display.moving,
        )
        display.tell(report.line)
        return report

    def check_quality(
        self,
        *,
        progress: bool | None = None,
        check_with: Callable[[BundleCheck], BundleCheck] | None = None,
        **filters: Any,
    ) -> QualityReport:
        """Make the checks of a run over what is in the lake now. Nothing is changed, and nothing is fetched.

        The checks are those of the plans' sources, of the settings and of installed packages. Those that compare new
        files with earlier ones, such as `ingestify.drift`, are left out. If the filters match nothing, a warning says
        why.

        Example::

            engine.check_quality(competition_id=43)

        Args:
            progress: Whether to show the progress, as `load` does.
            check_with: Returns the check to make in place of a check; None: that check.
            **filters: `provider`, `dataset_type`, `dataset_id`, `state`, `where` and identifier keys, as in
                `iter_datasets`.

        Raises:
            ConfigurationError: A check cannot import what the settings name, or the filters are wrong.
            StoreError: The lake cannot be read.
        """
        display = Display(progress)
        try:
            report = self.run_checks(moving=display.moving, check_with=check_with, **filters)
        except IngestifyError as error:
            raise shortened(error)  # noqa: B904 - it is that one
        display.tell(report.line)
        return report

    def run_checks(
        self,
        *,
        moving: Callable[[Callable[[], str | None]], AbstractContextManager[None]],
        on_finding: Callable[[QualityFinding], object] = lambda _: None,
        check_with: Callable[[BundleCheck], BundleCheck] | None = None,
        **filters: Any,
    ) -> QualityReport:
        """Make the same checks as `check_quality`, for a caller that shows the progress and each finding itself.

        Args:
            moving: Shows the progress.
            on_finding: Called with each finding, in the order of the datasets.
            check_with: See `check_quality`.
            **filters: See `check_quality`.
        """
        from ingestify.engine.keeping.quality import check_quality  # a run does not need it

        wanted = self.store.dataset_filter(**filters)
        report = check_quality(
            self.store,
            self.store.iter_in_order(wanted),
            lambda dataset: [
                one if check_with is None else check_with(one) for one in self._sources.checks_of(dataset)
            ],
            calls=self._rules.check_calls,
            moving=moving,
            on_finding=on_finding,
        )
        if not report.datasets and not report.unchecked:
            self.store.warn_nothing_found(wanted)
        return report

    def coverage(self) -> CoverageList:
        """Return what the lake has of each competition in a season, by provider and dataset type.

        It is shown as a table, and `to_polars()` makes a data frame. It counts what the providers last listed, so it
        knows of matches that failed before they came into the lake, and of those that are only in quarantine.

        Example::

            behind = [one.name for one in engine.coverage() if one.complete < one.expected]
        """
        return self.store.overview.coverage()

    def freshness(self) -> FreshnessList:
        """Return how old the lake is for each selector that runs remember; likewise a table.

        Example::

            complete_at = {one.text: one.complete_at for one in engine.freshness()}
        """
        return self.store.overview.freshness()

    def metrics(self) -> str:
        """Return metrics in Prometheus' text format: of the runs of this engine, and of the lake now (docs/metrics.md).

        An HTTP server that returns this text can be scraped by Prometheus.

        Raises:
            ConfigurationError: This engine was made without metrics.
        """
        if self._metrics_text is None:
            raise ConfigurationError("This engine has no metrics; get_engine makes one that has.")
        return self._metrics_text()

    def collect_garbage(self, *, older_than: dt.timedelta = SAFETY_AGE, dry_run: bool = False) -> Garbage:
        """Remove the files that no dataset has any more, of all buckets; it may go on beside a run.

        What broken runs left behind goes too, and the jobs and events that are older than the lake's retention.

        Args:
            older_than: Only what was written, and deleted, so long ago; a reader of a deleted dataset has that time.
            dry_run: Only find out what would be removed.

        Raises:
            ValueError: A negative age.
            LakeIdentityError: The storage is not the catalogue's.
            StoreError: Somebody writes to the lake and `older_than` is less than an hour, or it cannot be written.
        """
        return collect_garbage(self.store, older_than=older_than, dry_run=dry_run)

    def copy_to(
        self,
        target: IngestionEngine | DatasetStore,
        *,
        delete: bool = False,
        dry_run: bool = False,
        progress: bool | None = None,
        **filters: Any,
    ) -> CopyReport:
        """Copy datasets of this bucket into another lake: all revisions, and the quarantine.

        Datasets that the target already has are not read again, so an interrupted copy continues. If the filters match
        nothing, a warning says why.

        Example::

            archive = get_engine(metadata_url="sqlite:///archive/catalog.db", file_url="file://archive/files/")
            engine.copy_to(archive, competition_id=43)

        Args:
            target: The engine or store of the other lake, opened with the bucket to copy into. The lake is created if
                it does not exist.
            delete: Remove from the target the datasets of the filters that this lake does not have.
            dry_run: Only compare; the target must exist.
            progress: Whether to show the progress, as `load` does.
            **filters: `provider`, `dataset_type`, `dataset_id` and identifier keys, as in `iter_datasets`.

        Raises:
            ConfigurationError: The target is this lake or no engine; or this lake has no such dataset, and all of the
                target's would be deleted.
            LakeIdentityError: The storage of one lake does not belong to its catalogue.
            LakeUnwritable: The target cannot be written any more. Committed datasets stay.
        """
        from ingestify.engine.keeping.mirroring import copy_lake  # a run does not copy
        from ingestify.store.maintenance.copying import Copying

        there: object = target.store if isinstance(target, IngestionEngine) else target
        if not isinstance(there, DatasetStore):
            named = f'"{there}"' if isinstance(there, (str, os.PathLike)) else "…"
            raise ConfigurationError(
                f"copy_to takes the engine of the other lake, and got a {type(there).__name__}: write "
                f"engine.copy_to(get_engine({named}))."
            )
        if self.store.is_of_lake(there):
            raise ConfigurationError(f"{there!r} is this lake itself; a copy goes into a lake of its own.")
        display = Display(progress)
        wanted = self.store.dataset_filter(**filters)
        copying = Copying(self.store, there, wanted, workers=self._concurrency, dry_run=dry_run)
        if not copying.has_any:
            self.store.warn_nothing_found(wanted)
        report = copy_lake(copying, moving=display.moving, deletes=delete)
        if delete and not dry_run:
            deleted = copying.delete(dataset_id for dataset_id, _ in report.only_in_target)
            report = dataclasses.replace(report, deleted=deleted)
        display.tell(report.line)
        if report.created_lake:
            display.tell(f"Created the lake in {report.created_lake}.")
        return report

    def close(self) -> None:
        """Close the connections to providers, to deliveries and to the catalogue."""
        self._sources.close()
        if self._budgets is not None:
            self._budgets.end_run()
        self.store.close()

    def __enter__(self) -> IngestionEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _may_wait() -> bool:
    """Whether a reader may wait for another run. Not in a callback of a run: that run waits for the callback."""
    return not isinstance(threading.current_thread(), RunThread)


def _read_lock(lock: Lock | str | Path, wanted: DatasetFilter) -> Lock:
    from ingestify.domain.lock import Lock  # most readers have none
    from ingestify.store.reading.locked import refuse_other_filters

    refuse_other_filters(wanted)
    return lock if isinstance(lock, Lock) else Lock.read(lock)


def _place_of(dataset: Dataset) -> tuple[Any, ...]:
    return listing_order(
        dataset.provider,
        dataset.dataset_type,
        dataset.identifier,
        dataset.metadata,
        dataset.name,
        dataset.dataset_id,
    )
