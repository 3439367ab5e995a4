"""Selector expressions: `competition_id == 11 and season_id > 42`.

Text is parsed and checked by `ingestify.domain.expression_syntax`, and interpreted here. Nothing is ever compiled or
executed.

An expression may have:
    names of selector attributes, numbers, 'text', True, False and None;
    and, or, not, parentheses;
    == != < <= > >=, chained if you like (`42 < season_id <= 90`);
    in and not in, with a list of values, a list attribute, or a piece of text (`'Cup' in competition_name`);
    + - * %, pieces such as `season_name[:4]`, int(), str(), .startswith(), .endswith() and .lower().

How values compare, so that 11 and "11" are the same season, is in `ingestify.domain.comparison`.
"""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Mapping

from ingestify.domain.comparison import Incomparable, compare, described, sign_of
from ingestify.domain.expression_syntax import MAX_DEPTH, MAX_LENGTH, MAX_NODES, SELECTOR, Grammar, Syntax
from ingestify.domain.expression_tree import bounds_of, is_nothing, iter_paths, operands_of, root_of, shown
from ingestify.domain.operations import calculate, call, piece
from ingestify.errors import ConfigurationError
from ingestify.suggestion import did_you_mean

__all__ = ["MAX_DEPTH", "MAX_LENGTH", "MAX_NODES", "Expression", "Undecidable"]


class Undecidable(ConfigurationError):
    """An expression cannot decide about these attributes: it compares values that have no order.

    Attributes:
        single_value: The path to a single value, where a mapping was compared; empty: none was.
    """

    def __init__(self, message: str, single_value: str = "") -> None:
        super().__init__(message)
        self.single_value = single_value


@dataclasses.dataclass(frozen=True, slots=True)
class Expression:
    """A condition over the attributes of a discovered selector. Made by `parse`; any thread may use it.

    Attributes:
        text: The expression as it was written, with line breaks as blanks.
        names: The attributes that it reads.
    """

    text: str
    names: frozenset[str]
    tree: ast.expr = dataclasses.field(repr=False, compare=False)
    grammar: Grammar = dataclasses.field(repr=False, compare=False)

    @classmethod
    def parse(cls, text: str, grammar: Grammar = SELECTOR) -> Expression:
        """Read an expression.

        Raises:
            ConfigurationError: It cannot be read, or uses something that expressions do not have. The message says
                what and where, and lists what is allowed.
        """
        # YAML's block texts bring line breaks; as blanks they mean the same, outside of quotes.
        line = re.sub(r"[\r\n\t\f]", " ", text).strip()
        tree = Syntax(line, grammar).read()
        names = frozenset(node.id for path in iter_paths(tree) if (node := root_of(path)) is not None)
        return cls(line, names, tree, grammar)

    def matches(self, attributes: Mapping[str, object]) -> bool:
        """Return whether a selector with these attributes is meant.

        Raises:
            ConfigurationError: It names an attribute that the selector does not have, even if the result would not
                depend on it; or it compares values that have no order, such as a season's name and a number.
        """
        for name in sorted(self.names):
            if name not in attributes:
                raise ConfigurationError(
                    f"The {self._title} `{self.text}` names '{name}', which is no attribute of the "
                    f"{self.grammar.attributes_of}"
                    f"{did_you_mean(name, attributes) or '.'} There {_is_or_are(attributes)}."
                )
        return self._holds(self.tree, attributes)

    def __str__(self) -> str:
        return self.text

    @property
    def _title(self) -> str:
        return self.grammar.title[0].lower() + self.grammar.title[1:]

    def _holds(self, node: ast.expr, attributes: Mapping[str, object]) -> bool:
        match node:
            case ast.BoolOp(op=ast.And()):
                return all(self._holds(each, attributes) for each in node.values)
            case ast.BoolOp():
                return any(self._holds(each, attributes) for each in node.values)
            case ast.UnaryOp(operand=operand):
                return not self._holds(operand, attributes)
            case ast.Compare():
                return self._compare(node, attributes)
        try:
            value = self._value(node, attributes)
        except Incomparable as error:
            raise Undecidable(
                f"The {self._title} `{self.text}` cannot be decided: in `{shown(node)}`, {error}"
            ) from error
        if value is None or isinstance(value, bool) or self.grammar.asks_for_something:
            return bool(value)
        raise ConfigurationError(
            f"The {self._title} `{self.text}` uses '{shown(node)}' as a condition, and it is "
            f"{described(value)}; compare it with something, as in `{shown(node)} == {value!r}`."
        )

    def _compare(self, node: ast.Compare, attributes: Mapping[str, object]) -> bool:
        left_node = node.left
        for operator, right_node in zip(node.ops, node.comparators, strict=True):
            left = right = None
            try:
                left, right = self._value(left_node, attributes), self._value(right_node, attributes)
                if self.grammar.asks_for_something and is_nothing(operator, right_node):
                    holds = bool(left) == isinstance(operator, ast.NotEq)
                elif _is_of_nothing(operator, left, right):
                    holds = isinstance(operator, ast.NotIn)
                else:
                    holds = compare(operator, left, right)
            except Incomparable as error:
                raise Undecidable(
                    f"The {self._title} `{self.text}` cannot be decided: in "
                    f"`{shown(left_node)} {sign_of(operator)} {shown(right_node)}`, {error}",
                    _single_value_in(left_node, left) or _single_value_in(right_node, right),
                ) from error
            if not holds:
                return False
            left_node = right_node
        return True

    def _value(self, node: ast.expr, attributes: Mapping[str, object]) -> object:
        match node:
            case ast.Name():
                return attributes[node.id]
            case ast.List() | ast.Tuple() | ast.Set():
                return [self._value(each, attributes) for each in node.elts]
            case ast.UnaryOp(operand=ast.Constant(value=int() | float() as number)):
                return -number
            case ast.Constant():
                return node.value
            case ast.Attribute():
                return _step(self._value(node.value, attributes), node.attr)
            case ast.Subscript(slice=ast.Constant(value=str() | int() as step)) if self.grammar.has_paths:
                return _step(self._value(node.value, attributes), step)
        return self._computed(node, attributes)

    def _computed(self, node: ast.expr, attributes: Mapping[str, object]) -> object:
        operands = [self._value(each, attributes) for each in operands_of(node)]
        if any(_is_nothing(one) for one in operands):
            return None
        match node:
            case ast.Subscript():
                return piece(operands[0], bounds_of(node.slice))
            case ast.BinOp():
                return calculate(node.op, *operands)
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)):
                return call(name, operands)
        raise AssertionError(f"unchecked node {type(node).__name__}")


def _single_value_in(node: ast.expr, value: object) -> str:
    """Return the path to one value of a mapping: to its name, if it has one. Empty: the value is no mapping."""
    if not isinstance(value, Mapping) or not value:
        return ""
    key = "name" if "name" in value else str(next(iter(value)))
    return f"{shown(node)}.{key}" if key.isidentifier() else f"{shown(node)}[{key!r}]"


def _is_of_nothing(operator: ast.cmpop, left: object, right: object) -> bool:
    """Whether a comparison orders None or NaN, or looks for something in None."""
    match operator:
        case ast.Eq() | ast.NotEq():
            return False
        case ast.In() | ast.NotIn():
            return right is None or (left is None and isinstance(right, str))
    return _is_nothing(left) or _is_nothing(right)


def _is_nothing(value: object) -> bool:
    return value is None or value != value  # NaN is the only value that is not itself


def _step(value: object, step: str | int) -> object:
    """Return the value of a mapping or a list at `step`; None if there is none."""
    if isinstance(value, Mapping):
        return value.get(step)
    if isinstance(value, (list, tuple)) and isinstance(step, int) and step < len(value):
        return value[step]
    return None


def _is_or_are(attributes: Mapping[str, object]) -> str:
    listed = ", ".join(sorted(attributes))
    if not listed:
        return "are none"
    return f"is {listed}" if len(attributes) == 1 else f"are {listed}"
