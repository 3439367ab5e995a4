"""A feed of many datasets as one frame, whose rows say of which dataset they are."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ingestify.domain.dataset import Dataset
from ingestify.domain.readable_files import ReadableFile
from ingestify.domain.wording import counted_datasets
from ingestify.errors import LoadError
from ingestify.progress.display import Display
from ingestify.progress.printable import PrintableLogger
from ingestify.store.reading.data_frame import free_name, joined_pandas, library, pandas_of, polars_of
from ingestify.store.reading.many_files import ManyFiles
from ingestify.suggestion import did_you_mean

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = ["ManyDatasets", "counted", "shown_while", "with_own_pandas", "with_own_polars"]

logger = PrintableLogger(__name__)

_SHOWN = 5


class ManyDatasets:
    """Reads one feed of datasets. Those without it are left out, and a warning names some.

    Args:
        datasets: The datasets, in the order in which their rows come.
        data_feed_key: The feed.
        data_spec_version: Its version; None: of each dataset, the highest that is there.
        records: Where the records are in JSON, as `Dataset.to_polars` takes it.
        encoding: The encoding of the text, as `Dataset.to_polars` takes it.
        progress: Whether to show how many files were read; None: if a person watches.

    Raises:
        LoadError: No dataset has the feed.
    """

    def __init__(
        self,
        datasets: Iterable[Dataset],
        data_feed_key: str,
        data_spec_version: str | None,
        records: str | None,
        encoding: str | None,
        progress: bool | None,
    ) -> None:
        datasets = list(datasets)
        files = [(one, _file_of(one, data_feed_key, data_spec_version)) for one in datasets]
        with_file = [(dataset, file) for dataset, file in files if file is not None]
        self._datasets = [dataset for dataset, _ in with_file]
        self._feed = data_feed_key
        self._progress = progress
        self._files = ManyFiles([(file, str(dataset)) for dataset, file in with_file], records, encoding)
        wanted = data_feed_key if data_spec_version is None else f"{data_feed_key}__{data_spec_version}"
        if datasets and not with_file:
            raise _refuse_feed(datasets, wanted)
        without = [str(dataset) for dataset, file in files if file is None]
        if without:
            logger.warning(
                "Without '%s', and so not in the frame: %d of %s, such as %s.",
                wanted,
                len(without),
                counted(datasets),
                ", ".join(without[:_SHOWN]),
            )

    def to_polars(self) -> pl.DataFrame:
        """Return the rows of all files, each with the identifier of its dataset and its revision."""
        with shown_while(self._progress, self._text):
            read = self._files.read_polars()
        if self._files.mixed:
            logger.warning(
                "Text in the frame of '%s', as the types of its files do not go together: %s.",
                self._feed,
                ", ".join(sorted(self._files.mixed)),
            )
        return with_own_polars(self._datasets, read)

    def to_pandas(self) -> pd.DataFrame:
        """Return the same rows; nested objects become dotted columns."""
        with shown_while(self._progress, self._text):
            frames = self._files.read_pandas()
        return with_own_pandas(self._datasets, frames)

    def _text(self) -> str:
        return f"'{self._feed}' of {self._files.count:,} of {counted(self._datasets)} read"


@contextmanager
def shown_while(progress: bool | None, text: Callable[[], str]) -> Iterator[None]:
    """Show a text while the block runs, and at its end if that was asked for."""
    display = Display(progress)
    with display.moving(text):
        yield
    if progress:
        display.tell(text())


def with_own_polars(datasets: Sequence[Dataset], read: Sequence[tuple[pl.DataFrame, int]]) -> pl.DataFrame:
    """Return the rows of all frames, each with the identifier of its dataset and its revision in front.

    Args:
        datasets: The datasets.
        read: A frame for each of them, all with the same columns, and its height, which a frame without columns lacks.
    """
    polars = library("polars")
    if not read:
        return polars_of([])
    frames = [frame for frame, _ in read]
    own = polars_of(_own_columns(datasets, frames[0].columns))
    numbers = polars.Series(range(len(read)), dtype=polars.UInt32)
    rows: pl.DataFrame = own[numbers.gather(_repeated(height for _, height in read))]
    return rows.hstack(polars.concat(frames).get_columns())


def with_own_pandas(
    datasets: Sequence[Dataset], frames: list[pd.DataFrame], columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return the rows of all frames likewise, of which some may lack columns; `columns` gives their order."""
    pandas = library("pandas")
    if not frames:
        return pandas_of([])
    joined = joined_pandas(frames)
    if columns is not None:
        joined = joined.reindex(columns=columns)
    own = pandas_of(_own_columns(datasets, joined.columns))
    rows = own.iloc[_repeated(map(len, frames))].reset_index(drop=True)
    both: pd.DataFrame = pandas.concat([rows, joined], axis=1)
    return both


def _own_columns(datasets: Sequence[Dataset], taken: Collection[str]) -> list[dict[str, Any]]:
    """Return the columns that the frame does not have, for each dataset."""
    kinds = [name for name in ("provider", "dataset_type") if len({getattr(one, name) for one in datasets}) > 1]
    names = {name: free_name(name, "dataset.", taken) for name in (*kinds, "revision")}
    there = {*taken, *names.values()}
    keys = {key: free_name(key, "identifier.", there) for dataset in datasets for key in dataset.identifier}
    return [
        {
            **{keys[key]: value for key, value in dataset.identifier.items()},
            **{names[name]: getattr(dataset, name) for name in kinds},
            names["revision"]: dataset.revisions[-1].revision_id,
        }
        for dataset in datasets
    ]


def _file_of(dataset: Dataset, feed: str, version: str | None) -> ReadableFile | None:
    there = any(
        one.data_feed_key == feed and version in (None, one.data_spec_version) for one in dataset.files.values()
    )
    return dataset.require_file(feed, version) if there else None


def _refuse_feed(datasets: Sequence[Dataset], feed: str) -> LoadError:
    feeds = dict.fromkeys(file.data_feed_key for dataset in datasets for file in dataset.files.values())
    hint = did_you_mean(feed, feeds) or "."
    there = f" The feeds are {', '.join(feeds)}." if feeds else " They have no files."
    return LoadError(f"There is no '{feed}' in any of {counted(datasets)}{hint}{there}")


def counted(datasets: Sequence[Dataset]) -> str:
    """Return how many datasets there are, in words."""
    return counted_datasets({one.dataset_type for one in datasets}, len(datasets))


def _repeated(heights: Iterable[int]) -> list[int]:
    """Return the number of each file, as often as it has rows."""
    return list(
        itertools.chain.from_iterable(itertools.repeat(number, height) for number, height in enumerate(heights))
    )
