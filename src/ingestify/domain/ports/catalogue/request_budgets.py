"""The budgets of requests that all processes of a lake share."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Protocol

from ingestify.domain.request_budget import BudgetUse

__all__ = ["RequestBudgetsPort"]


class RequestBudgetsPort(Protocol):
    """How many requests were reserved of each source that has a budget."""

    def find(self) -> tuple[Mapping[str, BudgetUse], dt.datetime]:
        """Return the use by the name of the source, and the moment by the clock that all writers share, in UTC."""

    def update(self, source: str, change: Callable[[BudgetUse, dt.datetime], BudgetUse]) -> None:
        """Change the use of a source, while nobody else does.

        Args:
            source: The name of the source.
            change: Gets the use, and the moment by the clock that all writers share, in UTC. It may be called again
                if the transaction is repeated; then nothing of the first call was written.

        Raises:
            OutcomeUnknown: It may be written, or not.
        """
