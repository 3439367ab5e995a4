"""Budgets of sources: blocks of requests, what comes back, and what the provider counts."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ingestify.domain.ports import Authorization
from ingestify.domain.request_budget import NOTHING_USED, BudgetLimits, BudgetUse
from ingestify.errors import FetchError, HostLeftAlone, OutcomeUnknown, SaveError
from ingestify.fetch.http import HttpClient, HttpOptions
from ingestify.fetch.throttling.budgets import Budgets, SourceBudget
from ingestify.fetch.throttling.circuit_breaker import BudgetUsedUp
from ingestify.fetch.throttling.rate_limit_headers import read_counted_requests
from tests.support.scripted_provider import Provider, answer, provider
from tests.support.simulated_time import SimulatedTime, simulated_time

NOON = dt.datetime(2026, 10, 24, 12, tzinfo=dt.UTC)
GO_ON = threading.Event()


@pytest.fixture
def time() -> Iterator[SimulatedTime]:
    with simulated_time(NOON) as simulated:
        yield simulated


class Memory:
    """A catalogue's budgets, and how often they were asked."""

    def __init__(self, time: SimulatedTime) -> None:
        self.use = NOTHING_USED
        self.updates = 0
        self.error: Exception | None = None
        self._time = time

    def find(self) -> Any:
        return {"provider": self.use}, self._time.now()

    def update(self, source: str, change: Callable[[BudgetUse, dt.datetime], BudgetUse]) -> None:
        self.updates += 1
        self.use = change(self.use, self._time.now())
        if self.error is not None:
            error, self.error = self.error, None
            raise error


@pytest.fixture
def memory(time: SimulatedTime) -> Memory:
    return Memory(time)


def budget_of(memory: Memory, **limits: int) -> SourceBudget:
    return SourceBudget("provider", BudgetLimits(**limits), 120.0, memory)


def test_the_catalogue_is_asked_once_for_a_block_and_gets_back_what_is_left(memory: Memory) -> None:
    budget = budget_of(memory, per_day=1000)
    for _ in range(12):
        budget.take(GO_ON)
    assert (memory.updates, memory.use.of_day, budget.left_of_day) == (2, 20, 988)
    budget.take(GO_ON).put_back()
    budget.give_back()
    assert memory.use.of_day == 12
    budget.give_back()
    assert memory.updates == 3, "there was nothing more"


def test_a_block_that_is_too_old_is_given_back_with_the_next_one(memory: Memory, time: SimulatedTime) -> None:
    budget = budget_of(memory, per_minute=1000)
    budget.take(GO_ON)
    time.sleep(3)
    budget.take(GO_ON)
    assert (memory.updates, memory.use.of_day) == (2, 11)


def test_a_commit_that_may_have_happened_costs_requests_and_is_never_given_back_twice(memory: Memory) -> None:
    budget = budget_of(memory, per_day=1000)
    memory.error = OutcomeUnknown("lost")
    budget.take(GO_ON)
    assert memory.use.of_day == 20
    memory.error = SaveError("away")
    budget.give_back()
    budget.give_back()
    assert memory.use.of_day == 11


def test_a_day_that_is_used_up_is_told_without_asking_again(memory: Memory, time: SimulatedTime) -> None:
    budget = budget_of(memory, per_day=1)
    budget.take(GO_ON)
    for _ in range(3):
        with pytest.raises(BudgetUsedUp, match=r"'provider' is used up \(1 request a day\); it goes on at 2026-10-25"):
            budget.take(GO_ON)
    assert memory.updates == 2
    memory.use = NOTHING_USED
    budget.look_anew()
    budget.take(GO_ON)


def test_the_last_minutes_of_a_day_are_waited_for(memory: Memory, time: SimulatedTime) -> None:
    budget = budget_of(memory, per_day=1)
    time.sleep(12 * 3600 - 60)
    budget.take(GO_ON)
    budget.take(GO_ON)
    assert f"{time.now():%d %H:%M:%S}" == "25 00:00:05"


def test_a_source_without_a_lake_counts_by_itself(time: SimulatedTime) -> None:
    budgets = Budgets()
    budgets.add("provider", BudgetLimits(per_day=2), 120.0)
    budget = budgets.find("provider")
    assert budget is not None
    for _ in range(2):
        budget.take(GO_ON)
    with pytest.raises(BudgetUsedUp):
        budget.take(GO_ON)


@pytest.mark.parametrize(
    ("headers", "counted"),
    [
        ({"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "20"}, (0, 80, 0)),
        ({"x-ratelimit-requests-limit": "100", "x-ratelimit-requests-remaining": "1"}, (0, 99, 0)),
        ({"X-RateLimit-Limit-Minute": "10", "X-RateLimit-Remaining-Minute": "4"}, (6, 0, 0)),
        ({"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "4", "X-RateLimit-Reset": "30"}, (6, 0, 0)),
        ({"X-RateLimit-Remaining-Day": "7", "X-RateLimit-Remaining-Minute": "9"}, (1, 93, 0)),
        ({"X-Requests-Available-Minute": "3", "X-RequestCounter-Reset": "17"}, (7, 0, 0)),
        ({"RateLimit-Limit": "100", "RateLimit-Remaining": "20", "RateLimit-Reset": "43200"}, (0, 80, 0)),
        ({"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "3600"}, (0, 0, 3600)),
        ({"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "5", "X-RateLimit-Reset": "3600"}, (0, 0, 0)),
        (
            {
                "X-RateLimit-Limit": "100",
                "X-RateLimit-Remaining": "0",
                "X-RateLimit-Reset": str(int(NOON.timestamp()) + 60),
            },
            (0, 0, 60),
        ),
        ({"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "0"}, (0, 0, 0)),
        ({"X-RateLimit-Remaining": "3"}, (0, 0, 0)),
        ({"X-RateLimit-Limit": "a lot", "X-RateLimit-Remaining": "-1"}, (0, 0, 0)),
        ({}, (0, 0, 0)),
    ],
)
def test_a_header_counts_where_its_meaning_is_certain(headers: dict[str, str], counted: tuple[int, int, float]) -> None:
    assert read_counted_requests(headers, BudgetLimits(10, 100), NOON) == counted


@pytest.fixture
def server() -> Iterator[Provider]:
    with provider() as found:
        yield found


def test_requests_of_others_to_the_same_account_count(server: Provider, memory: Memory) -> None:
    url = server.on("/index", answer(b"[]", X_RateLimit_Limit="100", X_RateLimit_Remaining="3"))
    client = HttpClient("provider", HttpOptions(), budget=budget_of(memory, per_day=100))
    client.get(url)
    assert memory.use.of_day == 97
    client.close()


def test_a_provider_that_has_no_more_for_hours_is_left_alone(server: Provider, memory: Memory) -> None:
    said = {"X_RateLimit_Limit": "100", "X_RateLimit_Remaining": "0", "X_RateLimit_Reset": "3600"}
    url = server.on("/index", answer(b"[]", **said))
    client = HttpClient("provider", HttpOptions(), budget=budget_of(memory, per_day=100))
    client.get(url)
    with pytest.raises(HostLeftAlone, match="asked to be left alone until 2026-10-24 13:00"):
        client.get(url)
    assert len(server.asked) == 1
    client.close()


def test_a_file_whose_next_try_would_pass_the_budget_has_not_failed(server: Provider, memory: Memory) -> None:
    options = HttpOptions(backoff_base_seconds=0.001)
    client = HttpClient("provider", options, budget=budget_of(memory, per_day=2))
    with pytest.raises(HostLeftAlone) as raised:
        client.get(server.on("/index", answer(status=500)))
    assert len(server.asked) == 2
    assert raised.value.goes_on_at == dt.datetime(2026, 10, 25, 0, 0, 5, tzinfo=dt.UTC)
    client.close()


def test_a_request_that_waits_for_a_token_in_vain_costs_nothing(server: Provider, memory: Memory) -> None:
    class Expired(Authorization):
        def at_hand(self) -> str | None:
            return None

    budget = budget_of(memory, per_day=100)
    client = HttpClient("provider", HttpOptions(), budget=budget)
    with pytest.raises(FetchError, match="expired"):
        client.get(server.on("/index", answer(b"[]")), auth=Expired())
    assert (server.asked, budget.left_of_day) == ([], 100)
    client.close()
