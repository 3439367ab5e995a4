from __future__ import annotations

from ingestify.fetch.throttling.host_health import HostHealth, RareProbes


def test_many_different_requests_that_fail_in_a_row_mean_the_host() -> None:
    health = HostHealth()
    assert [health.failed(f"/{number}", is_file=True) for number in range(10)] == [False] * 9 + [True]


def test_one_request_that_fails_again_and_again_does_not() -> None:
    health = HostHealth()
    assert not any(health.failed(f"/{number % 9}", is_file=True) for number in range(1000))


def test_broken_files_between_others_do_not_however_many_they_are() -> None:
    health = HostHealth()
    for number in range(1000):
        assert not health.failed(f"/{number}", is_file=True)
        if number % 9 == 0:
            health.answered(is_file=True)


def test_files_that_broke_while_others_came_do_not_when_they_are_tried_again() -> None:
    """The second tries of all broken files come when everything else has arrived."""
    health = HostHealth()
    for number in range(50):
        health.failed(f"/{number}", is_file=True)
        health.answered(is_file=True)
    assert not any(health.failed(f"/{number}", is_file=True) for number in range(50))


def test_an_index_says_nothing_of_the_files_that_it_lists() -> None:
    health = HostHealth()
    for number in range(9):
        assert not health.failed(f"/{number}", is_file=True)
        health.answered(is_file=False)
    assert health.failed("/9", is_file=True)


def test_a_file_that_comes_speaks_for_the_host_as_a_whole() -> None:
    health = HostHealth()
    for number in range(9):
        assert not health.failed(f"/seasons/{number}", is_file=False)
    health.answered(is_file=True)
    assert not health.failed("/seasons/9", is_file=False)


def test_looks_at_a_host_that_stays_away_become_rare_but_do_not_end() -> None:
    probes = RareProbes()
    due = [number for number in range(100_000) if probes.is_due()]
    assert 12 <= len(due) <= 50
    assert due[0] == 0
    assert due[-1] > 10_000


def test_which_requests_are_looks_is_left_to_chance() -> None:
    """Otherwise the same broken file would be the look of each run, and what stands behind it would never come."""

    def chosen() -> tuple[int, ...]:
        probes = RareProbes()
        return tuple(number for number in range(200) if probes.is_due())

    assert len({chosen() for _ in range(20)}) > 5
