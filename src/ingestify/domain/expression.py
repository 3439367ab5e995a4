"""Selector expressions: `competition_id == 11 and season_id > 42`.

Text is parsed to Python's syntax tree, every node is checked against a short list, and the tree is interpreted
here. Nothing is ever compiled or executed.

What can be written:
    names of selector attributes, numbers, 'text', True, False and None;
    and, or, not, parentheses;
    == != < <= > >=, chained if you like (`42 < season_id <= 90`);
    in and not in, with a list of values, a list attribute, or a piece of text (`'Cup' in competition_name`).

How values compare, so that 11 and "11" are the same season, is in `ingestify.domain.comparison`.
"""

from __future__ import annotations

import ast
import dataclasses
import math
import re
import warnings
from collections.abc import Mapping

from ingestify.domain.comparison import Incomparable, compare, described, sign_of
from ingestify.errors import ConfigurationError
from ingestify.suggestion import did_you_mean

__all__ = ["MAX_DEPTH", "MAX_LENGTH", "MAX_NODES", "Expression"]

MAX_LENGTH = 2_000
"""Characters that an expression may have."""

MAX_NODES = 1_000
"""Nodes that its syntax tree may have."""

MAX_DEPTH = 50
"""Levels that its syntax tree may have."""

_ALLOWED = (
    "Allowed: attribute names, numbers, 'text', True, False, None, and, or, not, ( ), "
    "== != < <= > >=, in, not in, lists such as [90, 91]."
)

_MEMBERSHIP = (ast.In, ast.NotIn)
_LISTS = (ast.List, ast.Tuple, ast.Set)
_HABITS = {"&&": "and", "||": "or", "AND ": "and", "OR ": "or", "<>": "!="}
_YAML_WORDS = {"true": "True", "false": "False", "null": "None", "none": "None"}


@dataclasses.dataclass(frozen=True, slots=True)
class Expression:
    """A condition over the attributes of a discovered selector. Made by `parse`; any thread may use it.

    Attributes:
        text: The expression as it was written, with line breaks as blanks.
        names: The attributes that it asks for.
    """

    text: str
    names: frozenset[str]
    _tree: ast.expr = dataclasses.field(repr=False, compare=False)

    @classmethod
    def parse(cls, text: str) -> Expression:
        """Read an expression.

        Raises:
            ConfigurationError: It cannot be read, or uses more than selector expressions have. The message says
                what, points at where, and lists what is allowed.
        """
        # YAML's block texts bring line breaks; as blanks they mean the same, outside of quotes.
        line = re.sub(r"[\r\n\t\f]", " ", text).strip()
        tree = _parse(line)
        _check_size(line, tree)
        _check_condition(line, tree)
        names = frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
        return cls(line, names, tree)

    def matches(self, attributes: Mapping[str, object]) -> bool:
        """Return whether a selector with these attributes is meant.

        Raises:
            ConfigurationError: It names an attribute that the selector has not got, even where the answer would
                not depend on it, or compares values that have no order, such as a season's name and a number.
        """
        for name in sorted(self.names):
            if name not in attributes:
                raise ConfigurationError(
                    f"The selector expression `{self.text}` names '{name}', which is no attribute of the selector"
                    f"{did_you_mean(name, attributes) or '.'} There {_is_or_are(attributes)}."
                )
        return self._holds(self._tree, attributes)

    def __str__(self) -> str:
        return self.text

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
        value = _value(node, attributes)
        if value is None or isinstance(value, bool):
            return bool(value)
        raise ConfigurationError(
            f"The selector expression `{self.text}` uses '{_shown(node)}' as a condition, and it is "
            f"{described(value)}; compare it with something, as in `{_shown(node)} == {value!r}`."
        )

    def _compare(self, node: ast.Compare, attributes: Mapping[str, object]) -> bool:
        left_node = node.left
        for operator, right_node in zip(node.ops, node.comparators, strict=True):
            try:
                holds = compare(operator, _value(left_node, attributes), _value(right_node, attributes))
            except Incomparable as error:
                raise ConfigurationError(
                    f"The selector expression `{self.text}` cannot be decided: in "
                    f"`{_shown(left_node)} {sign_of(operator)} {_shown(right_node)}`, {error}"
                ) from error
            if not holds:
                return False
            left_node = right_node
        return True


def _error(text: str, problem: str, column: int | None = None, hint: str = _ALLOWED) -> ConfigurationError:
    """Return the error with the place, counted in characters from 0, marked below the text."""
    lines = [f"Selector expression: {problem}"]
    if column is not None and 0 <= column <= len(text):
        # A long expression is shown around the place.
        start = max(0, column - 60)
        lines = [
            f"Selector expression, column {column + 1}: {problem}",
            f"    {text[start : start + 110]}",
            f"    {' ' * (column - start)}^",
        ]
    return ConfigurationError("\n".join([*lines, hint]))


def _node_error(text: str, node: ast.expr, problem: str, hint: str = _ALLOWED) -> ConfigurationError:
    return _error(text, problem, _characters(text, node.col_offset), hint)


def _characters(text: str, utf8_bytes: int) -> int:
    """Return the column in characters; the syntax tree counts bytes of UTF-8."""
    return len(text.encode()[:utf8_bytes].decode(errors="ignore"))


def _parse(text: str) -> ast.expr:
    if not text:
        raise _error(text, "it is empty.")
    if len(text) > MAX_LENGTH:
        raise _error(text, f"it has {len(text):,} characters, and {MAX_LENGTH:,} is the most.", hint="Use several.")
    try:
        with warnings.catch_warnings():
            # Python warns of things such as '\d' in text, with a file name and line that mean nothing here.
            warnings.simplefilter("ignore")
            tree = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise _syntax_error(text, error) from error
    except (ValueError, MemoryError, RecursionError) as error:
        # Characters that no source text has, or far too many levels.
        raise _error(text, "it cannot be read: write it shorter, and with printable characters only.") from error
    rest = text.encode()[tree.end_col_offset :].decode(errors="ignore")
    if "#" in rest:
        # In a folded YAML text a comment would silently swallow the conditions on the next lines.
        raise _error(text, "comments cannot stand in an expression.", len(text) - len(rest) + rest.index("#"))
    return tree


def _syntax_error(text: str, error: SyntaxError) -> ConfigurationError:
    """Return the error in the words of this small language; Python's own hints lead to things it has not got."""
    problem = (error.msg or "invalid syntax").removeprefix("invalid syntax. ").rstrip(".")
    if error.offset is None:
        return _error(text, f"{problem}.")
    column = error.offset - 1
    if column < 0 or error.lineno != 1:
        column = len(text)
    for habit, meant in _HABITS.items():
        if text[max(0, column - 1) :].startswith(habit) or text[column:].startswith(habit):
            return _error(text, f"write {meant} instead of {habit.strip()}.", text.index(habit, max(0, column - 1)))
    if text[:column].rstrip() == text:
        problem = "something is missing at the end"
    elif re.match(r"(^|[^=!<>])=($|[^=])", text[max(0, column - 1) : column + 2]):
        problem = "a comparison is written with =="
    return _error(text, f"{problem}.", column)


def _check_size(text: str, tree: ast.expr) -> None:
    """Refuse a tree whose interpretation would go too deep. It walks level by level, so no depth harms it."""
    level: list[ast.AST] = [tree]
    nodes = depth = 0
    while level:
        nodes += len(level)
        depth += 1
        if nodes > MAX_NODES or depth > MAX_DEPTH:
            raise _error(text, "it is too long or too deep.", hint="Write several expressions; any of them may match.")
        level = [child for node in level for child in ast.iter_child_nodes(node)]


def _check_condition(text: str, node: ast.expr) -> None:
    """Refuse whatever is not a condition."""
    match node:
        case ast.BoolOp():
            for each in node.values:
                _check_condition(text, each)
        case ast.UnaryOp(op=ast.Not()):
            _check_condition(text, node.operand)
        case ast.Compare():
            _check_comparison(text, node)
        case ast.Name():
            _check_name(text, node)
        case ast.Constant(value=bool()):
            pass
        case ast.Constant() | ast.UnaryOp(op=ast.USub()):
            # `competition_id == 11 or 12` would otherwise be true of everything.
            raise _node_error(
                text,
                node,
                f"{_shown(node)} is no condition.",
                f"Compare it with something, as in `season_id == {_shown(node)}`, or write `season_id in [90, 91]`.",
            )
        case _:
            raise _node_error(text, node, f"{_KINDS.get(type(node), 'this')} cannot stand here.")


def _check_comparison(text: str, node: ast.Compare) -> None:
    _check_operand(text, node.left)
    for operator, right in zip(node.ops, node.comparators, strict=True):
        if isinstance(operator, (ast.Is, ast.IsNot)):
            sign = "==" if isinstance(operator, ast.Is) else "!="
            raise _node_error(text, right, f"`is` cannot be used here; write {sign}.")
        if not isinstance(operator, _MEMBERSHIP):
            _check_operand(text, right)
        elif isinstance(right, _LISTS):
            for each in right.elts:
                _check_constant(text, each)
        elif isinstance(right, ast.Constant) and not isinstance(right.value, str):
            shown = _shown(right)
            raise _node_error(text, right, f"{sign_of(operator)} needs a list; write [{shown}].")
        else:
            _check_operand(text, right)


def _check_operand(text: str, node: ast.expr) -> None:
    if isinstance(node, ast.Name):
        _check_name(text, node)
    elif isinstance(node, _LISTS):
        raise _node_error(text, node, "a list can stand only to the right of in and not in.")
    else:
        _check_constant(text, node)


def _check_constant(text: str, node: ast.expr) -> None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = node.operand
        number = isinstance(inner, ast.Constant) and isinstance(inner.value, (int, float))
        if not number or (isinstance(inner, ast.Constant) and isinstance(inner.value, bool)):
            raise _node_error(text, node, "a minus can stand only before a number.")
        node = inner
    if not isinstance(node, ast.Constant):
        raise _node_error(text, node, f"{_KINDS.get(type(node), 'this')} cannot stand here.")
    if not (node.value is None or isinstance(node.value, (bool, int, float, str))):
        raise _node_error(text, node, f"a value of the type {type(node.value).__name__} cannot be used.")
    if isinstance(node.value, float) and not math.isfinite(node.value):
        raise _node_error(text, node, "the number is too large.")


def _check_name(text: str, node: ast.Name) -> None:
    if (meant := _YAML_WORDS.get(node.id.lower())) is not None:
        raise _node_error(text, node, f"write {meant} with a capital letter, and the rest small.")


_KINDS: dict[type[ast.expr], str] = {
    ast.Attribute: "a dot",
    ast.Await: "await",
    ast.BinOp: "arithmetic",
    ast.BoolOp: "a condition in a comparison",
    ast.Call: "a call",
    ast.Compare: "a comparison in a comparison",
    ast.Dict: "a mapping",
    ast.IfExp: "if",
    ast.JoinedStr: "an f-string",
    ast.Lambda: "lambda",
    ast.List: "a list",
    ast.ListComp: "a comprehension",
    ast.Name: "a name in a list",
    ast.NamedExpr: ":=",
    ast.Set: "a set",
    ast.Starred: "*",
    ast.Subscript: "an index in square brackets",
    ast.Tuple: "a tuple",
    ast.UnaryOp: "this sign",
}


def _value(node: ast.expr, attributes: Mapping[str, object]) -> object:
    match node:
        case ast.Name():
            return attributes[node.id]
        case ast.List() | ast.Tuple() | ast.Set():
            return [_value(each, attributes) for each in node.elts]
        case ast.UnaryOp(operand=ast.Constant(value=int() | float() as number)):
            return -number
        case ast.Constant():
            return node.value
    raise AssertionError(f"unchecked node {type(node).__name__}")


def _shown(node: ast.expr) -> str:
    shown = ast.unparse(node)
    return shown if len(shown) <= 60 else shown[:57] + "…"


def _is_or_are(attributes: Mapping[str, object]) -> str:
    listed = ", ".join(sorted(attributes))
    if not listed:
        return "are none"
    return f"is {listed}" if len(attributes) == 1 else f"are {listed}"
