from __future__ import annotations

import datetime as dt
import decimal
import pickle
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from ingestify import DatasetResource, Source, debug_source
from ingestify.errors import ConfigurationError, StoreError
from ingestify.tables.column_types import own_types
from ingestify.tables.definition import TableDefinition
from ingestify.tables.make_rows import make_rows

from .reading import frame_of, made

RETURNED: dict[str, Any] = {}
"""What the user's functions of these tests return, by match id; an exception is raised."""


def of_files(files, dataset):
    value = RETURNED[str(dataset.identifier["match_id"])]
    if isinstance(value, Exception):
        raise value
    return value(files) if callable(value) else value


def counted(files, dataset):
    return pl.DataFrame({"n": [files["events"].json()["n"]]})


OWN = TableDefinition("own", f"{__name__}:of_files")


class Matches(Source):
    """Matches whose ids are of several types."""

    provider = "fake"

    def __init__(self, *identifiers: dict[str, Any]) -> None:
        super().__init__("fake")
        self._identifiers = identifiers

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        for identifier in self._identifiers:
            yield DatasetResource(identifier, dataset_type, name="a match").add_file(
                None, "events", json_content={"n": 1}
            )


def rows_of(value: Any, identifier: dict[str, Any] | None = None) -> Any:
    """The rows of one match for which a user's function returns a value."""
    identifier = identifier or {"match_id": 12}
    RETURNED[str(identifier["match_id"])] = value
    with debug_source(Matches(identifier), dataset_type="match") as engine:
        (dataset,) = engine.list_datasets()
        return make_rows(dataset, [OWN])["own"]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(pl.DataFrame({"n": [1, 2]}), id="polars"),
        pytest.param(pl.LazyFrame({"n": [1, 2]}), id="lazy"),
        pytest.param(pd.DataFrame({"n": [1, 2]}, index=[7, 8]), id="pandas"),
        pytest.param(pa.table({"n": [1, 2]}), id="arrow"),
        pytest.param(lambda files: iter([pl.DataFrame({"n": [1]}), pa.table({"n": [2]})]), id="iterator"),
    ],
)
def test_a_users_function_returns_a_frame_of_any_library_and_each_row_says_of_which_dataset_it_is(value):
    frame = frame_of(rows_of(value))
    assert set(frame.columns) == {"match_id", "n", *own_types()}
    assert frame["n"].to_list() == [1, 2]
    assert frame.drop("dataset_id", "lake_updated_at", "n").unique().rows() == [("fake", "match", 12, 0)]


def test_each_frame_of_an_iterator_is_encoded_before_the_next_one_is_made():
    alive: list[int] = []

    def yield_frames(files):
        for number in range(3):
            alive.append(number)
            yield pl.DataFrame({"n": [number]})

    rows = rows_of(yield_frames)
    assert (len(rows.frames), rows.height) == (3, 3)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (None, "returned None; it must return a frame of polars, pandas or Arrow"),
        ({"n": [1]}, "returned an object of the type dict"),
        ([pl.DataFrame()], "returned an object of the type list"),
        (pd.Series([1]), "returned an object of the type Series"),
        (KeyError("shots"), "KeyError: 'shots'"),
        (pl.DataFrame({"revision": [1]}), "a column 'revision', which each table has already"),
        (pl.DataFrame({"lake_updated_at": [1]}), "a column 'lake_updated_at', which each table has already"),
        (ValueError("half of a smile: \ud83d"), r"half of a smile: \ud83d"),
    ],
)
def test_what_a_function_does_wrong_is_the_problem_of_its_dataset_only(value, problem):
    rows = rows_of(value)
    assert problem in rows.problem
    assert (rows.frames, rows.height) == ([], 0)


def test_the_other_tables_of_the_dataset_have_their_rows():
    RETURNED["12"] = KeyError("shots")
    with debug_source(Matches({"match_id": 12}), dataset_type="match") as engine:
        (dataset,) = engine.list_datasets()
        rows = make_rows(dataset, [OWN, TableDefinition("counted", f"{__name__}.counted")])
    assert rows["own"].problem
    assert frame_of(rows["counted"])["n"].to_list() == [1]


def test_a_lake_that_cannot_be_read_is_no_problem_of_a_dataset():
    with pytest.raises(StoreError):
        rows_of(StoreError("the server is gone"))


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("nowhere:function", "'nowhere:function' of the table 'own' cannot be imported: ModuleNotFoundError"),
        (f"{__name__}:nothing", "cannot be imported: AttributeError"),
        (f"{__name__}:RETURNED", "it must be a function"),
        ("function", "write package.module:function"),
    ],
)
def test_a_function_that_is_missing_is_named(path, said):
    with debug_source(Matches({"match_id": 12}), dataset_type="match") as engine:
        (dataset,) = engine.list_datasets()
        with pytest.raises(ConfigurationError, match=said):
            make_rows(dataset, [TableDefinition("own", path)])


def test_keys_have_their_own_types_and_a_column_of_the_table_keeps_its_name():
    keys = {"match_id": 12, "season": "2024/25", "n": 5, "provider": "x", "share": 0.5, "is_cup": True, "none": None}
    frame = frame_of(rows_of(pl.DataFrame({"n": [1]}), keys))
    assert dict(frame.schema) == {
        "provider": pl.String,
        "dataset_type": pl.String,
        "match_id": pl.Int64,
        "season": pl.String,
        "identifier.n": pl.Int64,
        "identifier.provider": pl.String,
        "share": pl.Float64,
        "is_cup": pl.Boolean,
        "dataset_id": pl.String,
        "revision": pl.Int64,
        "lake_updated_at": pl.Datetime("us", "UTC"),
        "n": pl.Int64,
    }
    assert frame["identifier.n"].to_list() == [5]


def test_a_number_that_no_column_holds_is_text():
    assert frame_of(rows_of(pl.DataFrame({"n": [1]}), {"match_id": 2**70}))["match_id"].to_list() == [str(2**70)]


def test_columns_have_types_that_every_engine_reads():
    moment = dt.datetime(2024, 5, 1, 12)
    frame = pl.DataFrame(
        {
            "small": pl.Series([1, None], dtype=pl.UInt8),
            "huge": pl.Series([2**64 - 1, 1], dtype=pl.UInt64),
            "float": pl.Series([0.5, 1.0], dtype=pl.Float32),
            "decimal": [decimal.Decimal("1.5"), None],
            "category": pl.Series(["a", "b"], dtype=pl.Categorical),
            "at": [moment, None],
            "at_zone": pl.Series([moment, None]).dt.replace_time_zone("Europe/Madrid"),
            "lasted": [dt.timedelta(seconds=1.5), None],
            "list": [[1, 2], None],
            "object": [{"a": 1}, {"a": None}],
            "nothing": [None, None],
        }
    )
    found = frame_of(rows_of(frame)).select(frame.columns)
    assert found.row(0) == (
        1, str(2**64 - 1), 0.5, 1.5, "a", moment.replace(tzinfo=dt.UTC), dt.datetime(2024, 5, 1, 10, tzinfo=dt.UTC),
        1.5, "[1,2]", '{"a":1}', None,
    )  # fmt: skip
    kinds = (pl.Int64, pl.String, pl.Float64, pl.Float64, pl.String)
    assert tuple(found.dtypes[:5]) == kinds


def test_a_list_with_nan_is_valid_json():
    value = pl.DataFrame({"l": [[1.5, float("nan"), float("inf")]], "o": [{"a": float("nan"), "b": [1.0]}]})
    frame = frame_of(rows_of(value))
    assert frame["l"].to_list() == ["[1.5,null,null]"]
    assert frame["o"].to_list() == ['{"a":null,"b":[1.0]}']


def test_a_frame_without_columns_has_no_rows():
    frame = frame_of(rows_of(pl.DataFrame()))
    assert (frame.height, frame.columns[0]) == (0, "provider")


def test_definitions_and_rows_pickle():
    rows = rows_of(pl.DataFrame({"n": [1]}))
    assert pickle.loads(pickle.dumps((OWN, rows))) == (OWN, rows)


def test_a_table_is_only_of_the_datasets_that_it_names():
    with debug_source(Matches({"match_id": 12}), dataset_type="match") as engine:
        (dataset,) = engine.list_datasets()

        def is_for(**wanted: Any) -> bool:
            return TableDefinition("own", "a:b", **wanted).is_for(dataset)

        assert is_for()
        assert is_for(provider="fake", dataset_type="match", feeds=("shots", "events"))
        assert not is_for(provider="other")
        assert not is_for(dataset_type="tracking")
        assert not is_for(feeds=("shots",))
        assert not is_for(kloppy_type="events"), "kloppy has no loader of this provider"
        assert TableDefinition("own", "a:b", kloppy_type="events").is_for(dataset, loader="statsbomb")
        assert not TableDefinition("own", "a:b", kloppy_type="tracking").is_for(dataset, loader="statsbomb")
        assert make_rows(dataset, [TableDefinition("own", "nowhere:function", provider="other")]) == {}


def test_the_table_of_matches_has_a_row_with_what_the_catalogue_knows():
    from ingestify.tables.registry import get_definition

    metadata = {
        "match_date": "2024-05-01",
        "match_week": "7",
        "season": "2024",
        "competition": {"name": "Cup"},
        "home_team": {"id": 1, "name": "A"},
        "away_team": "B",
        "home_score": 2,
    }

    class WithFacts(Matches):
        def find_datasets(self, *args, **kwargs):
            for resource in super().find_datasets(*args, **kwargs):
                resource.metadata = metadata
                yield resource

    with debug_source(WithFacts({"match_id": 12}), dataset_type="match") as engine:
        (dataset,) = engine.list_datasets()
        row = made(dataset, get_definition("matches")).row(0, named=True)
    assert {
        "match_id": 12,
        "name": "a match",
        "date": "2024-05-01",
        "match_week": 7,
        "competition": "Cup",
        "season": "2024",
        "home_team": "A",
        "home_team_id": "1",
        "away_team": "B",
        "away_team_id": None,
        "home_score": 2,
        "away_score": None,
        "state": "COMPLETE",
        "feeds": "events",
        "created_at": dataset.created_at,
    }.items() <= row.items()
    assert '"match_week":"7"' in row["metadata"]


def test_a_key_is_named_if_it_leaves_no_name_for_that_of_the_dataset():
    problem = rows_of(pl.DataFrame({"match_id": [1], "identifier.match_id": [2]})).problem
    assert problem.startswith("The frame has a column 'identifier.match_id' and one with the name of the key")


def test_bytes_are_hexadecimal_digits_and_whole_decimals_keep_all_of_theirs():
    large = decimal.Decimal(10**20)
    frame = frame_of(rows_of(pl.DataFrame({"raw": [b"\xaab"], "some": [decimal.Decimal(7)], "large": [large]})))
    assert frame.select("raw", "some", "large").rows() == [("aa62", 7, str(large))]
