"""The grammar of expressions: from text to a checked syntax tree.

The text is parsed to Python's syntax tree, and every node is checked against a short list of allowed nodes. The tree is
interpreted, and never compiled or executed.
"""

from __future__ import annotations

import ast
import dataclasses
import math
import re
import warnings

from ingestify.domain.comparison import sign_of
from ingestify.domain.expression_tree import is_nothing, root_of, shown, whole_number
from ingestify.domain.operations import FUNCTIONS, METHODS, OPERATORS
from ingestify.errors import ConfigurationError

__all__ = ["MAX_DEPTH", "MAX_LENGTH", "MAX_NODES", "OPERATIONS", "SELECTOR", "Grammar", "Syntax"]

MAX_LENGTH = 2_000
"""Characters that an expression may have."""

MAX_NODES = 1_000
"""Nodes that its syntax tree may have."""

MAX_DEPTH = 50
"""Levels that its syntax tree may have."""


@dataclasses.dataclass(frozen=True, slots=True)
class Grammar:
    """The names of one kind of expression in messages, and its rules.

    Attributes:
        title: The beginning of a message.
        attributes_of: The thing that has the attributes, such as `selector`.
        has_paths: Whether `.key`, `['key']` and `[0]` may follow a name.
        allowed: The allowed syntax, for messages.
        shorter: The advice for an expression that is too long.
        asks_for_something: Whether a value alone is a condition. It is true unless it is null, zero or empty. `[]`
            at the right of == and != means an empty value.
        has_operations: Whether values can be computed: sums, pieces of text, and functions.
    """

    title: str
    attributes_of: str
    has_paths: bool
    allowed: str
    shorter: str
    asks_for_something: bool = False
    has_operations: bool = False


OPERATIONS = "+ - * %, pieces such as name[:4], int(), str(), .startswith(), .endswith(), .lower()"
"""What `has_operations` allows, for messages."""

SELECTOR = Grammar(
    "Selector expression",
    "selector",
    has_paths=False,
    allowed="Allowed: attribute names, _name, numbers, 'text', True, False, None, and, or, not, ( ), "
    f"== != < <= > >=, in, not in, lists such as [90, 91], {OPERATIONS}.",
    shorter="Write several expressions; any of them may match.",
    has_operations=True,
)

_MEMBERSHIP = (ast.In, ast.NotIn)
_LISTS = (ast.List, ast.Tuple, ast.Set)
_HABITS = {"&&": "and", "||": "or", "AND ": "and", "OR ": "or", "<>": "!="}
_YAML_WORDS = {"true": "True", "false": "False", "null": "None", "none": "None"}

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


class Syntax:
    """Reads one text."""

    def __init__(self, text: str, grammar: Grammar) -> None:
        self.text = text
        self.grammar = grammar

    def read(self) -> ast.expr:
        """Return the text's syntax tree, of which every node is one that can be interpreted.

        Raises:
            ConfigurationError: It cannot be read, or uses more than expressions have. The message says what, points
                at where, and lists what is allowed.
        """
        tree = self._parse()
        self._check_size(tree)
        self._check_condition(tree)
        return tree

    def error(self, problem: str, column: int | None = None, hint: str | None = None) -> ConfigurationError:
        """Return the error with the place, counted in characters from 0, marked below the text."""
        lines = [f"{self.grammar.title}: {problem}"]
        if column is not None and 0 <= column <= len(self.text):
            # A long expression is shown around the place.
            start = max(0, column - 60)
            lines = [
                f"{self.grammar.title}, column {column + 1}: {problem}",
                f"    {self.text[start : start + 110]}",
                f"    {' ' * (column - start)}^",
            ]
        return ConfigurationError("\n".join([*lines, hint or self.grammar.allowed]))

    def node_error(self, node: ast.expr, problem: str, hint: str | None = None) -> ConfigurationError:
        """Return the error about a node, which is the place."""
        return self.error(problem, self._characters(node.col_offset), hint)

    def _characters(self, utf8_bytes: int) -> int:
        """Return the column in characters; the syntax tree counts bytes of UTF-8."""
        return len(self.text.encode()[:utf8_bytes].decode(errors="ignore"))

    def _parse(self) -> ast.expr:
        if not self.text:
            raise self.error("it is empty.")
        if len(self.text) > MAX_LENGTH:
            raise self.error(
                f"it has {len(self.text):,} characters, and {MAX_LENGTH:,} is the most.", hint=self.grammar.shorter
            )
        try:
            with warnings.catch_warnings():
                # Python warns of things such as '\d' in text, with a file name and line that mean nothing here.
                warnings.simplefilter("ignore")
                tree = ast.parse(self.text, mode="eval").body
        except SyntaxError as error:
            raise self._syntax_error(error) from error
        except (ValueError, MemoryError, RecursionError) as error:
            # Characters that no source text has, or far too many levels.
            raise self.error("it cannot be read: write it shorter, and with printable characters only.") from error
        rest = self.text.encode()[tree.end_col_offset :].decode(errors="ignore")
        if "#" in rest:
            # In a folded YAML text a comment would silently swallow the conditions on the next lines.
            raise self.error("comments cannot stand in an expression.", len(self.text) - len(rest) + rest.index("#"))
        return tree

    def _syntax_error(self, error: SyntaxError) -> ConfigurationError:
        """Return the error in the words of this small language; Python's own hints lead to things it has not got."""
        problem = (error.msg or "invalid syntax").removeprefix("invalid syntax. ").rstrip(".")
        if error.offset is None:
            return self.error(f"{problem}.")
        column = error.offset - 1
        if column < 0 or error.lineno != 1:
            column = len(self.text)
        for habit, meant in _HABITS.items():
            if self.text[max(0, column - 1) :].startswith(habit) or self.text[column:].startswith(habit):
                return self.error(
                    f"write {meant} instead of {habit.strip()}.", self.text.index(habit, max(0, column - 1))
                )
        if self.text[:column].rstrip() == self.text:
            problem = "something is missing at the end"
        elif re.match(r"(^|[^=!<>])=($|[^=])", self.text[max(0, column - 1) : column + 2]):
            problem = "a comparison is written with =="
        return self.error(f"{problem}.", column)

    def _check_size(self, tree: ast.expr) -> None:
        """Refuse a tree whose interpretation would go too deep. It walks level by level, so no depth harms it."""
        level: list[ast.AST] = [tree]
        nodes = depth = 0
        while level:
            nodes += len(level)
            depth += 1
            if nodes > MAX_NODES or depth > MAX_DEPTH:
                raise self.error("it is too long or too deep.", hint=self.grammar.shorter)
            level = [child for node in level for child in ast.iter_child_nodes(node)]

    def _check_condition(self, node: ast.expr) -> None:
        """Refuse whatever is not a condition."""
        match node:
            case ast.BoolOp():
                for each in node.values:
                    self._check_condition(each)
            case ast.UnaryOp(op=ast.Not()):
                self._check_condition(node.operand)
            case ast.Compare():
                self._check_comparison(node)
            case ast.Call(func=ast.Attribute(attr="startswith" | "endswith")) if self.grammar.has_operations:
                self._check_call(node)
            case ast.Name() | ast.Attribute() | ast.Subscript() if not self._is_operation(node):
                self._check_name(node)
            case ast.Constant(value=bool()):
                pass
            case _ if self._is_operation(node) or isinstance(node, (ast.Constant, ast.UnaryOp)):
                self._check_operand(node)
                # `competition_id == 11 or 12` would otherwise be true of everything.
                raise self.node_error(
                    node,
                    f"{shown(node)} is no condition.",
                    f"Compare it with something, as in `season_id == {shown(node)}`, or write `season_id in [90, 91]`.",
                )
            case _:
                raise self.node_error(node, f"{_KINDS.get(type(node), 'this')} cannot stand here.")

    def _check_comparison(self, node: ast.Compare) -> None:
        self._check_operand(node.left)
        for operator, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(operator, (ast.Is, ast.IsNot)):
                sign = "==" if isinstance(operator, ast.Is) else "!="
                raise self.node_error(right, f"`is` cannot be used here; write {sign}.")
            if self.grammar.asks_for_something and is_nothing(operator, right):
                continue
            if not isinstance(operator, _MEMBERSHIP):
                self._check_operand(right)
            elif isinstance(right, _LISTS):
                for each in right.elts:
                    self._check_constant(each)
            elif isinstance(right, ast.Constant) and not isinstance(right.value, str):
                listed = shown(right)
                raise self.node_error(right, f"{sign_of(operator)} needs a list; write [{listed}].")
            else:
                self._check_operand(right)

    def _check_operand(self, node: ast.expr) -> None:
        if self._is_operation(node):
            self._check_operation(node)
        elif isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)):
            self._check_name(node)
        elif isinstance(node, _LISTS):
            raise self.node_error(node, "a list can stand only to the right of in and not in.")
        else:
            self._check_constant(node)

    def _is_operation(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Subscript):
            return self.grammar.has_operations and not (self.grammar.has_paths and root_of(node) is not None)
        return self.grammar.has_operations and isinstance(node, (ast.BinOp, ast.Call))

    def _check_operation(self, node: ast.expr) -> None:
        match node:
            case ast.BinOp():
                if type(node.op) not in OPERATORS:
                    signs = " ".join(sign for sign, _ in OPERATORS.values())
                    raise self.node_error(node, f"of the operators there are {signs}.")
                self._check_operand(node.left)
                self._check_operand(node.right)
            case ast.Subscript():
                self._check_operand(node.value)
                self._check_bounds(node.slice)
            case ast.Call():
                self._check_call(node)

    def _check_bounds(self, node: ast.expr) -> None:
        for bound in (node.lower, node.upper, node.step) if isinstance(node, ast.Slice) else (node,):
            if bound is not None and whole_number(bound) is None:
                or_key = ", or a key in quotes" if self.grammar.has_paths else ""
                raise self.node_error(bound, f"in square brackets stand whole numbers, as in name[:4]{or_key}.")
        if isinstance(node, ast.Slice) and node.step is not None and not whole_number(node.step):
            raise self.node_error(node, "the step of a piece cannot be 0.")

    def _check_call(self, node: ast.Call) -> None:
        called = node.func
        if isinstance(called, ast.Name) and called.id in FUNCTIONS:
            name, wanted = f"{called.id}()", 1
        elif isinstance(called, ast.Attribute) and called.attr in METHODS:
            self._check_operand(called.value)
            name, wanted = f".{called.attr}()", 0 if called.attr == "lower" else 1
        else:
            there = ", ".join([*(f"{each}()" for each in FUNCTIONS), *(f".{each}()" for each in METHODS)])
            raise self.node_error(node, f"{shown(called)} cannot be called; there are {there}.")
        if len(node.args) != wanted or node.keywords:
            raise self.node_error(node, f"{name} takes {'one value' if wanted else 'no value'} in its parentheses.")
        for each in node.args:
            if isinstance(each, ast.Tuple) and isinstance(called, ast.Attribute):
                for one in each.elts:
                    self._check_constant(one)
            else:
                self._check_operand(each)

    def _check_constant(self, node: ast.expr) -> None:
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            inner = node.operand
            number = isinstance(inner, ast.Constant) and isinstance(inner.value, (int, float))
            if not number or (isinstance(inner, ast.Constant) and isinstance(inner.value, bool)):
                raise self.node_error(node, "a minus can stand only before a number.")
            node = inner
        if not isinstance(node, ast.Constant):
            raise self.node_error(node, f"{_KINDS.get(type(node), 'this')} cannot stand here.")
        if not (node.value is None or isinstance(node.value, (bool, int, float, str))):
            raise self.node_error(node, f"a value of the type {type(node.value).__name__} cannot be used.")
        if isinstance(node.value, float) and not math.isfinite(node.value):
            raise self.node_error(node, "the number is too large.")

    def _check_name(self, node: ast.expr) -> None:
        """Refuse what is no name, nor a path that begins with one."""
        root = root_of(node)
        if root is None or (root is not node and not self.grammar.has_paths):
            raise self.node_error(node, f"{_KINDS.get(type(node), 'this')} cannot stand here.")
        if (meant := _YAML_WORDS.get(root.id.lower())) is not None:
            raise self.node_error(node, f"write {meant} with a capital letter, and the rest small.")
