"""Why filters found nothing: a misspelt filter must not look like an empty lake.

The queries for it are only made if nothing was found.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from ingestify.domain.condition import DatasetCondition
from ingestify.domain.dataset import DatasetState
from ingestify.domain.ports import Catalogue, DatasetFilter
from ingestify.domain.quarantine import QuarantineEntry
from ingestify.domain.selector import filter_values
from ingestify.domain.wording import MOST_LISTED, counted_datasets, filter_text, in_short, listed, values_there
from ingestify.remedies import is_at_command_line, quoted
from ingestify.store.reading.call_options import find_option
from ingestify.suggestion import did_you_mean

__all__ = ["NamesOfSources", "explain_no_entry", "explain_nothing", "iter_identifier_keys"]

_MOST_IDENTIFIERS = 10_000
"""How many identifiers are read to show the values of a key."""

_MOST_DATASETS = 1000
"""How many datasets are read to show the names in their metadata."""


class NamesOfSources(msgspec.Struct, frozen=True):
    """The names that sources know, whether or not the lake has such datasets yet.

    Attributes:
        providers: Returns the providers of the sources.
        identifier_keys: Returns the identifier keys of a provider's datasets of a type; None: of any provider or type.
    """

    providers: Callable[[], Collection[str]] = tuple
    identifier_keys: Callable[[str | None, str | None], Collection[str]] = lambda *_: ()


def iter_identifier_keys(catalogue: Catalogue, wanted: DatasetFilter, most: int | None = None) -> Iterator[str]:
    """Yield the identifier keys of the datasets that a filter names, each key once; None: of all, else of the first."""
    seen: set[str] = set()
    for identity in _iter_identifiers(catalogue, wanted, most):
        for key in identity:
            if key not in seen:
                seen.add(key)
                yield key


def _iter_identifiers(catalogue: Catalogue, wanted: DatasetFilter, most: int | None) -> Iterator[dict[str, str]]:
    for _, identity, _ in itertools.islice(catalogue.datasets.iter_identities(wanted), most):
        yield json.loads(identity)


def explain_nothing(
    catalogue: Catalogue, wanted: DatasetFilter, names: NamesOfSources, when_empty: str = "The lake is empty."
) -> str:
    """Return why a filter names no dataset, and what there is instead.

    The message names the first condition that no dataset meets, in this order: provider, dataset type, id, identifier
    keys and their values, `as_of`, state, `where`. `when_empty` is the message for a bucket without datasets.
    """
    everything = DatasetFilter(wanted.bucket)
    kinds = catalogue.datasets.count_by_kind(everything)
    if not kinds:
        return when_empty + _meant_of_sources(wanted, names)
    return _Search(catalogue, wanted, names, kinds).explain()


def explain_no_entry(there: Sequence[QuarantineEntry], wanted: DatasetFilter) -> str:
    """Return why a filter names no quarantine entry, and what there is instead."""
    if not there:
        return "Nothing is in quarantine."
    named = (
        ("provider", wanted.provider, {one.provider for one in there}),
        ("dataset type", wanted.dataset_type, {one.dataset_type for one in there}),
    )
    for title, name, known in named:
        if name is not None and name not in known:
            meant = _meant(name, known)
            return f"Nothing in quarantine is of the {title} {_named(name)}{meant} There is {listed(sorted(known))}."
    keys = sorted({key for one in there for key in one.identifier})
    for key in wanted.selector:
        if key not in keys:
            meant = _meant(key, keys)
            return f"Nothing in quarantine has the identifier key {_named(key)}{meant} The keys are {listed(keys)}."
    asked = {} if wanted.dataset_ids is None else {"dataset_id": wanted.dataset_ids}
    kind = {title.replace(" ", "_"): name for title, name, _ in named if name is not None}
    return f"Nothing in quarantine matches {filter_text({**kind, **asked, **wanted.selector})}."


def _meant_of_sources(wanted: DatasetFilter, names: NamesOfSources) -> str:
    """Return a hint if a name is like one that a source knows."""
    keys = names.identifier_keys(wanted.provider, wanted.dataset_type)
    asked = [
        ("provider", wanted.provider, names.providers()),
        *(("identifier key", key, keys) for key in wanted.selector),
    ]
    for what, name, known in asked:
        if name is not None and name not in known and (meant := did_you_mean(name, known)):
            return f" There is no {what} {_named(name)}{meant}"
    return ""


_Kinds = Mapping[tuple[str, str, DatasetState], int]


class _Search:
    """Applies one condition of a filter after the other, until no dataset is left."""

    def __init__(self, catalogue: Catalogue, wanted: DatasetFilter, names: NamesOfSources, kinds: _Kinds) -> None:
        self._catalogue = catalogue
        self._wanted = wanted
        self._names = names
        self._left = kinds
        self._filter = DatasetFilter(wanted.bucket)

    def explain(self) -> str:
        conditions = (
            self._provider,
            self._dataset_type,
            self._dataset_id,
            self._keys,
            self._values,
            self._moment,
            self._state,
        )
        for explain in conditions:
            if why := explain():
                return why
        return self._where()

    # ---- what is left ----------------------------------------------------------------------------------

    @property
    def _count(self) -> int:
        return sum(self._left.values())

    @property
    def _what_is_left(self) -> str:
        return counted_datasets((kind[1] for kind in self._left), self._count)

    def _narrow(self, **filters: Any) -> None:
        self._filter = dataclasses.replace(self._filter, **filters)
        self._left = self._catalogue.datasets.count_by_kind(self._filter)

    # ---- one filter after the other --------------------------------------------------------------------

    def _provider(self) -> str:
        name = self._wanted.provider
        there = sorted({kind[0] for kind in self._left})
        if name is None:
            return ""
        if name not in there:
            known = self._names.providers()
            if name in known:
                return f"The lake has nothing of the provider {_named(name)} yet; it has {listed(there)}."
            return f"The lake has no provider {_named(name)}{_meant(name, [*there, *known])} It has {listed(there)}."
        self._narrow(provider=name)
        return ""

    def _dataset_type(self) -> str:
        name = self._wanted.dataset_type
        there = sorted({kind[1] for kind in self._left})
        if name is None:
            return ""
        if name not in there:
            whose = self._wanted.provider or "the lake"
            return f"There is no dataset type {_named(name)} of {whose}{_meant(name, there)} There is {listed(there)}."
        self._narrow(dataset_type=name)
        return ""

    def _dataset_id(self) -> str:
        ids = self._wanted.dataset_ids
        if ids is None:
            return ""
        before = self._what_is_left
        self._narrow(dataset_ids=ids)
        which = f"the id {_named(ids[0])}" if len(ids) == 1 else f"one of the {len(ids):,} ids"
        return "" if self._left else f"None of the {before} has {which}."

    def _keys(self) -> str:
        asked = self._wanted.selector.keys()
        for dataset in next(self._catalogue.datasets.iter_batches(self._filter, 1, limit=1), []):
            if asked <= dataset.identifier.keys():
                return ""
        known: list[str] = []
        for key in iter_identifier_keys(self._catalogue, self._filter):
            known.append(key)
            if asked <= set(known):
                return ""
        unknown = next((key for key in asked if key not in known), None)
        if unknown is None:
            return ""
        are = "The key is" if len(known) == 1 else "The keys are"
        option = find_option(unknown, misspelt=True)
        meant = did_you_mean(unknown, known) or _meant(unknown, [] if option is None else [option])
        return (
            f"None of the {self._what_is_left} has the identifier key {_named(unknown)}{meant} {are} {listed(known)}."
            f"{self._asked_with_where(unknown)}"
        )

    def _asked_with_where(self, key: str) -> str:
        """Return the `where` that filters metadata, if a key in the filter is one of the metadata."""
        values = filter_values(self._wanted.selector[key])
        if key == "name":
            left, is_in = "name", len(values) == 1
        else:
            some = next(self._catalogue.datasets.iter_batches(self._filter, _MOST_DATASETS, limit=_MOST_DATASETS), [])
            found = next((one.metadata[key] for one in some if one.metadata.get(key) is not None), None)
            if found is None:
                return ""
            left, is_in = _path_text((key, *_single_value_in(found))), isinstance(found, (list, tuple))
        if is_in:
            condition = f"{values[0]!r} in {left}"
        elif len(values) == 1:
            condition = f"{left} == {values[0]!r}"
        else:
            condition = f"{left} in {list(values)!r}"
        return f" Metadata is filtered with {_written_where(condition)} ."

    def _values(self) -> str:
        # Keys with a match come first: the message then says among which datasets the missing value was looked for.
        in_order = list(self._wanted.selector)
        if len(in_order) > 1:
            in_order.sort(key=lambda key: not self._has(key))
        selector: dict[str, object] = {}
        for key in in_order:
            before, kinds, there = filter_text(selector), self._what_is_left, self._filter
            selector[key] = self._wanted.selector[key]
            self._narrow(selector=dict(selector))
            if self._left:
                continue
            asked = filter_text({key: selector[key]})
            meant = self._values_there(there, key)
            if before:
                return f"{before} is there with {kinds}, none with {asked}{meant}"
            return f"None of the {kinds} has {asked}{meant}"
        return ""

    def _has(self, key: str) -> bool:
        """Whether any dataset that is left has a value that the filter names."""
        alone = dataclasses.replace(self._filter, selector={key: self._wanted.selector[key]})
        return bool(self._catalogue.datasets.count_by_kind(alone))

    def _values_there(self, among: DatasetFilter, key: str) -> str:
        """Return the values of a key, if they are few, and the value that may have been meant."""
        wanted = self._wanted.selector[key]
        is_text = isinstance(wanted, str) and not wanted.isdigit()
        found: dict[str, None] = {}
        for identity in _iter_identifiers(self._catalogue, among, _MOST_IDENTIFIERS):
            if key in identity:
                found[identity[key]] = None
            if len(found) > MOST_LISTED and not is_text:
                return "."
        meant = _meant(str(wanted), found) if is_text else ""
        return f"{meant or '.'}{values_there(key, found)}"

    def _moment(self) -> str:
        moment = self._wanted.as_of
        if moment is None:
            return ""
        before = self._what_is_left
        self._narrow(as_of=moment)
        at = f"{moment:%Y-%m-%d %H:%M} UTC"
        return "" if self._left else f"None of the {before}{self._with_filters} was in the lake yet at {at}."

    def _state(self) -> str:
        if not self._wanted.states:
            return ""
        before = self._what_is_left
        states: dict[str, int] = {}
        for (_, _, state), count in self._left.items():
            states[state.value] = states.get(state.value, 0) + count
        self._narrow(states=self._wanted.states)
        if self._left:
            return ""
        asked = " or ".join(state.value for state in self._wanted.states)
        there = ", ".join(f"{count:,} {state}" for state, count in sorted(states.items()))
        return f"None of the {before}{self._with_filters} is {asked}; there are {there}."

    @property
    def _with_filters(self) -> str:
        return f" with {filter_text(self._wanted.selector)}" if self._wanted.selector else ""

    def _where(self) -> str:
        where = self._wanted.where
        among = f"None of the {self._what_is_left}{self._with_filters}"
        if where is None:  # somebody else changed the lake meanwhile
            return "There was no such dataset."
        for steps in where.metadata_paths:
            path = _path_text(steps)
            has_it = dataclasses.replace(self._filter, where=DatasetCondition.parse(f"{path} != None"))
            if next(self._catalogue.datasets.iter_identities(has_it), None) is None:
                return f"{among} has {path}{self._names_beside(steps)}"
        return f"{among} meets the condition {where}."

    def _names_beside(self, steps: Sequence[str | int]) -> str:
        """Return the names that metadata has at the place where a path finds nothing."""
        some = next(self._catalogue.datasets.iter_batches(self._filter, _MOST_DATASETS, limit=_MOST_DATASETS), [])
        level: list[Any] = [dataset.metadata for dataset in some]
        for step in steps:
            below = [found for one in level if (found := _step(one, step)) is not None]
            if not below:
                names = sorted({str(name) for one in level if isinstance(one, Mapping) for name in one})
                there = f" There is {listed(names)}." if names else ""
                return f"{_meant(str(step), names)}{there}"
            level = below
        return "."


def _step(value: Any, step: str | int) -> Any:
    if isinstance(value, Mapping):
        return value.get(step)
    if isinstance(value, (list, tuple)) and isinstance(step, int) and step < len(value):
        return value[step]
    return None


def _single_value_in(value: object) -> tuple[str, ...]:
    """Return the step from an object to its name, such as a team's, or else to its first value."""
    if not isinstance(value, Mapping):
        return ()
    return next(((name,) for name in ("name", *map(str, value)) if name in value), ())


def _written_where(condition: str) -> str:
    """Return a condition as the reader of the message writes it."""
    if is_at_command_line():
        return f"--where {quoted(condition)}"
    return f'where="{condition}"' if '"' not in condition else f"where={condition!r}"


def _path_text(steps: Sequence[str | int]) -> str:
    return "metadata" + "".join(
        f".{step}" if isinstance(step, str) and step.isidentifier() else f"[{step!r}]" for step in steps
    )


def _meant(name: str, known: Collection[str]) -> str:
    return did_you_mean(name, known) or "."


def _named(name: str) -> str:
    return f"'{in_short(name)}'"
