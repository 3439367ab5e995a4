"""The options of one run."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence

import msgspec

from ingestify.domain.dataset import Dataset
from ingestify.domain.plan import ParseExpression
from ingestify.domain.ports import NOT_OBSERVED, Fetcher, HostWaitBook, Observer, RequestBudgetBook, UnreachableHosts
from ingestify.domain.source import Source
from ingestify.engine.bundle.bundle_rules import BundleRules
from ingestify.engine.report.health import WatchedPlan
from ingestify.engine.report.report import RunListener
from ingestify.engine.run.missing_detection import MissingLimits

__all__ = ["RunOptions"]


class RunOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a run works.

    Attributes:
        concurrency: How many files are fetched at once.
        fetcher_of: Returns the HTTP client of a source.
        parse_expression: Parses the selectors of plans that are expressions.
        dry_run: Whether only indexes are fetched, nothing is written, and no lock is taken.
        waits: Whether to wait for another run that works on the same job, instead of skipping the job.
        on_current: Called once by the committer's thread with each dataset, as soon as it is known to be current.
        listener: Is told of progress.
        rules: What a bundle must fulfil; None: the built-in rules.
        limits_of: How much of a source may be missing at once; None: the built-in limits.
        accepts_missing: Whether all that is not listed any more is marked MISSING.
        deadline: After this time the run is stopped. None: it takes as long as it needs.
        host_waits: The hosts that must not be asked for a while, for all clients; None: each client keeps its own.
        budgets: How many requests sources have; None: any number.
        ignores_waits: Whether such hosts are asked all the same.
        refetch: Whether what the lake has is fetched in full although nothing says that it changed.
        unreachable_hosts: Keeps the hosts that cannot be reached, for a caller that can do without them. The run gives
            them up within seconds, and only the caller tells of it. None: requests are retried, and fail.
        is_told: Whether the caller tells of the errors of discoveries: raises one, or calls `tell_failures`. Otherwise
            the run logs each of them at once.
        narrowed_to: What the caller narrowed the run to, for subscribers.
        stale_after: The age of a selector's last ingest from which on subscribers are told that it is stale. None: they
            are not told.
        watched: The plans whose selectors may be stale.
        observer: Observes the run.
    """

    concurrency: int
    fetcher_of: Callable[[Source], Fetcher]
    parse_expression: ParseExpression | None = None
    dry_run: bool = False
    waits: bool = False
    on_current: Callable[[Dataset], None] | None = None
    listener: RunListener | None = None
    rules: BundleRules | None = None
    limits_of: Callable[[Source], MissingLimits] | None = None
    accepts_missing: bool = False
    deadline: dt.timedelta | None = None
    host_waits: HostWaitBook | None = None
    budgets: RequestBudgetBook | None = None
    ignores_waits: bool = False
    refetch: bool = False
    unreachable_hosts: UnreachableHosts | None = None
    is_told: bool = False
    narrowed_to: Mapping[str, object] = {}
    stale_after: dt.timedelta | None = None
    watched: Sequence[WatchedPlan] = ()
    observer: Observer = NOT_OBSERVED
