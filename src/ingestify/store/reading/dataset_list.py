"""Datasets as a table."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ingestify.domain.dataset import DATASET_COLUMNS, Dataset, Library, lake_of, shown_of
from ingestify.domain.match_facts import match_facts
from ingestify.errors import ConfigurationError
from ingestify.store.reading.data_frame import pandas_of, polars_of
from ingestify.store.reading.table_list import TableList, with_own_names

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from ingestify.pictures.picture import Picture
    from ingestify.store.reading.many_datasets import ManyDatasets

__all__ = ["DatasetList"]


class DatasetList(TableList[Dataset]):
    """Datasets as a table. The data frame has a column for each key of their identifiers.

    Args:
        datasets: The datasets.
        in_quarantine: The ids of datasets of which a newer version waits in quarantine.
    """

    columns = DATASET_COLUMNS

    def __init__(self, datasets: Iterable[Dataset] = (), in_quarantine: Collection[str] = ()) -> None:
        # polars and dataclasses.asdict do not see into feeds that are parsed at their first use.
        super().__init__(dataset.with_plain_feeds() for dataset in datasets)
        self._in_quarantine = frozenset(in_quarantine)

    @property
    def caption(self) -> str:
        """How many datasets there are."""
        return "1 dataset" if len(self) == 1 else f"{len(self):,} datasets"

    def plot(self) -> Picture:
        """Return the coverage: how much of each feed of each season these datasets have."""
        from ingestify.domain.coverage import coverage_of  # only who looks at it needs it

        return coverage_of(self)

    def _repr_html_(self) -> str:
        from ingestify.domain.coverage import coverage_preview

        return coverage_preview(self) + super()._repr_html_()

    def iter_shown(self) -> Iterator[Sequence[object]]:
        """Yield the shown values of each dataset."""
        for dataset in self:
            row = shown_of(dataset)
            remarks = ["newer in quarantine"] if dataset.dataset_id in self._in_quarantine else []
            if count := len(dataset.warnings):
                remarks.append("1 warning" if count == 1 else f"{count} warnings")
            if remarks:
                row = tuple(
                    f"{one} ({', '.join(remarks)})" if name == "revision" else one
                    for name, one in zip(self.columns, row, strict=True)
                )
            yield row

    def to_polars(
        self,
        data_feed_key: str | None = None,
        data_spec_version: str | None = None,
        *,
        records: str | None = None,
        encoding: str | None = None,
        kloppy: bool | Mapping[str, Any] = False,
        progress: bool | None = None,
    ) -> pl.DataFrame:
        """Return a feed of all datasets as one polars DataFrame, or without a feed the table of the datasets.

        The frame of a feed has the keys of the identifiers and `revision` as columns, then all columns that a file has;
        `provider` and `dataset_type` too if there are several. A key with the name of a column becomes
        `identifier.…`. A column that a file lacks is null there. Whole numbers beside fractions become floats. Where
        types do not go together, values become text, and any but a text becomes JSON; a warning names the columns.

        Example::

            listed = engine.list_datasets(competition_id=43).to_polars("events")

        Args:
            data_feed_key: A feed whose files are JSON, JSON Lines, CSV or TSV. Datasets without it are left out, and a
                warning names some.
            data_spec_version: None: of each dataset, the highest that is there.
            records: Of JSON, the dotted way to the records; see `Dataset.to_polars`.
            encoding: What the text is written in; see `Dataset.to_polars`.
            kloppy: True, or arguments for kloppy such as `{"coordinates": "statsbomb"}`: the frames that kloppy makes
                of the datasets, also of XML and tracking data; kloppy chooses the feeds. Datasets that kloppy cannot
                read are left out, and a warning says why. In it a column without values takes the type of the others,
                and types that do not go together are an error.
            progress: Whether to show how many files were read; None: if a person watches.

        Raises:
            MissingExtraError: polars is not installed.
            LoadError: No dataset has the feed, or it has another format; kloppy can read none.
        """
        if kloppy is not False:
            frame: pl.DataFrame = self._with_kloppy("polars", kloppy, progress, data_feed_key, records, encoding)
            return frame
        if data_feed_key is None:
            return super().to_polars()
        return self._many(data_feed_key, data_spec_version, records, encoding, progress).to_polars()

    def to_pandas(
        self,
        data_feed_key: str | None = None,
        data_spec_version: str | None = None,
        *,
        records: str | None = None,
        encoding: str | None = None,
        kloppy: bool | Mapping[str, Any] = False,
        progress: bool | None = None,
    ) -> pd.DataFrame:
        """Return the same as a pandas DataFrame, with nested values as dotted columns. Values keep their types."""
        if kloppy is not False:
            frame: pd.DataFrame = self._with_kloppy("pandas", kloppy, progress, data_feed_key, records, encoding)
            return frame
        if data_feed_key is None:
            return super().to_pandas()
        return self._many(data_feed_key, data_spec_version, records, encoding, progress).to_pandas()

    def _many(
        self, feed: str, version: str | None, records: str | None, encoding: str | None, progress: bool | None
    ) -> ManyDatasets:
        from ingestify.store.reading.many_datasets import ManyDatasets  # only who reads a feed needs it

        return ManyDatasets(self, feed, version, records, encoding, progress)

    def _with_kloppy(
        self, library: Library, kloppy: bool | Mapping[str, Any], progress: bool | None, *of_a_feed: str | None
    ) -> Any:
        if any(one is not None for one in of_a_feed):
            raise ConfigurationError(
                "kloppy chooses the feeds that it reads: leave out data_feed_key, records and encoding beside kloppy."
            )
        if kloppy is not True and not isinstance(kloppy, Mapping):
            raise ConfigurationError(
                f'kloppy is {kloppy!r}; write True, or arguments for kloppy: {{"coordinates": "statsbomb"}}.'
            )
        if not self:
            return polars_of([]) if library == "polars" else pandas_of([])
        arguments = {} if kloppy is True else kloppy
        return lake_of(self[0]).frame_with_kloppy(self, library, arguments, progress)

    def as_rows(self) -> list[dict[str, Any]]:
        """Return a row for each dataset, with the keys of its identifier; date, teams and score if there are any."""
        facts = [match_facts(dataset.metadata) for dataset in self]
        # A key of the identifiers keeps its name.
        keys = {key for dataset in self for key in dataset.identifier}
        there = {name for one in facts for name, value in one.items() if value is not None} - keys
        return [
            _row(
                dataset,
                {name: value for name, value in one.items() if name in there},
                is_older=dataset.dataset_id in self._in_quarantine,
            )
            for dataset, one in zip(self, facts, strict=True)
        ]


def _row(dataset: Dataset, facts: dict[str, Any], *, is_older: bool) -> dict[str, Any]:
    last = dataset.revisions[-1].revision_id if dataset.revisions else None
    row = {
        "dataset_id": dataset.dataset_id,
        "provider": dataset.provider,
        "dataset_type": dataset.dataset_type,
        "name": dataset.name,
        **facts,
        "state": dataset.state.value,
        "revision_id": last,
        "newer_in_quarantine": is_older,
        "warnings": list(dataset.warnings),
        "feeds": sorted({file.data_feed_key for file in dataset.files.values()}),
        "created_at": dataset.created_at,
        "updated_at": dataset.updated_at,
        "last_modified_at": dataset.last_modified_at,
        "metadata": dict(dataset.metadata),
    }
    return {**with_own_names(dataset.identifier, row), **row}
