"""`dataclass` as in Python 3.13, which makes a class in a quarter of the time that earlier versions take.

They compile each method of each class by itself. There are 200 classes, so that was a tenth of a short command. Remove
this module when Python 3.13 is the oldest one that ingestify supports.
"""

from __future__ import annotations

import dataclasses
import operator
import reprlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass", "make_quickly"]

_MISSING = dataclasses.MISSING


class _DefaultFactory:
    """Stands in signatures for a value that a factory makes."""

    def __repr__(self) -> str:
        return "<factory>"


_MADE = _DefaultFactory()


def make_quickly(cls: type[Any], *, frozen: bool = False, slots: bool = False, kw_only: bool = False) -> type[Any]:
    """Return the class that `dataclasses.dataclass` makes of `cls`; only its `__init__` is compiled."""
    if any(map(dataclasses.is_dataclass, cls.__mro__[1:])):
        return dataclasses.dataclass(cls, frozen=frozen, slots=slots, kw_only=kw_only)
    own = set(cls.__dict__)
    if cls.__dict__.get("__hash__") is None:
        own.discard("__hash__")  # Python sets it to None where a class has an __eq__
    made = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)(cls)
    for name, value in {"init": True, "repr": True, "eq": True, "frozen": frozen}.items():
        setattr(made.__dataclass_params__, name, value)  # a frozen class can only inherit from frozen ones
    methods = [_make_init(made, frozen=frozen), *_make_comparison(made, frozen=frozen), _make_repr(made)]
    if frozen:
        methods += _make_frozen(made)
        if slots:
            methods += _make_state(made)
    for method in methods:
        if method.__name__ not in own:
            method.__qualname__ = f"{made.__qualname__}.{method.__name__}"
            setattr(made, method.__name__, method)
    if not frozen and "__hash__" not in own:
        setattr(made, "__hash__", None)  # noqa: B010 - mypy takes it for a method
    return made


def _make_init(cls: type[Any], *, frozen: bool) -> Callable[..., Any]:
    values: dict[str, Any] = {"__name__": cls.__module__, "_set": object.__setattr__, "_made": _MADE}
    positional, by_keyword, lines = list[str](), list[str](), list[str]()
    annotations = {}
    for field in dataclasses.fields(cls):
        name, value, parameter = field.name, field.name, field.name
        if field.default is not _MISSING:
            values[f"_default_{name}"] = field.default
            parameter = f"{name}=_default_{name}"
            value = name if field.init else f"_default_{name}"
        elif field.default_factory is not _MISSING:
            values[f"_make_{name}"] = field.default_factory
            parameter = f"{name}=_made"
            value = f"_make_{name}() if {name} is _made else {name}" if field.init else f"_make_{name}()"
        elif not field.init:
            continue  # __post_init__ sets it
        if field.init:
            (by_keyword if field.kw_only else positional).append(parameter)
            annotations[name] = field.type
        lines.append(f" _set(self, '{name}', {value})" if frozen else f" self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        lines.append(" self.__post_init__()")
    parameters = ["self", *positional, *(["*", *by_keyword] if by_keyword else ())]
    made: dict[str, Callable[..., Any]] = {}
    exec(f"def __init__({', '.join(parameters)}):\n" + ("\n".join(lines) or " pass"), values, made)  # noqa: S102
    init = made["__init__"]
    init.__annotations__ = {**annotations, "return": None}
    return init


def _make_comparison(cls: type[Any], *, frozen: bool) -> list[Callable[..., Any]]:
    compared = _values_of(field.name for field in dataclasses.fields(cls) if field.compare)
    hashed = _values_of(
        field.name for field in dataclasses.fields(cls) if (field.compare if field.hash is None else field.hash)
    )

    def __eq__(self: Any, other: object) -> bool:  # noqa: N807
        if other.__class__ is self.__class__:
            return compared(self) == compared(other)
        return NotImplemented

    def __hash__(self: Any) -> int:  # noqa: N807
        return hash(hashed(self))

    return [__eq__, __hash__] if frozen else [__eq__]


def _values_of(fields: Any) -> Callable[[Any], tuple[Any, ...]]:
    """Return what reads fields of an instance, as a tuple."""
    names = tuple(fields)
    if len(names) > 1:
        return operator.attrgetter(*names)
    return lambda one: tuple(getattr(one, name) for name in names)


def _make_repr(cls: type[Any]) -> Callable[..., Any]:
    names = [field.name for field in dataclasses.fields(cls) if field.repr]

    @reprlib.recursive_repr()
    def __repr__(self: Any) -> str:  # noqa: N807
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    return __repr__


def _make_frozen(cls: type[Any]) -> list[Callable[..., Any]]:
    names = frozenset(field.name for field in dataclasses.fields(cls))

    def __setattr__(self: Any, name: str, value: object) -> None:  # noqa: N807
        if type(self) is cls or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
        super(cls, self).__setattr__(name, value)

    def __delattr__(self: Any, name: str) -> None:  # noqa: N807
        if type(self) is cls or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
        super(cls, self).__delattr__(name)

    return [__setattr__, __delattr__]


def _make_state(cls: type[Any]) -> list[Callable[..., Any]]:
    """Return what pickles a frozen class with slots: by default, Python would assign to its fields."""
    names = [field.name for field in dataclasses.fields(cls)]

    def __getstate__(self: Any) -> list[Any]:  # noqa: N807
        return [getattr(self, name) for name in names]

    def __setstate__(self: Any, state: list[Any]) -> None:  # noqa: N807
        for name, value in zip(names, state, strict=True):
            object.__setattr__(self, name, value)

    return [__getstate__, __setstate__]


if TYPE_CHECKING or sys.version_info >= (3, 13):
    from dataclasses import dataclass
else:

    def dataclass(cls: type | None = None, /, **options: bool) -> Any:
        """Make a dataclass; the options are `frozen`, `slots` and `kw_only` of `dataclasses.dataclass`."""
        return (lambda one: make_quickly(one, **options)) if cls is None else make_quickly(cls, **options)
