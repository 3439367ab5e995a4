"""A class of `make_quickly` is as one of `dataclasses.dataclass`."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle

import pytest

from ingestify.quick_dataclass import make_quickly

OPTIONS = [{}, {"frozen": True}, {"slots": True}, {"frozen": True, "slots": True}, {"frozen": True, "kw_only": True}]


class _Plain:
    """Has every kind of field."""

    first: int
    hidden: str = dataclasses.field(repr=False)
    more: list[int] = dataclasses.field(default_factory=list, compare=False)
    named: str = dataclasses.field(default="x", kw_only=True)
    made: int = dataclasses.field(init=False, default=3)
    later: str = dataclasses.field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "later", self.hidden * 2)


def _both(options):
    body = {name: value for name, value in vars(_Plain).items() if name not in ("__dict__", "__weakref__")}
    return (
        make(type("Plain", (), {**copy.copy(body), "__qualname__": "Outer.Plain"}), **options)
        for make in (make_quickly, dataclasses.dataclass)
    )


def _outcome(call):
    try:
        return call()
    except Exception as error:
        return type(error), str(error)


@pytest.mark.parametrize("options", OPTIONS)
def test_a_quick_class_has_what_a_dataclass_has(options):
    quick, usual = _both(options)
    assert inspect.signature(quick).parameters.keys() == inspect.signature(usual).parameters.keys()
    assert str(inspect.signature(quick)) == str(inspect.signature(usual))
    assert quick.__match_args__ == usual.__match_args__
    assert quick.__init__.__annotations__ == usual.__init__.__annotations__
    assert quick.__init__.__qualname__ == usual.__init__.__qualname__
    assert [field.name for field in dataclasses.fields(quick)] == [field.name for field in dataclasses.fields(usual)]
    assert (quick.__hash__ is None) == (usual.__hash__ is None)
    for attribute in ("repr", "eq", "init", "frozen"):
        assert getattr(quick.__dataclass_params__, attribute) == getattr(usual.__dataclass_params__, attribute)


@pytest.mark.parametrize("options", OPTIONS)
def test_what_a_quick_class_makes_is_as_of_a_dataclass(options):
    outcomes = []
    for kind in _both(options):
        one, other = kind(first=1, hidden="a"), kind(first=1, hidden="a", more=[1], named="x")
        found = [repr(one), one == other, one != kind(first=2, hidden="a"), one == 5, one.more is other.more]
        found += [dataclasses.asdict(other), dataclasses.asdict(dataclasses.replace(other, first=5)), one.later]
        found += [copy.copy(other) == other, copy.deepcopy(other).more]
        found.append(_outcome(lambda one=one, other=other: hash(one) == hash(other)))
        found.append(_outcome(lambda one=one: setattr(one, "first", 2)))
        found.append(_outcome(lambda one=one: delattr(one, "first")))
        if not options.get("slots"):  # with slots, earlier versions raise a TypeError by mistake
            found.append(_outcome(lambda one=one: setattr(one, "unknown", 2)))
        found.append(_outcome(lambda kind=kind: kind(1))[0])
        outcomes.append(found)
    assert outcomes[0] == outcomes[1]


class Kept:
    """Can be pickled, as it has a name in this module."""

    value: int
    text: str = "a"


Kept = make_quickly(Kept, frozen=True, slots=True)  # type: ignore[misc]


def test_a_frozen_class_with_slots_is_pickled():
    assert pickle.loads(pickle.dumps(Kept(1))) == Kept(1)
    assert not hasattr(Kept(1), "__dict__")


def test_what_a_class_defines_itself_stays():
    class Own:
        """Defines its methods."""

        value: int

        def __repr__(self) -> str:
            return "own"

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 7

    made = make_quickly(Own, frozen=True)
    assert (repr(made(1)), made(1) == made(2), hash(made(1))) == ("own", True, 7)


def test_a_frozen_dataclass_inherits_from_a_quick_one_and_a_thawed_one_does_not():
    @dataclasses.dataclass(frozen=True)
    class More(Kept):
        more: int = 2

    assert repr(More(1)).endswith("More(value=1, text='a', more=2)")
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'value'"):
        More(1).value = 5  # type: ignore[misc]
    with pytest.raises(TypeError, match="cannot inherit non-frozen dataclass from a frozen one"):
        dataclasses.dataclass(type("Thawed", (Kept,), {"__annotations__": {"more": "int"}}))
