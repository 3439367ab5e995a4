"""Calls of a source: its methods get, by keyword, those arguments that their signatures take.

A method that takes its first three parameters by position only, or under other names, as sources of earlier versions of
ingestify may, gets `dataset_type`, `data_spec_versions` and `dataset_collection_metadata` by position.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec

from ingestify.domain.dataset import CollectionMetadata
from ingestify.domain.feeds import DataSpecVersionCollection
from ingestify.domain.plan import IngestionPlan, Job
from ingestify.domain.selector import filter_values
from ingestify.domain.source import Source

__all__ = ["discover_selectors", "find_datasets", "required_arguments", "selector_parameters"]

_FIXED = ("dataset_type", "data_spec_versions", "dataset_collection_metadata")

_OTHER_NAMES = ("version", "spec", "feed", "meta", "collection", "known", "existing", "held", "lake")
"""Parts of the names that the second and the third parameter may have in place of their own."""

_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class _Signature(msgspec.Struct, frozen=True):
    """What a method of a source takes.

    Attributes:
        parameters: Name to parameter, without `*` and `**`.
        renamed: The parameters that take one of the fixed arguments by its position and have another name.
        is_positional: Whether the fixed arguments have to be passed by position.
        takes_any: Whether it has a `**` parameter.
    """

    parameters: Mapping[str, inspect.Parameter]
    renamed: frozenset[str]
    is_positional: bool
    takes_any: bool

    @classmethod
    def of(cls, method: Callable[..., object], attributes: Collection[str] = ()) -> _Signature:
        """Read the signature of a bound method. `attributes`: names that are attributes of a selector for sure."""
        all_parameters = _parameters(method)
        named = {one.name: one for one in all_parameters if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)}
        takes_any = any(one.kind is one.VAR_KEYWORD for one in all_parameters)
        starred = next((one.name for one in all_parameters if one.kind is one.VAR_POSITIONAL), None)
        slots = [one for one in named.values() if one.kind in _BY_POSITION][: len(_FIXED)]
        # A decorator of such a method may take keywords only.
        is_by_name = all(name in named and named[name].kind is not inspect.Parameter.POSITIONAL_ONLY for name in _FIXED)
        elsewhere = [name for name in _FIXED if name in named and named[name] not in slots]
        renamed = frozenset(one.name for one in slots if one.name not in _FIXED)
        if starred is not None and (starred.startswith("_") or not takes_any):
            is_positional = all(map(_stands_for, slots, _FIXED))
        else:
            is_positional = len(slots) == len(_FIXED) and _has_older_form(slots)
        if is_by_name or elsewhere or renamed & set(attributes) or not is_positional:
            return cls(named, frozenset(), False, takes_any)
        return cls(named, renamed, True, takes_any)

    @property
    def for_attributes(self) -> dict[str, inspect.Parameter]:
        """The parameters that take attributes of a selector."""
        return {name: one for name, one in self.parameters.items() if name not in self.renamed and name not in _FIXED}

    def call(
        self, method: Callable[..., Any], fixed: Sequence[object], attributes: Mapping[str, object] | None = None
    ) -> Any:
        """Call the method with what it takes of the fixed arguments, in their order, and of a selector's attributes."""
        chosen = {key: one for key, one in (attributes or {}).items() if self.takes_any or key in self.parameters}
        if not self.is_positional:
            given = dict(zip(_FIXED, fixed, strict=True))
            chosen |= {key: one for key, one in given.items() if self.takes_any or key in self.parameters}
            fixed = ()
        names = [name for name, one in self.parameters.items() if one.kind is one.POSITIONAL_ONLY and name in chosen]
        return method(*fixed, *[chosen.pop(name) for name in names], **chosen)


def _parameters(method: Callable[..., object]) -> Sequence[inspect.Parameter]:
    """Return the parameters of a bound method; if it only passes all on, those of the method that it overrides."""
    found = list(inspect.signature(method).parameters.values())
    source = getattr(method, "__self__", None)
    if isinstance(source, Source) and _passes_all_on(found):
        for kind in type(source).__mro__:
            own = kind.__dict__.get(method.__name__)
            if kind is not Source and inspect.isfunction(own):
                overridden = list(inspect.signature(own).parameters.values())[1:]
                if not _passes_all_on(overridden):
                    return overridden
    return found


def _passes_all_on(parameters: Sequence[inspect.Parameter]) -> bool:
    """Whether they are `*arguments, **keywords`."""
    return [one.kind for one in parameters] == [inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD] and (
        not parameters[0].name.startswith("_")
    )


def _stands_for(parameter: inspect.Parameter, fixed: str) -> bool:
    """Whether a parameter at the position of a fixed argument takes it."""
    name = parameter.name
    if name in _FIXED:
        return name == fixed
    if parameter.default is not parameter.empty:
        return False
    return (
        parameter.kind is parameter.POSITIONAL_ONLY
        or name.startswith("_")
        or len(name) <= 2
        or any(part in name.lower() for part in _OTHER_NAMES)
    )


def _has_older_form(slots: Sequence[inspect.Parameter]) -> bool:
    """Whether the first three parameters are those of an older source: by position only, or under other names."""
    first, *others = slots
    is_first = first.name == _FIXED[0] or (first.name not in _FIXED and first.default is first.empty)
    return is_first and all(map(_stands_for, others, _FIXED[1:]))


def find_datasets(job: Job, metadata: CollectionMetadata, versions: DataSpecVersionCollection | None = None) -> Any:
    """Return what `find_datasets` of a job's source returns.

    Several values of a key are passed as a list, if the source takes one. Else they are not passed, and what the source
    finds is filtered afterwards.

    Args:
        job: The plan, the selector and the filters.
        metadata: What the source may ask about the lake.
        versions: The feeds and versions to ask for; None: those of the plan.

    Raises:
        Exception: Any error of the source.
    """
    attributes: dict[str, object] = dict(job.selector.attributes)
    takes_list = job.plan.source.multi_value_keys_of(job.plan.dataset_type)
    for key, wanted in job.chosen.items():
        values = filter_values(wanted)
        if len(values) == 1:
            attributes[key] = values[0]
        elif key in takes_list:
            attributes[key] = values
    method = job.plan.source.find_datasets
    fixed = (job.plan.dataset_type, versions or job.plan.data_spec_versions, metadata)
    return _Signature.of(method, attributes).call(method, fixed, attributes)


def discover_selectors(plan: IngestionPlan, metadata: CollectionMetadata | None = None) -> Any:
    """Return what `discover_selectors` of a plan's source returns.

    Args:
        plan: The plan.
        metadata: What the source may ask about the lake; None: nothing is known of it.

    Raises:
        Exception: Any error of the source.
    """
    method = plan.source.discover_selectors
    signature = _Signature.of(method)
    fixed = (plan.dataset_type, plan.data_spec_versions, metadata or CollectionMetadata(0, None))
    if not signature.takes_any and len(signature.parameters) == 1 and not signature.parameters.keys() & set(_FIXED):
        return method(plan.dataset_type)  # under any name
    return signature.call(method, fixed)


def selector_parameters(source: Source) -> tuple[dict[str, inspect.Parameter], bool]:
    """Return the parameters of `find_datasets` that take selector attributes, and whether it takes any other."""
    signature = _Signature.of(source.find_datasets)
    return signature.for_attributes, signature.takes_any


def required_arguments(plan: IngestionPlan) -> list[str]:
    """Return the attributes that a selector must have: those that the source declares, else by `find_datasets`."""
    declared = plan.source.selector_keys_of(plan.dataset_type)
    if declared:
        return list(declared)
    named, _ = selector_parameters(plan.source)
    return [name for name, one in named.items() if one.default is one.empty]
