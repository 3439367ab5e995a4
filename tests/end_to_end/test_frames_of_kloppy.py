"""kloppy's frames of many matches in one, compared with the slow way: each alone, and a diagonal concatenation."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas
import polars
import pytest
from polars.testing import assert_frame_equal

from ingestify import DatasetResource, DraftFile, IngestionEngine, IngestionPlan, Source, get_engine
from ingestify.errors import LoadError
from ingestify.store.reading import kloppy_frames
from tests.end_to_end.test_formats_from_deliveries import LOADS, MATCH, REFUSED, TRACKING
from tests.support.sizes import sample_and_rest

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # kloppy's, of samples that were cut

SPORTEC = "sportec/datasets/pysport/idsse-data/resolve/main/DFL_0"
GAME = "metrica/data/Sample_Game_3/Sample_Game_3_"
REAL: list[tuple[str, str, dict[str, str]]] = [
    *(
        (
            "statsbomb",
            MATCH,
            {feed: f"statsbomb/data/{feed}/{match_id}.json" for feed in ("events", "lineups")},
        )
        for match_id in (15946, 3847567)
    ),
    *(("wyscout", MATCH, {"events": f"wyscout/processed-v2/files/{one}.json"}) for one in (2499841, 1694440)),
    (
        "sportec",
        MATCH,
        {
            "events": SPORTEC + "3_02_events_raw_DFL-COM-000002_DFL-MAT-J03WPY.xml",
            "match": SPORTEC + "2_01_matchinformation_DFL-COM-000002_DFL-MAT-J03WPY.xml",
        },
    ),
    ("metrica", MATCH, {"events": GAME + "events.json", "metadata": GAME + "metadata.xml"}),
]


class Files(Source):
    """Files of one format, as datasets of a provider with the format's name."""

    provider = "any"

    def __init__(self, loader: str, dataset_type: str, datasets: list[dict[str, Path]]) -> None:
        super().__init__(f"{loader}-{dataset_type}")
        self.provider, self.loader, self.datasets = loader, loader, datasets

    def read(self, file_resource: Any, current_file: Any, path: Path) -> DraftFile:
        return DraftFile.from_input(
            path.read_bytes(), file_resource.data_feed_key, data_serialization_format=path.suffix[1:]
        )

    def find_datasets(
        self, dataset_type: str, data_spec_versions: Any, dataset_collection_metadata: Any, **_: Any
    ) -> Iterator[DatasetResource]:
        for number, files in enumerate(self.datasets, start=1):
            resource = DatasetResource({"match_id": number}, dataset_type, name=f"{self.name} {number}")
            for feed, path in files.items():
                resource.add_file(None, feed, file_loader=self.read, loader_kwargs={"path": path})
            yield resource


@pytest.fixture(scope="module")
def engine(provider_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[IngestionEngine]:
    """A lake with all files that kloppy reads, and those that it refuses, in datasets of their formats."""
    samples = "_samples/"
    cases = [
        *REAL,
        *((one[0], one[1], {feed: samples + path for feed, path in one[2].items()}) for one in [*LOADS, *REFUSED]),
    ]
    lake = tmp_path_factory.mktemp("lake")
    with get_engine(metadata_url=f"sqlite:///{lake}/catalog.db", file_url=f"file://{lake}/files") as engine:
        for (loader, dataset_type), group in itertools.groupby(sorted(cases, key=kind), key=kind):
            datasets = [{feed: provider_data / path for feed, path in files.items()} for _, _, files in group]
            engine.add_ingestion_plan(IngestionPlan(Files(loader, dataset_type, datasets), dataset_type))
        engine.load()
        yield engine


def kind(case: tuple[Any, ...]) -> tuple[str, str]:
    return case[0], case[1]


@pytest.fixture(scope="module", autouse=True)
def _one_process() -> Iterator[None]:
    """Make the frames here: processes have tests of their own, and each imports for a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kloppy_frames, "_PROCESSES", 1)
        yield


@pytest.fixture(scope="module")
def alone(engine: IngestionEngine) -> dict[str, Any]:
    """Each dataset to what kloppy makes of it, or to why it makes nothing."""
    loaded: dict[str, Any] = {}
    for dataset in engine.list_datasets():
        try:
            loaded[dataset.dataset_id] = engine.load_dataset_with_kloppy(dataset)
        except LoadError as error:
            loaded[dataset.dataset_id] = error
    return loaded


def one_by_one(datasets: list[Any], alone: dict[str, Any], library: str) -> list[Any]:
    """Each dataset's frame with its keys in front."""
    frames = []
    for dataset in datasets:
        frame = frame_of(alone[dataset.dataset_id], library)
        own = {**dataset.identifier, "provider": dataset.provider, "revision": dataset.revisions[-1].revision_id}
        if library == "polars":
            frames.append(frame.select(*(polars.lit(value).alias(name) for name, value in own.items()), polars.all()))
        else:
            frames.append(frame.assign(**own)[[*own, *frame.columns]])
    return frames


def frame_of(loaded: Any, library: str) -> Any:
    try:
        return loaded.to_df(engine=library)
    except TypeError:  # whole numbers and fractions, or numbers and text, in one column
        return polars.from_dict(loaded.to_dict(orient="list"), strict=False)


OWN_TYPES = "secondspectrum"  # its ball has a list of speeds


@pytest.mark.parametrize(("dataset_type", "is_chosen"), [(MATCH, True), (TRACKING, False), (TRACKING, True)])
def test_the_frames_of_all_formats_are_those_one_by_one(
    engine: IngestionEngine,
    alone: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
    dataset_type: str,
    is_chosen: bool,
) -> None:
    datasets = engine.list_datasets(dataset_type=dataset_type)
    if dataset_type == TRACKING:
        datasets[:] = [one for one in datasets if (one.provider == OWN_TYPES) == is_chosen]
    failed = [one for one in datasets if isinstance(alone[one.dataset_id], LoadError)]
    read = [one for one in datasets if one not in failed]
    caplog.clear()
    together = datasets.to_polars(kloppy=True)
    slow = polars.concat(one_by_one(read, alone, "polars"), how="diagonal_relaxed")
    if "provider" not in together.columns:  # there is only one
        slow = slow.drop("provider")
    assert together.columns == slow.columns
    numbers = {"match_id": polars.Int64, "revision": polars.Int64}  # a literal of polars is Int32
    assert together.schema == {**slow.schema, **numbers}
    assert_frame_equal(together, slow.cast(numbers), check_exact=True)
    warning = next((one for one in caplog.messages if "kloppy cannot read them" in one), "")
    assert bool(failed) == (f"cannot read them: {len(failed)} of {len(datasets)} " in warning)
    for dataset in failed:
        assert str(dataset) in warning
        assert str(alone[dataset.dataset_id]).rstrip(".") in warning


def test_types_of_formats_that_do_not_go_together_are_an_error(engine: IngestionEngine) -> None:
    listed = engine.list_datasets(dataset_type=TRACKING)
    listed[:] = [one for one in listed if one.provider in ("sportec", OWN_TYPES)]
    said = r"'ball_speed' is .*Float64.* in .*/tracking/.* and .*Float64.* in .*/tracking/.*do not go together"
    with pytest.raises(LoadError, match=said):
        listed.to_polars(kloppy=True)


@pytest.mark.parametrize(
    "filters",
    sample_and_rest([{"provider": "tracab"}], [{"dataset_type": MATCH, "where": "name != 'statsbomb-match 1'"}]),
    ids=["one provider", "all matches"],
)
def test_pandas_has_the_same_values(engine: IngestionEngine, alone: dict[str, Any], filters: dict[str, str]) -> None:
    datasets = [one for one in engine.list_datasets(**filters) if not isinstance(alone[one.dataset_id], LoadError)]
    together = engine.to_pandas(kloppy=True, **filters)
    slow = pandas.concat(one_by_one(datasets, alone, "pandas"), ignore_index=True)
    if "provider" in filters:
        slow = slow.drop(columns="provider")
    assert list(together.columns) == list(slow.columns)
    assert plain(together) == plain(slow)
    if "provider" not in filters:
        assert str(together["end_timestamp"].dtype).startswith("timedelta"), "although Wyscout's matches have none"


def plain(frame: pandas.DataFrame) -> list[list[Any]]:
    return [[None if pandas.isna(one) else one for one in row] for row in frame.astype(object).to_numpy().tolist()]


def test_arguments_go_to_kloppy(engine: IngestionEngine) -> None:
    listed = engine.list_datasets(provider="tracab")
    assert set(listed.to_polars(kloppy={"limit": 5}).group_by("match_id").len()["len"]) == {5}
    with pytest.raises(TypeError, match="unexpected keyword argument 'limits'; did you mean 'limit'"):
        engine.to_pandas(kloppy={"limits": 5}, provider="tracab")
