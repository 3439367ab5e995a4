"""Wakes DAGs when a lake has changed, whoever changed it."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Hashable
from typing import Any

from airflow.sdk import Asset
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from ingestify.errors import IngestifyError

__all__ = ["LakeEventTrigger"]

logger = logging.getLogger(__name__)

_KEY = "ingestify position"
"""The key in the state store of the asset under which Airflow keeps the position."""

_BEGINNING = "/0/0"
"""The position of a trigger that has none yet."""

_PAGE = 1000


class LakeEventTrigger(BaseEventTrigger):  # type: ignore[misc] # airflow is not there
    """Fires when the event log of a lake has new changes of one asset. It is for an `AssetWatcher`.

    What it fires only says that there is something to read. Airflow can lose an asset event: while a DAG is paused, or
    has as many active runs as it may. So the task reads the log from a cursor of its own, with `unread_events`, and a
    lost asset event is made up for by the next one.

    All triggers on one config.yaml share one query in each interval. The catalogue is asked in a thread, so that the
    triggerer goes on with its other triggers. An error is logged in each interval, and the trigger goes on: the
    database does not respond, or somebody is writing the config.yaml.

    Args:
        config: The absolute path of the config.yaml on the triggerer's machine, which also has the secrets.
        provider: The provider of the asset.
        dataset_type: The dataset type of the asset.
        asset: The name of the watched asset, whose state store keeps the position. None: the only asset that has this
            trigger.
        poll_interval: Seconds between two queries.
    """

    def __init__(
        self,
        config: str,
        provider: str,
        dataset_type: str,
        *,
        asset: str | None = None,
        poll_interval: float = 60.0,
    ) -> None:
        super().__init__()
        self.config = str(config)
        self.provider = provider
        self.dataset_type = dataset_type
        self.asset = asset
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what makes the same trigger again. It has no secrets."""
        names = ("config", "provider", "dataset_type", "asset", "poll_interval")
        return f"{__name__}.{type(self).__name__}", {name: getattr(self, name) for name in names}

    def shared_stream_key(self) -> Hashable:
        """Return the same key for all triggers on one config.yaml."""
        return "ingestify", os.path.realpath(self.config), self.poll_interval

    @classmethod
    async def open_shared_stream(cls, kwargs: dict[str, Any]) -> AsyncIterator[str]:
        """Yield the position of the end of the log, in each interval."""
        while True:
            try:
                yield await asyncio.to_thread(_find_end, kwargs["config"])
            except IngestifyError as error:
                logger.warning("The event log cannot be read; it is tried again. %s", error)
            await asyncio.sleep(kwargs["poll_interval"])

    async def filter_shared_stream(self, shared_stream: AsyncIterator[str]) -> AsyncIterator[TriggerEvent]:
        """Yield an event when something of the asset has changed."""
        kept = had = await self._find_kept()
        async for end in shared_stream:
            if had != kept:
                # Only now, an interval after the event, so that Airflow has stored the event before the position.
                await self._keep(had)
                kept = had
            if end != had:
                try:
                    had, is_changed = await asyncio.to_thread(self._look, had)
                except IngestifyError as error:
                    logger.warning("The event log cannot be read; it is tried again. %s", error)
                    continue
                if is_changed:
                    yield TriggerEvent({"position": had})

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Do the same alone, without other triggers."""
        async for event in self.filter_shared_stream(self.open_shared_stream(self.serialize()[1])):
            yield event

    def _look(self, after: str) -> tuple[str, bool]:
        """Return up to where the log is known now, and whether something of the asset changed."""
        from ingestify.orchestrators.assets import LakeAsset
        from ingestify.orchestrators.event_log import find_log_end, read_changes

        # The sources of the config.yaml are not looked at: they may be installed on the workers only.
        asset = LakeAsset(self.provider, self.dataset_type, (), (), None, terms={}, lake="", bucket="")
        while True:
            reading = read_changes(self.config, after, limit=_PAGE, assets=[asset])
            if reading.changes:
                # The task reads the rest, so one event is enough for all of it.
                return str(find_log_end(self.config)), True
            after = str(reading.position)
            if reading.is_at_end:
                return after, False

    async def _find_kept(self) -> str:
        store = self._state_store()
        kept = None if store is None else await store.aget(_KEY)
        return _BEGINNING if kept is None else str(kept)

    async def _keep(self, position: str) -> None:
        store = self._state_store()
        if store is not None:
            await store.aset(_KEY, position)

    def _state_store(self) -> Any:
        store = self.asset_state_store  # None: no asset has this trigger
        return store if store is None or self.asset is None else store[Asset.ref(name=self.asset)]


def _find_end(config: str) -> str:
    from ingestify.orchestrators.event_log import find_log_end

    return str(find_log_end(config))
