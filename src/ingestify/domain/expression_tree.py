"""The pieces of an expression's syntax tree: paths, operations, and what stands in square brackets."""

from __future__ import annotations

import ast
from collections.abc import Iterator

__all__ = ["bounds_of", "is_nothing", "iter_paths", "operands_of", "root_of", "shown", "whole_number"]


def is_nothing(operator: ast.cmpop, node: ast.expr) -> bool:
    """Return whether a comparison asks whether there is something: `== []` or `!= []`."""
    return isinstance(operator, (ast.Eq, ast.NotEq)) and isinstance(node, ast.List) and not node.elts


def root_of(node: ast.expr) -> ast.Name | None:
    """Return the name that a path such as `metadata.score['home']` begins with; None: it is no path."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        if isinstance(node, ast.Subscript):
            step = node.slice
            if not isinstance(step, ast.Constant) or type(step.value) not in (str, int):
                return None
        node = node.value
    return node if isinstance(node, ast.Name) else None


def iter_paths(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield each name with its steps, from left to right."""
    if isinstance(tree, ast.expr) and root_of(tree) is not None:
        yield tree
        return
    for child in operands_of(tree) or ast.iter_child_nodes(tree):
        yield from iter_paths(child)


def operands_of(node: ast.AST) -> list[ast.expr]:
    """Return what an operation computes with; empty: the node is no operation."""
    match node:
        case ast.BinOp():
            return [node.left, node.right]
        case ast.Subscript():
            return [node.value]
        case ast.Call(func=ast.Attribute(value=text)):
            return [text, *node.args]
        case ast.Call():
            return node.args
    return []


def bounds_of(node: ast.expr) -> slice | int:
    """Return what stands in square brackets, of whole numbers only."""
    if isinstance(node, ast.Slice):
        bounds = (node.lower, node.upper, node.step)
        return slice(*(None if bound is None else whole_number(bound) for bound in bounds))
    number = whole_number(node)
    assert number is not None, "the syntax was checked"
    return number


def whole_number(node: ast.expr) -> int | None:
    """Return the whole number that a node writes; None if it is something else."""
    match node:
        case ast.Constant(value=int() as number) if not isinstance(number, bool):
            return number
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as number)) if not isinstance(number, bool):
            return -number
    return None


def shown(node: ast.expr) -> str:
    """Return a piece of an expression as an error message shows it, cut if it is long."""
    text = ast.unparse(node)
    return text if len(text) <= 60 else text[:57] + "…"
