"""A selector: a part of a provider's data, such as one competition and season, one keyword, or one date."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ingestify.domain.announcement import read_time, text_of_time
from ingestify.domain.dump import Dumped
from ingestify.domain.feeds import DataSpecVersionCollection
from ingestify.domain.identifier import canonical_text, canonical_value
from ingestify.errors import ConfigurationError, SourceError

__all__ = [
    "Filters",
    "Selector",
    "Several",
    "canonical_values",
    "check_values",
    "filter_values",
    "given_filters",
    "identifier_matches",
    "join_selectors",
]

Filters = Mapping[str, object]
"""Key to a value, or to a list of values of which any may match."""


_NOT_SEVERAL = (str, bytes, Mapping)

_SHOWN_VALUES = 5


class Several(tuple[object, ...]):
    """The values of a key of a selector that stands for several, of which any may match."""

    __slots__ = ()

    def __str__(self) -> str:
        more = len(self) - _SHOWN_VALUES
        shown = ",".join(map(str, self[:_SHOWN_VALUES]))
        return f"{shown} and {more:,} more" if more > 0 else shown


def filter_values(value: object) -> list[object]:
    """Return the values that a filter allows; a single value is one of them."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        return [value]
    return list(value)


def given_filters(filters: Mapping[str, object]) -> dict[str, Any]:
    """Return the filters that are not None; a value that can be iterated over becomes a list."""
    return {
        key: filter_values(value) if isinstance(value, Iterable) and not isinstance(value, _NOT_SEVERAL) else value
        for key, value in filters.items()
        if value is not None
    }


def check_values(filters: Filters) -> None:
    """Refuse values that no identifier can have.

    Raises:
        ConfigurationError: A value is NaN, bytes, a dict or the like.
    """
    for key, value in filters.items():
        for one in [value] if isinstance(value, _NOT_SEVERAL) else filter_values(value):
            try:
                canonical_value(one, key)
            except SourceError as error:
                raise ConfigurationError(f"The filter {key}={one!r} can match nothing. {error}") from None


def canonical_values(values: Iterable[object]) -> str:
    """Return the text by which sets of values are compared."""
    return json.dumps(sorted({canonical_value(one) for one in values}))


def _matches(value: object, wanted: object) -> bool:
    texts = {canonical_value(one) for one in filter_values(value)}
    return any(canonical_value(alternative) in texts for alternative in filter_values(wanted))


class Selector(Dumped):
    """Attributes that identify a part of a provider's data, and hints about it.

    Args:
        attributes: As `Source.discover_selectors` or the configuration gives them. Keys that begin with `_`
            are hints and not identity. `_last_modified` (a datetime, an ISO 8601 text or seconds since 1970; without a
            zone it is UTC) and `_version` (any text): if one of them differs from before, something in the selector
            may have changed. `_grain` (timedelta): how long `_last_modified` stays the same while things change.
            `_lists_everything`: whether a listing of it is whole, in place of the source's word. `_name`: for people.
        data_spec_versions: The feeds and versions of this selector, in place of those of its plan; None: the plan's.

    Attributes:
        attributes: Key to value; to `Several`, if `join_selectors` made it.
        last_modified: When the provider last changed anything in it, in UTC; None if the provider gives no time.
    """

    __slots__ = ("attributes", "data_spec_versions", "hints", "last_modified")

    def __init__(
        self, attributes: Mapping[str, object], data_spec_versions: DataSpecVersionCollection | None = None
    ) -> None:
        self.data_spec_versions = data_spec_versions
        self.attributes: dict[str, Any] = {k: v for k, v in attributes.items() if not k.startswith("_")}
        self.hints: dict[str, Any] = {k: v for k, v in attributes.items() if k.startswith("_")}
        moment = self.hints.get("_last_modified")
        try:
            self.last_modified = read_time(moment)
        except ValueError as error:
            raise SourceError(
                f"The selector {self} has _last_modified {moment!r}; it must be a datetime, an ISO 8601 text, or a "
                f"number of seconds since 1970, or be left out."
            ) from error
        except OverflowError as error:
            raise SourceError(f"The selector {self} has _last_modified {moment}, which is no time in UTC.") from error
        version, grain = self.hints.get("_version"), self.hints.get("_grain")
        if version is not None and not isinstance(version, str):
            raise SourceError(f"The selector {self} has _version {version!r}; it must be a text, or be left out.")
        if grain is not None and (not isinstance(grain, dt.timedelta) or grain < dt.timedelta(0)):
            raise SourceError(
                f"The selector {self} has _grain {grain!r}; it must be a timedelta of 0 or more, or be left out."
            )

    @classmethod
    def build(
        cls,
        attributes: Mapping[str, object],
        data_spec_versions: DataSpecVersionCollection | Mapping[str, str | Collection[str]] | None = None,
    ) -> Selector:
        """Return the selector with these attributes; see the class. The versions may be a dict, too."""
        if data_spec_versions is None or isinstance(data_spec_versions, DataSpecVersionCollection):
            return cls(attributes, data_spec_versions)
        return cls(attributes, DataSpecVersionCollection(data_spec_versions))

    @classmethod
    def of(cls, given: Selector | Mapping[str, object]) -> Selector:
        """Return a selector as it is, and a mapping as a selector."""
        return given if isinstance(given, Selector) else cls(given)

    @property
    def grain(self) -> dt.timedelta | None:
        """How long `last_modified` stays the same while things change; None: by the digits of the time."""
        return self.hints.get("_grain")

    @property
    def announced(self) -> str | None:
        """The text of its hint, for a comparison with the one before; None: it has no hint."""
        version = self.hints.get("_version")
        if version is not None:
            return str(version)
        moment = self.last_modified
        return None if moment is None else text_of_time(moment)

    @property
    def name(self) -> str:
        """Its name for people: the `_name` hint, else its attributes."""
        return str(self.hints.get("_name") or self)

    @property
    def for_expressions(self) -> dict[str, Any]:
        """What an expression can name: its attributes, and the `_name` hint if it has one."""
        return {**self.attributes, **{key: value for key, value in self.hints.items() if key == "_name"}}

    @property
    def canonical(self) -> str:
        """The text by which selectors are compared."""
        several = self.several
        if not several:
            return canonical_text(self.attributes)
        return canonical_text({**self.attributes, **{key: canonical_values(one) for key, one in several.items()}})

    @property
    def several(self) -> dict[str, Several]:
        """The keys of which it has several values; see `join_selectors`."""
        return {key: value for key, value in self.attributes.items() if isinstance(value, Several)}

    def matches(self, filters: Filters) -> bool:
        """Return whether no filter contradicts it. A filter on a key that it does not have is ignored."""
        return all(
            key not in self.attributes or _matches(self.attributes[key], wanted) for key, wanted in filters.items()
        )

    def _dumped_values(self) -> dict[str, object]:
        return {**self.attributes, **self.hints}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Selector) and self.canonical == other.canonical

    def __hash__(self) -> int:
        return hash(self.canonical)

    def __str__(self) -> str:
        return "/".join(f"{k}={'' if v is None else v}" for k, v in self.attributes.items()) or "everything"

    def __repr__(self) -> str:
        return f"Selector({self.attributes!r})"


def join_selectors(selectors: Sequence[Selector], keys: Iterable[str]) -> list[Selector]:
    """Return the selectors; in place of those that differ only in one of the keys, one that has all their values.

    Args:
        selectors: Selectors, each once.
        keys: The keys of which a selector may have several values.
    """
    joined = list(selectors)
    for key in keys:
        alike: dict[str, list[Selector]] = {}
        for one in joined:
            rest = Selector({name: value for name, value in one.attributes.items() if name != key})
            versions = None if one.data_spec_versions is None else dict(one.data_spec_versions)
            alike.setdefault(repr((key in one.attributes, rest.canonical, one.hints, versions)), []).append(one)
        joined = [_join(theirs, key) for theirs in alike.values()]
    return joined


def _join(alike: Sequence[Selector], key: str) -> Selector:
    first = alike[0]
    if len(alike) == 1:
        return first
    values = Several(one.attributes[key] for one in alike)
    return Selector({**first.attributes, key: values, **first.hints}, first.data_spec_versions)


def identifier_matches(identifier: Mapping[str, object], filters: Filters) -> bool:
    """Return whether `identifier` has every key that `filters` names, with a value that it allows."""
    return all(key in identifier and _matches(identifier[key], wanted) for key, wanted in filters.items())
