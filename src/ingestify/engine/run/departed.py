"""Selectors that a source discovered in an earlier run, and no longer discovers."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from ingestify.domain.plan import IngestionPlan, Job, ParseExpression
from ingestify.domain.ports import IndexReading
from ingestify.domain.selector import Filters, Selector
from ingestify.engine.discovery.planner import Expansion, would_ingest
from ingestify.errors import StoreError
from ingestify.store.dataset_store import DatasetStore

__all__ = ["find_departed"]

logger = logging.getLogger(__name__)


def find_departed(
    store: DatasetStore,
    plans: Sequence[IngestionPlan],
    plan: IngestionPlan,
    filters: Filters,
    expansion: Expansion,
    index: IndexReading,
    parse_expression: ParseExpression | None,
) -> list[Job]:
    """Return a job for each selector that an earlier run discovered, that the plan wants, and that is gone now.

    Such a job asks the provider for nothing. All that the lake has of it is no longer listed.

    Args:
        store: The lake.
        plans: All plans of the run. If several want the same selector, the first one has its job.
        plan: The plan whose selectors were discovered.
        filters: What the caller narrows the run to. With filters nothing is concluded from what is not there.
        expansion: The selectors that were discovered, and their jobs.
        index: How the provider's index was read while the selectors were discovered.
        parse_expression: Parses the selectors of plans that are expressions.
    """
    if expansion.discovered is None or filters or not plan.source.lists_everything:
        return []
    source = plan.source
    try:
        known = store.catalogue.selector_syncs.find_discovered(
            store.bucket, source.name, source.provider, plan.dataset_type
        )
    except StoreError as error:  # an archive of an older version that may only be read has none
        logger.debug("Cannot see what was discovered before: %s", error)
        return []
    there = {job.selector for job in expansion.jobs}.union(expansion.discovered)
    gone = [
        one.selector for one in known if one.selector not in there and not _is_among(one.selector, expansion.discovered)
    ]
    wanted = [one for one in gone if would_ingest(plan, one, parse_expression)]
    if wanted and index.gaps:
        logger.info(
            "%s: %d selectors are no longer discovered; nothing is marked MISSING, as the index was not complete: %s",
            source.name,
            len(wanted),
            "; ".join(index.gaps),
        )
        return []
    before = plans[: next(number for number, one in enumerate(plans) if one is plan)]
    return [
        Job(plan, source.name, source.provider, one, is_discovered=True, has_departed=True)
        for one in wanted
        if not _is_in_another_plan(one, before, plan, parse_expression)
    ]


def _is_among(selector: Selector, discovered: Iterable[Selector]) -> bool:
    """Whether a discovered selector may be the same, or may contain it."""
    return any(one.matches(selector.attributes) for one in discovered)


def _is_in_another_plan(
    selector: Selector, before: Iterable[IngestionPlan], plan: IngestionPlan, parse_expression: ParseExpression | None
) -> bool:
    return any(
        one.source.name == plan.source.name
        and one.dataset_type == plan.dataset_type
        and would_ingest(one, selector, parse_expression)
        for one in before
    )
