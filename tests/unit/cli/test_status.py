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
        store.catalogue.save_job(
            dataclasses.replace(job, state=RunState.RUNNING, ended_at=None, process=process, updated_at=now())
        )
        store.close()

    return leave


def test_a_job_whose_process_is_gone_is_told_apart(lake, leave_running):
    leave_running(socket.gethostname())
    shown = lake("status")
    assert shown.count("RUNNING (its process is gone)") == 2
    assert {job["process_is_gone"] for job in json.loads(lake("status", "--json"))["runs"][0]["jobs"]} == {True, False}


def test_what_another_machine_does_is_not_known(lake, leave_running):
    leave_running("elsewhere")
    shown = lake("status")
    assert "RUNNING" in shown
    assert "gone" not in shown


def test_with_a_bucket_it_says_that_the_runs_are_of_all(lake):
    assert "of all buckets" in lake("status", "--bucket", "main")
    assert "of all buckets" not in lake("status")
    empty = lake("status", "--bucket", "other")
    assert empty.startswith("bucket other: 0 datasets")
    assert "of all buckets" in empty
