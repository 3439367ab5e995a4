"""One lost connection, or one deadlock, fails nothing: whatever asks the database can be asked again, and is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import ingestify.catalogue

CATALOGUE = Path(ingestify.catalogue.__file__).parent

REPEATS_BY_ITSELF = {
    "commit": "it looks up first whether the transaction is there, and must not add events twice",
    "settled": "it is what others ask with",
    "prepare_schema": "a migration is not begun again by itself; opening the lake again does",
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def _functions_that_ask(tree: ast.AST, around: Function | None = None) -> Iterator[Function]:
    """Yield each function with a transaction right in it."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, Function):
            yield from _functions_that_ask(child, child)
            continue
        if isinstance(child, ast.withitem) and around is not None and _is_transaction(child.context_expr):
            yield around
        yield from _functions_that_ask(child, around)


def _is_transaction(expression: ast.expr) -> bool:
    called = expression.func if isinstance(expression, ast.Call) else None
    return (
        isinstance(called, ast.Attribute)
        and called.attr in ("read", "write", "settled")
        and ast.unparse(called.value) in ("database", "self._database", "self")
    )


def _is_repeated(function: Function) -> bool:
    return any(isinstance(one, ast.Name) and one.id == "retried" for one in function.decorator_list)


def _is_lazy(function: Function) -> bool:
    return any(isinstance(node, ast.Yield | ast.YieldFrom) for node in ast.walk(function))


ASKING = [
    pytest.param(function, id=f"{path.stem}.{function.name}")
    for path in sorted(CATALOGUE.rglob("*.py"))
    for function in dict.fromkeys(_functions_that_ask(ast.parse(path.read_text(encoding="utf-8"))))
]


def test_the_transactions_are_found() -> None:
    assert len(ASKING) > 50


@pytest.mark.parametrize("function", ASKING)
def test_a_transaction_can_be_done_again(function: Function) -> None:
    if function.name in REPEATS_BY_ITSELF:
        return
    assert _is_repeated(function), f"{function.name} asks the database and is not @retried"
    # The decorator sees a generator only when it is made, and not what it does when it is read.
    assert not _is_lazy(function), f"{function.name} yields, so it is not repeated"
