"""Keeps a Parquet file for each match: what rabbitmq_to_parquet.py and kafka_to_parquet.py do with an event.

The files are `provider=statsbomb/competition_id=43/season_id=106/match_id=3869685/events.parquet`, below a folder.
DuckDB reads them as one table, with these keys: `read_parquet('FOLDER/**/events.parquet', union_by_name=true)`.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import polars as pl

from ingestify.consume import ConsumedEvent, Lake, Seen
from ingestify.errors import DatasetNotFound

__all__ = ["MatchParquet", "arguments_of", "when_asked_to_stop"]

logger = logging.getLogger("match_parquet")


class MatchParquet:
    """The Parquet files of a lake's matches.

    Args:
        lake: Where the matches are read.
        folder: Where the files are written.
        seen: Says which events were handled already.
        is_raw: Write the provider's own columns, which can differ between matches; else kloppy's.
    """

    def __init__(self, lake: Lake, folder: Path, seen: Seen, *, is_raw: bool = False) -> None:
        self._lake = lake
        self._folder = folder
        self._seen = seen
        self._is_raw = is_raw

    def handle(self, event: ConsumedEvent) -> None:
        """Write or remove the file of an event's match. When it returns, that is durable: acknowledge the message.

        Raises:
            LoadError: The match cannot be made into a table. It would fail again.
            StoreError: The lake cannot be read at the moment.
            OSError: The file cannot be written.
        """
        if event in self._seen:
            logger.info("repeat: %s", event)
            return
        path = self._path_of(event)
        if event.event_type == "revision_added" and event.dataset_type == "match":
            try:
                write_durably(self._frame_of(event), path)
                logger.info("written: %s", path)
            except DatasetNotFound as error:  # its dataset_deleted is on its way
                logger.info("%s", error)
        elif event.event_type == "dataset_deleted":
            path.unlink(missing_ok=True)
            logger.info("removed: %s", path)
        self._seen.add(event)

    def _frame_of(self, event: ConsumedEvent) -> pl.DataFrame:
        dataset = self._lake.load(event)
        if self._is_raw:
            return dataset.to_polars("events")
        frame: pl.DataFrame = self._lake.load_dataset_with_kloppy(dataset).to_df(engine="polars")
        return frame

    def _path_of(self, event: ConsumedEvent) -> Path:
        keys: Mapping[str, Any] = {"provider": event.provider, **event.identifier}
        # Quoted, as a provider's key could be a path of its own.
        parts = [f"{quote(key, safe='')}={quote(str(value), safe='')}" for key, value in keys.items()]
        return self._folder.joinpath(*parts, "events.parquet")


def write_durably(frame: pl.DataFrame, path: Path) -> None:
    """Write a file so that a reader sees the old one or the new one, and a power cut takes neither away."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            frame.write_parquet(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


def when_asked_to_stop() -> threading.Event:
    """Return what is set by SIGTERM and Ctrl-C, so that the message in hand is finished first."""
    asked = threading.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: asked.set())
    return asked


def arguments_of(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Read the command line, with the options that both workers have, and let the log go to stderr."""
    parser.add_argument("--lake", required=True, help="the config.yaml, or the folder, of the lake")
    parser.add_argument("--out", required=True, type=Path, help="the folder of the Parquet files")
    parser.add_argument("--raw", action="store_true", help="write the provider's own columns, not kloppy's")
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    logging.getLogger("pika").setLevel(logging.WARNING)
    return parser.parse_args()
