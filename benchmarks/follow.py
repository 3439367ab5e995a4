"""What one look of `engine.follow` costs: a match of the size of StatsBomb's, of which the last minute is new.

The base of the ratios is `json.loads` of both revisions, which a reader of its own cannot do without.
"""

from __future__ import annotations

import datetime as dt
import json
import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

from setting import table

from ingestify import DatasetResource, IngestionEngine, Source, get_dev_engine
from ingestify.sources.statsbomb_records import RECORD_KEYS
from ingestify.testing.provider_state import _rekey
from ingestify.testing.season import Season, as_json

ROUNDS = 7


class Growing(Source):
    """Serves one match, whose events change."""

    provider = "statsbomb"
    record_keys = RECORD_KEYS
    events: Any = ()
    version = 0

    def find_datasets(self, dataset_type: str) -> Iterator[DatasetResource]:
        """Yield the match."""
        match = DatasetResource({"match_id": 1}, dataset_type, self.provider)
        moment = dt.datetime(2026, 1, 1) + dt.timedelta(minutes=self.version)
        yield match.add_file(moment, "events", json_content=self.events)


def seconds(act: Callable[[], object]) -> float:
    """The median of some rounds, of CPU."""
    taken = []
    for _ in range(ROUNDS):
        began = time.process_time()
        act()
        taken.append(time.process_time() - began)
    return statistics.median(taken)


def peak(act: Callable[[], object]) -> float:
    """The most memory that Python objects took, in MB."""
    tracemalloc.start()
    act()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most / 1e6


def one_look(engine: IngestionEngine, base: int, revision: int) -> None:
    """Compare two revisions as a follower does, and give the first line."""
    next(engine.follow(engine.get_dataset(match_id=1), after=f"{base}:{revision}:0"))


def main() -> None:
    """Print a table."""
    season = Season(matches=1, events_per_match=6700, matches_with_360=0)
    whole = json.loads(season.events(season.matches[0].match_id))
    before = [event for event in whole if event["minute"] < 89]
    rekeyed = json.loads(as_json(whole))
    _rekey(rekeyed)
    source = Growing("growing")
    texts = []
    with get_dev_engine(source, "match") as engine:
        for version, events in enumerate((before, whole, rekeyed)):
            source.events, source.version = events, version
            engine.run()
            texts.append(as_json(events))
        base = seconds(lambda: [json.loads(text) for text in texts[:2]])
        base_memory = peak(lambda: [json.loads(text) for text in texts[:2]])
        log = engine.store.catalogue.event_log
        cases: list[tuple[str, Callable[[], object]]] = [
            ("`json.loads` of both revisions", lambda: [json.loads(text) for text in texts[:2]]),
            ("a look, with one minute more", lambda: one_look(engine, 0, 1)),
            ("a look, with new ids for all events", lambda: one_look(engine, 1, 2)),
            ("a query between two looks", log.get_last_position),
        ]
        rows = []
        for what, act in cases:
            took = seconds(act)
            rows.append([what, f"{took * 1000:.1f} ms", f"{took / base:.2g} ×", f"{peak(act) / base_memory:.2g} ×"])
    table(f"Two revisions of {len(texts[1]) / 1e6:.1f} MB, {len(whole):,} events", ["", "CPU", "", "peak memory"], rows)
    print(f"\nPeak memory of `json.loads` of both: {base_memory:.0f} MB")


if __name__ == "__main__":
    main()
