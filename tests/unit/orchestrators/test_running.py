"""One run in an orchestrator's worker: its outcome, and its failures."""

from __future__ import annotations

import datetime as dt
import pickle
import subprocess
import sys

import pytest

from ingestify.orchestrators import OutcomeState, RunFailed, find_log_end, run_lake
from ingestify.testing.simulator import Fault, Simulator
from tests.support.waiting import wait_until

SEASON_27 = "competition_id=811/season_id=27"


def files_of(provider: Simulator) -> list[str]:
    return sorted(one for one in provider.paths() if one.startswith(("events/", "lineups/", "three-sixty/")))


def test_a_run_creates_the_lake_and_tells_what_changed(config):
    outcome = run_lake(config)
    assert outcome.state is OutcomeState.OK
    assert (outcome.counters["new"], outcome.problem_count, outcome.quarantined_count) == (6, 0, 0)
    assert {(one.partition_key, one.count) for one in outcome.changes} == {
        ("competition_id=811/season_id=27", 3),
        ("competition_id=811/season_id=28", 3),
    }
    assert outcome.position_before.position == 0
    assert outcome.position_after == find_log_end(config)
    assert outcome.last_modified_at == max(one.last_modified_at for one in outcome.changes)
    assert "licence" in outcome.terms["statsbomb/match"]
    assert outcome.created_lake
    again = run_lake(config)
    assert (again.changes, again.last_modified_at, again.counters["unchanged"]) == ((), None, 6)
    assert again.position_before == again.position_after == outcome.position_after


def test_changes_of_a_run_that_failed_are_told_to_who_keeps_how_far_it_was_told(config, provider):
    told = find_log_end(config)
    provider.add_fault(Fault("matches/811/28.json", "html", times=1))
    with pytest.raises(RunFailed):
        run_lake(config)
    again = run_lake(config, since=told)
    assert (again.position_before, again.counters["new"]) == (told, 3)
    assert {one.partition_key: one.count for one in again.changes} == {
        SEASON_27: 3,
        "competition_id=811/season_id=28": 3,
    }
    assert run_lake(config, since=again.position_after).changes == ()


def test_a_partition_key_narrows_it(config, provider):
    outcome = run_lake(config, provider="statsbomb", dataset_type="match", selector=SEASON_27)
    assert (outcome.counters["new"], [one.partition_key for one in outcome.changes]) == (3, [SEASON_27])
    assert run_lake(config, selector={"season_id": 28}).counters["new"] == 3


def test_a_partition_that_no_plan_has_is_said_in_the_summary(config):
    outcome = run_lake(config, selector="competition_id=811/season_id=29")
    assert (outcome.state, outcome.changes) == (OutcomeState.OK, ())
    assert "season_id=29" in outcome.not_listed
    assert outcome.not_listed in outcome.summary
    assert run_lake(config, selector=SEASON_27).not_listed == ""


def test_failed_and_quarantined_datasets_are_a_warning_that_names_them(config, provider):
    failing, rejected, *_ = provider.match_ids
    provider.add_fault(Fault(f"events/{failing}.json"))
    provider.add_fault(Fault(f"events/{rejected}.json", "empty"))
    outcome = run_lake(config, selector=SEASON_27)
    assert outcome.state is OutcomeState.WARNING
    assert {(one.kind, one.provider, one.selector) for one in outcome.problems} == {
        ("failed", "statsbomb", outcome.problems[0].selector),
        ("quarantined", "statsbomb", outcome.problems[0].selector),
    }
    assert all(one.dataset and one.reason for one in outcome.problems)
    (waiting,) = outcome.quarantined
    assert (waiting.name, outcome.quarantined_count) == (
        next(one.dataset for one in outcome.problems if one.kind == "quarantined"),
        1,
    )
    assert "and 1 more" in outcome.summary


def test_a_retry_does_not_repeat_what_finished(config, provider):
    failing = provider.match_ids[0]
    provider.add_fault(Fault(f"events/{failing}.json", times=1))
    assert run_lake(config).counters["failed"] == 1
    assert len(files_of(provider)) >= 2 * 6
    provider.clear_requests()
    assert run_lake(config).counters["new"] == 1
    assert {one.rpartition("/")[2] for one in files_of(provider)} == {f"{failing}.json"}


def test_an_outcome_is_small_and_can_be_pickled_whatever_happened(config, provider):
    provider.add_fault(Fault("events/*"))
    provider.add_fault(Fault("matches/811/28.json", "html"))
    with pytest.raises(RunFailed) as failed:
        run_lake(config)
    again = pickle.loads(pickle.dumps(failed.value))
    assert (str(again), again.may_help, again.outcome) == (str(failed.value), True, failed.value.outcome)
    assert again.outcome.state is OutcomeState.FAILED
    assert {one.kind for one in again.outcome.problems} == {"failed", "selector_failed"}


@pytest.mark.parametrize(
    ("fault", "may_help"),
    [(Fault("competitions.json"), True), (Fault("competitions.json", status=401), False)],
    ids=["it does not respond", "it refuses the credentials"],
)
def test_a_provider_that_cannot_be_asked_fails_the_run(config, provider, fault, may_help):
    provider.add_fault(fault)
    with pytest.raises(RunFailed, match=r"competitions\.json") as failed:
        run_lake(config)
    assert failed.value.may_help is may_help


def test_wrong_settings_cannot_be_helped_by_a_retry(config):
    config.write_text(config.read_text().replace("ingestify.statsbomb_github", "ingestify.statsbomb_githup"))
    with pytest.raises(RunFailed, match="statsbomb_github") as failed:
        run_lake(config)
    assert (failed.value.may_help, failed.value.outcome) == (False, None)


@pytest.mark.parametrize("wanted", [{"provider": "opta"}, {"selector": {"matchid": 1}}, {"selector": "27"}])
def test_what_no_plan_can_have_cannot_be_helped_by_a_retry(config, wanted):
    with pytest.raises(RunFailed) as failed:
        run_lake(config, **wanted)
    assert not failed.value.may_help


@pytest.mark.parametrize("selector", [28, ["season_id=28"], {28: 1}, "28", ""])
def test_what_is_no_selector_cannot_be_helped_by_a_retry(config, selector):
    with pytest.raises(RunFailed, match=r"is no (selector|partition key)") as failed:
        run_lake(config, selector=selector)
    assert not failed.value.may_help


def test_a_deadline_is_helped_by_a_retry_which_goes_on(config, provider):
    with pytest.raises(RunFailed) as failed:
        run_lake(config, deadline=dt.timedelta(microseconds=1))
    assert failed.value.may_help
    assert run_lake(config).counters["new"] == 6


def test_a_host_that_asked_to_be_left_alone_says_when_a_retry_can_help(config, provider):
    provider.add_fault(Fault("competitions.json", status=429, retry_after=4000, times=1))
    with pytest.raises(RunFailed, match="left alone") as failed:
        run_lake(config)
    assert failed.value.may_help
    assert failed.value.retry_at is not None


def test_a_budget_that_is_used_up_says_when_a_retry_can_help(config):
    config.write_text(config.read_text().replace("retries: {", "rate_limit: {requests_per_day: 1}\n    retries: {"))
    with pytest.raises(RunFailed, match="budget") as failed:
        run_lake(config)
    assert failed.value.may_help
    assert f"{failed.value.retry_at:%H:%M:%S}" == "00:00:05"


def test_a_run_that_another_one_holds_up_fails_and_a_retry_helps(config, provider):
    provider.add_fault(Fault(f"events/{provider.match_ids[0]}.json", "stall", seconds=60))
    code = f"from ingestify.orchestrators import run_lake; run_lake({str(config)!r}, selector={SEASON_27!r})"
    other = subprocess.Popen([sys.executable, "-c", code])
    try:
        wait_until(lambda: f"events/{provider.match_ids[0]}.json" in provider.paths())
        with pytest.raises(RunFailed, match="Nothing was done") as failed:
            run_lake(config, selector=SEASON_27)
        assert failed.value.may_help
        assert [one.kind for one in failed.value.outcome.problems] == ["held"]
        assert run_lake(config).state is OutcomeState.WARNING  # the other season is done
    finally:
        other.kill()
        other.wait()


def test_no_orchestrator_is_imported():
    code = (
        "import ingestify.orchestrators, sys;"
        "assert not {'dagster', 'airflow', 'prefect'} & {one.partition('.')[0] for one in sys.modules}"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
