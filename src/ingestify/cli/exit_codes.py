"""The exit codes, for schedulers and monitoring. `RunReport.exit_code` is that of a run."""

from __future__ import annotations

from ingestify.domain.run import EXIT_INTERRUPTED, EXIT_OK, EXIT_SOME_FAILED
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
]

EXIT_FAILED = FatalError.exit_code
EXIT_STOPPED = StopProcessing.exit_code
EXIT_DAMAGED = 4
EXIT_OVER_LIMIT = 5
EXIT_DEADLINE = DeadlineReached.exit_code

EXIT_CODES = (
    "Exit codes: 0 done; 1 failed, or all datasets of a selector did; 2 stopped by the source, or wrong usage; 3 some "
    "datasets failed, are in quarantine, lack a broken file, are suddenly not listed any more, were not looked at as "
    "their host is left alone, have another history in the target of a copy, or fail a check of 'quality'; 4 the lake "
    "is damaged; 5 of 'status': a limit is exceeded; 6 the deadline came before the end; 130 interrupted."
)
