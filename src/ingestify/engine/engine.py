"""What users hold in their hands: a lake, the plans that fill it, and the ways to read it."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import logging
import os
import threading
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from ingestify.domain.dataset import Dataset, DatasetCollection
from ingestify.domain.delivery import OpenDelivery, ReadsDeliveries
from ingestify.domain.listing_order import listing_order
from ingestify.domain.plan import IngestionPlan, LeftOutPlan, ParseExpression
from ingestify.domain.ports import DatasetFilter, FetchContext, Fetcher, HostWaitBook, Usage
from ingestify.domain.quarantine import WaitingBundle
from ingestify.domain.run import RunReport
from ingestify.domain.selector import Filters, given_filters
from ingestify.domain.source import Source
from ingestify.engine.bundle.bundle_rules import BundleRules
from ingestify.engine.calls.offline import OfflineReader
from ingestify.engine.calls.remarks import falls_short, warn_of_waiting
from ingestify.engine.calls.shown_reading import iter_shown
from ingestify.engine.calls.shown_run import ShownRun
from ingestify.engine.calls.streaming import Stream, in_collections
from ingestify.engine.calls.tracebacks import shortened
from ingestify.engine.discovery.discovery import iter_discovered
from ingestify.engine.discovery.filter_keys import choose_by_filters, keys_named_by
from ingestify.engine.discovery.planner import choose_plans, expand_plan
from ingestify.engine.mirroring import CopyReport, copy_lake
from ingestify.engine.offer import USUAL_TYPE, OfferList, ProviderLook, choose_offering
from ingestify.engine.report.report import JobProgress, RunListener
from ingestify.engine.run.missing_detection import AbsenceLimits
from ingestify.engine.run.run import IngestionRun
from ingestify.engine.verifying import VerifyReport, fetch_anew, verify
from ingestify.engine.workers import RunThread
from ingestify.errors import ConfigurationError, IngestifyError, LoadError
from ingestify.progress.display import Display
from ingestify.provider_formats.built_in import check_loader
from ingestify.remedies import remedy
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.maintenance.copying import Copying
from ingestify.store.maintenance.garbage import SAFETY_AGE, Garbage, collect_garbage
from ingestify.store.maintenance.verification import Verification
from ingestify.store.process import this_process
from ingestify.store.quarantine import Quarantine
from ingestify.store.reading.dataset_list import DatasetList
from ingestify.store.reading.dataset_reader import StateArgument
from ingestify.store.reading.nothing_found import NamesOfSources
from ingestify.suggestion import did_you_mean

__all__ = ["IngestionEngine"]

logger = logging.getLogger(__name__)

_NO_KEYS = ("provider", "dataset_type", "state", "dataset_state", "where")
"""Filters that are no identifier keys; None is their default."""

AUTO_INGEST_OPTIONS = frozenset({"streaming", "use_open_data", "configuration", "data_spec_versions", "if_offline"})
IF_OFFLINE = ("serve", "error")


class IngestionEngine:
    """Made by `get_engine`. Use it from one thread at a time; what it reads may be used anywhere.

    Args:
        store: The lake.
        make_fetcher: Makes the HTTP client of a source.
        plans: What `load` ingests.
        concurrency: How many files are fetched at once.
        parse_expression: Reads a selector that is an expression.
        make_open_data_source: `(provider, configuration)` → the source of a provider's open data.
        load_with_kloppy: `(store, dataset, loader, **kwargs)` → kloppy's object.
        rules: What is asked of bundles before they are seen; None: what is built in.
        limits_of: How much of a source may be missing at once; None: what is built in.
        open_delivery: How a source that reads deliveries opens them.
        host_waits: Which hosts are left alone, for all clients; None: each of them knows for itself.
        left_out: Plans that are not enabled.
        open_data: The providers whose open data `make_open_data_source` knows.

    Attributes:
        last_report: What the last run of this engine did, be it of `load`, of `auto_ingest` or of a stream that has
            ended; None before the first.
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
        load_with_kloppy: Callable[..., Any] | None = None,
        rules: BundleRules | None = None,
        limits_of: Callable[[Source], AbsenceLimits] | None = None,
        open_delivery: OpenDelivery | None = None,
        host_waits: HostWaitBook | None = None,
        left_out: Sequence[LeftOutPlan] = (),
        open_data: Collection[str] = (),
    ) -> None:
        self._host_waits = host_waits
        self.store = store
        self._left_out = tuple(left_out)
        self._make_fetcher = make_fetcher
        self._plans: list[IngestionPlan] = []
        self._fetchers: dict[int, tuple[Source, Fetcher]] = {}
        self._concurrency = concurrency
        self._parse_expression = parse_expression
        self._make_open_data_source = make_open_data_source
        self._load_with_kloppy = load_with_kloppy
        self._rules = rules or BundleRules()
        self._limits_of = limits_of
        self._open_delivery = open_delivery
        self._open_data = tuple(open_data)
        store.names_of_sources = NamesOfSources(self._providers, self._keys_of_sources)
        self.last_report: RunReport | None = None
        self._waiting_told: dict[str, frozenset[str]] = {}
        store.quarantine.bundle_type_of = lambda entry: self._rules.type_of_entry(
            entry, (plan.source for plan in self._plans)
        )
        for plan in plans:
            self.add_ingestion_plan(plan)

    def __repr__(self) -> str:
        plans = [f"{plan.source.name}/{plan.dataset_type}" for plan in self._plans]
        shown = ", ".join(plans[:3]) + (f" and {len(plans) - 3} more" if len(plans) > 3 else "")
        return f"IngestionEngine({self.store!r}; {f'plans: {shown}' if plans else 'no plans'})"

    @property
    def quarantine(self) -> Quarantine:
        """What the provider served and a check rejected: it waits, and readers see what the lake had before."""
        return self.store.quarantine

    # ---- filling the lake ------------------------------------------------------------------------------

    @property
    def ingestion_plans(self) -> tuple[IngestionPlan, ...]:
        """What `load` ingests."""
        return tuple(self._plans)

    def find_left_out(self, source: str | None = None, dataset_type: str | None = None) -> list[LeftOutPlan]:
        """Return the plans that `load` leaves out as they are not enabled; None means any."""
        return [
            one
            for one in self._left_out
            if source in (None, one.source_name) and dataset_type in (None, one.dataset_type)
        ]

    def add_ingestion_plan(self, plan: IngestionPlan) -> None:
        """Let `load` ingest this too. Its source gets this engine's HTTP client.

        Raises:
            ConfigurationError: The source names a loader that there is not.
        """
        try:
            loader = self._rules.loader_of(plan.source.provider, plan.dataset_type, [plan.source])
            check_loader(loader, plan.dataset_type)
        except ConfigurationError as error:
            raise ConfigurationError(f"The source '{plan.source.name}': {error}") from error
        self._attach(plan.source)
        self._plans.append(plan)

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
        **selector: Any,
    ) -> RunReport:
        """Bring the lake up to date with what the plans and the filters name. `run` is another name of it.

        A job (one selector of one plan) that another run is at, in this process or another one, is SKIPPED.

        Example::

            engine.load(provider="statsbomb", competition_id=43, season_id=106)

        Args:
            dry_run: Only look: indexes are asked for, files are not, and nothing is written.
            provider: Only plans of this provider; `source`, `dataset_type` likewise. None: any.
            listener: Hears of progress, from the run's threads.
            accept_missing: Mark what sources list no more as MISSING at once, however much it is. Otherwise a selector
                that lists nothing, or much less than before, or is not discovered any more, is reported, and the next
                run has to say the same.
            deadline: How long it may take. After that nothing new is begun, what is on its way is broken off, and what
                is complete is committed; None: as long as it takes.
            ignore_waits: Ask hosts also that wanted to be left alone for longer, and forget that they did.
            refetch: Fetch in full what the lake has of it, although nothing says that it changed.
            progress: Whether to show how far it is, and at the end what was done, as the command does. None: where a
                person looks: at a terminal (stderr) or in a notebook; not in tests and CI, nor where
                `INGESTIFY_NO_PROGRESS` is set.
            **selector: Narrow the selectors, and what is found: `competition_id=11, match_id=[12, 13]`.

        Returns:
            What was done. Datasets that failed are counted and listed there, and raise nothing; one warning names them.

        Raises:
            ConfigurationError: No plan has what the filters name.
            StopProcessing: A source stopped the run. What finished is kept.
            DeadlineReached: The deadline came before all was done. What finished is kept.
            FatalError: A source stopped it loudly. What finished is kept.
            KeyboardInterrupt: After Ctrl-C; what finished is kept.
            Exception: What a source raised while discovering; the other jobs went on to their end.
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
            )
            shown = ShownRun(run, plans, progress)
            report = shown.execute()
        except IngestifyError as error:
            raise shortened(error)  # noqa: B904 - it is that one
        self._tell(shown, report)
        if report.error is not None:
            raise shortened(report.error)
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
        """The same as `load`, but what ended the run early is told in the report and not raised."""
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
        **options: Any,
    ) -> tuple[IngestionRun, list[IngestionPlan]]:
        left_out = self.find_left_out(source, dataset_type)
        for one in left_out:
            logger.info("left out: %s", one)
        if left_out and not any(source in (None, plan.source.name) for plan in self._plans):
            raise ConfigurationError(f"Nothing is ingested, as all of it is left out: {left_out[0]}.")
        filters = given_filters(selector)
        plans = self._choose_plans(provider, source, dataset_type)
        plans = choose_by_filters(plans, filters, self.store, self._parse_expression)
        return self._new_run(plans, filters, **options), plans

    def _tell(
        self,
        shown: ShownRun,
        report: RunReport,
        offline: OfflineReader | None = None,
        *,
        is_raised: bool = True,
    ) -> tuple[list[DatasetFilter], RunReport]:
        """Say what a run came to. Returns what is to be served as the lake has it, and the report of all the rest.

        Args:
            is_raised: Whether the report's error is raised then, and so not said.
        """
        self.last_report = report
        shown.tell(report)
        served: list[DatasetFilter] = []
        if offline is not None:
            served, report = offline.serve(shown.run, report)
        shown.run.tell_failures(report.error if is_raised else None)
        shown.warn(report)
        for one in served:
            self._tell_of_waiting(one)
        return served, report

    def _choose_plans(self, provider: str | None, source: str | None, dataset_type: str | None) -> list[IngestionPlan]:
        """Return the plans that the caller means; at least one."""
        open_data = ""
        if self._open_data and (provider is None or provider in self._open_data):
            named = f'provider="{provider or "statsbomb"}", dataset_type="{dataset_type or "match"}"'
            others = "" if provider else f" (there is that of {', '.join(sorted(self._open_data))})"
            call = f'engine.iter_datasets(auto_ingest={{"use_open_data": True}}, {named})'
            open_data = f" Open data needs no plan{others}: in Python  {call} ."
        if not self._plans:
            raise ConfigurationError(
                "There is no ingestion plan: add one under 'ingestion_plans' of the config.yaml "
                f"({remedy('init')} writes an example), or with engine.add_ingestion_plan(…).{open_data}"
            )
        try:
            return choose_plans(self._plans, provider, source, dataset_type)
        except ConfigurationError as error:
            if provider is None or any(plan.source.provider == provider for plan in self._plans):
                raise
            raise ConfigurationError(f"{error}{open_data}") from None

    def _providers(self) -> set[str]:
        return {*self._open_data, *(plan.source.provider for plan in self._plans)}

    def _keys_of_sources(self, provider: str | None, dataset_type: str | None) -> set[str]:
        keys: set[str] = set()
        for plan in self._plans:
            if provider in (None, plan.source.provider) and dataset_type in (None, plan.dataset_type):
                keys |= keys_named_by(plan, self._parse_expression)
        return keys

    def ask_source(self, plan: IngestionPlan) -> int:
        """Ask a plan's source for as little as shows that it answers: its selectors, else the first that one lists.

        Returns:
            How many requests that took.

        Raises:
            Exception: Whatever it raises.
        """
        look = FetchContext(Usage(), threading.Event())
        with self._fetcher_of(plan.source).activated(look):
            jobs = expand_plan(plan, {}, self._parse_expression).jobs
            if jobs and not look.usage.requests:
                progress = JobProgress(jobs[0], str(uuid.uuid4()), this_process())
                next(iter_discovered(progress, self.store, lambda *_: None), None)
        return look.usage.requests

    def _new_run(self, plans: Sequence[IngestionPlan], filters: Filters, **options: Any) -> IngestionRun:
        return IngestionRun(
            self.store,
            plans,
            filters,
            concurrency=self._concurrency,
            fetcher_of=self._fetcher_of,
            parse_expression=self._parse_expression,
            rules=self._rules,
            limits_of=self._limits_of,
            host_waits=self._host_waits,
            **options,
        )

    def _attach(self, source: Source) -> Fetcher:
        if id(source) not in self._fetchers:
            fetcher = self._make_fetcher(source)
            source.attach_http(fetcher)
            if self._open_delivery is not None and isinstance(source, ReadsDeliveries):
                source.attach_deliveries(self._open_delivery)
            # The source is kept too: the id of one that is gone could be another's.
            self._fetchers[id(source)] = (source, fetcher)
        return self._fetchers[id(source)][1]

    def _fetcher_of(self, source: Source) -> Fetcher:
        return self._attach(source)

    # ---- reading the lake ------------------------------------------------------------------------------

    def iter_datasets(
        self,
        auto_ingest: bool | Mapping[str, Any] = False,
        provider: str | None = None,
        dataset_type: str | None = None,
        dataset_id: str | None = None,
        dataset_state: StateArgument = None,
        batch_size: int = 1000,
        yield_dataset_collection: bool = False,
        where: str | None = None,
        state: StateArgument = None,
        progress: bool | None = None,
        **selector: Any,
    ) -> Iterator[Any]:
        """Yield datasets of the lake, if wanted after bringing them up to date.

        What another run is bringing up to date is waited for, so that what is yielded is current; leaving the loop or
        Ctrl-C ends that too.

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
            auto_ingest: True: first sync what the filters name, then yield. A dict: `streaming` (yield each
                dataset the moment it is known to be current, each exactly once), `use_open_data` (no plan needed:
                the provider's open data; `provider` and `dataset_type` must be given), `configuration` (of that
                source, such as `{"base_url": …}`), `data_spec_versions`, and `if_offline`: where a provider cannot be
                reached at all, `"serve"` (the default) yields what the lake has, after one warning; `"error"` raises.
            provider: Only datasets of this provider, such as `"statsbomb"`; None: any.
            dataset_type: Only datasets of this type, such as `"match"`; None: any.
            dataset_id: The one with this id, as `dataset.dataset_id` and the list of datasets show it; None: any.
            state: A name in any case, a `DatasetState`, or a list of these; None: any. `dataset_state` is the same.
            batch_size: How many datasets are read from the catalogue at a time.
            yield_dataset_collection: Yield `DatasetCollection`s of up to `batch_size` instead.
            where: What else must hold of a dataset, such as `metadata.home_score > 2`; see
                `DatasetStore.get_dataset_collection`. It narrows what is yielded, not what an ingest fetches: metadata
                is known only once a dataset is discovered.
            progress: Whether to show how far the ingest is, as `load` does. True also shows how many datasets the loop
                has gone through, and does so without an ingest too.
            **selector: Identifier keys; a list means any of its values.

        Returns:
            An iterator. Nothing is done before its first step; leaving the loop early stops a streaming
            ingest cleanly.

        Raises:
            ValueError: An unknown `state`; raised by the call itself.
            ConfigurationError: An unknown option, or a `where` that cannot be read; raised by the call itself.
            FetchError: On iterating: a provider cannot be reached, and the lake has nothing of it that could be served.
            Exception: On iterating: what ended the ingest; of a stream after all that finished was yielded.
        """
        filters = given_filters(selector)
        wanted = self.store.dataset_filter(dataset_type, provider, dataset_id, dataset_state, where, state, **filters)
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; it must be 1 or more.")

        def read(*, explains: bool) -> Iterator[Any]:
            reading = self.store.iter_wanted(
                wanted, batch_size, in_collections=yield_dataset_collection, explains=explains
            )
            return iter_shown(self.store, wanted, reading) if progress else reading

        if auto_ingest is False or auto_ingest is None:
            return self._read(wanted, read)
        options = _auto_ingest_options(auto_ingest)
        plans = self._auto_ingest_plans(options, provider, dataset_type)
        plans = choose_by_filters(plans, filters, self.store, self._parse_expression)
        offline = OfflineReader(self.store, wanted, plans) if options.get("if_offline") != "error" else None
        told = {"unreachable_hosts": None if offline is None else offline.unreachable_hosts, "is_raised": True}
        if options.get("streaming"):
            stream = Stream(wanted, offline)
            run = self._new_run(plans, filters, waits=_may_wait(), on_current=stream.on_current, **told)
            datasets = self._stream(stream, run, offline, plans, progress)
            return in_collections(datasets, batch_size) if yield_dataset_collection else datasets
        run = self._new_run(plans, filters, waits=_may_wait(), **told)
        return self._sync_and_read(run, offline, plans, read, progress)

    def _read(self, wanted: DatasetFilter, read: Callable[..., Iterator[Any]]) -> Iterator[Any]:
        yield from read(explains=not self._tell_of_waiting(wanted))

    def _sync_and_read(
        self,
        run: IngestionRun,
        offline: OfflineReader | None,
        plans: Sequence[IngestionPlan],
        read: Callable[..., Iterator[Any]],
        progress: bool | None,
    ) -> Iterator[Any]:
        shown = ShownRun(run, plans, progress, ", and the lake has what it had of them before")
        try:
            report = shown.execute()
        except IngestifyError as error:
            raise shortened(error)  # noqa: B904 - it is that one
        served, report = self._tell(shown, report, offline)
        if report.error is not None:
            raise shortened(report.error)
        yield from read(explains=not served and not falls_short(report))

    def _stream(
        self,
        stream: Stream,
        run: IngestionRun,
        offline: OfflineReader | None,
        plans: Sequence[IngestionPlan],
        progress: bool | None,
    ) -> Iterator[Dataset]:
        shown = ShownRun(run, plans, progress, " and were not yielded", read=lambda: stream.yielded)
        try:
            with shown.moving():
                yield from stream.iterate(run)
        except BaseException as error:  # the reader left the loop, too
            if stream.report is not None:
                self._tell(shown, stream.report, is_raised=False)
            else:
                run.tell_failures(error)
            raise
        assert stream.report is not None
        served, report = self._tell(shown, stream.report, offline)
        if report.error is not None:
            raise shortened(report.error)
        try:
            stream.answers.tell()
        except ConfigurationError as error:
            raise shortened(error)  # noqa: B904 - it is that one
        if offline is not None:
            yield from offline.iter_others(served)
        if not stream.yielded and not served and not falls_short(report):
            self.store.warn_of_nothing(stream.wanted)

    def _tell_of_waiting(self, wanted: DatasetFilter) -> list[WaitingBundle]:
        """Warn who reads datasets of which bundles wait in quarantine; of the same ones once. Returns the bundles."""
        waiting = self.store.quarantine.find_waiting(wanted)
        if not waiting:
            return []
        asked, ids = repr(wanted), frozenset(one.entry_id for one in waiting)
        if self._waiting_told.get(asked) != ids:
            self._waiting_told[asked] = ids
            warn_of_waiting(waiting)
        return waiting

    def _auto_ingest_plans(
        self, options: Mapping[str, Any], provider: str | None, dataset_type: str | None
    ) -> list[IngestionPlan]:
        if options.get("use_open_data"):
            if provider is None or dataset_type is None:
                raise ConfigurationError(
                    "use_open_data needs to know what to get: give provider= and dataset_type=, such as "
                    'provider="statsbomb", dataset_type="match".'
                )
            source = self._open_data_of(provider, options.get("configuration") or {}, dataset_type)
            plan = IngestionPlan(source, dataset_type, options.get("data_spec_versions"))
            self._attach(source)
            return [plan]
        if extra := sorted({"configuration", "data_spec_versions"} & set(options)):
            raise ConfigurationError(f"auto_ingest has {' and '.join(extra)}, which only goes with use_open_data.")
        return self._choose_plans(provider, None, dataset_type)

    # ---- what a provider has ---------------------------------------------------------------------------

    def competitions(
        self, provider: str, dataset_type: str | None = None, *, configuration: Mapping[str, Any] | None = None
    ) -> OfferList:
        """Return the competitions and seasons that a provider has, as a table, without an ingest.

        It is a list of dicts, and a data frame by `to_polars()` or `to_pandas()`: keys, names, and `in_lake`, how many
        datasets the lake has of it. `terms` of the list are the licence and attribution.

        Example::

            engine.competitions("statsbomb").to_polars()

        Args:
            provider: The name of a configured source, or a provider: the source of a plan is asked, else the provider's
                open data.
            dataset_type: None: `match`, or what the source's plans ingest.
            configuration: Of the source of open data, such as `{"base_url": …}`; then no plan's is asked.

        Raises:
            ConfigurationError: There is no such source and no such open data, or several are of the provider.
            FetchError: The provider cannot be asked.
        """
        try:
            with self._looking(provider, dataset_type, configuration) as look:
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
        """Return the matches that a provider has, as a table, without an ingest.

        It is a list of dicts likewise: keys, names of competition and season, date, teams, score, its state
        `at_provider` and `in_lake` (None: it is not there) with `revision_id`, and all `metadata`. Nothing but indexes
        is asked for: of StatsBomb's open data one, where competition_id and season_id are given.

        Example::

            engine.matches("statsbomb", competition_id=43, season_id=106).to_polars()

        Args:
            provider: As of `competitions`; `dataset_type` and `configuration` likewise.
            everything: Ask for all that the provider has, also where it has more than 10 competitions and seasons.
            **selector: Narrow it: `competition_id=43, season_id=[3, 106]`.

        Raises:
            ConfigurationError: As of `competitions`; or there are more than 10 competitions and seasons, each of which
                may be a request, and nothing says which are meant.
            FetchError: The provider cannot be asked.
        """
        filters = given_filters(selector)
        try:
            with self._looking(provider, dataset_type, configuration, filters) as look:
                return look.matches(filters, everything=everything)
        except IngestifyError as error:
            raise shortened(error)  # noqa: B904 - it is that one

    @contextlib.contextmanager
    def _looking(
        self,
        provider: str,
        dataset_type: str | None,
        configuration: Mapping[str, Any] | None,
        filters: Filters | None = None,
    ) -> Iterator[ProviderLook]:
        """Choose who is asked what a provider has; of open data, the client is closed in the end."""
        plan = None if configuration is not None else choose_offering(self._plans, provider, dataset_type)
        is_own = plan is None
        try:
            if plan is None:
                source = self._open_data_of(provider, configuration or {}, dataset_type or USUAL_TYPE)
                plan = IngestionPlan(source, dataset_type or USUAL_TYPE)
            choose_by_filters([plan], filters or {}, self.store, self._parse_expression)
            yield ProviderLook(self.store, plan, self._attach(plan.source), self._parse_expression)
        finally:
            if is_own and plan is not None and id(plan.source) in self._fetchers:
                self._fetchers.pop(id(plan.source))[1].close()

    def _open_data_of(self, provider: str, configuration: Mapping[str, Any], dataset_type: str) -> Source:
        if self._make_open_data_source is None:
            raise ConfigurationError("This engine knows no open data sources.")
        try:
            source = self._make_open_data_source(provider, configuration)
        except ConfigurationError as error:
            if provider in self._open_data:
                raise
            names = sorted({plan.source.name for plan in self._plans})
            configured = f"the configured sources are {', '.join(names)}" if names else "no source is configured"
            raise ConfigurationError(f"{str(error).removesuffix('.')}, and {configured}.") from error
        types = [one.dataset_type for one in source.bundle_types]
        if types and dataset_type not in types:
            raise ConfigurationError(
                f"The open data of {provider} has no dataset type '{dataset_type}'"
                f"{did_you_mean(dataset_type, types) or '.'} There is {', '.join(types)}."
            )
        if source.terms:
            logger.info("the open data of %s: %s", provider, " · ".join(source.terms.values()))
        return source

    # ---- what the lake has -----------------------------------------------------------------------------

    def list_datasets(self, **filters: Any) -> DatasetList:
        """Return the datasets of the lake, as a list that is shown as a table.

        They are in the order of provider and dataset type, then of competition, season, date and name; see
        `domain.listing_order`. `iter_datasets` yields them in the order in which they came into the lake.

        Its `to_polars()` and `to_pandas()` are data frames with a row for each dataset and a column for each key of
        the identifiers. Both say of which datasets a newer version waits in quarantine.

        Example::

            matches = engine.list_datasets(competition_id=43, where="metadata.home_score > 2").to_polars()

        Args:
            **filters: `provider`, `dataset_type`, `dataset_id`, `state`, `where` and identifier keys, as those
                of `iter_datasets`.
        """
        wanted = self.store.dataset_filter(**filters)
        waiting = self._tell_of_waiting(wanted)
        datasets: Iterator[Any] = self.store.iter_wanted(wanted, explains=not waiting)
        return DatasetList(sorted(datasets, key=_place_of), {one.dataset_id for one in waiting})

    def load_dataset_with_kloppy(self, dataset: Dataset | None, loader: str | None = None, **kwargs: Any) -> Any:
        """Return kloppy's object of a dataset, read from the lake.

        Example::

            dataset = engine.list_datasets(match_id=3788741)[0]
            shots = engine.load_dataset_with_kloppy(dataset, coordinates="statsbomb", event_types=["shot"])
            passes = engine.load_dataset_with_kloppy(dataset, three_sixty=False).filter("pass")

        Args:
            dataset: None, as `.first()` is where nothing matched, is an error that says so.
            loader: The format of its files, such as `opta`. None: what `dataset_types` of the settings says, else what
                its source says now or said when it came, else that of its provider.
            **kwargs: Passed on to kloppy, such as `coordinates="statsbomb"`, `event_types=["pass"]`. Of StatsBomb,
                `three_sixty=False` leaves the freeze frames out, whose reading takes most of the time.

        Raises:
            MissingExtraError: kloppy is not installed.
            LoadError: A feed that kloppy needs is not there, or kloppy cannot read this dataset.
        """
        if dataset is None:
            raise LoadError("There is no dataset to load: it is None, as .first() is where no dataset matches.")
        if self._load_with_kloppy is None:
            raise ConfigurationError("This engine has no kloppy loader.")
        return self._load_with_kloppy(self.store, dataset, loader or self._configured_loader(dataset), **kwargs)

    def _configured_loader(self, dataset: Dataset) -> str | None:
        """Return what the settings, or a source that brought some of it, say by now of its format; None: nothing."""
        names = {revision.source.get("source") for revision in dataset.revisions}
        sources = (plan.source for plan in self._plans if plan.source.name in names)
        of_provider = (source for source in sources if source.provider == dataset.provider)
        return self._rules.loader_of(dataset.provider, dataset.dataset_type, of_provider) or None

    def destroy_dataset(self, dataset_id: str | None = None, **selector: Any) -> int:
        """Remove datasets from the lake, at once.

        Their files stay in the storage for a safety age, for readers that have them open; then
        `store.collect_garbage()` removes them.

        Args:
            dataset_id: One dataset.
            **selector: Or all that the filters of `iter_datasets` name, such as `match_id=12`.

        Returns:
            How many were removed.

        Raises:
            ConfigurationError: Neither is given; everything is never meant by leaving both out. Or an identifier key
                is None, which for a reader means any value.
            DatasetNotFound: There is none with that id.
        """
        nothing = next((key for key, value in selector.items() if value is None and key not in _NO_KEYS), None)
        if nothing is not None:
            raise ConfigurationError(
                f"destroy_dataset got {nothing}=None, which narrows nothing, so it would remove more than was meant: "
                f"give a value, or leave it out. Nothing was removed."
            )
        filters = given_filters(selector)
        if dataset_id is None and not filters:
            raise ConfigurationError("destroy_dataset needs a dataset_id or a filter such as match_id=12.")
        if dataset_id is not None and not filters:
            return self.store.delete_datasets([self.store.get_dataset(dataset_id)])
        count = 0
        collections: Iterator[DatasetCollection] = self.store.iter_dataset_collection_batches(
            yield_dataset_collection=True, dataset_id=dataset_id, **filters
        )
        for collection in collections:
            count += self.store.delete_datasets(list(collection))
        return count

    # ---- keeping the lake ------------------------------------------------------------------------------

    def verify(
        self,
        *,
        repair: bool = False,
        sample: float = 1.0,
        seed: int | None = None,
        progress: bool | None = None,
    ) -> VerifyReport:
        """Read every file of this bucket, and compare it with the catalogue; it may go on beside a run.

        Args:
            repair: Restore what is damaged from another copy, or fetch it anew by the plans; then look again.
            sample: Read only a random share of the files, above 0 and up to 1.
            seed: Which share: that of an earlier report; None: any.
            progress: Whether to show how far it is, as `load` does.

        Raises:
            LakeIdentityError: The storage is not the catalogue's.
            StoreError: The catalogue or the storage cannot be read or, for a repair, written.
        """
        store, display = self.store, Display(progress)
        report = verify(
            store,
            Verification(store.catalogue, store.storage, bucket=store.bucket, share=sample, seed=seed),
            refetch=(lambda wanted: fetch_anew(self.run_report, wanted)) if repair else None,
            moving=display.moving,
        )
        display.tell(report.line)
        return report

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
        """Mirror datasets of this bucket into another lake: all revisions, and what waits in quarantine.

        What is there already is not read again, so a copy that was cut off goes on. What the filters find nothing of is
        explained in a warning.

        Example::

            archive = get_engine(metadata_url="sqlite:///archive/catalog.db", file_url="file://archive/files/")
            engine.copy_to(archive, competition_id=43)

        Args:
            target: The other lake, opened with the bucket that it is copied to. It is made if it is not there.
            delete: Remove from the target what this lake has not, of what the filters name.
            dry_run: Only find out what would be done, to a target that is there.
            progress: Whether to show how far it is, as `load` does.
            **filters: `provider`, `dataset_type`, `dataset_id` and identifier keys, as those of `iter_datasets`.

        Raises:
            ConfigurationError: The target is this lake or no engine, or there is nothing to copy and the rest would be
                deleted.
            LakeIdentityError: The storage of one of them is not its own.
            LakeUnwritable: The target takes nothing any more; what was committed stays.
        """
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
            self.store.warn_of_nothing(wanted)
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
        for source, fetcher in self._fetchers.values():
            fetcher.close()
            if isinstance(source, ReadsDeliveries):
                source.close_deliveries()
        self.store.close()

    def __enter__(self) -> IngestionEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _may_wait() -> bool:
    """Whether a reader may wait for a run that is at the same: not from a callback, for which that run would wait."""
    return not isinstance(threading.current_thread(), RunThread)


def _place_of(dataset: Dataset) -> tuple[Any, ...]:
    return listing_order(
        dataset.provider,
        dataset.dataset_type,
        dataset.identifier,
        dataset.metadata,
        dataset.name,
        dataset.dataset_id,
    )


def _auto_ingest_options(auto_ingest: bool | Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(auto_ingest, (bool, Mapping)):
        raise ConfigurationError(
            f'auto_ingest is {auto_ingest!r}; write True, or a dict such as {{"streaming": True}}.'
        )
    options = {} if isinstance(auto_ingest, bool) else dict(auto_ingest)
    if unknown := sorted(set(options) - AUTO_INGEST_OPTIONS):
        meant = did_you_mean(unknown[0], AUTO_INGEST_OPTIONS) or "."
        raise ConfigurationError(
            f"auto_ingest has the unknown option '{unknown[0]}'{meant} There are "
            f"{', '.join(sorted(AUTO_INGEST_OPTIONS))}; "
            f'what a source takes goes into configuration, such as {{"configuration": {{"base_url": …}}}}.'
        )
    if options.get("if_offline", "serve") not in IF_OFFLINE:
        raise ConfigurationError(
            f'auto_ingest has if_offline={options["if_offline"]!r}; it is "serve" (what the lake has, with a warning) '
            f'or "error".'
        )
    return options
