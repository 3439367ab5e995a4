"""The sources of an engine: its plans, the HTTP client of each source, and open data."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ingestify.domain.bundle_check import BundleCheck
from ingestify.domain.dataset import Dataset
from ingestify.domain.delivery import OpenDelivery, ReadsDeliveries, ReadsInbox
from ingestify.domain.export_layout import NO_LAYOUT, ExportLayout
from ingestify.domain.plan import IngestionPlan, LeftOutPlan, ParseExpression
from ingestify.domain.ports import Fetcher
from ingestify.domain.record_key import RecordKeys
from ingestify.domain.selector import Filters
from ingestify.domain.source import Source
from ingestify.engine.bundle.bundle_rules import BundleRules
from ingestify.engine.discovery.filter_keys import choose_by_filters, keys_named_by
from ingestify.engine.discovery.planner import NoPlanFits, choose_plans
from ingestify.engine.offer import USUAL_TYPE, ProviderLook, choose_offering
from ingestify.errors import ConfigurationError
from ingestify.provider_formats.built_in import check_loader
from ingestify.remedies import remedy
from ingestify.store.dataset_store import DatasetStore
from ingestify.suggestion import did_you_mean

__all__ = ["EngineSources"]

logger = logging.getLogger(__name__)


class EngineSources:
    """The plans of an engine, and the clients of their sources. Used by the engine's thread.

    Args:
        store: The lake.
        rules: How bundles are validated.
        make_fetcher: Makes the HTTP client of a source.
        parse_expression: Parses a selector that is an expression.
        make_open_data_source: `(provider, configuration)` → the source of a provider's open data.
        open_delivery: Opens a delivery for a source that reads deliveries.
        left_out: The plans of the settings that are not enabled.
        open_data: The providers that `make_open_data_source` knows.

    Attributes:
        plans: The plans that `load` ingests.
    """

    def __init__(
        self,
        store: DatasetStore,
        rules: BundleRules,
        *,
        make_fetcher: Callable[[Source], Fetcher],
        parse_expression: ParseExpression | None,
        make_open_data_source: Callable[[str, Mapping[str, Any]], Source] | None,
        open_delivery: OpenDelivery | None,
        left_out: Sequence[LeftOutPlan],
        open_data: Collection[str],
    ) -> None:
        self.plans: list[IngestionPlan] = []
        self._store = store
        self._rules = rules
        self._make_fetcher = make_fetcher
        self._parse_expression = parse_expression
        self._make_open_data_source = make_open_data_source
        self._open_delivery = open_delivery
        self._left_out = tuple(left_out)
        self._open_data = tuple(open_data)
        self._fetchers: dict[int, tuple[Source, Fetcher]] = {}

    def add(self, plan: IngestionPlan) -> None:
        """Add a plan, and give its source an HTTP client.

        Raises:
            ConfigurationError: The source names a loader that does not exist.
        """
        try:
            loader = self._rules.loader_of(plan.source.provider, plan.dataset_type, [plan.source])
            check_loader(loader, plan.dataset_type)
        except ConfigurationError as error:
            raise ConfigurationError(f"The source '{plan.source.name}': {error}") from error
        self.fetcher_of(plan.source)
        self.plans.append(plan)

    def fetcher_of(self, source: Source) -> Fetcher:
        """Return the HTTP client of a source, which is made when it is first needed."""
        if id(source) not in self._fetchers:
            fetcher = self._make_fetcher(source)
            source.attach_http(fetcher)
            if self._open_delivery is not None and isinstance(source, ReadsDeliveries):
                source.attach_deliveries(self._open_delivery)
            if isinstance(source, ReadsInbox):
                source.attach_inbox(self._store.open_inbox)
            # The source is kept too: a later source could get the id of one that was freed.
            self._fetchers[id(source)] = (source, fetcher)
        return self._fetchers[id(source)][1]

    def close(self) -> None:
        """Close the connections to providers and to deliveries."""
        for source, fetcher in self._fetchers.values():
            fetcher.close()
            if isinstance(source, ReadsDeliveries):
                source.close_deliveries()

    # ---- plans -----------------------------------------------------------------------------------------

    def find_left_out(self, source: str | None = None, dataset_type: str | None = None) -> list[LeftOutPlan]:
        """Return the plans that are not enabled; None means any."""
        return [
            one
            for one in self._left_out
            if source in (None, one.source_name) and dataset_type in (None, one.dataset_type)
        ]

    def choose(
        self, filters: Filters, provider: str | None, source: str | None, dataset_type: str | None
    ) -> list[IngestionPlan]:
        """Return the plans with the given names whose datasets can have the keys of the filters; at least one.

        Args:
            filters: The caller's filters.
            provider: The provider's name; None: any.
            source: The source's name; None: any.
            dataset_type: The dataset type; None: any.

        Raises:
            NoPlanFits: There is no plan with these names.
            ConfigurationError: No plan can have one of the keys.
        """
        return self.narrow(self._choose_by_names(provider, source, dataset_type), filters)

    def narrow(self, plans: Sequence[IngestionPlan], filters: Filters) -> list[IngestionPlan]:
        """Return the plans whose datasets can have the keys of the filters; see `choose_by_filters`."""
        return choose_by_filters(plans, filters, self._store, self._parse_expression)

    def _choose_by_names(
        self, provider: str | None, source: str | None, dataset_type: str | None
    ) -> list[IngestionPlan]:
        open_data = ""
        if self._open_data and (provider is None or provider in self._open_data):
            named = f'provider="{provider or "statsbomb"}", dataset_type="{dataset_type or "match"}"'
            others = "" if provider else f" (there is that of {', '.join(sorted(self._open_data))})"
            call = f'engine.iter_datasets(auto_ingest={{"use_open_data": True}}, {named})'
            open_data = f" Open data needs no plan{others}: in Python  {call} ."
        if not self.plans:
            raise NoPlanFits(
                "There is no ingestion plan: add one under 'ingestion_plans' of the config.yaml "
                f"({remedy('init')} writes an example), or with engine.add_ingestion_plan(…).{open_data}"
            )
        try:
            return choose_plans(self.plans, provider, source, dataset_type)
        except NoPlanFits as error:
            if provider is None or any(plan.source.provider == provider for plan in self.plans):
                raise
            raise NoPlanFits(f"{error}{open_data}") from None

    def providers(self) -> set[str]:
        """Return the providers of the plans and of open data."""
        return {*self._open_data, *(plan.source.provider for plan in self.plans)}

    def keys(self, provider: str | None, dataset_type: str | None) -> set[str]:
        """Return the identifier keys that the plans' sources are known to have; None means any."""
        keys: set[str] = set()
        for plan in self.plans:
            if provider in (None, plan.source.provider) and dataset_type in (None, plan.dataset_type):
                keys |= keys_named_by(plan, self._parse_expression)
        return keys

    def with_record_keys(self, known_of: Callable[[Dataset], RecordKeys]) -> Callable[[Dataset], RecordKeys]:
        """Return a function that returns what the plans' source of a dataset says of its records, else what is known.

        Args:
            known_of: Returns what is known without plans.
        """

        def record_keys_of(dataset: Dataset) -> RecordKeys:
            of_plans = (one.source.record_keys for one in self.plans if one.source.provider == dataset.provider)
            return next(filter(None, of_plans), None) or known_of(dataset)

        return record_keys_of

    def with_zones(self, known_of: Callable[[Dataset], dt.tzinfo]) -> Callable[[Dataset], dt.tzinfo]:
        """Return a function that returns the zone of kick-offs of the plan of a dataset, else what is known.

        Args:
            known_of: Returns what is known without plans.
        """

        def zone_of(dataset: Dataset) -> dt.tzinfo:
            kind = dataset.provider, dataset.dataset_type
            of_plans = (one.schedule.zone for one in self.plans if (one.source.provider, one.dataset_type) == kind)
            return next(of_plans, None) or known_of(dataset)

        return zone_of

    def loader_of(self, dataset: Dataset) -> str | None:
        """Return the loader of a dataset by the settings, or by a source that brought a revision of it; else None."""
        names = {revision.source.get("source") for revision in dataset.revisions}
        sources: Iterable[Source] = (plan.source for plan in self.plans if plan.source.name in names)
        of_provider = (source for source in sources if source.provider == dataset.provider)
        return self._rules.loader_of(dataset.provider, dataset.dataset_type, of_provider) or None

    def checks_of(self, dataset: Dataset) -> list[BundleCheck]:
        """Return the checks that a run makes of a dataset: those of the source that brought it, or of its provider."""
        of_provider = [one.source for one in self.plans if one.source.provider == dataset.provider]
        source = next((one for one in of_provider if one.name == dataset.source_name), next(iter(of_provider), None))
        return self._rules.checks_of(source, dataset.provider, dataset.dataset_type)

    def with_export_layouts(self, known_of: Callable[[Dataset], ExportLayout]) -> Callable[[Dataset], ExportLayout]:
        """Return a function that returns the layout of the plans' source of a dataset, else what is known.

        Args:
            known_of: Returns what is known without plans.
        """

        def export_layout_of(dataset: Dataset) -> ExportLayout:
            of_plans = (one.source.export_layout for one in self.plans if one.source.name == dataset.source_name)
            return next((one for one in of_plans if one is not NO_LAYOUT), None) or known_of(dataset)

        return export_layout_of

    # ---- open data -------------------------------------------------------------------------------------

    def open_data(self, provider: str, configuration: Mapping[str, Any], dataset_type: str) -> Source:
        """Return the source of a provider's open data.

        Args:
            provider: The provider's name.
            configuration: The source's configuration, such as `{"base_url": …}`.
            dataset_type: The dataset type that is wanted.

        Raises:
            ConfigurationError: The provider has no open data, or none of this type.
        """
        if self._make_open_data_source is None:
            raise ConfigurationError("This engine knows no open data sources.")
        try:
            source = self._make_open_data_source(provider, configuration)
        except ConfigurationError as error:
            if provider in self._open_data:
                raise
            names = sorted({plan.source.name for plan in self.plans})
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

    @contextlib.contextmanager
    def look_at(
        self,
        provider: str,
        dataset_type: str | None,
        configuration: Mapping[str, Any] | None,
        filters: Filters | None = None,
    ) -> Iterator[ProviderLook]:
        """Choose the source that is asked for a provider's competitions and matches.

        The client of an open data source is closed at the end.

        Args:
            provider: The name of a source or of a provider.
            dataset_type: The dataset type; None: `match`, or the type of the plan.
            configuration: The configuration of the open data source; None: prefer the source of a plan.
            filters: The caller's filters.

        Raises:
            ConfigurationError: There is no such source, or several; or no dataset can have a key of the filters.
        """
        plan = None if configuration is not None else choose_offering(self.plans, provider, dataset_type)
        is_own = plan is None
        try:
            if plan is None:
                source = self.open_data(provider, configuration or {}, dataset_type or USUAL_TYPE)
                plan = IngestionPlan(source, dataset_type or USUAL_TYPE)
            self.narrow([plan], filters or {})
            yield ProviderLook(self._store, plan, self.fetcher_of(plan.source), self._parse_expression)
        finally:
            if is_own and plan is not None and id(plan.source) in self._fetchers:
                self._fetchers.pop(id(plan.source))[1].close()
