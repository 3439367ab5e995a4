"""A process of its own that makes kloppy's frames: the threads of one Python use one core together.

The process knows no lake. It gets a dataset, asks for each file that kloppy reads, and gets the path of a copy, so the
lake may be anywhere, also in memory. It does not import the caller's script, as those of `multiprocessing` do: a script
needs no `if __name__ == "__main__":`.

The processes of `mapping`, which are loky's, are not used: each would open the lake itself, which one in memory or with
a secret does not allow, and loky gives a running process no way to ask for the few files that kloppy reads.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from ingestify.domain.dataset import Dataset, FileReader, Library
from ingestify.domain.file import File
from ingestify.errors import ConfigurationError, IngestifyError, IntegrityError, LoadError
from ingestify.store.reading.data_frame import library
from ingestify.store.reading.file_collection import FileCollection, LoadedFile
from ingestify.store.reading.shape import fitted, shape_of

__all__ = ["FrameTask", "KloppyProcess", "make_frame", "serve"]

# An interrupt at the terminal reaches all processes. The caller's answers it, and ends the others.
_CODE = (
    "import pickle, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); "
    "sys.path[:] = pickle.load(sys.stdin.buffer); from ingestify.store.reading.frame_process import serve; serve()"
)
_SHOWN: dict[Any, Any] = {}
"""The warnings that were shown, as Python keeps them for each module."""


class FrameTask(NamedTuple):
    """What is made of a dataset.

    Attributes:
        dataset: The dataset.
        load: `(store, dataset, loader, **arguments)` → kloppy's object.
        loader: The format of its files; None: that of the dataset.
        library: Whose frame it is.
        arguments: Arguments for kloppy.
    """

    dataset: Dataset
    load: Callable[..., Any]
    loader: str | None
    library: Library
    arguments: Mapping[str, Any]


class _Made(NamedTuple):
    """A frame or an error, and the warnings that came meanwhile."""

    frame: Any = None
    error: Exception | None = None
    warned: Sequence[tuple[str, type[Warning], str, int]] = ()


class _EndedError(Exception):
    """The other process has ended."""


def make_frame(store: FileReader | _AskingStore, task: FrameTask) -> Any:
    """Return kloppy's frame of a dataset.

    Raises:
        TypeError: kloppy does not know an argument.
        LoadError: There is no loader for this kind of dataset, a feed is missing, or kloppy cannot read it.
    """
    loaded = task.load(store, task.dataset, task.loader, **task.arguments)
    try:
        try:
            return loaded.to_df(engine=task.library)
        except TypeError:
            if task.library != "polars":
                raise
            return _of_columns(loaded.to_dict(orient="list"))
    except Exception as error:
        raise LoadError(f"kloppy makes no frame of {task.dataset}: {type(error).__name__}: {error}") from error


def _of_columns(columns: Mapping[str, list[Any]]) -> Any:
    """Return a frame of polars. Of a column with several types, which polars refuses, it is as in `shape`."""
    polars = library("polars")
    series = []
    for name, values in columns.items():
        try:
            series.append(polars.Series(name, values))
        except (TypeError, OverflowError):
            series.append(polars.Series(name, fitted(values, shape_of(values))))
    return polars.DataFrame(series)


class KloppyProcess:
    """A process that makes frames, one at a time. Used by one thread."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own code
            [sys.executable, "-c", _CODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._channel = _Channel(self._process.stdout, self._process.stdin)
        self._channel.send(sys.path)

    @property
    def has_ended(self) -> bool:
        """Whether it makes no frames any more."""
        return self._process.poll() is not None

    def make_frame(self, store: FileReader, task: FrameTask) -> Any:
        """Return kloppy's frame of a dataset; see `make_frame`.

        Raises:
            IntegrityError: An object of the lake is missing or damaged.
            LoadError: Also if the process ended.
        """
        try:
            made = self._ask(store, task)
        except _EndedError:
            code = self._process.wait()
            raise LoadError(f"The process that read {task.dataset} with kloppy ended, with the code {code}.") from None
        for text, category, path, line in made.warned:
            warnings.warn_explicit(text, category, path, line, registry=_SHOWN)
        if made.error is not None:
            raise made.error
        return made.frame

    def _ask(self, store: FileReader, task: FrameTask) -> _Made:
        # A copy of the dataset knows no lake, which the other process would open.
        self._channel.send(task._replace(dataset=dataclasses.replace(task.dataset)))
        files: Any = store.load_files(task.dataset, lazy=True)
        try:
            with tempfile.TemporaryDirectory(prefix="ingestify-") as folder:
                while not isinstance(answer := self._channel.receive(), _Made):
                    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as copy:
                        shutil.copyfileobj(files[answer].raw_stream, copy)
                    self._channel.send(Path(copy.name))
            return answer
        finally:
            files.close()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        self._channel.close()


def serve() -> None:
    """Make frames for the process that started this one, until it ends."""
    channel = _Channel(sys.stdin.buffer, os.fdopen(os.dup(1), "wb"))
    os.dup2(2, 1)  # what kloppy prints is no answer
    try:
        while True:
            made = _make(_AskingStore(channel), channel.receive())
            try:
                channel.send(made)
            except (pickle.PicklingError, TypeError, ValueError) as error:
                channel.send(_Made(error=LoadError(f"The frame cannot be passed between processes: {error}")))
    except _EndedError:
        return


def _make(store: _AskingStore, task: FrameTask) -> _Made:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        try:
            made = _Made(make_frame(store, task))
        except (IngestifyError, TypeError) as error:
            # Some errors take more than their message, and cannot be pickled.
            kinds = (LoadError, IntegrityError, ConfigurationError, TypeError, IngestifyError)
            kind = next(one for one in kinds if isinstance(error, one))
            made = _Made(error=kind(str(error)))
    return made._replace(warned=[(str(one.message), one.category, one.filename, one.lineno) for one in caught])


class _AskingStore:
    """The files of a dataset, which the other process has."""

    def __init__(self, channel: _Channel) -> None:
        self._channel = channel

    def load_files(self, dataset: Dataset, *_: Any, **__: Any) -> FileCollection:
        """Return the files of a dataset; each is asked for at its first use."""
        return FileCollection(
            [LoadedFile(file, functools.partial(self._open, file)) for file in dataset.files.values()]
        )

    def _open(self, file: File) -> BinaryIO:
        self._channel.send(file.file_id)
        path: Path = self._channel.receive()
        return path.open("rb")


class _Channel:
    """Passes objects to another process and back."""

    def __init__(self, source: Any, target: Any) -> None:
        self._source, self._target = source, target

    def send(self, value: object) -> None:
        content = pickle.dumps(value)  # an object that cannot be pickled is not sent in part
        try:
            self._target.write(content)
            self._target.flush()
        except OSError as error:
            raise _EndedError from error

    def receive(self) -> Any:
        try:
            return pickle.load(self._source)  # noqa: S301 - the other end is ours
        except (EOFError, pickle.UnpicklingError) as error:
            raise _EndedError from error

    def close(self) -> None:
        for stream in (self._source, self._target):
            with contextlib.suppress(OSError):  # what was not sent yet
                stream.close()
