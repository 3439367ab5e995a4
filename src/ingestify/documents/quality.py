"""The documents of `quality`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypedDict

from ingestify.documents.document import filled

if TYPE_CHECKING:
    from ingestify.engine.keeping.quality import CheckTotals, QualityFinding, QualityReport

__all__ = ["CheckTotalsDocument", "QualityEndLine", "QualityLine", "quality_end_line", "quality_line"]


class QualityLine(TypedDict):
    """What one check found in one dataset.

    Attributes:
        check: The check's name.
        outcome: `reject` or `warn`: what a run would do; `failed`: the check could not be made.
        problems: The first problems, a sentence each.
        more: How many more there are.
        is_cut: Whether there may be more than that, too.
        error: Why the check could not be made; null: it was.
    """

    event: Literal["finding"]
    dataset_id: str
    provider: str
    dataset_type: str
    name: str
    check: str
    outcome: Literal["failed", "reject", "warn"]
    problems: Sequence[str]
    more: int
    is_cut: bool
    error: str | None


class CheckTotalsDocument(TypedDict):
    """The numbers of one check.

    Attributes:
        check: The check's name.
        mode: `reject` or `warn`: what a run does about its problems.
        datasets: How many datasets it is for.
        passed: In how many it found nothing.
        without: How many have nothing that it looks at, such as its feed.
        with_problems: In how many it found something.
        failed: Of how many it could not be made.
    """

    check: str
    mode: Literal["reject", "warn"]
    datasets: int
    passed: int
    without: int
    with_problems: int
    failed: int


class QualityEndLine(TypedDict):
    """The last line of `quality`.

    Attributes:
        datasets: How many datasets were checked.
        unchecked: How many datasets no check was made of.
        left_out: The names of the checks that were not made, as they compare new files with earlier ones.
    """

    event: Literal["quality_ended"]
    datasets: int
    unchecked: int
    left_out: Sequence[str]
    checks: Sequence[CheckTotalsDocument]
    duration_seconds: float
    exit_code: int


def quality_line(finding: QualityFinding) -> QualityLine:
    """Return what one check found in one dataset."""
    dataset = finding.dataset
    return filled(
        QualityLine,
        finding,
        event="finding",
        dataset_id=dataset.dataset_id,
        provider=dataset.provider,
        dataset_type=dataset.dataset_type,
        name=dataset.name,
        error=finding.error or None,
    )


def quality_end_line(report: QualityReport, exit_code: int) -> QualityEndLine:
    """Return the result of a check of the lake, with the exit code of its command."""
    return filled(
        QualityEndLine,
        report,
        event="quality_ended",
        checks=[_totals(one) for one in report.checks],
        exit_code=exit_code,
    )


def _totals(totals: CheckTotals) -> CheckTotalsDocument:
    return filled(CheckTotalsDocument, totals)
