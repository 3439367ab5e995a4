"""Conditions on datasets that are in the lake: `metadata.home_team.name == 'Ajax' and metadata.home_score > 2`.

A condition is an expression, with paths into the metadata of a dataset. It can name:
    `metadata.home_score`, `metadata.home_team.name`, `metadata['home team']`, `metadata.referees[0].name`;
    `name`, `state`, `provider`, `dataset_type`, `created_at`, `last_modified_at`;
    identifier keys, such as `match_id`; `identifier['name']` for a key that has one of the names above.

A value that a dataset does not have is None. None is equal only to None, and neither smaller nor larger than anything.
What is computed of None is None.
"""

from __future__ import annotations

import ast
import dataclasses
import datetime as dt
import logging
import threading
from collections.abc import Callable, Collection, Iterable, Mapping

from ingestify.clock import utc_text
from ingestify.domain.dataset import Dataset, DatasetState
from ingestify.domain.expression import Expression, Undecidable
from ingestify.domain.expression_syntax import OPERATIONS, Grammar, Syntax
from ingestify.domain.expression_tree import iter_paths, shown
from ingestify.domain.identifier import Identifier
from ingestify.errors import ConfigurationError
from ingestify.suggestion import did_you_mean

__all__ = ["Answers", "DatasetCondition"]

logger = logging.getLogger(__name__)

_MOMENTS = frozenset({"created_at", "last_modified_at"})
_FIELDS = frozenset({"name", "state", "provider", "dataset_type"}) | _MOMENTS
_MAPPINGS = frozenset({"metadata", "identifier"})
_EQUALITIES = (ast.Eq, ast.NotEq, ast.In, ast.NotIn)

_GRAMMAR = Grammar(
    "where",
    "dataset",
    has_paths=True,
    allowed="Allowed: identifier keys, metadata.key, name, state, provider, dataset_type, created_at, "
    "last_modified_at, numbers, 'text', True, False, None, and, or, not, ( ), == != < <= > >=, in, not in, "
    f"lists such as [90, 91], {OPERATIONS}.",
    shorter="Narrow it with filters such as provider= or match_id=[12, 13] instead.",
    has_operations=True,
)


@dataclasses.dataclass(frozen=True, slots=True)
class DatasetCondition:
    """A condition on stored datasets. Made by `parse`; any thread may use it.

    Attributes:
        identifier_keys: The identifier keys that it reads.
        metadata_paths: The paths into metadata that it reads, each as its steps: `("home_team", "name")`.
    """

    identifier_keys: frozenset[str]
    metadata_paths: tuple[tuple[str | int, ...], ...]
    _expression: Expression

    @classmethod
    def parse(cls, text: str) -> DatasetCondition:
        """Read a condition.

        Raises:
            ConfigurationError: It cannot be read, or names what datasets do not have. The message shows where.
        """
        if not isinstance(text, str):
            raise ConfigurationError(
                f"where: it is a {type(text).__name__}; write text, such as \"metadata.home_team.name == 'Ajax'\"."
            )
        expression = Expression.parse(text, _GRAMMAR)
        syntax = Syntax(expression.text, _GRAMMAR)
        keys: set[str] = set()
        metadata_paths: dict[tuple[str | int, ...], None] = {}
        for path in iter_paths(expression.tree):
            root, steps = _split(path)
            first_step = steps[0] if steps else None
            if root.id in _MAPPINGS and first_step is None:
                example = "metadata.home_score" if root.id == "metadata" else "identifier.match_id"
                raise syntax.node_error(path, f"{root.id} holds several values; name one, such as {example}.")
            if root.id not in _MAPPINGS and first_step is not None:
                raise syntax.node_error(path, f"{root.id} is a single value, with nothing inside: {shown(path)}.")
            if root.id == "metadata":
                metadata_paths[steps] = None
            if root.id == "dataset_state":
                raise syntax.node_error(path, "the state of a dataset is called state.")
            if root.id == "identifier" and first_step is not None:
                keys.add(str(first_step))
            elif root.id not in _FIELDS | _MAPPINGS:
                keys.add(root.id)
        tree = _Values(syntax).visit(expression.tree)
        return cls(frozenset(keys), tuple(metadata_paths), dataclasses.replace(expression, tree=tree))

    @property
    def asks_for_metadata(self) -> bool:
        """Whether it reads metadata."""
        return bool(self.metadata_paths)

    @property
    def text(self) -> str:
        """The condition as it was written."""
        return self._expression.text

    def __str__(self) -> str:
        return self.text

    def matches(
        self,
        identifier: Identifier,
        metadata: Mapping[str, object],
        *,
        name: str,
        state: str,
        provider: str,
        dataset_type: str,
        created_at: str,
        last_modified_at: str | None,
    ) -> bool:
        """Return whether a dataset meets the condition.

        Args:
            identifier: The dataset's identifier.
            metadata: Read only if `asks_for_metadata`.
            name: The dataset's name.
            state: The name of its state.
            provider: The provider's name.
            dataset_type: Such as `match`.
            created_at: Text in UTC with microseconds and a `Z`, as the catalogue stores it.
            last_modified_at: Text in the same form; None: unknown.

        Raises:
            Undecidable: It compares values that have no order, such as text and a number.
        """
        attributes: dict[str, object] = dict.fromkeys(self._expression.names)
        attributes.update(identifier)
        attributes.update(
            identifier=identifier,
            metadata=metadata,
            name=name,
            state=state,
            provider=provider,
            dataset_type=dataset_type,
            created_at=created_at,
            last_modified_at=last_modified_at,
        )
        try:
            return self._expression.matches(attributes)
        except Undecidable as error:
            what_to_do = (
                f"it holds several values; name one, such as {error.single_value}."
                if error.single_value
                else "leave such ones out first, with a filter or with another condition and 'and'."
            )
            raise Undecidable(
                f"{error} This happens for the dataset {provider}/{dataset_type}/{identifier}: {what_to_do}",
                error.single_value,
            ) from error

    def matches_dataset(self, dataset: Dataset) -> bool:
        """Return whether a dataset that was loaded meets the condition."""
        changed = dataset.last_modified_at
        return self.matches(
            dataset.identifier,
            dataset.metadata,
            name=dataset.name,
            state=dataset.state.value,
            provider=dataset.provider,
            dataset_type=dataset.dataset_type,
            created_at=utc_text(dataset.created_at),
            last_modified_at=None if changed is None else utc_text(changed),
        )

    def unknown_keys(self, unknown: Iterable[str], known: Iterable[str]) -> ConfigurationError:
        """Return the error that no dataset has some of the identifier keys.

        Args:
            unknown: The keys that no dataset has; one at least.
            known: The keys that datasets have.
        """
        name = min(unknown)
        keys = sorted(known)
        hint = did_you_mean(name, [*keys, *_FIELDS]) or "."
        syntax = Syntax(self.text, _GRAMMAR)
        for path in iter_paths(self._expression.tree):
            root, steps = _split(path)
            if (root.id, *steps[:1]) in ((name,), ("identifier", name)):
                return syntax.node_error(
                    path,
                    f"no dataset has the identifier key '{name}'{hint}",
                    f"The identifier keys are {', '.join(keys)}. What a provider says of a dataset is below metadata, "
                    f"as in metadata.{name}.",
                )
        raise AssertionError(f"{name} is not in {self.text}")


class Answers:
    """The results of a condition for the datasets of one read. A value that it cannot compare does not end the read.

    Any thread may use it.

    Attributes:
        condition: None: every dataset is meant.
    """

    def __init__(self, condition: DatasetCondition | None) -> None:
        self.condition = condition
        self._lock = threading.Lock()
        self._decided = 0
        self._undecided = 0
        self._first: Undecidable | None = None

    def holds(self, matches: Callable[[DatasetCondition], bool]) -> bool:
        """Return whether a dataset is meant. A dataset that the condition cannot decide is not.

        Args:
            matches: Applies the condition to the dataset.
        """
        if self.condition is None:
            return True
        try:
            is_meant = matches(self.condition)
        except Undecidable as error:
            with self._lock:
                self._undecided += 1
                self._first = self._first or error
            return False
        with self._lock:
            self._decided += 1
        return is_meant

    def tell(self, *, only_raises: bool = False) -> None:
        """Log a warning, at the end of a read, if some datasets could not be decided.

        Args:
            only_raises: Log nothing, as the warning was logged before.

        Raises:
            Undecidable: No dataset could be decided, so the condition is wrong, and not a value.
        """
        if self._first is None:
            return
        if not self._decided:
            raise self._first
        if not only_raises:
            left_out = "1 dataset is" if self._undecided == 1 else f"{self._undecided:,} datasets are"
            logger.warning("%s left out. %s", left_out, self._first)


def _split(path: ast.expr) -> tuple[ast.Name, tuple[str | int, ...]]:
    """Return the name that a path begins with, and its steps."""
    steps: list[str | int] = []
    while not isinstance(path, ast.Name):
        if isinstance(path, ast.Attribute):
            steps.append(path.attr)
        else:
            assert isinstance(path, ast.Subscript)
            assert isinstance(path.slice, ast.Constant)
            steps.append(path.slice.value)  # type: ignore[arg-type]
        path = path.value
    return path, tuple(reversed(steps))


class _Values(ast.NodeTransformer):
    """Writes the values that are compared with a moment, or with the state, in the form of the catalogue."""

    def __init__(self, syntax: Syntax) -> None:
        self._syntax = syntax

    def visit_Compare(self, node: ast.Compare) -> ast.Compare:
        operands = [node.left, *node.comparators]
        for index, operator in enumerate(node.ops):
            pair = operands[index : index + 2]
            fields = {one.id for one in pair if isinstance(one, ast.Name)}
            if (
                isinstance(operator, (ast.In, ast.NotIn))
                and isinstance(pair[1], ast.Name)
                and pair[1].id in _MOMENTS | {"state"}
            ):
                raise self._syntax.node_error(pair[1], f"{pair[1].id} is no text in which to look for something.")
            if fields & _MOMENTS:
                operands[index : index + 2] = [self._converted(one, self._moment, _MOMENTS) for one in pair]
            elif "state" in fields:
                if not isinstance(operator, _EQUALITIES):
                    raise self._syntax.node_error(node, "states have no order; use == or in.")
                operands[index : index + 2] = [self._converted(one, self._state, {"state"}) for one in pair]
        return ast.copy_location(ast.Compare(operands[0], node.ops, operands[1:]), node)

    def _converted(self, node: ast.expr, convert: Callable[[ast.expr], str], own: Collection[str]) -> ast.expr:
        """Return an operand with its constants converted; the fields `own`, and None, stay."""
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            listed = [self._converted(each, convert, own) for each in node.elts]
            return ast.copy_location(ast.List(listed, ast.Load()), node)
        is_own = isinstance(node, ast.Name) and node.id in own
        if is_own or (isinstance(node, ast.Constant) and node.value is None):
            return node
        return ast.copy_location(ast.Constant(convert(node)), node)

    def _moment(self, node: ast.expr) -> str:
        try:
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                return utc_text(dt.datetime.fromisoformat(node.value))
        except (ValueError, OverflowError):
            pass
        raise self._syntax.node_error(
            node,
            f"{shown(node)} is no moment.",
            "Write a date or a moment in quotes, such as '2024-05-01' or '2024-05-01T18:30:00+02:00'; without an "
            "offset it is UTC.",
        )

    def _state(self, node: ast.expr) -> str:
        value = node.value if isinstance(node, ast.Constant) else None
        try:
            if isinstance(value, str):
                return DatasetState.parse_many(value)[0].value
        except ValueError:
            pass
        names = ", ".join(f"'{state.value}'" for state in DatasetState)
        raise self._syntax.node_error(node, f"{shown(node)} is no state.", f"There are {names}.")
