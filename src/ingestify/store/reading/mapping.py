"""A function that is applied to many datasets, side by side in other processes.

loky runs the processes: it also takes functions that a notebook or a script defines, which `ProcessPoolExecutor` does
not. https://loky.readthedocs.io
"""

from __future__ import annotations

import dataclasses
import itertools
import pickle
import queue
import signal
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from typing import Any, Generic, TypeVar

from ingestify.domain.dataset import Dataset
from ingestify.errors import ConfigurationError, LoadError
from ingestify.progress.display import Display
from ingestify.progress.printable import PrintableLogger
from ingestify.tracebacks import from_own_code

__all__ = ["MapResult", "map_datasets"]

logger = PrintableLogger(__name__)

R = TypeVar("R")

_AHEAD = 4
"""How many datasets are on their way for each worker."""

_AHEAD_OF_UNKNOWN = 1000
"""How many are on their way to an executor that does not say how many workers it has, such as that of Dask."""


@dataclasses.dataclass(frozen=True, slots=True)
class MapResult(Generic[R]):
    """What a function made of one dataset.

    Attributes:
        dataset: The dataset.
        error: What the function raised, or why there is no result; None: it returned a value.
    """

    dataset: Dataset
    error: BaseException | None = None
    _value: R | None = dataclasses.field(default=None, repr=False)

    @property
    def value(self) -> R:
        """What the function returned.

        Raises:
            BaseException: `error`, if the function failed at this dataset.
        """
        if self.error is not None:
            raise self.error
        return self._value  # type: ignore[return-value] # what the function returned, None included


def map_datasets(
    function: Callable[[Dataset], R],
    datasets: Iterable[Dataset],
    executor: Executor | None = None,
    progress: bool | None = None,
) -> Iterator[MapResult[R]]:
    """Yield what a function returns for each dataset, as the results come; few datasets are on their way at once.

    Args:
        function: Called with a dataset, in another process; a lambda and a function of a notebook can go there too.
        datasets: The datasets; read one by one.
        executor: Calls the function; it is not shut down. None: a process for each core, for this call.
        progress: Whether to show how many were worked on; None: if a person watches.

    Raises:
        ConfigurationError: The function cannot be sent to another process.
    """
    mapping = _Mapping(function, iter(datasets))
    display = Display(progress)
    try:
        with display.moving(lambda: mapping.text):
            yield from mapping.run_processes() if executor is None else mapping.run_executor(executor)
    finally:
        if progress:
            display.tell(mapping.text)
        if mapping.failed:
            logger.warning("%s; the first: %s", mapping.text, mapping.first_failure)


class _Mapping(Generic[R]):
    """One call of `map_datasets`."""

    def __init__(self, function: Callable[[Dataset], R], datasets: Iterator[Dataset]) -> None:
        self._function = _Function(function)
        self._datasets = datasets
        self._done = 0
        self.failed = 0
        self.first_failure = ""

    @property
    def text(self) -> str:
        failed = f", {self.failed:,} failed" if self.failed else ""
        return f"{self._done:,} datasets done{failed}"

    def run_executor(self, executor: Executor) -> Iterator[MapResult[R]]:
        """Yield the results of a caller's executor."""
        workers = getattr(executor, "_max_workers", None)
        for dataset, future in self._submitted(executor, _AHEAD * workers if workers else _AHEAD_OF_UNKNOWN):
            yield self._result(dataset, future.exception(), future)

    def run_processes(self) -> Iterator[MapResult[R]]:
        """Yield the results of processes of our own.

        If one of them dies, the results of all datasets that were on their way are lost, and nobody knows which of
        them it was. So each of these is tried again alone.
        """
        import loky  # a seventh of a second

        workers = loky.cpu_count()
        self._require_sendable()
        while True:
            suspects: list[Dataset] = []
            with _Processes(loky, workers) as executor:
                for dataset, future in self._submitted(executor, _AHEAD * workers, suspects):
                    error = future.exception()
                    if isinstance(error, BrokenExecutor):
                        suspects.append(dataset)
                    else:
                        yield self._result(dataset, error, future)
            if not suspects:
                return
            for dataset in suspects:
                yield self._run_alone(loky, dataset)

    def _require_sendable(self) -> None:
        """Raise a ConfigurationError if the function, or the first dataset, cannot be sent to another process."""
        from loky.backend.reduction import dumps

        for first in itertools.islice(self._datasets, 1):
            try:
                dumps((self._function, first))
            except Exception as error:  # whatever its objects raise
                raise ConfigurationError(
                    f"The function cannot be sent to another process: {_text(error)}. Make inside of the function what "
                    f"it needs, or give engine.map a ThreadPoolExecutor."
                ) from error
            self._datasets = itertools.chain([first], self._datasets)

    def _run_alone(self, loky: Any, dataset: Dataset) -> MapResult[R]:
        with _Processes(loky, 1) as executor:
            future = executor.submit(self._function, dataset)
            error = future.exception()
        if isinstance(error, BrokenExecutor):
            lost = LoadError(
                f"The process that worked on {dataset} died. The system may have stopped it as memory ran out, or "
                f"compiled code crashed."
            )
            lost.__cause__ = error
            error = lost
        return self._result(dataset, error, future)

    def _submitted(
        self, executor: Executor, ahead: int, suspects: Sequence[Dataset] = ()
    ) -> Iterator[tuple[Dataset, Future[R]]]:
        """Yield futures that are done. Once there are suspects, no further datasets begin."""
        done: queue.SimpleQueue[Future[R]] = queue.SimpleQueue()
        waiting: dict[Future[R], Dataset] = {}
        try:
            while True:
                for dataset in itertools.islice(self._datasets, 0 if suspects else ahead - len(waiting)):
                    future = self._submit(executor, dataset)
                    waiting[future] = dataset
                    future.add_done_callback(done.put)
                if not waiting:
                    return
                future = done.get()
                yield waiting.pop(future), future
        finally:
            for future in waiting:
                future.cancel()

    def _submit(self, executor: Executor, dataset: Dataset) -> Future[R]:
        try:
            return executor.submit(self._function, dataset)
        except BrokenExecutor as error:  # a process died since the last result
            future: Future[R] = Future()
            future.set_exception(error)
            return future

    def _result(self, dataset: Dataset, error: BaseException | None, future: Future[R]) -> MapResult[R]:
        self._done += 1
        if error is None:
            return MapResult(dataset, None, future.result())
        self.failed += 1
        self.first_failure = self.first_failure or f"{dataset}: {_text(error)}"
        error.add_note(f"It happened at {dataset}.")
        return MapResult(dataset, error)


class _Function(Generic[R]):
    """The function of a caller. In another process, it raises only errors that can be sent back."""

    def __init__(self, function: Callable[[Dataset], R]) -> None:
        self._function = function

    def __call__(self, dataset: Dataset) -> R:
        return self._function(dataset)

    def __reduce__(self) -> tuple[object, ...]:
        return _SentFunction, (self._function,)


class _SentFunction(_Function[R]):
    """The function in another process."""

    def __call__(self, dataset: Dataset) -> R:
        try:
            return super().__call__(dataset)
        except BaseException as error:
            if _can_be_sent(error):
                raise
            instead = LoadError(_text(error))
            instead.add_note("".join(traceback.format_tb(from_own_code(error.__traceback__))))
            raise instead from None


def _can_be_sent(error: BaseException) -> bool:
    """Whether it can be pickled and made again. If not, the process would seem to have died."""
    from loky.backend.reduction import dumps

    try:
        str(pickle.loads(dumps(error)))  # noqa: S301 - it was pickled a moment ago
    except Exception:  # noqa: BLE001 - whatever its methods raise
        return False
    return True


def _text(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - whatever its own code raises
        return f"{type(error).__name__}, whose message cannot be made"


class _Processes:
    """Processes for the length of a `with` block."""

    def __init__(self, loky: Any, workers: int) -> None:
        self._executor = loky.ProcessPoolExecutor(workers, initializer=_leave_interrupts_to_the_caller)

    def __enter__(self) -> Executor:
        executor: Executor = self._executor
        return executor

    def __exit__(self, kind: object, *_: object) -> None:
        self._executor.shutdown(wait=True, kill_workers=kind is not None)


def _leave_interrupts_to_the_caller() -> None:
    """Ignore Ctrl-C, which the terminal sends to each process: the caller's process ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
