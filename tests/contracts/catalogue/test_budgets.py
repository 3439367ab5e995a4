"""The budgets of requests: whoever reserves, together they never get more than there is."""

from __future__ import annotations

import datetime as dt
import threading

import pytest

from ingestify.clock import reading
from ingestify.domain.ports import Catalogue
from ingestify.domain.request_budget import NOTHING_USED, BudgetLimits, BudgetUse
from tests.support.catalogue_data import T0


def reserve(catalogue: Catalogue, limits: BudgetLimits, source: str = "provider", wanted: int = 1) -> int:
    got = 0

    def change(use: BudgetUse, moment: dt.datetime) -> BudgetUse:
        nonlocal got
        reservation, after = limits.reserve(use, moment, wanted)
        got = reservation.count
        return after

    catalogue.request_budgets.update(source, change)
    return got


def test_a_budget_is_kept_by_source(catalogue: Catalogue) -> None:
    with reading(lambda: T0):
        assert catalogue.request_budgets.find() == ({}, T0)
        assert reserve(catalogue, BudgetLimits(10, 100), wanted=3) == 3
        assert reserve(catalogue, BudgetLimits(10, 100), wanted=4) == 4
        assert reserve(catalogue, BudgetLimits(5), "Provider") == 1
        uses, moment = catalogue.request_budgets.find()
    second = int(T0.timestamp())
    assert moment == T0
    assert uses == {"provider": BudgetUse(T0, 7, {second: 7}), "Provider": BudgetUse(T0, 1, {second: 1})}


def test_threads_that_reserve_at_once_get_no_more_than_there_is(catalogue: Catalogue) -> None:
    limits, got = BudgetLimits(per_day=25), list[int]()
    together = threading.Barrier(4)

    def work() -> None:
        together.wait()
        for _ in range(8):
            got.append(reserve(catalogue, limits, wanted=2))

    with reading(lambda: T0):
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(got) == 25
        (use,) = catalogue.request_budgets.find()[0].values()
    assert use.of_day == 25


def test_a_change_that_raises_reserves_nothing(catalogue: Catalogue) -> None:
    def change(use: BudgetUse, moment: dt.datetime) -> BudgetUse:
        assert use == NOTHING_USED
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        catalogue.request_budgets.update("provider", change)
    assert catalogue.request_budgets.find()[0] == {}
