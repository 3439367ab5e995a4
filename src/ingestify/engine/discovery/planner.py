"""Plans and filters become jobs."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from ingestify.domain.dataset import CollectionMetadata
from ingestify.domain.plan import EVERYTHING, IngestionPlan, Job, ParseExpression, SelectorExpression
from ingestify.domain.resource import UnreadableEntry
from ingestify.domain.selector import Filters, Selector, filter_values, join_selectors
from ingestify.domain.source import Source
from ingestify.engine.discovery.source_calls import discover_selectors, required_arguments, selector_parameters
from ingestify.errors import ConfigurationError, IngestifyError, SourceError
from ingestify.suggestion import did_you_mean

__all__ = [
    "Expansion",
    "NoPlanFits",
    "can_discover",
    "choose_plans",
    "expand_plan",
    "would_ingest",
]

logger = logging.getLogger(__name__)


class NoPlanFits(ConfigurationError):
    """There is no ingestion plan with the wanted names. A run by the command line fails; in Python, it does nothing."""


def choose_plans(
    plans: Sequence[IngestionPlan], provider: str | None, source: str | None, dataset_type: str | None
) -> list[IngestionPlan]:
    """Return the plans with the given names; None means any.

    Args:
        plans: All plans.
        provider: The provider's name.
        source: The source's name.
        dataset_type: The dataset type.

    Raises:
        NoPlanFits: No plan has one of the names; the message lists the names that exist.
    """
    chosen = list(plans)
    if not chosen:
        return []
    for what, wanted in (("source", source), ("provider", provider), ("dataset type", dataset_type)):
        if wanted is None:
            continue
        there = sorted({_trait(plan, what) for plan in chosen})
        chosen = [plan for plan in chosen if _trait(plan, what) == wanted]
        if not chosen:
            raise NoPlanFits(
                f"No ingestion plan has the {what} '{wanted}'{did_you_mean(wanted, there) or '.'} There "
                f"{'is' if len(there) == 1 else 'are'} {', '.join(there)}."
            )
    return chosen


def _trait(plan: IngestionPlan, what: str) -> str:
    return {"source": plan.source.name, "provider": plan.source.provider, "dataset type": plan.dataset_type}[what]


class Expansion(msgspec.Struct, frozen=True):
    """The jobs of one plan.

    Attributes:
        jobs: A job for each selector that the filters let through.
        discovered: All selectors that `discover_selectors` returned; None if no rule of the plan needed them.
        left_out: The plan's selectors that the caller's filters leave out.
    """

    jobs: list[Job]
    discovered: list[Selector] | None
    left_out: list[Selector]


def expand_plan(
    plan: IngestionPlan,
    filters: Filters,
    parse_expression: ParseExpression | None,
    fail_entry: Callable[[UnreadableEntry], None] | None = None,
    metadata: CollectionMetadata | None = None,
) -> Expansion:
    """Return the jobs of a plan, narrowed by the caller's filters. May ask the provider for its selectors.

    A rule of the plan that has every key that the source requires is a selector itself. A rule that has fewer keys
    means all discovered selectors that agree with it. Selectors that differ only in a key of which the source takes
    several values are one job.

    Args:
        plan: The plan.
        filters: The caller's filters.
        parse_expression: Parses a rule that is an expression; None: such a rule is refused.
        fail_entry: Called with each listed selector that cannot be read; the other selectors go on.
        metadata: What the source may ask about the lake; None: nothing is known of it.

    Raises:
        ConfigurationError: A selector cannot be used; the message says what to write.
        Exception: Any error of the source's `discover_selectors`.
    """
    discovered = _Discovered(plan, fail_entry, metadata)
    selectors: dict[Selector, Selector] = {}
    of_discovery: set[Selector] = set()
    left_out: list[Selector] = []
    for rule in plan.selectors:
        is_discovered = _needs_discovery(rule, plan, filters)
        for selector in _expand_rule(rule, plan, filters, discovered, parse_expression):
            if selector.matches(filters):
                known = selectors.get(selector)
                if known is not None and known.data_spec_versions != selector.data_spec_versions:
                    raise ConfigurationError(
                        f"The plan of the source '{plan.source.name}' has the selector {selector} twice, with "
                        f"different data_spec_versions: name all of its feeds in one."
                    )
                # Two rules gave the same selector: keep the one that has hints.
                if known is None or (selector.hints and not known.hints):
                    selectors[selector] = selector
                if is_discovered:
                    of_discovery.add(selector)
            else:
                left_out.append(selector)
    keys = plan.source.multi_value_keys_of(plan.dataset_type)
    jobs = [
        _job(plan, selector, filters, is_discovered)
        for is_discovered, some in itertools.groupby(selectors.values(), of_discovery.__contains__)
        for selector in join_selectors(list(some), keys)
    ]
    return Expansion(jobs, discovered.asked_for, left_out)


def _job(plan: IngestionPlan, selector: Selector, filters: Filters, is_discovered: bool) -> Job:
    rest = {key: value for key, value in filters.items() if key not in selector.attributes}
    if selector.data_spec_versions is not None:
        plan = plan.with_versions(selector.data_spec_versions)
    return Job(plan, plan.source.name, plan.source.provider, selector, rest, is_discovered)


def would_ingest(plan: IngestionPlan, selector: Selector, parse_expression: ParseExpression | None) -> bool:
    """Return whether a plan would ingest a selector if its source discovered it."""
    return any(
        _needs_discovery(rule, plan, {}) and _would_choose(rule, selector, parse_expression) for rule in plan.selectors
    )


def _needs_discovery(rule: Any, plan: IngestionPlan, filters: Filters) -> bool:
    """Whether a rule means selectors that its source has to discover."""
    if _means_everything(rule):
        return can_discover(plan.source)
    if isinstance(rule, Mapping):
        return any(key not in rule and key not in filters for key in required_arguments(plan))
    return not isinstance(rule, Selector)


def _means_everything(rule: Any) -> bool:
    return not rule.attributes if isinstance(rule, Selector) else bool(rule == EVERYTHING)


def _would_choose(rule: Any, selector: Selector, parse_expression: ParseExpression | None) -> bool:
    if _means_everything(rule):
        return True
    if isinstance(rule, Mapping):
        return selector.matches({key: value for key, value in rule.items() if not key.startswith("_")})
    try:
        return _as_expression(rule, parse_expression).matches(selector.for_expressions)
    except ConfigurationError:  # the remembered selector lacks an attribute that the rule names
        return False


def _expand_rule(
    rule: Any,
    plan: IngestionPlan,
    filters: Filters,
    discovered: _Discovered,
    parse_expression: ParseExpression | None,
) -> Iterable[Selector]:
    if _means_everything(rule):
        # A source without selectors has one job: all its datasets.
        found = discovered.all() if can_discover(plan.source) else _expand_mapping({}, plan, filters, discovered)
        versions = rule.data_spec_versions if isinstance(rule, Selector) else None
        return found if versions is None else [Selector({**one.attributes, **one.hints}, versions) for one in found]
    if isinstance(rule, Selector):
        return [rule]
    if isinstance(rule, Mapping):
        return _expand_mapping(rule, plan, filters, discovered)
    expression = _as_expression(rule, parse_expression)
    return [selector for selector in discovered.all() if expression.matches(selector.for_expressions)]


def _as_expression(rule: Any, parse_expression: ParseExpression | None) -> SelectorExpression:
    if not isinstance(rule, str):
        expression: SelectorExpression = rule
        return expression
    if parse_expression is None:
        raise ConfigurationError(f"The selector '{rule}' is an expression, and this engine has no parser for them.")
    return parse_expression(rule)


def _expand_mapping(
    rule: Mapping[str, Any], plan: IngestionPlan, filters: Filters, discovered: _Discovered
) -> Iterator[Selector]:
    hints = {key: value for key, value in rule.items() if key.startswith("_")}
    attributes = {key: value for key, value in rule.items() if not key.startswith("_")}
    required = [key for key in required_arguments(plan) if key not in attributes]
    completed = {key: filters[key] for key in required if key in filters}
    missing = [key for key in required if key not in completed]
    keys = [*attributes, *completed]
    alternatives = [filter_values({**attributes, **completed}[key]) for key in keys]
    for values in itertools.product(*alternatives):
        selector = Selector({**dict(zip(keys, values, strict=True)), **hints})
        if missing:
            if not can_discover(plan.source):
                raise ConfigurationError(
                    f"The selector {selector} of the source '{plan.source.name}' lacks "
                    f"{', '.join(missing)}, which find_datasets needs; add it to the selector."
                )
            yield from _discovered_like(selector, plan, discovered)
        else:
            yield selector


def _discovered_like(selector: Selector, plan: IngestionPlan, discovered: _Discovered) -> Iterator[Selector]:
    """Yield the discovered selectors that agree with an incomplete one, each with the other keys of that one.

    Raises:
        ConfigurationError: The incomplete selector has an unknown key. A misspelt key would select too much.
    """
    there = discovered.all()
    named, _ = selector_parameters(plan.source)
    known = {key for found in there for key in found.attributes} | named.keys() | {*required_arguments(plan)}
    for key in selector.attributes:
        if there and key not in known:
            hint = did_you_mean(key, known) or f"; there are {', '.join(sorted(known))}."
            raise ConfigurationError(
                f"The selector {selector} of the source '{plan.source.name}' has the key '{key}', which no discovered "
                f"selector has{hint}"
            )
    for found in there:
        if found.matches(selector.attributes):
            yield Selector({**selector.attributes, **found.attributes, **found.hints})


def can_discover(source: Source) -> bool:
    """Whether a source can list its selectors."""
    return type(source).discover_selectors is not Source.discover_selectors


class _Discovered:
    """The selectors of a source: discovered once, and only if a rule needs them."""

    def __init__(
        self,
        plan: IngestionPlan,
        fail_entry: Callable[[UnreadableEntry], None] | None,
        metadata: CollectionMetadata | None,
    ) -> None:
        self._plan = plan
        self._metadata = metadata
        self._fail_entry = fail_entry
        self._selectors: list[Selector] | None = None

    @property
    def asked_for(self) -> list[Selector] | None:
        """Every discovered selector; None if no rule needed them."""
        return self._selectors

    def all(self) -> list[Selector]:
        """Return every discovered selector that can be read, and report the others to `fail_entry`."""
        if self._selectors is None:
            found = discover_selectors(self._plan, self._metadata)
            if found is None or isinstance(found, (str, Mapping)):
                raise SourceError(
                    f"discover_selectors of the source '{self._plan.source.name}' returned {type(found).__name__}; "
                    f"it must return a list of dicts."
                )
            read = [self._selector(number, attributes) for number, attributes in enumerate(found)]
            self._selectors = [one for one in read if isinstance(one, Selector)]
            for one in read:
                if isinstance(one, UnreadableEntry) and self._fail_entry is not None:
                    self._fail_entry(one)
            logger.debug("%s discovered %d selectors", self._plan.source.name, len(self._selectors))
        return self._selectors

    def _selector(self, number: int, attributes: object) -> Selector | UnreadableEntry:
        if isinstance(attributes, UnreadableEntry):
            return attributes
        if not isinstance(attributes, (Selector, Mapping)):
            raise SourceError(
                f"The source '{self._plan.source.name}' discovered the selector {attributes!r}; "
                f'it must be a dict such as {{"competition_id": 11}}.'
            )
        try:
            selector = attributes if isinstance(attributes, Selector) else Selector(attributes)
            _ = selector.canonical
        except IngestifyError as error:
            hints = attributes.hints if isinstance(attributes, Selector) else attributes
            return UnreadableEntry(str(hints.get("_name") or f"selector {number}"), error)
        return selector
