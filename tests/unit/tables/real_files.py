"""Datasets of real files: each with its feeds, and with kloppy's own function for the same files."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ingestify import DatasetResource, DraftFile, Source, debug_source
from ingestify.provider_formats.built_in import FORMATS

SAMPLES = "_samples/kloppy"


@dataclasses.dataclass(frozen=True, eq=False)
class Real:
    """A dataset.

    Attributes:
        count: How many records it has, by design; None: nobody counted.
        feeds: Feed to the file's path below the folder of real files.
        loader: The format; empty: that of the provider.
    """

    provider: str
    dataset_type: str
    name: str
    count: int | None
    feeds: dict[str, str]
    loader: str = ""

    def __str__(self) -> str:
        return f"{self.provider}-{self.dataset_type}-{self.name}"

    def load(self, folder: Path, **kwargs: Any) -> Any:
        """Load it with kloppy alone."""
        name = "metrica_csv" if "frames-home" in self.feeds else self.loader or self.provider
        one = FORMATS[name, self.dataset_type]
        module, _, function = one.function.partition(".")
        arguments = {
            feed.argument: (folder / self.feeds[feed.name]).read_bytes()
            for feed in one.feeds
            if feed.name in self.feeds
        }
        return getattr(importlib.import_module(f"kloppy.{module}"), function)(**arguments, **kwargs)


class _Files(Source):
    def __init__(self, real: Real, folder: Path) -> None:
        super().__init__("real")
        self.provider = real.provider
        self.loader = real.loader
        self._real, self._folder = real, folder

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        resource = DatasetResource({"match_id": self._real.name}, dataset_type, name=self._real.name)
        for feed, path in self._real.feeds.items():
            form = {"dat": "txt"}.get(path.rpartition(".")[2], path.rpartition(".")[2])
            resource.add_file(
                None,
                feed,
                file_loader=_read,
                loader_kwargs={"path": self._folder / path, "feed": feed, "form": form},
                data_serialization_format=form,
            )
        yield resource


def _read(file_resource, current_file, path, feed, form):
    return DraftFile.from_input(path.read_bytes(), feed, data_serialization_format=form)


@contextmanager
def in_a_lake(real: Real, folder: Path) -> Iterator[Any]:
    """The dataset in a lake in memory."""
    with debug_source(_Files(real, folder), dataset_type=real.dataset_type) as engine:
        (dataset,) = engine.list_datasets()
        yield dataset


_STATSBOMB = {15946: 3848, 18236: 4392, 3869685: 4549, 3847567: 3878, 3788741: 3911}
_WYSCOUT = {2499841: 1628, 2499719: 1809, 2500089: 1635, 2058017: 1510, 1694440: 2124, 2516739: 1649}
_SPORTEC = "sportec/datasets/pysport/idsse-data/resolve/main"
_SPORTEC_ENDING = "DFL-COM-000002_DFL-MAT-J03WPY.xml"
_METRICA = "metrica/data/Sample_Game_3/Sample_Game_3"
_IMPECT = f"{SAMPLES}/impect/impect"
_SKILLCORNER = "skillcorner-2020/data/matches/2417"


def _statsbomb(match_id: int, count: int) -> Real:
    folder = "statsbomb/data"
    feeds = {"events": f"{folder}/events/{match_id}.json", "lineups": f"{folder}/lineups/{match_id}.json"}
    if match_id == 3788741:
        feeds["360-frames"] = f"{folder}/three-sixty/{match_id}.json"
    return Real("statsbomb", "match", str(match_id), count, feeds)


EVENTS = [
    *(_statsbomb(match_id, count) for match_id, count in _STATSBOMB.items()),
    *(
        Real("wyscout", "match", str(match_id), count, {"events": f"wyscout/processed-v2/files/{match_id}.json"})
        for match_id, count in _WYSCOUT.items()
    ),
    Real(
        "sportec",
        "match",
        "J03WPY",
        1572,
        {
            "match": f"{_SPORTEC}/DFL_02_01_matchinformation_{_SPORTEC_ENDING}",
            "events": f"{_SPORTEC}/DFL_03_02_events_raw_{_SPORTEC_ENDING}",
        },
    ),
    Real("metrica", "match", "3", 3594, {"metadata": f"{_METRICA}_metadata.xml", "events": f"{_METRICA}_events.json"}),
    Real(
        "impect",
        "match",
        "1",
        None,
        {feed: f"{_IMPECT}_{feed}.json" for feed in ("events", "lineups", "squads", "players")},
    ),
    Real("opta", "match", "1", None, {"f7": f"{SAMPLES}/opta_f7.xml", "f24": f"{SAMPLES}/opta_f24.xml"}),
    Real("datafactory", "match", "1", None, {"events": f"{SAMPLES}/datafactory_events.json"}),
    Real(
        "statsperform",
        "match",
        "1",
        None,
        {"ma1": f"{SAMPLES}/statsperform_event_ma1.json", "ma3": f"{SAMPLES}/statsperform_event_ma3.json"},
    ),
    Real("wyscout", "match", "v3", None, {"events": f"{SAMPLES}/wyscout_events_v3.json"}),
]

TRACKING = [
    Real(
        "skillcorner",
        "tracking",
        "2417",
        34783,
        {"metadata": f"{_SKILLCORNER}/match_data.json", "frames": f"{_SKILLCORNER}/structured_data.json"},
    ),
    Real(
        "skillcorner",
        "tracking",
        "sample",
        None,
        {"metadata": f"{SAMPLES}/skillcorner_meta_data.json", "frames": f"{SAMPLES}/skillcorner_v3_raw_data.jsonl"},
    ),
    Real(
        "sportec",
        "tracking",
        "sample",
        None,
        {"metadata": f"{SAMPLES}/sportec_meta.xml", "frames": f"{SAMPLES}/sportec_positional.xml"},
    ),
    Real(
        "sportec",
        "tracking",
        "with-referee",
        None,
        {"metadata": f"{SAMPLES}/sportec_meta.xml", "frames": f"{SAMPLES}/sportec_positional_w_referee.xml"},
    ),
    Real(
        "metrica",
        "tracking",
        "sample",
        None,
        {"metadata": f"{SAMPLES}/epts_metrica_metadata.xml", "frames": f"{SAMPLES}/epts_metrica_tracking.txt"},
    ),
    Real(
        "metrica",
        "tracking",
        "csv",
        None,
        {"frames-home": f"{SAMPLES}/metrica_home.csv", "frames-away": f"{SAMPLES}/metrica_away.csv"},
    ),
    Real(
        "tracab",
        "tracking",
        "sample",
        None,
        {"metadata": f"{SAMPLES}/tracab_meta.xml", "frames": f"{SAMPLES}/tracab_raw.dat"},
    ),
    Real(
        "secondspectrum",
        "tracking",
        "sample",
        None,
        {
            "metadata": f"{SAMPLES}/second_spectrum_fake_metadata.xml",
            "frames": f"{SAMPLES}/second_spectrum_fake_data.jsonl",
        },
    ),
    Real(
        "pff",
        "tracking",
        "3812",
        None,
        {
            "metadata": f"{SAMPLES}/pff_metadata_3812.json",
            "rosters": f"{SAMPLES}/pff_rosters_3812.json",
            "frames": f"{SAMPLES}/pff_3812.jsonl",
        },
    ),
    Real(
        "statsperform",
        "tracking",
        "sample",
        None,
        {"ma1": f"{SAMPLES}/statsperform_tracking_ma1.json", "ma25": f"{SAMPLES}/statsperform_tracking_ma25.txt"},
    ),
]
