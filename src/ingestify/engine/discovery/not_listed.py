"""The values of a caller's filters that no source of a run lists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ingestify.domain.identifier import canonical_value
from ingestify.domain.selector import Filters, Selector, filter_values
from ingestify.domain.wording import filter_text, values_there
from ingestify.engine.discovery.planner import Expansion
from ingestify.engine.report.report import JobProgress
from ingestify.suggestion import did_you_mean

__all__ = ["describe_not_listed"]


def describe_not_listed(
    filters: Filters, providers: Iterable[str], expansions: Sequence[Expansion], progresses: Sequence[JobProgress]
) -> str:
    """Return one sentence: which values of the filters the sources do not list.

    Args:
        filters: The caller's filters.
        providers: The providers of the plans.
        expansions: The plans' jobs and selectors.
        progresses: The jobs' progress.

    Returns:
        Empty if the sources list everything, or if a listing was not read to its end, so that nobody knows.
    """
    if not filters or not all(_says_all(one) for one in progresses):
        return ""
    names = sorted(set(providers))
    who = f"The provider {names[0]} lists" if len(names) == 1 else f"The providers {' and '.join(names)} list"
    return (
        _lacking_selectors(filters, who, expansions)
        or _unknown_keys(filters, progresses)
        or _lacking_datasets(filters, who, progresses)
    )


def _says_all(progress: JobProgress) -> bool:
    """Whether all datasets of a job's selector are known. A selector without changes was skipped, and is known."""
    return progress.was_skipped_by_hint or progress.listed_all


def _lacking_selectors(filters: Filters, who: str, expansions: Sequence[Expansion]) -> str:
    """Return which wanted selectors do not exist."""
    planned = _values([one for each in expansions for one in (*each.left_out, *(job.selector for job in each.jobs))])
    discovered = _values([one for each in expansions for one in each.discovered or ()])
    for key, wanted in filters.items():
        lacking = _without(wanted, planned[key]) if key in planned else None
        if lacking is None:
            continue
        asked, there = filter_text({key: lacking}), values_there(key, [str(value) for value in planned[key].values()])
        if all(each.discovered is None for each in expansions):
            return f"No selector of the ingestion plans has {asked}.{there}"
        if _without(lacking, discovered.get(key, ())) is None:
            return f"No ingestion plan names {asked}, which its provider has.{there}"
        return f"{who} no {asked}.{there}"
    if not any(each.jobs for each in expansions):
        together = {key: value for key, value in filters.items() if key in planned}
        return f"No selector has {filter_text(together, ' and ')} together."
    return ""


def _unknown_keys(filters: Filters, progresses: Sequence[JobProgress]) -> str:
    """Return the first key that no listed dataset has."""
    known = dict.fromkeys(key for one in progresses for key in one.passed_over or ())
    matched = {key for one in progresses for key in one.matched}
    for key in filters:
        if known and key not in known and key not in matched:
            meant = did_you_mean(key, known) or "."
            return f"No dataset that is listed has the identifier key '{key}'{meant} The keys are {', '.join(known)}."
    return ""


def _lacking_datasets(filters: Filters, who: str, progresses: Sequence[JobProgress]) -> str:
    """Return which wanted identifier values are not listed."""
    there: dict[str, set[str | None]] = {}
    of_selectors: set[str] = set()
    for progress in progresses:
        of_selectors.update(progress.job.selector.attributes)
        for key, values in progress.matched.items():
            there.setdefault(key, set()).update(values)
    lacking = {}
    for key, wanted in filters.items():
        missing = None if key in of_selectors else _without(wanted, there.get(key, ()))
        if missing is not None:
            lacking[key] = missing
    if not lacking:
        return ""
    within = filter_text({key: value for key, value in filters.items() if key not in lacking})
    return f"{who} no {filter_text(lacking, ' with ')}{f' in {within}' if within else ''}."


def _values(selectors: Iterable[Selector]) -> dict[str, dict[str | None, object]]:
    """Return the values of each attribute: {key: {canonical value: value}}."""
    values: dict[str, dict[str | None, object]] = {}
    for selector in selectors:
        for key, several in selector.attributes.items():
            for value in filter_values(several):
                values.setdefault(key, {})[canonical_value(value)] = value
    return values


def _without(wanted: object, there: Iterable[str | None]) -> object:
    """Return the values of a filter that are not in `there`: one value, or a list; None if all are."""
    known = set(there)
    missing = [value for value in filter_values(wanted) if canonical_value(value) not in known]
    return None if not missing else missing[0] if len(missing) == 1 else missing
