"""Ingestion plans, and the jobs that a run makes of them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

from ingestify.domain.feeds import DataSpecVersionCollection
from ingestify.domain.fetch_policy import FetchPolicy
from ingestify.domain.identifier import canonical_text
from ingestify.domain.ports import DatasetFilter
from ingestify.domain.schedule import Schedule
from ingestify.domain.selector import Filters, Selector, canonical_values, filter_values
from ingestify.domain.source import Source
from ingestify.domain.text import LONGEST_KIND, LONGEST_NAME, problem_of_name
from ingestify.errors import ConfigurationError

__all__ = ["EVERYTHING", "IngestionPlan", "Job", "SelectorExpression", "SelectorRule"]

EVERYTHING = "*"
"""The selector that means every selector that `discover_selectors` finds."""


_KIND = ("bucket", "provider", "dataset_type")


class SelectorExpression(Protocol):
    """A rule over the attributes of discovered selectors."""

    def matches(self, attributes: Mapping[str, object]) -> bool:
        """Return whether a selector with these attributes is meant."""


SelectorRule = Selector | Mapping[str, Any] | str | SelectorExpression
"""A selector, `*`, an expression such as `competition_id == 11 and season_id > 42`, or one already parsed."""


class IngestionPlan:
    """One source, one dataset type, and which part of it.

    Args:
        source: The source.
        dataset_type: `match`, `tracking`, …
        data_spec_versions: The feeds and versions; None: every feed, v1.
        selectors: The parts; None: everything that `discover_selectors` finds, and so is an empty one. In a mapping,
            lists multiply: `{"competition_id": 11, "season_id": [90, 91]}` is two. Selectors that differ only in
            one of the source's `multi_value_keys` are one job.
        fetch_policy: When to fetch; None: the base policy.
        other_sources: The names of all other sources of the configuration, if no other source of this provider has a
            plan for this dataset type. Then this source also answers for datasets of a source that is not among them,
            such as one that was renamed. None: it answers only for its own datasets.
        schedule: When `watch` looks at it; None: the schedule with the default times.

    Raises:
        ConfigurationError: A catalogue cannot store one of the names.
    """

    __slots__ = (
        *("data_spec_versions", "dataset_type", "fetch_policy", "other_sources", "schedule", "selectors", "source"),
    )

    def __init__(
        self,
        source: Source,
        dataset_type: str,
        data_spec_versions: DataSpecVersionCollection | Mapping[str, str | Sequence[str]] | None = None,
        selectors: Sequence[SelectorRule] | None = None,
        fetch_policy: FetchPolicy | None = None,
        other_sources: Collection[str] | None = None,
        schedule: Schedule | None = None,
    ) -> None:
        for called, name, most in (
            ("source", source.name, LONGEST_NAME),
            ("provider", source.provider, LONGEST_KIND),
            ("dataset_type", dataset_type, LONGEST_KIND),
        ):
            if problem := problem_of_name(name, most):
                raise ConfigurationError(f"An ingestion plan's {called} {name!r:.80} {problem}.")
        self.source = source
        self.other_sources = other_sources
        self.dataset_type = dataset_type
        self.data_spec_versions = (
            data_spec_versions
            if isinstance(data_spec_versions, DataSpecVersionCollection)
            else DataSpecVersionCollection(data_spec_versions)
        )
        self.selectors: tuple[SelectorRule, ...] = tuple(map(_rule, selectors)) if selectors else (EVERYTHING,)
        self.fetch_policy = fetch_policy or FetchPolicy()
        self.schedule = schedule or Schedule()

    def with_versions(self, data_spec_versions: DataSpecVersionCollection) -> IngestionPlan:
        """Return the same plan with other feeds and versions."""
        return self._with(data_spec_versions, self.selectors)

    def narrowed_to(self, selectors: Sequence[Selector]) -> IngestionPlan:
        """Return the same plan for some of its selectors, which are not looked for."""
        return self._with(self.data_spec_versions, selectors)

    def _with(self, versions: DataSpecVersionCollection, selectors: Sequence[SelectorRule]) -> IngestionPlan:
        return IngestionPlan(
            self.source,
            self.dataset_type,
            versions,
            selectors,
            self.fetch_policy,
            self.other_sources,
            self.schedule,
        )

    def answers_for(self, origin: str | None) -> bool:
        """Whether this plan's source decides about datasets that the source `origin` brought."""
        is_ours = origin == self.source.name
        return is_ours or (bool(origin) and self.other_sources is not None and origin not in self.other_sources)

    def __repr__(self) -> str:
        return f"IngestionPlan(source={self.source!r}, dataset_type={self.dataset_type!r})"


def _rule(rule: SelectorRule | None) -> SelectorRule:
    """Return a rule; one without attributes means everything."""
    if isinstance(rule, Selector):
        return rule if rule.attributes or rule.data_spec_versions is not None else EVERYTHING
    if isinstance(rule, Mapping):
        return rule if any(not key.startswith("_") for key in rule) else EVERYTHING
    return EVERYTHING if rule is None else rule


@dataclasses.dataclass(frozen=True, slots=True)
class LeftOutPlan:
    """A plan of the configuration that is not ingested.

    Attributes:
        why: For people, such as `the source is not enabled`.
    """

    source_name: str
    dataset_type: str
    why: str

    def __str__(self) -> str:
        return f"{self.source_name}: {self.dataset_type}: {self.why}"


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """One selector of one plan, to be discovered and ingested.

    Attributes:
        source_name: The source's name in the configuration.
        provider: The source's provider.
        filters: The caller's filters beside the selector, such as `{"match_id": 12}`. They are passed to
            `find_datasets`, and applied to its result.
        is_discovered: Whether the source's `discover_selectors` found the selector; False: the plan names it.
        has_departed: Whether `discover_selectors` found it in an earlier run, and not now. Then the source is not
            called, as there is nothing to list.
    """

    plan: IngestionPlan
    source_name: str
    provider: str
    selector: Selector
    filters: Filters = dataclasses.field(default_factory=dict)
    is_discovered: bool = False
    has_departed: bool = False

    def dataset_filter(self, bucket: str) -> DatasetFilter:
        """Return the filter of the selector's datasets in the lake."""
        return DatasetFilter(bucket, self.plan.dataset_type, self.provider, selector=dict(self.selector.attributes))

    def identity(self, bucket: str) -> str:
        """Return a text that is the same for the same selector, source, feeds, fetch policy and filters."""
        plan = self.plan
        versions: Mapping[str, object] = {
            feed: ",".join(sorted(wanted)) for feed, wanted in plan.data_spec_versions.items()
        }
        policy = type(plan.fetch_policy)
        attributes = {
            "bucket": bucket,
            "source": self.source_name,
            "provider": self.provider,
            "dataset_type": plan.dataset_type,
            "versions": canonical_text(versions),
            "policy": f"{policy.__module__}.{policy.__qualname__}",
            "selector": self.selector.canonical,
        }
        if self.filters:
            alternatives = {key: canonical_values(filter_values(value)) for key, value in self.filters.items()}
            attributes["filters"] = canonical_text(alternatives)
        return canonical_text(attributes)

    def is_of_another_plan(self, identity: str, bucket: str) -> bool:
        """Whether an identity has this job's selector, and other feeds, another fetch policy, or filters."""
        own = self.identity(bucket)
        mine, theirs = json.loads(own), json.loads(identity)
        return identity != own and all(
            mine[key] == theirs.get(key) for key in ("bucket", "source", "provider", "dataset_type", "selector")
        )

    def may_share(self, identity: str, bucket: str) -> bool:
        """Whether a job with an identity may list datasets of this job: of any source, with any feeds and filters."""
        theirs = json.loads(identity)
        if (bucket, self.provider, self.plan.dataset_type) != tuple(map(theirs.get, _KIND)):
            return False
        mine, other = json.loads(self.selector.canonical), json.loads(theirs["selector"])
        # A key with several values is compared with none.
        return all(mine[key] == other[key] or "[" in (mine[key][:1], other[key][:1]) for key in mine.keys() & other)

    @property
    def chosen(self) -> Filters:
        """What is applied to the result of `find_datasets`: the keys with several values, and the caller's filters."""
        return {**self.selector.several, **self.filters}

    @property
    def lists_everything(self) -> bool:
        """Whether its source says that it lists everything that the selector has."""
        said = self.selector.hints.get("_lists_everything")
        return self.plan.source.lists_everything if said is None else bool(said)

    @property
    def is_whole_selector(self) -> bool:
        """Whether it covers the whole selector."""
        return not self.filters


ParseExpression = Callable[[str], SelectorExpression]
