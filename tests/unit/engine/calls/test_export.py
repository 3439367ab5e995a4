"""`engine.export`: files where readers of a provider's own files look for them."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestify import (
    ConfigurationError,
    DatasetResource,
    DraftFile,
    ExportError,
    ExportIndex,
    ExportLayout,
    IngestionEngine,
    IngestionPlan,
    get_engine,
)
from ingestify.store.export.folder import ExportFolder
from tests.support.lake_in_memory import FunctionSource, Lake, hours

EVENTS = b'[ {"id": 1, "location": [1.50, 2]} ]\n'


class AcmeSource(FunctionSource):
    """A source of a plugin, with a layout of its own."""

    provider = "acme"
    licence = "ask"
    attribution = "Data by Acme."
    export_layout = ExportLayout(
        {"events": "data/events/{match_id}.json", "squads": "squads/{competition_id}.json"},
        shared=("squads",),
        indexes=[ExportIndex("matches.json", ("id",), "match")],
    )


def a_match(
    match_id: object, events: bytes = EVENTS, squads: Any = None, at: float = 0, **keys: Any
) -> DatasetResource:
    resource = DatasetResource({**keys, "match_id": match_id}, "match", name=f"match {match_id}")
    resource.add_file(hours(at), "match", json_content={"id": match_id, "name": "Zoë"})
    resource.add_file(
        hours(at),
        "events",
        file_loader=lambda file_resource, current_file: DraftFile.from_input(
            events, "events", data_serialization_format="json"
        ),
        data_serialization_format="json",
    )
    if squads is not None:
        resource.add_file(hours(at), "squads", json_content=squads)
    return resource


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def lake() -> Callable[..., Lake]:
    made: list[Lake] = []

    def make(find: Callable[..., Any], source: type[FunctionSource] = AcmeSource) -> Lake:
        made.append(Lake(source(find)))
        made[-1].engine.load()
        return made[-1]

    yield make
    for one in made:
        one.engine.close()


def test_a_layout_of_a_plugin_says_where_files_are_and_lists_are_written_anew(lake, tmp_path, capsys):
    engine = lake(lambda **_: [a_match(1), a_match(2)]).engine
    report = engine.export(tmp_path / "out", progress=True)
    assert capsys.readouterr().err == f"{report.line}\n"
    assert repr(report) == f"ExportReport({report.line})"
    assert "written" in report._repr_html_()
    there = files_of(tmp_path / "out")
    assert there.keys() == {
        "data/events/1.json",
        "data/events/2.json",
        "matches.json",
        "LICENCE-acme.txt",
    }
    assert there["data/events/1.json"] == EVENTS, "the provider's bytes"
    assert json.loads(there["matches.json"]) == [{"id": 1, "name": "Zoë"}, {"id": 2, "name": "Zoë"}]
    assert "Zoë".encode() in there["matches.json"]
    assert b"licence: ask\nattribution: Data by Acme.\n" in there["LICENCE-acme.txt"]
    again = engine.export(tmp_path / "out")
    assert (again.progress.unchanged, again.progress.written, again.progress.size) == (4, 0, 0)


def test_a_provider_without_a_layout_has_folders_of_its_identifiers(lake, tmp_path):
    engine = lake(lambda **_: [a_match(1)], FunctionSource).engine
    engine.export(tmp_path)
    assert files_of(tmp_path).keys() == {
        "fake/match/competition_id=1/match_id=1/events.json",
        "fake/match/competition_id=1/match_id=1/match.json",
    }


def test_an_export_of_a_part_keeps_the_entries_of_the_others_in_lists(lake, tmp_path):
    engine = lake(lambda **_: [a_match(1), a_match(2)]).engine
    engine.export(tmp_path, match_id=1)
    with pytest.raises(
        ExportError, match=r"other files of these names: matches\.json\. .*Nothing was written"
    ) as raised:
        engine.export(tmp_path, match_id=2)
    assert raised.value.paths == ("matches.json",)
    assert "data/events/2.json" not in files_of(tmp_path)
    assert engine.export(tmp_path, match_id=2, overwrite=True).progress.replaced == 1
    assert [one["id"] for one in json.loads(files_of(tmp_path)["matches.json"])] == [1, 2]
    assert engine.export(tmp_path, match_id=1).progress.unchanged == 3


def test_of_a_file_that_several_datasets_share_the_newest_is_written(lake, tmp_path):
    lake_ = lake(lambda **_: [a_match(1, squads=["old"])])
    lake_.source.find = lambda **_: [a_match(1, squads=["old"]), a_match(2, squads=["new"])]
    lake_.engine.load()
    lake_.engine.export(tmp_path)
    assert json.loads(files_of(tmp_path)["squads/1.json"]) == ["new"]


def test_two_files_of_one_path_are_an_error_before_anything_is_written(lake, tmp_path):
    class Wrong(AcmeSource):
        export_layout = ExportLayout({"events": "events/{competition_id}.json"})

    engine = lake(lambda **_: [a_match(1), a_match(2, events=b"[]")], Wrong).engine
    with pytest.raises(ExportError, match=r"match_id=1, events__v1.*match_id=2, events__v1"):
        engine.export(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_names_that_differ_only_in_case_are_an_error(lake, tmp_path):
    engine = lake(lambda **_: [a_match("a", events=b"[1]"), a_match("A", events=b"[2]")]).engine
    with pytest.raises(ExportError, match="Two files would have one name"):
        engine.export(tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.sampled(5)
@pytest.mark.parametrize("source", [AcmeSource, FunctionSource])
@pytest.mark.parametrize(
    "evil", ["..", ".", "../../x", "/etc/passwd", "a\\..\\b", "nul", "", "C:", "~", "日本", "a\nb", "x."]
)
def test_no_identifier_leaves_the_folder(lake, tmp_path, evil, source):
    engine = lake(lambda **_: [a_match(evil)], source).engine
    engine.export(tmp_path / "in" / "out")
    assert engine.export(tmp_path / "in" / "out").progress.written == 0
    assert len(files_of(tmp_path)) == len(files_of(tmp_path / "in" / "out")) >= 2
    names = [name for path in files_of(tmp_path / "in" / "out") for name in path.split("/")]
    assert not [name for name in names if name.startswith((".", "nul")) or name.endswith(".")]


def test_a_name_that_is_too_long_is_an_error(lake, tmp_path):
    engine = lake(lambda **_: [a_match("x" * 300)]).engine
    with pytest.raises(ExportError, match="more than 255 bytes"):
        engine.export(tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "path", ["/etc/{match_id}.json", "../{match_id}.json", "a//{match_id}.json", "a\\{match_id}.json"]
)
def test_a_layout_that_leaves_the_folder_is_refused(lake, tmp_path, path):
    class Wrong(AcmeSource):
        export_layout = ExportLayout({"events": path})

    engine = lake(lambda **_: [a_match(1)], Wrong).engine
    with pytest.raises(ConfigurationError, match="has the path"):
        engine.export(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_a_layout_has_no_place_for_is_exported_too(lake, tmp_path):
    class Partial(AcmeSource):
        # `name` is no key of this dataset, the format of `match` is another, and the list takes no such entry.
        export_layout = ExportLayout(
            {"events": "{name}.json", "match": "{match_id}.xml"},
            indexes=[ExportIndex("all.json", ("number",), "match")],
        )

    engine = lake(lambda **_: [a_match(1)], Partial).engine
    engine.export(tmp_path)
    folder = "acme/match/competition_id=1/match_id=1"
    assert files_of(tmp_path).keys() == {f"{folder}/events.json", f"{folder}/match.json", "LICENCE-acme.txt"}


def test_a_folder_in_the_place_of_a_file_and_the_reverse_are_errors(lake, tmp_path):
    engine = lake(lambda **_: [a_match(1)]).engine
    (tmp_path / "a/matches.json").mkdir(parents=True)
    with pytest.raises(ExportError, match="is a folder"):
        engine.export(tmp_path / "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b/data").write_text("mine")
    with pytest.raises(ExportError, match="is no folder"):
        engine.export(tmp_path / "b", overwrite=True)
    assert (tmp_path / "b/data").read_text() == "mine"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_nobody_waits_for_a_pipe_in_the_place_of_a_file(lake, tmp_path):
    (tmp_path / "data/events").mkdir(parents=True)
    os.mkfifo(tmp_path / "data/events/1.json")
    waited = threading.Event()

    def let_go() -> None:
        waited.set()
        os.close(os.open(tmp_path / "data/events/1.json", os.O_WRONLY | os.O_NONBLOCK))

    timer = threading.Timer(30, let_go)
    timer.start()
    with pytest.raises(ExportError, match="has other files of these names"):
        lake(lambda **_: [a_match(1)]).engine.export(tmp_path)
    timer.cancel()
    assert not waited.is_set()


def test_each_version_of_a_feed_is_exported(lake, tmp_path):
    def find(**_: Any) -> list[DatasetResource]:
        resource = DatasetResource({"match_id": 1}, "match")
        for version in ("v8", "v10"):
            resource.add_file(hours(0), "events", version, json_content=[version])
        return [resource]

    engine = lake(find).engine
    engine.export(tmp_path)
    there = files_of(tmp_path)
    assert json.loads(there["data/events/1.json"]) == ["v10"]
    assert json.loads(there["acme/match/competition_id=1/match_id=1/events__v8.json"]) == ["v8"]


def test_parquet_has_a_table_of_each_feed_with_the_keys_of_the_identifier(lake, tmp_path):
    polars = pytest.importorskip("polars")
    events = b'[{"id": 1, "match_id": "x"}, {"id": 2, "match_id": "y"}]'
    engine = lake(lambda **_: [a_match(1, events=events)]).engine
    report = engine.export(tmp_path, format="parquet")
    folder = tmp_path / "acme/match/competition_id=1/match_id=1"
    frame = polars.read_parquet(folder / "events.parquet", hive_partitioning=False)
    assert frame.to_dicts() == [
        {"competition_id": 1, "match_id": 1, "id": 1, "events.match_id": "x"},
        {"competition_id": 1, "match_id": 1, "id": 2, "events.match_id": "y"},
    ]
    assert report.progress.written == 3
    assert engine.export(tmp_path, format="parquet").progress.unchanged == 3


def tables_of(folder: Path) -> list[Any]:
    polars = pytest.importorskip("polars")
    return [polars.read_parquet(one, hive_partitioning=False) for one in sorted(folder.rglob("events.parquet"))]


def test_a_key_of_the_identifier_has_the_same_type_in_each_table_and_in_a_frame(lake, tmp_path):
    pytest.importorskip("polars")
    engine = lake(lambda **_: [a_match(one) for one in (1, 2**31)]).engine
    engine.export(tmp_path, format="parquet")
    kinds = {one.schema["match_id"] for one in tables_of(tmp_path)}
    assert kinds == {engine.to_polars("events").schema["match_id"]}


@pytest.mark.parametrize(
    ("events", "rows"),
    [
        (
            b'[{"match_id": 1, "events.match_id": 2}]',
            [{"match_id": 7, "events.events.match_id": 1, "events.match_id": 2}],
        ),
        (b'[{"a": {}, "b": 1}, {"a": null, "b": 2}]', [{"a": "{}", "b": 1}, {"a": None, "b": 2}]),
        (b'[{"a": [{"b": {}, "c": 1}, null]}]', [{"a": [{"b": "{}", "c": 1}, None]}]),
        (b"[{}, {}]", [{}, {}]),
        (b"[]", []),
    ],
)
def test_parquet_has_whatever_is_in_a_table(lake, tmp_path, events, rows):
    pytest.importorskip("polars")
    lake(lambda **_: [a_match(7, events=events)]).engine.export(tmp_path, format="parquet")
    (frame,) = tables_of(tmp_path)
    assert frame.to_dicts() == [{"competition_id": 1, "match_id": 7, **row} for row in rows]
    assert frame.columns[:2] == ["competition_id", "match_id"]


@pytest.mark.parametrize("events", [b'[{"a": "\\ud800"}]', b'[{"a": ' + b"9" * 5000 + b"}]"])
def test_a_file_of_which_no_table_can_be_made_keeps_no_other_from_being_exported(lake, tmp_path, events):
    pytest.importorskip("polars")
    report = lake(lambda **_: [a_match(1, events=events), a_match(2)]).engine.export(tmp_path, format="parquet")
    assert [one.path for one in report.problems] == ["acme/match/competition_id=1/match_id=1/events.parquet"]
    assert report.progress.written == 4
    assert len(tables_of(tmp_path)) == 1


def test_what_is_no_table_is_left_out_of_parquet(lake, tmp_path):
    pytest.importorskip("polars")

    def find(**_: Any) -> list[DatasetResource]:
        resource = DatasetResource({"match_id": 1}, "match")
        resource.add_file(hours(0), "events", json_content=[{"id": 1}])
        return [
            resource.add_file(
                hours(0),
                "sheet",
                file_loader=lambda file_resource, current_file: DraftFile.from_input(
                    b"<a/>", "sheet", data_serialization_format="xml"
                ),
                data_serialization_format="xml",
            )
        ]

    engine = lake(find, FunctionSource).engine
    report = engine.export(tmp_path, format="parquet")
    assert report.line.startswith(
        "exported: 1 dataset, 2 files: 1 written, 0 unchanged, 1 left out, as they are no tables"
    )
    assert [one.path for one in report.problems] == ["fake/match/competition_id=1/match_id=1/sheet.parquet"]


def test_an_unknown_format_is_refused(lake, tmp_path):
    engine = lake(lambda **_: [a_match(1)]).engine
    with pytest.raises(ConfigurationError, match="write files or parquet"):
        engine.export(tmp_path / "out", format="xlsx")


def test_the_files_of_a_lock_are_exported(lake, tmp_path):
    lake_ = lake(lambda **_: [a_match(1)])
    lock = lake_.engine.lock()
    lake_.source.find = lambda **_: [a_match(1, events=b"[]", at=1)]
    lake_.engine.load()
    lake_.engine.export(tmp_path / "now")
    lake_.engine.export(tmp_path / "then", lock=lock)
    assert files_of(tmp_path / "now")["data/events/1.json"] == b"[]"
    assert files_of(tmp_path / "then")["data/events/1.json"] == EVENTS


def test_a_dry_run_writes_nothing(lake, tmp_path):
    report = lake(lambda **_: [a_match(1)]).engine.export(tmp_path / "out", dry_run=True)
    assert report.line == "to export: 1 dataset, 3 files: 3 to write, 0 unchanged"
    assert not (tmp_path / "out").exists()


def test_nothing_to_export_is_a_warning_that_says_why(lake, tmp_path, caplog):
    assert lake(lambda **_: [a_match(1)]).engine.export(tmp_path / "out", matchid=1).progress.files == 0
    assert "did you mean 'match_id'?" in caplog.text


@pytest.fixture
def on_disk(tmp_path) -> Iterator[tuple[IngestionEngine, Path]]:
    """A lake of two matches in a folder, and the folder of its files."""
    with get_engine(metadata_url=f"sqlite:///{tmp_path}/lake/c.db", file_url=f"file://{tmp_path}/lake/files") as engine:
        engine.add_ingestion_plan(IngestionPlan(AcmeSource(lambda **_: [a_match(1), a_match(2)]), "match"))
        engine.load()
        yield engine, tmp_path / "lake/files"


def test_a_damaged_file_fails_and_the_others_are_written_whole(on_disk, tmp_path):
    engine, files = on_disk
    for pattern in ("match_id=1/events*", "match_id=2/match__*"):
        next(files.rglob(pattern)).write_bytes(b"x")
    report = engine.export(tmp_path / "out")
    assert [(one.outcome.value, one.path) for one in report.problems] == [
        ("failed", "matches.json"),
        ("failed", "data/events/1.json"),
    ]
    assert report.progress.failed == 2
    there = files_of(tmp_path / "out")
    assert there.keys() == {"data/events/2.json", "matches.json", "LICENCE-acme.txt"}
    assert [one["id"] for one in json.loads(there["matches.json"])] == [1]


def test_an_export_that_is_stopped_leaves_whole_files_only_and_the_next_one_goes_on(on_disk, tmp_path, monkeypatch):
    engine, _ = on_disk
    written = ExportFolder.write

    def stopped(self: ExportFolder, path: str, *arguments: Any) -> int:
        if path == "matches.json":
            raise KeyboardInterrupt
        return written(self, path, *arguments)

    monkeypatch.setattr(ExportFolder, "write", stopped)
    with pytest.raises(KeyboardInterrupt):
        engine.export(tmp_path / "out")
    assert {path for path in files_of(tmp_path / "out") if path.startswith("data")} <= {
        "data/events/1.json",
        "data/events/2.json",
    }
    assert not list((tmp_path / "out").rglob(".ingestify*"))
    monkeypatch.undo()
    report = engine.export(tmp_path / "out")
    assert report.progress.unchanged + report.progress.written == report.progress.files == 4


def test_nobody_waits_for_a_large_file_once_the_export_is_stopped(tmp_path):
    stopping = threading.Event()

    def chunks() -> Iterator[bytes]:
        yield b"a"
        stopping.set()
        yield b"b"
        raise AssertionError("read on")

    assert ExportFolder(tmp_path).write("video.mp4", chunks(), stopping) == 0  # type: ignore[arg-type]
    assert files_of(tmp_path) == {}


def test_a_disk_that_refuses_is_an_error_that_says_so(on_disk, tmp_path, monkeypatch):
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ExportError, match="cannot be written: No space left on device"):
        on_disk[0].export(tmp_path / "out")
    assert files_of(tmp_path / "out") == {}


def test_a_folder_that_nobody_may_look_at_is_an_error_that_names_it(on_disk, tmp_path, monkeypatch):
    engine, _ = on_disk
    engine.export(tmp_path / "out", match_id=1)

    def forbidden(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", forbidden)
    with pytest.raises(ExportError, match=r"out/matches\.json cannot be looked at: Permission denied\. Nothing was"):
        engine.export(tmp_path / "out", match_id=2, overwrite=True)
    monkeypatch.undo()
    assert "data/events/2.json" not in files_of(tmp_path / "out")
