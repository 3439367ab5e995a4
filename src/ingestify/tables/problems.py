"""The table `problems`: the datasets that a table could not be made of, and why.

A failure is written before the rows of its batch, and removed after the rows of the dataset came. So a build that is
killed in between leaves a failure too much, and never a dataset without rows that nobody would make.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

from ingestify.domain.dataset import Dataset
from ingestify.errors import StoreError
from ingestify.store.reading.data_frame import library
from ingestify.tables.delta import Overtaken, Stamp, TablePlace, UnreadableTable, Version, version_of

if TYPE_CHECKING:
    import polars as pl

__all__ = ["NAME", "Problems", "TableProblem"]

NAME = "problems"
_TRIES = 20


@dataclasses.dataclass(frozen=True, slots=True)
class TableProblem:
    """A dataset that a table could not be made of.

    Attributes:
        table: The name of the table.
        keys: The identifier of the dataset.
        reason: Why, as a sentence.
        at: When it was tried.
    """

    table: str
    provider: str
    dataset_type: str
    keys: dict[str, Any]
    dataset_id: str
    version: Version
    reason: str
    at: dt.datetime

    @classmethod
    def of(cls, table: str, dataset: Dataset, reason: str, at: dt.datetime) -> TableProblem:
        """Return the problem of a table with a dataset."""
        return cls(
            table,
            dataset.provider,
            dataset.dataset_type,
            dict(dataset.identifier),
            dataset.dataset_id,
            version_of(dataset),
            reason,
            at,
        )

    def __str__(self) -> str:
        named = "/".join(f"{key}={value}" for key, value in self.keys.items())
        return f"{self.table}: {self.provider}/{self.dataset_type}/{named}: {self.reason}"


class Problems:
    """The problems of all tables of a place."""

    def __init__(self, place: TablePlace, lake_id: str) -> None:
        self._folder = place.folder(NAME)
        self._stamp = Stamp(lake_id, NAME)
        self._is_changed = False

    def find(self, table: str | None = None) -> list[TableProblem]:
        """Return the problems of a table; None: of all tables."""
        if self._folder.load() is None:
            return []
        return [_problem(row) for row in self._folder.read_rows() if table in (None, row["table_name"])]

    def note(self, problems: Sequence[TableProblem]) -> None:
        """Write problems, each in place of an earlier one of its table and dataset."""
        if problems:
            gone = {(one.table, one.dataset_id) for one in problems}
            self._change(lambda old: [*(one for one in old if (one.table, one.dataset_id) not in gone), *problems])

    def forget(self, table: str, dataset_ids: Collection[str] | None = None) -> None:
        """Remove the problems of a table with some datasets; None: with all."""

        def is_gone(one: TableProblem) -> bool:
            return one.table == table and (dataset_ids is None or one.dataset_id in dataset_ids)

        if dataset_ids is None or dataset_ids:
            self._change(lambda old: [one for one in old if not is_gone(one)])

    def remove_if_unreadable(self) -> None:
        """Remove the table if it is damaged, as all tables are to be made anew."""
        try:
            self.find()
        except UnreadableTable:
            self._folder.remove()

    def tidy(self) -> None:
        """Remove old files, if this object has written new ones."""
        if self._is_changed:
            self._folder.tidy()

    def _change(self, change: Callable[[list[TableProblem]], list[TableProblem]]) -> None:
        """Write all problems again in one commit; once more if another build did the same meanwhile."""
        for _ in range(_TRIES):
            try:
                old = self.find()
                new = change(old)
                if new == old:
                    return
                if not self._folder.exists:
                    self._folder.create(_schema(), is_partitioned=False, stamp=self._stamp)
                self._folder.overwrite([_frame(new)], _schema(), self._stamp)
                self._is_changed = True
                return
            except Overtaken:
                continue
        raise StoreError(f"{self._folder.name}: other builds write to it all the time; try again.")


def _schema() -> dict[str, pl.DataType]:
    polars = library("polars")
    moment = polars.Datetime("us", "UTC")
    names = ("table_name", "provider", "dataset_type", "keys", "dataset_id")
    types = dict.fromkeys(names, polars.String())
    return {**types, "revision": polars.Int64(), "lake_updated_at": moment, "reason": polars.String(), "at": moment}


def _frame(problems: Sequence[TableProblem]) -> pl.DataFrame:
    rows = [
        (
            one.table,
            one.provider,
            one.dataset_type,
            json.dumps(one.keys, ensure_ascii=False, default=str),
            one.dataset_id,
            *one.version,
            one.reason,
            one.at,
        )
        for one in problems
    ]
    frame: pl.DataFrame = library("polars").DataFrame(rows, schema=_schema(), orient="row")
    return frame


def _problem(row: dict[str, Any]) -> TableProblem:
    version = Version(row["revision"], row["lake_updated_at"])
    others = {name: row[name] for name in ("provider", "dataset_type", "dataset_id", "reason", "at")}
    return TableProblem(table=row["table_name"], keys=json.loads(row["keys"]), version=version, **others)
