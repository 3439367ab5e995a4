"""The pages of runs: what each did, why datasets failed, and a run that goes on, or whose process is gone."""

from __future__ import annotations

import dataclasses

import pytest

from ingestify import DatasetResource
from ingestify.clock import now
from ingestify.domain.run import ProcessIdentity, RunState
from tests.support.lake_in_memory import FunctionSource, Lake, match

from .conftest import client_of


def broken(file_resource, current_file):
    raise ValueError(f"the file is {file_resource.data_feed_key} number 17")


def failing(match_id):
    return DatasetResource({"match_id": match_id}, "match", name="<i>").add_file(None, "events", file_loader=broken)


@pytest.fixture
def source():
    return FunctionSource(lambda **_: [match(1), failing(2), failing(3)])


@pytest.fixture
def engine(source):
    with Lake(source).engine as engine:
        engine.load()
        yield engine


def run_ids(engine):
    return list(dict.fromkeys(job.run_id for job in engine.store.load_ingestion_job_summaries()))


def test_no_run_says_what_to_type(source):
    with Lake(source).engine as engine:
        assert "No run yet" in client_of(engine).get("/runs").text


def test_a_run_is_a_row_and_its_jobs_are_bars(client, engine):
    (run_id,) = run_ids(engine)
    text = client.get("/runs").text
    assert f'href="/runs/{run_id}"' in text
    assert "1 new, 0 revised, 0 unchanged, 2 failed" in text
    assert "with problems" in text
    assert "<svg" in text
    assert client.get("/runs.json").json()["runs"][0]["run_id"] == run_id


def test_runs_are_filtered_by_source_and_state(client, engine):
    assert "No run is so" in client.get("/runs", params={"source": "nobody"}).text
    assert "No run is so" in client.get("/runs", params={"state": "running"}).text
    assert run_ids(engine)[0] in client.get("/runs", params={"source": "fake", "state": "with problems"}).text


def test_a_run_says_why_datasets_failed_by_reason(client, engine):
    text = client.get(f"/runs/{run_ids(engine)[0]}").text
    assert "2 datasets failed:" in text
    assert "events number N" in text
    assert "&lt;i&gt;" in text
    assert "match 1" in text
    assert "data-live" not in text
    assert "ingestify run --source fake competition_id=1" in text
    document = client.get(f"/runs/{run_ids(engine)[0]}.json").json()
    assert len(document["jobs"][0]["tasks"]) == 3


def test_a_run_that_is_not_there_says_why(client):
    answer = client.get("/runs/nothing")
    assert answer.status_code == 404
    assert "There is no run nothing" in answer.text


def begun(engine, process):
    (job, *_) = engine.store.catalogue.jobs.load(1)
    running = dataclasses.replace(
        job, job_id="1", run_id="running", state=RunState.RUNNING, process=process, started_at=now(), ended_at=None
    )
    engine.store.catalogue.jobs.save(running)
    return running


def test_a_run_whose_process_is_gone_says_so(client, engine, monkeypatch):
    job = begun(engine, engine.store.catalogue.jobs.load(1)[0].process)
    monkeypatch.setattr("ingestify.store.leases.may_go_on", lambda *_: False)
    text = client.get(f"/runs/{job.run_id}").text
    assert "its process is gone" in text
    assert "data-live" not in text
    assert "its process is gone" in client.get("/runs").text


def test_a_run_that_goes_on_is_followed(client, engine, monkeypatch):
    job = begun(engine, ProcessIdentity("host", 1, "boot"))
    monkeypatch.setattr("ingestify.store.leases.may_go_on", lambda *_: True)
    text = client.get(f"/runs/{job.run_id}").text
    assert 'id="run" data-live' in text
    assert "live.js" in text
    assert 'http-equiv="refresh"' in text
