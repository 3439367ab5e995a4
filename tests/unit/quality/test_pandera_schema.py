"""Schemas of pandera as checks of a bundle: what they find, and how it is said."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ingestify.errors import ConfigurationError
from ingestify.quality import PanderaSchema
from tests.support.checked_events import (
    code_in_docs,
    events,
    lake_with,
    off_the_pitch,
    reasons_of,
    with_an_id_twice,
    without_a_column,
    without_team,
)

pandera = pytest.importorskip("pandera", reason="the extra pandera is not installed")
pa = pytest.importorskip("pandera.polars")
pp = pytest.importorskip("pandera.pandas")
pl = pytest.importorskip("polars")

EXAMPLE = Path(__file__).parents[3] / "examples" / "statsbomb_quality"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> PanderaSchema:
    monkeypatch.syspath_prepend(EXAMPLE)
    return PanderaSchema("events", "statsbomb_schemas:EVENTS")


def test_events_that_fit_come_into_the_lake(example: PanderaSchema):
    assert reasons_of(example) == ()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (without_team, "events: 'team' has no value in 1 of {rows} rows, such as row 7 (id '{id_of_7}')"),
        (
            with_an_id_twice,
            "events: 'id' repeats a value in 2 of {rows} rows, such as {id_of_7} in row 7 (id '{id_of_7}')",
        ),
        (without_a_column, "events: the column 'minute' is missing"),
        (off_the_pitch, "events: 'location' fails is on the pitch in 1 of {rows} rows, such as [130.5,"),
    ],
)
def test_each_fault_is_one_sentence_with_its_rows(example: PanderaSchema, fault: Callable[[Any], None], reason: str):
    made = events()
    (found,) = reasons_of(example, fault)
    assert found.startswith(reason.format(rows=len(made), id_of_7=made[7]["id"]))


def test_all_faults_are_found_at_once(example: PanderaSchema):
    assert len(reasons_of(example, without_team, off_the_pitch, with_an_id_twice, without_a_column)) == 4


class Model(pa.DataFrameModel):
    id: str
    index: int = pa.Field(lt=4)


class PandasModel(pp.DataFrameModel):
    id: str
    index: int = pp.Field(lt=4)


@pytest.mark.parametrize(
    "schema",
    [
        Model,
        PandasModel,
        pa.DataFrameSchema({"id": pa.Column(str), "index": pa.Column(int, pa.Check.lt(4))}),
        pp.DataFrameSchema({"id": pp.Column(str), "index": pp.Column(int, pp.Check.lt(4))}),
    ],
)
def test_a_schema_or_a_model_of_either_library_finds_the_same(schema: Any):
    made = events()
    (found,) = reasons_of(PanderaSchema("events", schema))
    assert found == (
        f"events: 'index' fails less_than(4) in {len(made) - 3:,} of {len(made):,} rows, such as 4 in row 3 "
        f"(id '{made[3]['id']}')"
    )


@pytest.mark.parametrize(
    ("library", "of_index", "of_id"),
    [
        (pa, "has the type Int64, and not 'Float64'", "has the type String, and not 'Int64'"),
        (pp, "has the type int64, and not 'float64'", "is not of the type 'int64' in "),
    ],
)
def test_what_is_wrong_with_a_whole_column_is_said_of_it(library: Any, of_index: str, of_id: str):
    schema = library.DataFrameSchema({"index": library.Column(float), "id": library.Column(int)}, strict=True)
    check = PanderaSchema("events", schema, transform=lambda frame: frame[["id", "index", "second"]])
    reasons = sorted(reasons_of(check))
    for reason, start in zip(
        reasons, (f"'id' {of_id}", f"'index' {of_index}", "the schema has no column"), strict=True
    ):
        assert reason.startswith(f"events: {start}")


@pytest.mark.parametrize("library", [pa, pp])
def test_a_row_that_fails_a_check_of_the_whole_frame_is_counted_once(library: Any):
    is_late = (
        (lambda frame: frame["index"] < 4)
        if library is pp
        else (lambda data: data.lazyframe.select(pl.col("index") < 4))
    )
    schema = library.DataFrameSchema(checks=library.Check(is_late, name="early"))
    made = events()
    (found,) = reasons_of(PanderaSchema("events", schema))
    assert found == (
        f"events: {len(made) - 3:,} of {len(made):,} rows fail 'early', such as row 3 (id '{made[3]['id']}')"
    )


@pytest.mark.parametrize("library", [pa, pp])
def test_a_check_of_a_schema_that_raises_rejects_and_is_named_with_its_error(library: Any):
    def raising(_: Any) -> Any:
        raise RuntimeError("no such season")

    schema = library.DataFrameSchema({"index": library.Column(int, library.Check(raising, name="season"))})
    (found,) = reasons_of(PanderaSchema("events", schema))
    assert found == "events: 'index' fails season: RuntimeError(\"no such season\")"


def test_a_long_value_is_cut():
    schema = pa.DataFrameSchema({"id": pa.Column(str, pa.Check.str_length(max_value=40))})

    def lengthen(made: Any) -> None:
        made[0]["id"] = "x" * 5_000

    (found,) = reasons_of(PanderaSchema("events", schema), lengthen)
    assert len(found) < 300


def test_a_bundle_without_the_feed_has_a_problem_only_if_the_feed_is_required():
    schema = pa.DataFrameSchema({"zz": pa.Column(int)})
    assert reasons_of(PanderaSchema("events", schema), feed="lineups") == ()
    assert reasons_of(PanderaSchema("events", schema, required=True), feed="lineups") == (
        "there is no feed 'events', which PanderaSchema of events needs",
    )


def test_a_frame_can_be_transformed_first():
    schema = pa.DataFrameSchema({"team_id": pa.Column(int, pa.Check.gt(0))})
    transform = lambda frame: frame.with_columns(team_id=pl.col("team").struct.field("id"))  # noqa: E731
    assert reasons_of(PanderaSchema("events", schema)) == ("events: the column 'team_id' is missing",)
    assert reasons_of(PanderaSchema("events", schema, transform=transform)) == ()


def test_a_file_that_makes_no_frame_is_rejected():
    (found,) = reasons_of(PanderaSchema("events", pa.DataFrameSchema({}), records="shots"))
    assert found.startswith("PanderaSchema of events: ")
    assert "shots" in found


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("no_such_module:Events", "there is no module 'no_such_module'"),
        ("json:Events", "'json' has no 'Events'"),
        ("json:loads", "it must be a DataFrameSchema or a DataFrameModel"),
        ({"id": "str"}, "it must be a DataFrameSchema or a DataFrameModel"),
    ],
)
def test_a_schema_that_is_none_ends_the_run_before_anything_is_asked_for(given: Any, told: str):
    with lake_with(PanderaSchema("events", given)) as lake:
        with pytest.raises(ConfigurationError, match=told):
            lake.engine.load()
        assert lake.source.calls == []


def test_a_transform_that_cannot_be_imported_ends_the_run_too():
    check = PanderaSchema("events", pa.DataFrameSchema({}), transform="no_such_module:flat")
    with lake_with(check) as lake, pytest.raises(ConfigurationError, match="there is no module 'no_such_module'"):
        lake.engine.load()


def test_a_dry_run_needs_no_schema():
    with lake_with(PanderaSchema("events", "no_such_module:Events")) as lake:
        assert lake.engine.load(dry_run=True).totals.discovered == 1


def test_without_the_package_the_dataset_fails_and_the_extra_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pandera", None)
    with lake_with(PanderaSchema("events", "my_schemas:Events")) as lake:
        (task,) = lake.engine.load().failed_tasks
        assert "The check PanderaSchema of events needs the extra 'pandera'" in task.error
        assert lake.engine.list_datasets() == []
        assert not list(lake.engine.quarantine)


def test_one_schema_validates_many_frames_side_by_side(example: PanderaSchema):
    example.prepare()
    good = pl.from_dicts(events(), infer_schema_length=None)
    twice = pl.concat([good, good.head(1)])
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: list(example.validate(twice if number % 2 else good)), range(64)))
    assert all(bool(problems) == bool(number % 2) for number, problems in enumerate(found))


def test_the_schema_in_the_docs_finds_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "my_schemas.py").write_text(code_in_docs("my_schemas.py"))
    monkeypatch.syspath_prepend(tmp_path)
    check = PanderaSchema("events", "my_schemas:Events")
    assert reasons_of(check) == ()
    (found,) = reasons_of(check, without_team)
    assert found.startswith("events: 'team' has no value in 1 of ")
