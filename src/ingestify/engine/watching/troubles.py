"""What fails for a while is told once, and told again when it works."""

from __future__ import annotations

from collections.abc import Mapping

from ingestify.domain.run import RunReport, RunState
from ingestify.engine.report.report import one_line
from ingestify.progress.printable import PrintableLogger

__all__ = ["Troubles"]

logger = PrintableLogger(__name__)

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0


class Troubles:
    """Remembers what was told, of the lake and of each selector."""

    def __init__(self) -> None:
        self._of_lake = ""
        self._failures_of_lake = 0
        self._of_selectors: dict[tuple[str, str, str], str] = {}

    def lake_failed(self, error: BaseException) -> float:
        """Tell that the lake cannot be used. Returns for how many seconds it should be left alone."""
        self._failures_of_lake += 1
        text = one_line(error)
        if text != self._of_lake:
            logger.error("%s It is tried again until it works.", text)
        self._of_lake = text
        return float(min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(self._failures_of_lake - 1, 10)))

    def lake_works(self) -> None:
        """Tell that the lake can be used again, if it could not."""
        if self._failures_of_lake:
            logger.warning("The lake can be used again, after %d attempts.", self._failures_of_lake)
        self._of_lake, self._failures_of_lake = "", 0

    def tell(self, report: RunReport) -> None:
        """Tell which selectors of a run failed, and which ones work again."""
        failed: dict[tuple[str, str, str], str] = {}
        done: list[tuple[str, str, str]] = []
        for job in report.jobs:
            key = (job.source, job.dataset_type, job.selector_name)
            if job.goes_on_at is not None:
                continue  # it is known, and no trouble
            if job.state in (RunState.FAILED, RunState.ABORTED):
                failed[key] = job.error
            elif job.state in (RunState.FINISHED, RunState.SKIPPED):
                done.append(key)
        self._tell_new(failed)
        for key in done:
            if self._of_selectors.pop(key, None) is not None:
                logger.warning("%s: %s: it works again.", key[0], key[2])

    def _tell_new(self, failed: Mapping[tuple[str, str, str], str]) -> None:
        told: set[tuple[str, str]] = set()
        for key, text in failed.items():
            is_new = self._of_selectors.get(key) != text
            self._of_selectors[key] = text
            # Selectors that fail for one reason, as when the network is away, are told of by the first one.
            if is_new and (key[0], text) not in told:
                same = sum(other == text and one[0] == key[0] for one, other in failed.items()) - 1
                more = f" (and {same:,} more {'selector' if same == 1 else 'selectors'})" if same else ""
                logger.error("%s: %s: %s%s", key[0], key[2], text, more)
                told.add((key[0], text))
