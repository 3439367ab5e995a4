"""The keys that can narrow a plan, as far as they are known before a provider is asked."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Collection, Mapping, Sequence

from ingestify.domain.plan import EVERYTHING, IngestionPlan, ParseExpression
from ingestify.domain.selector import Filters, Selector, check_values
from ingestify.domain.source import Source
from ingestify.engine.discovery.planner import can_discover
from ingestify.engine.discovery.source_calls import required_arguments, selector_parameters
from ingestify.errors import ConfigurationError
from ingestify.progress.printable import PrintableLogger
from ingestify.remedies import remedy
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.reading.call_options import find_option, refuse_option
from ingestify.suggestion import did_you_mean

__all__ = ["choose_by_filters", "keys_named_by"]

logger = PrintableLogger(__name__)

_SLIP = 0.85
"""A key this similar to a known key is that key with a typing error."""

_LIKENESS = 0.8
"""A key must be this similar to a known key to be warned of, where the source does not declare its keys."""


def keys_named_by(plan: IngestionPlan, parse_expression: ParseExpression | None = None) -> set[str]:
    """Return the keys that a plan's source declares, that its selectors have, and that its `find_datasets` names."""
    named, _ = selector_parameters(plan.source)
    keys = {*plan.source.identifier_keys_of(plan.dataset_type), *required_arguments(plan), *named}
    for rule in plan.selectors:
        if isinstance(rule, Selector):
            keys.update(rule.attributes)
        elif isinstance(rule, Mapping):
            keys.update(key for key in rule if not key.startswith("_"))
        elif rule != EVERYTHING:
            with contextlib.suppress(ConfigurationError):  # one that cannot be read is told when the plan is expanded
                expression = parse_expression(rule) if isinstance(rule, str) and parse_expression is not None else rule
                keys.update(getattr(expression, "names", ()))
    return keys


def choose_by_filters(
    plans: Sequence[IngestionPlan],
    filters: Filters,
    store: DatasetStore,
    parse_expression: ParseExpression | None = None,
) -> list[IngestionPlan]:
    """Return the plans whose datasets can have the keys of the filters. No provider is asked.

    A source that declares `identifier_keys` has no other keys. A source that does not may have any key: a key that is
    similar to a known one is warned of.

    Args:
        plans: The plans to choose from.
        filters: The caller's filters.
        store: The lake, whose datasets have keys too.
        parse_expression: Parses a rule that is an expression.

    Raises:
        ConfigurationError: No plan can have a key, or the key is the name of an option; the message says what was
            meant. Or no identifier can have a value.
    """
    if not filters:
        return list(plans)
    known = [keys_named_by(plan, parse_expression) for plan in plans]
    for key in filters:
        if all(key in keys for keys in known):
            continue
        for plan, keys in zip(plans, known, strict=True):
            if key not in keys and key in _keys_in_lake(plan, store):
                keys.add(key)
        if not any(key in keys for keys in known):
            _refuse_or_warn(key, plans, set().union(*known), store)
    check_values(filters)
    chosen = [
        plan
        for plan, keys in zip(plans, known, strict=True)
        if not plan.source.identifier_keys_of(plan.dataset_type) or filters.keys() <= keys
    ]
    if plans and not chosen:
        raise ConfigurationError(f"No dataset of the ingestion plans has all of the keys {', '.join(filters)}.")
    return chosen


def _keys_in_lake(plan: IngestionPlan, store: DatasetStore) -> set[str]:
    return store.find_identifier_keys(plan.source.provider, plan.dataset_type)


def _refuse_or_warn(key: str, plans: Sequence[IngestionPlan], known: Collection[str], store: DatasetStore) -> None:
    """Refuse a key that no plan can have, or warn of a key that no plan is known to have."""
    are_declared = all(plan.source.identifier_keys_of(plan.dataset_type) for plan in plans)
    if (option := find_option(key)) is not None:
        raise refuse_option(key, option, may_be_key=not are_declared)
    names = " and ".join(dict.fromkeys(f"{plan.source.provider}/{plan.dataset_type}" for plan in plans))
    if are_declared:
        for plan in plans:
            if key in _configuration_options(plan.source):
                raise ConfigurationError(
                    f"'{key}' is an option of the source '{plan.source.name}' and no filter: write it under "
                    f"configuration of the source in the config.yaml; of open data, "
                    f'auto_ingest={{"use_open_data": True, "configuration": {{"{key}": …}}}}.'
                )
        meant = did_you_mean(key, known)
        option = None if meant else find_option(key, misspelt=True)
        if option is not None:
            raise refuse_option(key, option)
        raise ConfigurationError(
            f"No dataset of {names} has the identifier key '{key}'{meant or '.'} The keys are "
            f"{', '.join(sorted(known))}.{_where_to_look(key, plans, known)}"
        )
    in_lake = {one for plan in plans for one in _keys_in_lake(plan, store)}
    if meant := did_you_mean(key, {*known, *in_lake}, likeness=_LIKENESS):
        logger.warning("No dataset of %s is known to have the identifier key '%s'%s", names, key, meant)


def _where_to_look(key: str, plans: Sequence[IngestionPlan], known: Collection[str]) -> str:
    """Return a hint to the list of competitions and seasons with their ids; empty for a typing error."""
    if did_you_mean(key, known, likeness=_SLIP) or not all(can_discover(plan.source) for plan in plans):
        return ""
    providers = dict.fromkeys(plan.source.provider for plan in plans)
    look = remedy("sources competitions", next(iter(providers)))
    return f" {look} shows which competitions and seasons there are." if len(providers) == 1 else ""


def _configuration_options(source: Source) -> set[str]:
    """Return the options of a source that the signature of its class names."""
    return set(list(inspect.signature(type(source)).parameters)[1:])
