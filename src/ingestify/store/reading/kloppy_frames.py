"""kloppy's frames of many datasets as one frame.

Each match has its own columns, in its own order. The columns of all come in the order in which they come first; see
`columns` for their types. Several processes read, and only a few frames wait for their turn.
"""

from __future__ import annotations

import functools
import os
import pickle
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ingestify.domain.dataset import Dataset, FileReader, Library, lake_of
from ingestify.errors import LoadError
from ingestify.progress.printable import PrintableLogger
from ingestify.store.reading.frame_columns import Columns
from ingestify.store.reading.frame_process import FrameTask, KloppyProcess, make_frame
from ingestify.store.reading.many_datasets import counted, shown_while, with_own_pandas, with_own_polars
from ingestify.store.reading.many_files import ahead

__all__ = ["FrameTask", "read_frames"]

logger = PrintableLogger(__name__)

_PROCESSES = min(os.cpu_count() or 1, 8)
_SHOWN = 20


def read_frames(tasks: Sequence[FrameTask], progress: bool | None) -> Any:
    """Return kloppy's frames of datasets as one, with the keys of their identifiers and their revision in front.

    Datasets that kloppy cannot read are left out. A warning says which, and why.

    Args:
        tasks: The datasets, in the order of their rows, all for the same library and with the same arguments.
        progress: Whether to show how many datasets were read; None: if a person watches.

    Raises:
        TypeError: kloppy does not know an argument.
        MissingExtraError: kloppy, polars or pandas is not installed.
        LoadError: kloppy can read none of the datasets, or the types of a column do not go together.
        IntegrityError: An object of the lake is missing or damaged.
    """
    total = counted([task.dataset for task in tasks])
    done = 0
    read: list[tuple[Dataset, Any]] = []
    failed: list[str] = []

    def text() -> str:
        return f"{done:,} of {total} read with kloppy"

    with shown_while(progress, text):
        for task, made in zip(tasks, _iter_made(tasks), strict=True):
            done += 1
            if isinstance(made, LoadError):
                reason = str(made)
                failed.append(reason if str(task.dataset) in reason else f"{task.dataset}: {reason}")
            else:
                read.append((task.dataset, made))
        if failed and not read:
            raise LoadError(f"kloppy can read none of {total}. {_listed(failed)}")
        if failed:
            logger.warning(
                "Not in the frame, as kloppy cannot read them: %d of %s. %s", len(failed), total, _listed(failed)
            )
        return _joined(read, tasks[0].library)


def _listed(failed: Sequence[str]) -> str:
    more = f" And {len(failed) - _SHOWN:,} more." if len(failed) > _SHOWN else ""
    return " ".join(f"{one.rstrip('.')}." for one in failed[:_SHOWN]) + more


def _joined(read: list[tuple[Dataset, Any]], library: Library) -> Any:
    datasets = [dataset for dataset, _ in read]
    if library == "pandas":
        names = list(dict.fromkeys(name for _, frame in read for name in frame.columns))
        # A column without values has no type that counts.
        return with_own_pandas(datasets, [frame.dropna(axis="columns", how="all") for _, frame in read], names)
    columns = Columns()
    for dataset, frame in read:
        columns.add(frame, str(dataset))
    if columns.texts:
        logger.warning(
            "Text in the frame, as some matches have numbers and others text: %s.", ", ".join(sorted(columns.texts))
        )
    for number, (dataset, frame) in enumerate(read):
        read[number] = dataset, columns.fitted(frame, str(dataset))  # the other frame goes at once
    return with_own_polars(datasets, [(frame, frame.height) for _, frame in read])


def _iter_made(tasks: Sequence[FrameTask]) -> Iterator[Any]:
    """Yield the frame of each dataset, or the LoadError that says why there is none."""
    number = min(_PROCESSES, len(tasks))
    if number > 1 and not _can_be_passed(tasks[0]):
        number = 1
        logger.warning(
            "One process reads all matches, as the arguments for kloppy are of this script or notebook. Several read "
            "side by side if these come from a module."
        )
    if number < 2:
        yield from (_attempt(make_frame, task) for task in tasks)
        return
    # The processes end before the threads that wait for them.
    with ThreadPoolExecutor(number, "ingestify-kloppy") as pool, _Processes() as processes:
        yield from ahead(pool, (functools.partial(_attempt, processes.make_frame, task) for task in tasks))


def _can_be_passed(task: FrameTask) -> bool:
    try:
        return b"__main__" not in pickle.dumps((task.load, task.arguments))
    except (pickle.PicklingError, AttributeError, TypeError):
        return False


def _attempt(make: Callable[[FileReader, FrameTask], Any], task: FrameTask) -> Any:
    try:
        return make(lake_of(task.dataset), task)
    except LoadError as error:
        return error


class _Processes:
    """Processes that make frames, one for each thread that asks. A `with` block ends them."""

    def __init__(self) -> None:
        self._own = threading.local()
        self._all: list[KloppyProcess] = []
        self._lock = threading.Lock()
        self._is_closed = False

    def __enter__(self) -> _Processes:
        return self

    def make_frame(self, store: FileReader, task: FrameTask) -> Any:
        """Return kloppy's frame of a dataset, made by the thread's process."""
        process: KloppyProcess | None = getattr(self._own, "process", None)
        if process is None or process.has_ended:
            process = self._own.process = self._start()
        return process.make_frame(store, task)

    def _start(self) -> KloppyProcess:
        with self._lock:
            if self._is_closed:
                raise LoadError("The call has ended.")
            process = KloppyProcess()
            self._all.append(process)
            return process

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._is_closed = True
            for process in self._all:
                process.close()
