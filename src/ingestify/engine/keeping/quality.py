"""The use case behind `ingestify quality` and `engine.check_quality`: what checks find in the lake as it is now."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Literal

from ingestify.domain.bundle_check import BundleCheck
from ingestify.domain.dataset import Dataset
from ingestify.domain.html_table import html_table
from ingestify.engine.bundle.check_calls import CheckCalls, CheckHangs, prepare_check
from ingestify.engine.ingest.stored_bundle import StoredBundle
from ingestify.engine.report.report import one_line
from ingestify.errors import FatalError, MissingExtraError, StopProcessing
from ingestify.progress.formatting import counted
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.reading.many_files import ahead

__all__ = ["CheckTotals", "QualityFinding", "QualityReport", "check_quality"]

_THREADS = min(os.cpu_count() or 1, 8)


@dataclasses.dataclass(frozen=True, slots=True)
class QualityFinding:
    """What one check found in one dataset.

    Attributes:
        dataset: The dataset.
        check: The check's name.
        mode: `reject` or `warn`: what a run does about it.
        problems: The first problems, a sentence each.
        more: How many more there are.
        is_cut: Whether there may be more than that, too.
        error: Why the check could not be made; empty: it was.
        is_without: Whether the dataset has nothing that the check looks at.
    """

    dataset: Dataset
    check: str
    mode: Literal["reject", "warn"]
    problems: tuple[str, ...] = ()
    more: int = 0
    is_cut: bool = False
    error: str = ""
    is_without: bool = False

    @property
    def outcome(self) -> Literal["failed", "reject", "warn"]:
        """Whether the check failed, or what a run would do."""
        return "failed" if self.error else self.mode

    @property
    def sentences(self) -> tuple[str, ...]:
        """The problems and how many more there are, or the error."""
        if self.error:
            return (self.error,)
        at_least = "at least " if self.is_cut else ""
        return (*self.problems, *([f"and {at_least}{self.more:,} more"] if self.more else []))


@dataclasses.dataclass(slots=True)
class CheckTotals:
    """What one check found in all datasets.

    Attributes:
        check: The check's name.
        mode: `reject` or `warn`.
        datasets: How many datasets it is for.
        passed: In how many it found nothing.
        without: How many have nothing that it looks at, such as its feed.
        failed: Of how many it could not be made.
    """

    check: str
    mode: Literal["reject", "warn"]
    datasets: int = 0
    passed: int = 0
    without: int = 0
    failed: int = 0

    @property
    def with_problems(self) -> int:
        """In how many datasets it found something."""
        return self.datasets - self.passed - self.without - self.failed


@dataclasses.dataclass(frozen=True, slots=True)
class QualityReport:
    """What the checks found in the lake.

    Attributes:
        findings: What was found, in the order of the datasets; datasets without problems are not listed.
        checks: The numbers of each check.
        left_out: The names of the checks that were not made, as they compare new files with earlier ones.
        datasets: How many datasets were checked.
        unchecked: How many datasets no check was made of.
        duration_seconds: How long it took.
    """

    findings: Sequence[QualityFinding]
    checks: Sequence[CheckTotals]
    left_out: Sequence[str]
    datasets: int
    unchecked: int
    duration_seconds: float

    @property
    def is_good(self) -> bool:
        """Whether all checks were made, and those that reject found nothing."""
        return all(one.outcome == "warn" for one in self.findings)

    @property
    def line(self) -> str:
        """One line: `12 datasets checked: 10 without problems, 1 that a run would reject, 1 with warnings`."""
        outcomes: dict[str, set[str]] = {"failed": set(), "reject": set(), "warn": set()}
        for one in self.findings:
            outcomes[one.outcome].add(one.dataset.dataset_id)
        good = self.datasets - len(set().union(*outcomes.values()))
        parts = [f"{good:,} without problems"]
        words = {"reject": "that a run would reject", "warn": "with warnings", "failed": "with a check that failed"}
        parts += [f"{len(outcomes[outcome]):,} {text}" for outcome, text in words.items() if outcomes[outcome]]
        other = "other " if self.left_out else ""
        left_out = f"; not made: {', '.join(self.left_out)}, as there are no new files" if self.left_out else ""
        unchecked = f"; {self.unchecked:,} have no {other}check" if self.unchecked else ""
        found = f": {', '.join(parts)}" if self.datasets else ""
        return f"{counted(self.datasets, 'dataset')} checked{found}{left_out}{unchecked}"

    def __repr__(self) -> str:
        first = next((f"; the first: {one.dataset}: {one.sentences[0]}" for one in self.findings), "")
        return f"QualityReport({self.line}{first})"

    def _repr_html_(self) -> str:
        columns = ("dataset", "check", "outcome", "what")
        rows = ((str(one.dataset), one.check, one.outcome, "; ".join(one.sentences)) for one in self.findings)
        return html_table(self.line, columns, rows, len(self.findings))


def check_quality(
    store: DatasetStore,
    datasets: Iterable[Dataset],
    checks_of: Callable[[Dataset], Sequence[BundleCheck]],
    *,
    calls: CheckCalls,
    moving: Callable[[Callable[[], str | None]], AbstractContextManager[None]],
    on_finding: Callable[[QualityFinding], object] = lambda _: None,
) -> QualityReport:
    """Make the checks of datasets as the lake has them. Nothing is written.

    A few datasets are checked side by side; the files of no others are in memory.

    Args:
        store: The lake.
        datasets: The datasets.
        checks_of: Returns the checks of a dataset.
        calls: Calls the checks.
        moving: Shows the progress.
        on_finding: Called with each finding, in the order of the datasets.

    Raises:
        ConfigurationError: A check cannot import what the settings name.
        StopProcessing: A check stops it.
        FatalError: A check stops it loudly.
        StoreError: The lake cannot be read.
    """
    checking = _Checking(store, checks_of, calls)
    began = time.monotonic()
    findings: list[QualityFinding] = []
    with (
        moving(lambda: checking.text),
        ThreadPoolExecutor(_THREADS, "ingestify-quality") as pool,
        checking.stopped_at_end(),  # before the pool waits for what it has begun
    ):
        for results in ahead(pool, checking.iter_calls(datasets)):
            for one in checking.count(results):
                findings.append(one)
                on_finding(one)
    return QualityReport(
        findings=findings,
        checks=list(checking.totals.values()),
        left_out=list(checking.left_out),
        datasets=checking.datasets,
        unchecked=checking.unchecked,
        duration_seconds=time.monotonic() - began,
    )


class _Checking:
    """One call of `check_quality`."""

    def __init__(
        self, store: DatasetStore, checks_of: Callable[[Dataset], Sequence[BundleCheck]], calls: CheckCalls
    ) -> None:
        self._store = store
        self._checks_of = checks_of
        self._calls = calls
        self._stop = threading.Event()
        self.totals: dict[tuple[str, str], CheckTotals] = {}
        self.left_out: dict[str, None] = {}
        self.datasets = 0
        self.unchecked = 0

    @property
    def text(self) -> str:
        return f"{counted(self.datasets, 'dataset')} checked"

    @contextlib.contextmanager
    def stopped_at_end(self) -> Iterator[None]:
        """Let calls that go on end soon if the block ends by an error."""
        try:
            yield
        except BaseException:
            self._stop.set()
            raise

    def iter_calls(self, datasets: Iterable[Dataset]) -> Iterator[Callable[[], list[QualityFinding]]]:
        """Yield what checks each dataset. Of a check that found nothing it returns an empty finding."""
        for dataset in datasets:
            checks = []
            for check in self._checks_of(dataset):
                if check.compares_new_files:
                    self.left_out[check.name] = None
                else:
                    checks.append(check)
            for check in checks:
                with contextlib.suppress(MissingExtraError):  # it fails the dataset
                    prepare_check(check)
            if checks and dataset.files:
                yield functools.partial(self._check, dataset, checks)
            else:
                self.unchecked += 1

    def _check(self, dataset: Dataset, checks: Sequence[BundleCheck]) -> list[QualityFinding]:
        found = []
        bundle = StoredBundle(dataset, self._store)
        for check in checks:
            empty = QualityFinding(dataset, check.name, check.mode)
            try:
                if not check.looks_at(bundle):
                    found.append(dataclasses.replace(empty, is_without=True))
                    continue
                result = self._calls.find_problems(check, bundle, self._stop)
                found.append(
                    dataclasses.replace(empty, problems=result.problems, more=result.more, is_cut=result.is_cut)
                )
            except (StopProcessing, FatalError):
                raise
            except Exception as error:
                if self._stop.is_set():
                    raise
                found.append(dataclasses.replace(empty, error=one_line(error)))
                if isinstance(error, CheckHangs):
                    bundle = StoredBundle(dataset, self._store)  # the thread of that call may go on reading the other
                    continue
            bundle.close()  # the next check reads from the beginning
        return found

    def count(self, results: Sequence[QualityFinding]) -> Iterator[QualityFinding]:
        """Count what was found in a dataset. Yields what is not empty."""
        if all(one.is_without for one in results):
            self.unchecked += 1
        else:
            self.datasets += 1
        for one in results:
            totals = self.totals.setdefault((one.check, one.mode), CheckTotals(one.check, one.mode))
            totals.datasets += 1
            totals.failed += bool(one.error)
            totals.without += one.is_without
            totals.passed += not (one.sentences or one.is_without)
            if one.sentences:
                yield one
