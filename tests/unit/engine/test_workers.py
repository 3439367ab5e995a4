from __future__ import annotations

import threading

import pytest

from ingestify.engine.workers import Gate, StopToken, TaskQueue, WorkerPool


@pytest.fixture
def pool():
    made = WorkerPool(8, "test")
    yield made
    made.close()


def test_tasks_that_come_at_once_run_at_once(pool):
    for _ in range(3):
        # Everybody waits for everybody: it only ends if all eight run side by side, also with threads that idle.
        barrier = threading.Barrier(9)
        for _ in range(8):
            pool.submit(TaskQueue("one"), barrier.wait)
        barrier.wait(timeout=10)


def test_a_queue_keeps_its_limit_and_does_not_hold_up_the_others(pool):
    release, started, other_done = threading.Event(), threading.Semaphore(0), threading.Event()
    running: list[int] = []

    def slow() -> None:
        running.append(1)
        started.release()
        release.wait(10)
        running.pop()

    tasks = TaskQueue("slow", limit=2)
    for _ in range(20):
        pool.submit(tasks, slow)
    assert started.acquire(timeout=10)
    assert started.acquire(timeout=10)
    pool.submit(TaskQueue("quick"), other_done.set)
    assert other_done.wait(10)
    assert len(running) == 2
    release.set()


def test_an_error_that_escapes_is_logged_and_does_not_end_the_thread(pool, caplog):
    done = threading.Event()
    tasks = TaskQueue("one", limit=1)
    pool.submit(tasks, lambda: 1 / 0)
    pool.submit(tasks, done.set)
    assert done.wait(10)
    assert "bug in ingestify" in caplog.text


def test_closing_waits_for_what_is_queued():
    pool = WorkerPool(2, "test")
    done = []
    for number in range(100):
        pool.submit(TaskQueue("one", limit=1), lambda number=number: done.append(number))
    pool.close()
    assert sorted(done) == list(range(100))


def test_a_gate_lets_in_as_many_as_it_may_and_opens_on_a_stop():
    gate, stop = Gate(3), StopToken()
    assert gate.enter(stop) == 1
    assert gate.enter(stop, 5) == 2, "as many as there are places"
    gate.leave(2)
    assert gate.enter(stop, 2) == 2
    threading.Timer(0.05, stop.stop, args=(KeyboardInterrupt(),)).start()
    assert gate.enter(stop) == 0


def test_a_gate_is_wide_while_what_comes_through_comes_back_at_once():
    gate, stop = Gate(2, wide_limit=5), StopToken()
    assert gate.enter(stop, 10) == 2
    waiting = threading.Timer(0.05, gate.widen, args=(True,))
    waiting.start()
    assert gate.enter(stop, 10) == 3, "whoever waits is let in when it becomes wide"
    gate.widen(False)
    gate.leave(3)
    threading.Timer(0.05, gate.leave).start()
    assert gate.enter(stop, 10) == 1, "what is inside stays, and counts"


def test_the_first_reason_to_stop_stays():
    stop = StopToken()
    stop.stop(ValueError("first"))
    stop.stop(ValueError("second"))
    assert str(stop.reason) == "first"


class LeftOfBudget:
    """A budget with so many requests left of the day."""

    is_half_used = False

    def __init__(self, left_of_day: int) -> None:
        self.left_of_day = left_of_day


def test_a_gate_admits_no_more_than_the_rest_of_a_budget_is_enough_for():
    gate, stop, budget = Gate(8), StopToken(), LeftOfBudget(100)
    gate.narrow_by(budget, files_each=3, lists=2)
    assert (gate.narrow_limit, gate.enter(stop, 20)) == (8, 8)
    budget.left_of_day = 21
    assert (gate.narrow_limit, gate.is_full) == (3, True)
    gate.leave(6)
    assert gate.enter(stop, 20) == 1
    budget.left_of_day = 0
    assert gate.narrow_limit == 1, "so that each is told that there is nothing left"


def test_datasets_of_a_source_with_a_budget_keep_their_places_while_a_list_is_read_again():
    gate, stop = Gate(2), StopToken()
    gate.enter(stop, 2)
    gate.step_out(2)
    assert not gate.is_full
    gate.step_in(2)
    assert gate.is_full
    gate.narrow_by(LeftOfBudget(100), files_each=1, lists=1)
    gate.step_out(2)
    assert gate.is_full
    gate.step_in(2)
    gate.leave(2)
    assert gate.enter(stop, 2) == 2
