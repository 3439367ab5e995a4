"""The exit codes, for schedulers and monitoring, and the one of a run."""

from __future__ import annotations

from ingestify.domain.run import RunReport, RunState
from ingestify.errors import DeadlineReached, FatalError, StopProcessing

__all__ = [
    "EXIT_CODES",
    "EXIT_DAMAGED",
    "EXIT_DEADLINE",
    "EXIT_FAILED",
    "EXIT_INTERRUPTED",
    "EXIT_OK",
    "EXIT_OVER_LIMIT",
    "EXIT_SOME_FAILED",
    "EXIT_STOPPED",
    "exit_code",
]

EXIT_OK = 0
EXIT_FAILED = FatalError.exit_code
EXIT_STOPPED = StopProcessing.exit_code
EXIT_SOME_FAILED = 3
EXIT_DAMAGED = 4
EXIT_OVER_LIMIT = 5
EXIT_DEADLINE = DeadlineReached.exit_code
EXIT_INTERRUPTED = 130

EXIT_CODES = (
    "Exit codes: 0 done; 1 failed, or all datasets of a selector did; 2 stopped by the source, or wrong usage; 3 some "
    "datasets failed, are in quarantine, lack a broken file, are suddenly not listed any more, were not looked at as "
    "their host is left alone, or have another history in the target of a copy; 4 the lake is damaged; 5 of 'status': "
    "a limit is exceeded; 6 the deadline came before the end; 130 interrupted."
)


def exit_code(report: RunReport) -> int:
    """Return the exit code of a run, by its most serious problem.

    An error that stopped the run comes first, then a selector that failed as a whole, then single datasets. A dataset
    has a problem if it failed, is in quarantine, lacks a broken file, is suddenly not listed any more, or was not
    looked at as its host is left alone.
    """
    if isinstance(report.error, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    if report.state is RunState.FAILED:
        return EXIT_FAILED
    if isinstance(report.error, DeadlineReached):
        return EXIT_FAILED if any(job.state is RunState.FAILED for job in report.jobs) else EXIT_DEADLINE
    if isinstance(report.error, StopProcessing):
        return EXIT_STOPPED
    if report.error is not None:
        return EXIT_FAILED
    return EXIT_SOME_FAILED if report.has_problems else EXIT_OK
