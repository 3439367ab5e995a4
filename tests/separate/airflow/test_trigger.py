"""The trigger: alone, sharing a stream with others, and in a real triggerer."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from airflow.sdk._shared.module_loading import import_string
from airflow.triggers.shared_stream import SharedStreamManager

from ingestify.errors import StoreError
from ingestify.orchestrators import find_log_end, run_lake
from ingestify.orchestrators.airflow import LakeEventTrigger, lake_asset
from ingestify.orchestrators.airflow import trigger as trigger_module
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator
from tests.separate.airflow.conftest import write_config
from tests.separate.airflow.running import asset_events, forget_queue, queued, state_of
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def provider():
    with Simulator(Season(matches=2, events_per_match=100)) as provider:
        yield provider


@pytest.fixture
def config(provider, tmp_path):
    return str(write_config(tmp_path, "club", provider))


class Kept(dict):
    """The state store of an asset, as Airflow gives it to a trigger; `writes` is how often it was written."""

    writes = 0

    def __getitem__(self, ref):
        assert ref.name == "ingestify://club/statsbomb/match"
        return self

    async def aget(self, key):
        return self.get(key)

    async def aset(self, key, value):
        self.writes += 1
        self[key] = value


def trigger_on(config, dataset_type="match", kept=None, poll_interval=0.01):
    asset = "ingestify://club/statsbomb/match"
    trigger = LakeEventTrigger(config, "statsbomb", dataset_type, asset=asset, poll_interval=poll_interval)
    trigger.asset_state_store = kept
    return trigger


async def first(stream):
    async with asyncio.timeout(60):
        return (await anext(stream)).payload["position"]


async def is_silent(stream, polls=5):
    """Whether a trigger fires nothing in some polls."""
    looks = 0
    find_end = trigger_module._find_end

    def counting(config):
        nonlocal looks
        looks += 1
        return find_end(config)

    trigger_module._find_end = counting
    try:
        fired = asyncio.ensure_future(anext(stream))
        while looks < polls and not fired.done():
            await asyncio.sleep(0.01)
        was_silent = not fired.done()
        fired.cancel()
        await asyncio.gather(fired, return_exceptions=True)
        return was_silent
    finally:
        trigger_module._find_end = find_end


def test_it_fires_for_what_was_there_before_and_for_each_change_after_that(provider, config):
    async def watch():
        stream = trigger_on(config).run()
        waiting = asyncio.ensure_future(first(stream))
        await asyncio.to_thread(run_lake, config)  # there was no lake before
        await waiting
        provider.correct(provider.match_ids[0])
        await asyncio.to_thread(run_lake, config)
        while (position := await first(stream)) != str(find_log_end(config)):
            pass
        return position

    assert asyncio.run(watch()) == str(find_log_end(config))


def test_it_goes_on_from_the_position_that_airflow_keeps(provider, config):
    run_lake(config)
    kept = Kept()
    assert asyncio.run(first(trigger_on(config, kept=kept).run())) == str(find_log_end(config))
    assert kept == {}  # its event may not be stored yet
    assert asyncio.run(first(trigger_on(config, kept=kept).run())) == str(find_log_end(config))

    async def watch():
        stream = trigger_on(config, kept=kept).run()
        await first(stream)
        assert await is_silent(stream)

    asyncio.run(watch())
    assert kept == {"ingestify position": str(find_log_end(config))}
    assert kept.writes == 1
    assert asyncio.run(is_silent(trigger_on(config, kept=kept).run()))


def test_a_config_that_is_broken_for_a_while_does_not_end_it(provider, config, caplog):
    path = Path(config)
    text = path.read_text()

    async def watch():
        path.write_text("main: [")
        waiting = asyncio.ensure_future(first(trigger_on(config).run()))
        while len(caplog.records) < 2 and not waiting.done():
            await asyncio.sleep(0.01)
        path.write_text(text)
        await asyncio.to_thread(run_lake, config)
        return await waiting

    asyncio.run(watch())
    assert "not valid YAML" in caplog.text


def test_other_assets_do_not_wake_it(config):
    run_lake(config)
    kept = Kept()
    assert asyncio.run(is_silent(trigger_on(config, "competition", kept).run()))
    assert kept == {"ingestify position": str(find_log_end(config))}


def test_triggers_on_one_lake_share_the_look_at_it(config, monkeypatch):
    run_lake(config)
    looks = []
    find_end = trigger_module._find_end
    monkeypatch.setattr(trigger_module, "_find_end", lambda config: looks.append(config) or find_end(config))

    async def watch():
        manager = SharedStreamManager()
        streams = []
        for number in range(3):
            trigger = trigger_on(config, poll_interval=3600)
            shared = manager.subscribe(trigger_id=number, trigger=trigger, key=trigger.shared_stream_key())
            streams.append(trigger.filter_shared_stream(shared))
        got = await asyncio.gather(*[first(stream) for stream in streams])
        await manager.stop_all()
        return got

    assert asyncio.run(watch()) == [str(find_log_end(config))] * 3
    assert looks == [config]


def test_it_waits_while_the_catalogue_cannot_be_read(config, monkeypatch, caplog):
    run_lake(config)
    find_end, fails = trigger_module._find_end, iter([True, True])

    def failing(config):
        if next(fails, False):
            raise StoreError("the database is away")
        return find_end(config)

    monkeypatch.setattr(trigger_module, "_find_end", failing)
    assert asyncio.run(first(trigger_on(config).run())) == str(find_log_end(config))
    assert caplog.text.count("the database is away") == 2


def test_a_trigger_is_made_again_from_its_text():
    (watcher,) = lake_asset("club", "statsbomb", "match", watch="/data/config.yaml", poll_interval=5).watchers
    path, arguments = watcher.trigger.serialize()
    again = import_string(path)(**arguments)
    assert again.serialize() == (path, arguments)
    assert arguments == {
        "config": "/data/config.yaml",
        "provider": "statsbomb",
        "dataset_type": "match",
        "asset": "ingestify://club/statsbomb/match",
        "poll_interval": 5,
    }


def test_a_dag_that_watches_a_lake_is_woken_by_a_real_triggerer(watched_provider):
    config = os.environ["WATCHED_CONFIG_FILE"]
    forget_queue()
    run_lake(config)
    wait_until(lambda: len(asset_events(None)) == 1)
    ((uri, _, extra),) = asset_events(None)
    assert uri == "ingestify://watched/statsbomb/match"
    assert extra == {"from_trigger": True, "payload": {"position": str(find_log_end(config))}}
    assert queued() == ["watching"]
    wait_until(lambda: state_of("ingestify position"))
    watched_provider.correct(watched_provider.match_ids[0])
    run_lake(config)
    wait_until(lambda: len(asset_events(None)) == 2)
    assert asset_events(None)[1][2]["payload"] == {"position": str(find_log_end(config))}
