"""The lake in short: what changed, what there is of what was expected, and pages of lists, newest first."""

from __future__ import annotations

import base64
import collections
import copy
import dataclasses
import datetime as dt
import functools
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from ingestify.clock import now
from ingestify.domain.dataset import Dataset
from ingestify.domain.events import DatasetEvent
from ingestify.domain.overview import ChangeMark, FeedStorage, RequestDay, RunSummary
from ingestify.domain.ports import DatasetFilter, StorageTotals
from ingestify.domain.quarantine import QuarantineEntry, QuarantineState
from ingestify.domain.run import Counters, JobSummary
from ingestify.errors import ConfigurationError
from ingestify.store.reading.coverage_list import CoverageList, FreshnessList

if TYPE_CHECKING:
    from ingestify.store.reading.dataset_reader import DatasetReader

__all__ = ["LakeOverview", "Listed", "ReasonCount", "kind_of_reason"]

T = TypeVar("T")

_ENTRIES, _DATASETS, _RUNS, _CHANGES = "entries", "datasets", "runs", "changes"


@dataclasses.dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """A page of a list.

    Attributes:
        after: What the next page is asked for with; empty: this is the last one. It fits any filters.
    """

    items: Sequence[T]
    after: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many open entries of the quarantine have a reason of the same kind.

    Attributes:
        kind: The reason with `N` for each number, and `…` for each quoted text.
        example: The reason of one of the entries.
    """

    provider: str
    kind: str
    example: str
    entries: int


class LakeOverview:
    """One bucket of a lake in short: `store.overview`. Every method may be called from any thread.

    A page that is asked for with `after` of the page before repeats nothing of that page, and loses nothing that was
    there, also if runs commit meanwhile: what is new comes before the first page.

    Args:
        reader: Of the lake.
    """

    def __init__(self, reader: DatasetReader) -> None:
        self._reader = reader
        self._catalogue = reader.catalogue
        self._bucket = reader.bucket
        self._known: dict[str, tuple[str, object]] = {}

    def _once(self, what: str, read: Callable[[], T]) -> T:
        """Return what counts the whole lake. It is read once, until something changes."""
        mark = self.read_mark().settled  # before it is read: a change meanwhile is seen the next time
        before, known = self._known.get(what, ("", None))
        if not mark or mark != before:
            known = read()
            self._known[what] = mark, known
        return copy.copy(cast(T, known))

    def read_mark(self) -> ChangeMark:
        """Return two texts that stay the same until something changes in the lake, for caches; takes a millisecond."""
        return self._catalogue.overview.read_mark()

    def totals(self) -> StorageTotals:
        """Return how many datasets, revisions and files there are, and how large they are."""
        return self._once("totals", lambda: self._catalogue.overview.count_all(self._bucket))

    def coverage(self) -> CoverageList:
        """Return what there is of each competition in a season."""
        return self._once("coverage", lambda: CoverageList(self._catalogue.coverage.read(self._bucket)))

    def freshness(self) -> FreshnessList:
        """Return how old the lake is for each selector that runs remember."""
        return self._once("freshness", lambda: FreshnessList(self._catalogue.coverage.read_freshness(self._bucket)))

    def storage(self) -> list[FeedStorage]:
        """Return what each feed takes, the largest first. The sums are those of `totals`."""
        return self._once("storage", lambda: self._catalogue.overview.read_storage(self._bucket))

    def requests(self, days: int = 30) -> list[RequestDay]:
        """Return the requests of the last days by source, of all buckets, newest day first."""
        since = now().replace(hour=0, minute=0, second=0, microsecond=0) - dt.timedelta(days=days - 1)
        return self._catalogue.overview.read_requests(since)

    # ---- datasets --------------------------------------------------------------------------------------

    def facets(self, search: str = "", **filters: Any) -> dict[str, dict[str, int]]:
        """Count datasets by `provider`, `dataset_type`, `state` and `competition`, most first.

        Args:
            search: See `datasets`.
            **filters: See `datasets`.
        """
        wanted = self._filter(search, filters)
        read = functools.partial(self._count, wanted)
        is_of_all = not search.strip() and all(value in (None, {}) for value in filters.values())
        return self._once("facets", read) if is_of_all else read()

    def _count(self, wanted: DatasetFilter) -> dict[str, dict[str, int]]:
        counts: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
        for one in self._catalogue.coverage.count(wanted):
            counts["provider"][one.provider] += one.number
            counts["dataset_type"][one.dataset_type] += one.number
            counts["state"][one.state.value] += one.number
            counts["competition"][one.competition] += one.number
        return {name: dict(counts[name].most_common()) for name in ("provider", "dataset_type", "state", "competition")}

    def datasets(self, limit: int = 50, after: str = "", search: str = "", **filters: Any) -> Listed[Dataset]:
        """Return a page of datasets in full, those first that came into the lake last.

        Args:
            limit: The most datasets.
            after: `after` of the page before; empty: the first page.
            search: Words that the name contains, each of them somewhere, in any case.
            **filters: Filters as of `iter_datasets`, but `where`.

        Raises:
            ConfigurationError: `after` is of no page of this list, or a filter is wrong.
        """
        wanted = self._filter(search, filters)
        found, position = self._catalogue.datasets.find_newest(wanted, limit, _position_of(_DATASETS, after))
        return Listed(found, _cursor(_DATASETS, position))

    def _filter(self, search: str, filters: Mapping[str, Any]) -> DatasetFilter:
        if filters.get("where") is not None:
            raise ConfigurationError("A page of datasets has no where: it would have to look at all of them.")
        return dataclasses.replace(self._reader.dataset_filter(**filters), words=tuple(search.split()))

    # ---- runs ------------------------------------------------------------------------------------------

    def runs(self, limit: int = 20, after: str = "") -> Listed[RunSummary]:
        """Return a page of runs, of all buckets, those first that began last; see `datasets`."""
        page = self.jobs_by_run(limit, after)
        return Listed([_summary_of(jobs) for jobs in page.items], page.after)

    def jobs_by_run(self, limit: int = 20, after: str = "") -> Listed[list[JobSummary]]:
        """Return the page that `runs` returns, with the jobs of each run, newest first and without tasks."""
        before = _values_of(_RUNS, after, lambda at, run_id: (dt.datetime.fromisoformat(at), str(run_id)))
        found = self._catalogue.jobs.find_newest_runs(limit + 1, before)
        jobs = self._by_run([run_id for _, run_id in found[:limit]])
        last = found[limit - 1] if len(found) > limit else None
        return Listed(
            list(filter(None, jobs.values())), "" if last is None else _cursor(_RUNS, last[0].isoformat(), last[1])
        )

    def last_runs(self, limit: int, *, with_tasks: bool = False) -> dict[str, list[JobSummary]]:
        """Return the jobs of the last runs by run, newest first."""
        found = self._catalogue.jobs.find_newest_runs(limit)
        return self._by_run([run_id for _, run_id in found], with_tasks=with_tasks)

    def _by_run(self, run_ids: Sequence[str], *, with_tasks: bool = False) -> dict[str, list[JobSummary]]:
        jobs: dict[str, list[JobSummary]] = {run_id: [] for run_id in run_ids}
        for job in self._catalogue.jobs.load_runs(run_ids, with_tasks=with_tasks):
            jobs[job.run_id].append(job)
        return jobs

    def jobs_of(self, run_id: str) -> list[JobSummary]:
        """Return the jobs of a run with their tasks, newest first.

        There are none if there is no such run, or if a later one had the same result.
        """
        return self._catalogue.jobs.load_runs([run_id], with_tasks=True)

    # ---- changes and quarantine ------------------------------------------------------------------------

    def changes(self, limit: int = 50, after: str = "", kinds: Collection[str] = ()) -> Listed[DatasetEvent]:
        """Return a page of the event log, of all buckets, newest first; see `datasets`.

        Args:
            limit: The most events.
            after: `after` of the page before; empty: the first page.
            kinds: Which `event_type`s; none: any.
        """
        before = _position_of(_CHANGES, after)
        found = self._catalogue.event_log.find_newest(limit + 1, before, kinds)
        return Listed(found[:limit], _cursor(_CHANGES, found[limit - 1].position if len(found) > limit else None))

    def entries(
        self,
        limit: int = 50,
        after: str = "",
        search: str = "",
        states: Sequence[QuarantineState] = (QuarantineState.OPEN,),
        **filters: Any,
    ) -> Listed[QuarantineEntry]:
        """Return a page of the quarantine, newest first; see `datasets`. No states: any."""
        before = _position_of(_ENTRIES, after)
        found, position = self._catalogue.quarantine.find_newest(self._filter(search, filters), limit, before, states)
        return Listed(found, _cursor(_ENTRIES, position))

    def reasons(self) -> list[ReasonCount]:
        """Count the open entries of the quarantine by provider and kind of reason, most first.

        An entry counts once for each of its kinds.
        """
        counts: collections.Counter[tuple[str, str]] = collections.Counter()
        examples: dict[tuple[str, str], str] = {}
        for provider, reasons, number in self._catalogue.quarantine.count_reasons(self._bucket):
            kinds = {(provider, kind_of_reason(reason)): reason for reason in reasons}
            counts.update(dict.fromkeys(kinds, number))
            examples = {**kinds, **examples}
        return [ReasonCount(*kind, examples[kind], number) for kind, number in counts.most_common()]


_PATH_OF_URL = re.compile(r"(https?://[^\s/]+)(/\S*)")
_DETAILS = re.compile(r"'[^']*'|\"[^\"]*\"|(?<![\w.])(?<!status )[-+]?\d[\d,.]*(?:e[-+]?\d+)?(?!-?\w)")


def kind_of_reason(reason: str) -> str:
    """Return a reason without what differs from match to match; the file or request that it begins with stays."""
    reason = _PATH_OF_URL.sub(lambda found: found[1] + re.sub(r"\d+", "N", found[2]), reason)
    file_id, colon, problem = reason.partition(": ")
    if " " in file_id and "://" not in file_id:  # it is neither a file nor a request, but a sentence with a colon
        file_id, colon, problem = "", "", reason
    return file_id + colon + _DETAILS.sub(lambda found: "…" if found[0][0] in "'\"" else "N", problem)


def _summary_of(jobs: Sequence[JobSummary]) -> RunSummary:
    ended = [job.ended_at for job in jobs if job.ended_at is not None]
    return RunSummary(
        run_id=jobs[0].run_id,
        started_at=min(job.started_at for job in jobs),
        ended_at=max(ended) if len(ended) == len(jobs) else None,
        process=jobs[0].process,
        sources=sorted({job.source for job in jobs}),
        jobs=dict(collections.Counter(job.state for job in jobs)),
        counters=sum((job.counters for job in jobs), Counters()),
        errors=list(dict.fromkeys(job.error for job in jobs if job.error)),
    )


# ---- where a page begins --------------------------------------------------------------------------------


def _cursor(what: str, *values: object) -> str:
    """Return the text that the next page is asked for with; empty: there is none."""
    if values == (None,):
        return ""
    return base64.urlsafe_b64encode(json.dumps([what, *values]).encode()).decode().rstrip("=")


def _values_of(what: str, after: str, read: Callable[..., T]) -> T | None:
    """Return what `_cursor` was given; None: it is the first page."""
    if not after:
        return None
    try:
        padded = after.encode("ascii") + b"=" * (-len(after) % 4)
        kind, *values = json.loads(base64.b64decode(padded, b"-_", validate=True))
        if kind != what:
            raise ValueError("it is of another list")
        return read(*values)
    except (ValueError, TypeError, RecursionError) as error:
        raise ConfigurationError(
            f"after={after!r:.80} is of no page of {what} ({error!s:.80}). Begin at the first page, without it."
        ) from error


def _position_of(what: str, after: str) -> int | None:
    def read(position: object) -> int:
        if type(position) is not int or not 0 <= position < 2**63:
            raise ValueError("it has no position")
        return position

    return _values_of(what, after, read)
