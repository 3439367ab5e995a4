"""Files of each format that kloppy reads, delivered to a folder, come out of the lake as kloppy itself reads them."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestify import IngestionPlan, get_engine
from ingestify.errors import LoadError
from ingestify.loaders.kloppy_bounds import KloppyBounds
from ingestify.sources.files.source import FilesSource
from tests.end_to_end.test_sources_without_code import configuration

kloppy = pytest.importorskip("kloppy", reason="the extra kloppy is not installed")

from kloppy import (  # noqa: E402 - only if it is there
    datafactory,
    impect,
    metrica,
    opta,
    pff,
    secondspectrum,
    signality,
    skillcorner,
    sportec,
    statsperform,
    tracab,
    wyscout,
)

pytestmark = pytest.mark.filterwarnings("ignore")

MATCH, TRACKING = "match", "tracking"
K, S = "kloppy/", "socceraction/"


def signality_load(meta_data: str, venue_information: str, frames_1: str, frames_2: str) -> Any:
    return signality.load(meta_data=meta_data, raw_data_feeds=[frames_1, frames_2], venue_information=venue_information)


# loader, dataset type, feed to sample, and kloppy's own function of the same files in the same order.
LOADS: list[tuple[str, str, dict[str, str], Callable[..., Any]]] = [
    ("datafactory", MATCH, {"events": K + "datafactory_events.json"}, datafactory.load),
    *(
        (
            "metrica",
            TRACKING,
            {"metadata": f"{K}epts_metrica_metadata{kind}.xml", "frames": f"{K}epts_metrica_tracking{values}.txt"},
            metrica.load_tracking_epts,
        )
        for kind in ("", "_unused_sensor", "_without_score")
        for values in ("", "_with_empty_values")
    ),
    (
        "metrica_csv",
        TRACKING,
        {"frames-home": K + "metrica_home.csv", "frames-away": K + "metrica_away.csv"},
        metrica.load_tracking_csv,
    ),
    (
        "impect",
        MATCH,
        {f"{feed}": f"{K}impect/impect_{feed}.json" for feed in ("events", "lineups", "squads", "players")},
        lambda *paths: impect.load(**dict(zip(_IMPECT, paths, strict=True))),
    ),
    ("opta", MATCH, {"f7": K + "opta_f7.xml", "f24": K + "opta_f24.xml"}, opta.load),
    ("opta", MATCH, {"f7": K + "opta_f7.xml", "f73": K + "opta_f73.xml"}, opta.load),
    (
        "opta",
        MATCH,
        {
            "f7": S + "opta/f7-23-2018-1009316-matchresults.xml",
            "f24": S + "opta/f24-23-2018-1009316-eventdetails.xml",
        },
        opta.load,
    ),
    *(
        (
            "pff",
            TRACKING,
            {
                "metadata": f"{K}pff_metadata_{game}.json",
                "rosters": f"{K}pff_rosters_{game}.json",
                "frames": f"{K}pff_{game}.jsonl",
            },
            pff.load_tracking,
        )
        for game in (10517, 3812)
    ),
    (
        "secondspectrum",
        TRACKING,
        {"metadata": K + "second_spectrum_fake_metadata.xml", "frames": K + "second_spectrum_fake_data.jsonl"},
        secondspectrum.load,
    ),
    (
        "secondspectrum",
        TRACKING,
        {
            "metadata": K + "second_spectrum_fake_metadata.xml",
            "frames": K + "second_spectrum_fake_data.jsonl",
            "additional-metadata": K + "second_spectrum_fake_metadata.json",
        },
        secondspectrum.load,
    ),
    (
        "signality",
        TRACKING,
        {
            "metadata": K + "signality_meta_data.json",
            "venue": K + "signality_venue_information.json",
            "frames-1": K + "signality_p1_raw_data_subset.json",
            "frames-2": K + "signality_p2_raw_data_subset.json",
        },
        signality_load,
    ),
    (
        "skillcorner",
        TRACKING,
        {"metadata": K + "skillcorner_meta_data.json", "frames": K + "skillcorner_v3_raw_data.jsonl"},
        skillcorner.load,
    ),
    (
        "sportec",
        MATCH,
        {"events": K + "sportec_events.xml", "match": K + "sportec_meta.xml"},
        sportec.load_event,
    ),
    *(
        (
            "sportec",
            TRACKING,
            {"metadata": K + "sportec_meta.xml", "frames": f"{K}sportec_positional{kind}.xml"},
            sportec.load_tracking,
        )
        for kind in ("", "_w_referee")
    ),
    *(
        (
            "statsperform",
            MATCH,
            {"ma1": f"{K}statsperform_event_ma1.{form}", "ma3": K + "statsperform_event_ma3.json"},
            statsperform.load_event,
        )
        for form in ("json", "xml")
    ),
    *(
        (
            "statsperform",
            TRACKING,
            {"ma1": f"{K}statsperform_tracking_ma1.{form}", "ma25": K + "statsperform_tracking_ma25.txt"},
            statsperform.load_tracking,
        )
        for form in ("json", "xml")
    ),
    *(
        ("tracab", TRACKING, {"metadata": f"{K}tracab_meta{kind}", "frames": f"{K}tracab_raw.{form}"}, tracab.load)
        for kind, form in [
            *((kind, "dat") for kind in (".json", ".xml", "_2.xml", "_3.xml", "_4.xml")),
            *((kind, "json") for kind in (".json", ".xml", "_4.xml")),
        ]
    ),
    ("wyscout", MATCH, {"events": K + "wyscout_events_v2.json"}, wyscout.load),
    ("wyscout", MATCH, {"events": K + "wyscout_events_v3.json"}, wyscout.load),
    ("wyscout", MATCH, {"events": S + "wyscout_api/events_2852835.json"}, wyscout.load),
]

_IMPECT = ("event_data", "lineup_data", "squads_data", "players_data")

# What kloppy cannot read: the same, and what is said then.
REFUSED: list[tuple[str, str, dict[str, str], str]] = [
    (
        "hawkeye",
        TRACKING,
        {"ball-1-1": K + "hawkeye_1_1.football.samples.ball", "metadata": K + "hawkeye_meta.json"},
        "There is no file of the feed 'centroids'; the files are: ball-1-1__v1, metadata__v1",
    ),
    (
        "hawkeye",
        TRACKING,
        {"ball-1-1": K + "hawkeye_1_1.football.samples.ball", "metadata": K + "hawkeye_meta.xml"},
        "There is no file of the feed 'centroids'",
    ),
    (
        "secondspectrum",
        TRACKING,
        {"metadata": K + "second_spectrum_fake_metadata.json", "frames": K + "second_spectrum_fake_data.jsonl"},
        "KeyError: 'startFrameIdx'",
    ),
    (
        "skillcorner",
        TRACKING,
        {"metadata": K + "skillcorner_match_data.json", "frames": K + "skillcorner_v3_raw_data.jsonl"},
        "KeyError: '76'",
    ),
    (
        "statsperform",
        MATCH,
        {"ma1": S + "opta/ma1_408bfjw6uz5k19zk4am50ykmh.json", "ma3": K + "statsperform_event_ma3.json"},
        "its files are of several matches",
    ),
    *(
        (
            "tracab",
            TRACKING,
            {"metadata": f"{K}tracab_meta{kind}.xml", "frames": K + "tracab_raw.json"},
            "DeserializationError: Player not found for player jersey no 9",
        )
        for kind in ("_2", "_3")
    ),
]


def names(case: Any) -> str:
    return f"{case[0]}: " + ", ".join(path.rpartition("/")[2] for path in case[2].values())


@pytest.fixture
def samples(provider_data: Path) -> Path:
    return provider_data / "_samples"


@pytest.fixture(autouse=True)
def without_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # kloppy's, of samples that were cut
        yield


def delivered(folder: Path, loader: str, dataset_type: str, files: dict[str, Path]) -> Path:
    """Bring files in from a folder, and return where the lake is."""
    (folder / "in").mkdir()
    for feed, path in files.items():
        shutil.copyfile(path, folder / "in" / f"77_{feed}{path.suffix}")
    source = FilesSource(
        "deliveries",
        provider="club",
        location=str(folder / "in"),
        pattern="{match_id}_{data_feed_key}.{data_serialization_format}",
        dataset_type=dataset_type,
        loader=loader,
        settle_seconds=0,
    )
    lake = folder / "lake"
    with get_engine(metadata_url=f"sqlite:///{lake}/catalog.db", file_url=f"file://{lake}/files") as engine:
        engine.add_ingestion_plan(IngestionPlan(source, dataset_type))
        engine.load()
    return lake


@pytest.mark.sampled(3)
@pytest.mark.parametrize("case", LOADS, ids=names)
def test_a_sample_comes_out_of_the_lake_as_kloppy_reads_it(samples: Path, tmp_path: Path, case: Any) -> None:
    loader, dataset_type, feeds, load = case
    paths = {feed: samples / path for feed, path in feeds.items()}
    lake = delivered(tmp_path, loader, dataset_type, paths)
    # Nobody tells this engine of sources: what the lake has must do.
    with get_engine(metadata_url=f"sqlite:///{lake}/catalog.db", file_url=f"file://{lake}/files") as engine:
        (dataset,) = engine.list_datasets()
        assert (str(dataset.state), dataset.provider, dataset.loader) == ("COMPLETE", "club", loader)
        found = engine.load_dataset_with_kloppy(dataset)
    own = load(*(str(path) for path in paths.values()))
    assert len(found.records) == len(own.records) > 0
    assert _ids(found) == _ids(own)
    assert found.metadata.provider == own.metadata.provider
    assert found.metadata.attributes["identifier"] == {"match_id": "77"}


def _ids(loaded: Any) -> list[Any]:
    return [getattr(one, "event_id", None) or one.frame_id for one in loaded.records]


@pytest.mark.parametrize("case", REFUSED, ids=names)
def test_a_sample_that_kloppy_cannot_read_says_why(samples: Path, tmp_path: Path, case: Any) -> None:
    loader, dataset_type, feeds, message = case
    lake = delivered(tmp_path, loader, dataset_type, {feed: samples / path for feed, path in feeds.items()})
    with get_engine(metadata_url=f"sqlite:///{lake}/catalog.db", file_url=f"file://{lake}/files") as engine:
        datasets = engine.list_datasets()
        if not datasets:
            (entry,) = engine.store.quarantine.list_entries()
            assert message in entry.reasons[0]
            return
        with pytest.raises(LoadError) as raised:
            engine.load_dataset_with_kloppy(datasets[0])
    assert message in str(raised.value)


def test_each_sample_is_among_them(samples: Path) -> None:
    there = {str(path.relative_to(samples)) for path in samples.rglob("*") if path.is_file()}
    used = {path for _, _, feeds, _ in [*LOADS, *REFUSED] for path in feeds.values()}
    # What lists matches, and not what happened in one.
    indexes = {S + "opta/tournament-2017-8.json"} | {
        f"{S}wyscout_api/{name}.json" for name in ("competitions", "matches_10174", "seasons_1495")
    }
    assert there == used | indexes


NAMES = {
    "opta/f7-23-2018-1009316-matchresults.xml": S + "opta/f7-23-2018-1009316-matchresults.xml",
    "opta/f24-23-2018-1009316-eventdetails.xml": S + "opta/f24-23-2018-1009316-eventdetails.xml",
    "statsperform/71_ma1.json": K + "statsperform_event_ma1.json",
    "statsperform/71_ma3.json": K + "statsperform_event_ma3.json",
    "tracab/12_metadata.xml": K + "tracab_meta.xml",
    "tracab/12.dat": K + "tracab_raw.dat",
    "hawkeye/14_1_1.football.samples.ball": K + "hawkeye_1_1.football.samples.ball",
    "hawkeye/14_meta.json": K + "hawkeye_meta.json",
    "signality/9_p1_raw_data.json": K + "signality_p1_raw_data_subset.json",
    "signality/9_p2_raw_data.json": K + "signality_p2_raw_data_subset.json",
    "signality/9_venue_information.json": K + "signality_venue_information.json",
    "signality/9_meta_data.json": K + "signality_meta_data.json",
    "pff/3812.jsonl": K + "pff_3812.jsonl",
    "pff/metadata/3812.json": K + "pff_metadata_3812.json",
    "pff/rosters/3812.json": K + "pff_rosters_3812.json",
}


def test_the_configuration_of_the_docs_reads_files_as_providers_name_them(samples: Path, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(configuration("formats.md", "folders"))
    for name, sample in NAMES.items():
        target = tmp_path / "deliveries" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(samples / sample, target)  # with its time: it was not written just now
    with get_engine(tmp_path / "config.yaml") as engine:
        engine.load()
        found = {dataset.loader: dataset for dataset in engine.list_datasets()}
        counts = {
            loader: len(engine.load_dataset_with_kloppy(dataset).records)
            for loader, dataset in found.items()
            if dataset.is_complete
        }
    assert counts == {"opta": 1621, "statsperform": 1643, "tracab": 7, "signality": 10, "pff": 100}
    assert found["opta"].identifier == {"competition_id": "23", "season_id": "2018", "match_id": "1009316"}
    assert sorted(found["hawkeye"].files) == ["ball-1-1__v1", "metadata__v1"]
    assert (str(found["hawkeye"].state), found["hawkeye"].missing_feeds) == ("PARTIAL", ("centroids|centroids-*",))


def test_a_check_that_loads_with_kloppy_knows_the_format(samples: Path, tmp_path: Path) -> None:
    for feed, path in {
        "f7": S + "opta/f7-23-2018-1009316-matchresults.xml",
        "f24": S + "opta/f24-23-2018-1009316-eventdetails.xml",
    }.items():
        shutil.copy2(samples / path, tmp_path / f"77_{feed}.xml")
    source = FilesSource(
        "deliveries",
        provider="club",
        location=str(tmp_path),
        pattern="{match_id}_{data_feed_key}.xml",
        loader="opta",
        settle_seconds=0,
    )
    source.bundle_checks = (KloppyBounds(shots=[500, 600], goals=None),)
    with get_engine(metadata_url="sqlite:///:memory:", file_url="memory://") as engine:
        engine.add_ingestion_plan(IngestionPlan(source, MATCH))
        engine.load()
        (entry,) = engine.store.quarantine.list_entries()
    assert entry.reasons == ("kloppy finds 28 shots; 500 to 600 are believable",)
