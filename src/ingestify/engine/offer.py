"""The competitions and matches of a provider, as its source lists them, without an ingest."""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ingestify.domain.dataset import Dataset
from ingestify.domain.listing_order import listing_order
from ingestify.domain.match_facts import match_facts
from ingestify.domain.plan import EVERYTHING, IngestionPlan, Job, ParseExpression
from ingestify.domain.ports import DatasetFilter, FetchContext, Fetcher, UnreachableHosts, Usage
from ingestify.domain.resource import UnreadableEntry
from ingestify.domain.selector import Filters, Selector, filter_values
from ingestify.domain.text_table import text_table
from ingestify.engine.discovery.discovered import Discovered
from ingestify.engine.discovery.discovery import LOOK_UP_SIZE, iter_discovered
from ingestify.engine.discovery.not_listed import describe_not_listed
from ingestify.engine.discovery.planner import Expansion, can_discover, expand_plan
from ingestify.engine.discovery.source_calls import required_arguments
from ingestify.engine.report.report import JobProgress, one_line
from ingestify.errors import ConfigurationError, LakeNotFound
from ingestify.progress.printable import PrintableLogger
from ingestify.remedies import is_at_command_line, remedy
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.process import this_process
from ingestify.store.reading.table_list import TableList

__all__ = ["USUAL_TYPE", "OfferList", "ProviderLook", "choose_offering"]

logger = PrintableLogger(__name__)

USUAL_TYPE = "match"

MOST_SELECTORS = 10
"""The most selectors that are listed without a question; above it, the caller names some or asks for all."""

_IN_LAKE = ("in_lake", "revision_id")


class OfferList(TableList[dict[str, Any]]):
    """The competitions or matches of a provider: a dict for each, shown as a table.

    Attributes:
        provider: The provider's name.
        terms: Licence and attribution of the data; empty if there are none.
    """

    def __init__(
        self, rows: Iterable[dict[str, Any]] = (), *, provider: str = "", what: str = "", terms: Mapping[str, str] = {}
    ) -> None:
        super().__init__(rows)
        self.provider = provider
        self.terms = dict(terms)
        self._what = what

    @property
    def columns(self) -> Sequence[str]:  # type: ignore[override]
        """The columns in which a row has a value; `metadata` is only in data frames."""
        names = dict.fromkeys(name for row in self for name in row)
        there = [name for name in names if name != "metadata" and any(row.get(name) is not None for row in self)]
        # A name is left out where its parts have columns: the teams of a match, competition and season of a selector.
        return [name for name in there if name != "name" or not {"home_team", "season_name"} & {*there}]

    @property
    def caption(self) -> str:
        """How many there are, and the licence."""
        count = f"{len(self):,} {self._what}" + ("" if len(self) == 1 else "es" if self._what == "match" else "s")
        return " · ".join([f"{self.provider}: {count}", *self.terms.values()])

    def iter_shown(self) -> Iterator[Sequence[object]]:
        """Yield the shown values of each row."""
        columns = self.columns
        return ([row.get(name) for name in columns] for row in self)

    def lines(self) -> list[str]:
        """Return the table as text lines, without the caption."""
        return text_table("", self.columns, self.iter_shown(), len(self), most=None).splitlines()[1:]

    def as_rows(self) -> list[dict[str, Any]]:
        """Return the rows."""
        return [dict(row) for row in self]

    def without_lake(self) -> OfferList:
        """Return the list without the columns about the lake."""
        rows = [{name: value for name, value in row.items() if name not in _IN_LAKE} for row in self]
        return OfferList(rows, provider=self.provider, what=self._what, terms=self.terms)


class ProviderLook:
    """Asks one source for its competitions and matches, in the caller's thread.

    Args:
        store: The lake, for the columns about it.
        plan: The source and the dataset type. Its selectors are used only if the source cannot discover any.
        fetcher: The HTTP client of the source.
        parse_expression: Parses a selector that is an expression.
    """

    def __init__(
        self, store: DatasetStore, plan: IngestionPlan, fetcher: Fetcher, parse_expression: ParseExpression | None
    ) -> None:
        self._store = store
        self._plan = plan
        self._fetcher = fetcher
        self._parse_expression = parse_expression
        self._unreadable: list[str] = []
        # A person waits: an unreachable host is given up within seconds.
        self._context = FetchContext(Usage(), threading.Event(), unreachable_hosts=UnreachableHosts())

    def competitions(self) -> OfferList:
        """Return a row for each selector: keys, names, last modification, and how many datasets the lake has.

        Raises:
            Exception: Any error of the source.
        """
        with self._fetcher.activated(self._context):
            selectors = [job.selector for job in self._expand({}).jobs]
        counts = self._count(selectors)
        rows = []
        for selector in selectors:
            keys, hints = selector.attributes, selector.hints
            row = {
                "competition_name": hints.get("_competition_name"),
                "season_name": hints.get("_season_name"),
                "name": selector.name,
                "last_modified": selector.last_modified,
                "in_lake": counts[_key(keys, keys)],
            }
            named = {"competition": row["competition_name"], "season": row["season_name"]}
            rows.append((listing_order("", "", keys, named, selector.name), _with_keys(keys, row)))
        return self._list(rows, "competition")

    def matches(self, filters: Filters, *, everything: bool) -> OfferList:
        """Return a row for each dataset: keys, names, date, teams, score, and its state in the lake.

        Args:
            filters: The caller's filters.
            everything: Whether to list all selectors, however many there are.

        Raises:
            ConfigurationError: There are more than 10 selectors, and the filters name none.
            Exception: Any error of the source.
        """
        found: list[Discovered] = []
        progresses: list[JobProgress] = []
        with self._fetcher.activated(self._context):
            expansion = self._expand(filters)
            jobs = expansion.jobs
            if len(jobs) > MOST_SELECTORS and not everything and not _narrow(filters, jobs):
                raise ConfigurationError(self._too_many(jobs))
            for job in jobs:
                progress = JobProgress(job, str(uuid.uuid4()), this_process(), self._context.unreachable_hosts)
                progresses.append(progress)
                for batch in iter_discovered(progress, self._store, self._fail_entry):
                    found += batch
        held: dict[tuple[str, str, str], Dataset] = {}
        with contextlib.suppress(LakeNotFound):
            held = self._find_in_lake(found)
        rows = [
            (
                listing_order(*one.key[:2], one.identifier, one.resource.metadata, one.name),
                _with_keys(one.identifier, _row_of(one, held.get(one.key))),
            )
            for one in found
        ]
        if not self._unreadable and (
            not_listed := describe_not_listed(filters, [self._plan.source.provider], [expansion], progresses)
        ):
            logger.warning("%s", not_listed)
        return self._list(rows, "match")

    def _expand(self, filters: Filters) -> Expansion:
        plan = self._plan
        required = required_arguments(plan)
        rules: Sequence[Any] = [EVERYTHING]
        if required and all(key in filters for key in required):
            # The filters name the selectors, so the source need not be asked for them.
            rules = [{key: filter_values(filters[key]) for key in required}]
        elif not can_discover(plan.source):
            rules = plan.selectors
        asked = IngestionPlan(plan.source, plan.dataset_type, plan.data_spec_versions, rules)
        return expand_plan(asked, filters, self._parse_expression, self._fail_selector)

    def _too_many(self, jobs: Sequence[Job]) -> str:
        provider, first = self._plan.source.provider, jobs[0].selector
        example = ", ".join(f"{key}={value!r}" for key, value in first.attributes.items())
        return (
            f"{provider} has {len(jobs)} competitions and seasons, and each may be a request of its own. Name what you "
            f"mean, such as {example}: {remedy('sources competitions', provider)} lists them. "
            f"All of them are {'--all' if is_at_command_line() else 'everything=True'}."
        )

    # ---- what cannot be read ---------------------------------------------------------------------------

    def _fail_entry(self, where: str, why: BaseException | str) -> None:
        self._unreadable.append(f"{where}: {why if isinstance(why, str) else one_line(why)}")

    def _fail_selector(self, entry: UnreadableEntry) -> None:
        self._fail_entry(entry.where, entry.error)

    def _list(self, rows: Sequence[tuple[tuple[Any, ...], dict[str, Any]]], what: str) -> OfferList:
        """Return the rows of (sort key, row), sorted."""
        source = self._plan.source
        if self._unreadable:
            logger.warning(
                "%s: entries of the index that cannot be read and are left out: %d; the first: %s",
                source.name,
                len(self._unreadable),
                self._unreadable[0],
            )
        in_order = [row for _, row in sorted(rows, key=lambda pair: pair[0])]
        return OfferList(in_order, provider=source.provider, what=what, terms=source.terms)

    # ---- what the lake has -----------------------------------------------------------------------------

    def _count(self, selectors: Sequence[Selector]) -> Counter[tuple[str, ...]]:
        """Return how many datasets the lake has of each selector."""
        shapes = {tuple(selector.attributes) for selector in selectors}
        wanted = DatasetFilter(self._store.bucket, self._plan.dataset_type, self._plan.source.provider)
        counts: Counter[tuple[str, ...]] = Counter()
        with contextlib.suppress(LakeNotFound):
            for one in self._store.catalogue.datasets.iter_descriptions(wanted):
                for keys in shapes:
                    counts[_key(one.identifier, keys)] += 1
        return counts

    def _find_in_lake(self, found: Sequence[Discovered]) -> dict[tuple[str, str, str], Dataset]:
        catalogue = self._store.catalogue
        held: dict[tuple[str, str, str], Dataset] = {}
        for start in range(0, len(found), LOOK_UP_SIZE):
            some = found[start : start + LOOK_UP_SIZE]
            for kind in {(one.provider, one.resource.dataset_type) for one in some}:
                identifiers = [one.identifier for one in some if one.key[:2] == kind]
                known = catalogue.datasets.find_known(self._store.bucket, *kind, identifiers)
                for dataset in catalogue.datasets.get([one.dataset_id for one in known.values()]):
                    held[dataset.provider, dataset.dataset_type, dataset.identifier.canonical] = dataset
        return held


def _row_of(discovered: Discovered, held: Dataset | None) -> dict[str, Any]:
    resource = discovered.resource
    metadata = resource.metadata
    return {
        "competition_name": metadata.get("competition"),
        "season_name": metadata.get("season"),
        **match_facts(metadata),
        "name": discovered.name,
        "at_provider": resource.state.value,
        "in_lake": None if held is None else held.state.value,
        "revision_id": None if held is None or not held.revisions else held.revisions[-1].revision_id,
        "metadata": dict(metadata),
    }


def _with_keys(keys: Mapping[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its identifier keys first; a key with the name of a column gets the prefix `identifier.`."""
    return {**{f"identifier.{key}" if key in row else key: value for key, value in keys.items()}, **row}


def _key(identifier: Mapping[str, Any], keys: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"{key}={identifier.get(key)}" for key in keys)


def choose_offering(plans: Sequence[IngestionPlan], provider: str, dataset_type: str | None) -> IngestionPlan | None:
    """Return the plan whose source is asked; None if no plan fits.

    Args:
        plans: All plans.
        provider: The name of a source or of a provider.
        dataset_type: None: `match`, or the type of the plan.

    Raises:
        ConfigurationError: Several sources have that provider.
    """
    named = [plan for plan in plans if plan.source.name == provider]
    chosen = named or [plan for plan in plans if plan.source.provider == provider]
    of_type = [plan for plan in chosen if plan.dataset_type == (dataset_type or USUAL_TYPE)] or chosen
    names = sorted({plan.source.name for plan in of_type})
    if len(names) > 1:
        raise ConfigurationError(
            f"Several sources are of the provider '{provider}': {', '.join(names)}. Give the name of one."
        )
    if not of_type:
        return None
    plan = of_type[0]
    return IngestionPlan(plan.source, dataset_type or plan.dataset_type, plan.data_spec_versions, plan.selectors)


def _narrow(filters: Filters, jobs: Sequence[Job]) -> bool:
    """Whether the filters name selectors."""
    return any(key in job.selector.attributes for key in filters for job in jobs)
