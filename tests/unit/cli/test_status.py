from __future__ import annotations

import dataclasses
import json
import socket

import pytest

from ingestify import get_datastore
from ingestify.clock import now
from ingestify.domain.run import RunState


@pytest.fixture
def leave_running(lake):
    """Write one of the last run's jobs as one that still runs, in a process that is not there."""

    def leave(host: str) -> None:
        store = get_datastore(lake.config)
        job = store.load_ingestion_job_summaries()[0]
        process = dataclasses.replace(job.process, host=host, started="another boot/1")
        store.catalogue.jobs.save(
            dataclasses.replace(job, state=RunState.RUNNING, ended_at=None, process=process, updated_at=now())
        )
        store.close()

    return leave


@pytest.mark.parametrize("host", [socket.gethostname(), "elsewhere"])
def test_a_job_whose_run_has_no_lease_any_more_is_told_apart_on_whatever_machine(lake, leave_running, host):
    leave_running(host)
    shown = lake("status")
    assert shown.count("RUNNING (its process is gone)") == 2
    jobs = json.loads(lake("status", "--json"))["runs"][0]["jobs"]
    assert {job["process_is_gone"] for job in jobs} == {True, False}
    store = get_datastore(lake.folder / "config.yaml")
    with store.commits.writer_lease("run", jobs[0]["run_id"]):
        assert "gone" not in lake("status")
    store.close()


def test_with_a_bucket_it_says_that_the_runs_are_of_all(lake):
    assert "of all buckets" in lake("status", "--bucket", "main")
    assert "of all buckets" not in lake("status")
    empty = lake("status", "--bucket", "other")
    assert empty.startswith("bucket other: 0 datasets")
    assert "of all buckets" in empty
