"""A catalogue and a storage that do not belong together are refused, and `ingestify restored` brings them together."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from ingestify import get_datastore
from ingestify.errors import IntegrityError

MARK = ".lake.json"


def mark(lake: Any) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((lake.folder / "files" / MARK).read_text())
    return content


def objects(lake: Any, folder: str = "files") -> set[Path]:
    return {path.relative_to(lake.folder / folder) for path in (lake.folder / folder).rglob("match_id=*/*")}


def back_up(lake: Any, *names: str) -> None:
    for name in names:
        with contextlib.closing(sqlite3.connect(lake.folder / "catalog.db")) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        source, backup = lake.folder / name, lake.folder / "backup" / name
        backup.parent.mkdir(exist_ok=True)
        shutil.copytree(source, backup) if source.is_dir() else shutil.copy2(source, backup)


def restore(lake: Any, name: str) -> None:
    target = lake.folder / name
    for left in lake.folder.glob(f"{name}-*"):
        left.unlink()
    if target.is_dir():
        shutil.rmtree(target)
    source = lake.folder / "backup" / name
    shutil.copytree(source, target) if source.is_dir() else shutil.copy2(source, target)


def write_more(lake: Any) -> None:
    """A match leaves the lake with its file, and comes again."""
    lake("delete", "match_id=10", "--now", "--yes")
    lake("run", "-q")


def refused(lake: Any, *arguments: str) -> str:
    lake(*arguments, code=1)
    said: str = lake.err
    return said


WRITERS = [
    ("run",),
    ("gc",),
    ("gc", "--older-than", "0h", "--yes"),
    ("delete", "match_id=11", "--yes"),
    ("delete", "match_id=11", "--now", "--yes"),
    ("verify", "--repair"),
]


def test_the_lake_says_its_id_and_epoch_and_so_does_its_storage(lake):
    told = json.loads(lake("status", "--json"))
    assert told["epoch"] == 1
    assert {name: mark(lake)[name] for name in ("lake_id", "epoch")} == {"lake_id": told["lake_id"], "epoch": 1}
    assert lake("status").splitlines()[1] == f"lake {told['lake_id']}, epoch 1"


@pytest.mark.sampled(3)
@pytest.mark.parametrize("arguments", WRITERS)
def test_files_that_were_moved_without_a_word_are_not_written_beside(command, arguments):
    command("run", "-q")
    command.configure("file://files/", "file://fils/")
    said = refused(command, *arguments)
    assert "fils" in said
    assert f"whose files were written to file://{command.folder}/files" in said
    assert "Correct file_url, or mount its disk" in said
    assert not (command.folder / "fils").exists()
    command.configure("file://fils/", "file://files/")
    assert command("run").startswith("6 matches: 0 new, 0 revised, 6 unchanged")


def test_files_that_were_moved_with_their_mark_are_the_lakes(lake):
    (lake.folder / "files").rename(lake.folder / "moved")
    lake.configure("file://files/", "file://moved/")
    lake("delete", "match_id=10", "--now", "--yes")
    assert "1 new, 0 revised, 5 unchanged" in lake("run")


@pytest.mark.sampled(3)
@pytest.mark.parametrize("arguments", WRITERS)
def test_the_storage_of_another_lake_is_refused_with_both_named(lake, arguments):
    first = mark(lake)["lake_id"]
    lake.configure("catalog.db", "other.db")
    lake.configure("file://files/", "file://others/")
    lake("run", "-q")
    second = json.loads((lake.folder / "others" / MARK).read_text())["lake_id"]
    lake.configure("file://others/", "file://files/")
    said = refused(lake, *arguments)
    assert f"(lake {first}, epoch 1) belongs to another lake" in said
    assert f"other.db (lake {second}, epoch 1)" in said
    assert len(objects(lake)) == 6


@pytest.mark.sampled(3)
@pytest.mark.parametrize("arguments", WRITERS)
def test_a_catalogue_of_a_backup_is_refused_by_the_storage_that_was_written_since(lake, arguments):
    back_up(lake, "catalog.db")
    write_more(lake)
    restore(lake, "catalog.db")
    said = refused(lake, *arguments)
    assert "catalogue that knows more than the catalogue" in said
    assert "run 'ingestify restored'" in said
    assert len(objects(lake)) == 6


def test_a_deletion_alone_is_learnt_of_by_a_copy_of_the_catalogue(lake):
    back_up(lake, "catalog.db")
    lake("delete", "match_id=11", "--yes")
    restore(lake, "catalog.db")
    assert "knows more" in refused(lake, "run")


def test_what_a_run_wrote_after_the_backup_is_marked_when_it_ends(lake):
    """The backup is made while the run is going on, which has marked the storage by then."""
    lake("delete", "match_id=10", "--now", "--yes")
    before = mark(lake)["mark"]
    lake("run", "-q")
    with contextlib.closing(sqlite3.connect(lake.folder / "catalog.db")) as connection:
        marks = [one for (one,) in connection.execute("SELECT mark FROM lake_mark ORDER BY position")]
    assert len(marks) - marks.index(before) == 3  # the deletion's, and two of the run
    assert mark(lake)["mark"] == marks[-1]


def test_a_run_without_changes_writes_no_mark(lake):
    before = mark(lake)
    lake("run", "-q")
    assert mark(lake) == before


def test_a_restored_catalogue_begins_an_epoch_in_which_nothing_is_garbage_yet(lake):
    back_up(lake, "catalog.db")
    lake("delete", "match_id=10", "--now", "--yes")
    lake("run", "-q")
    restore(lake, "catalog.db")
    lake("restored", code=2)
    assert "--yes" in lake.err
    assert "knows more" in refused(lake, "run")
    lake("restored", "--yes")
    assert f"This is lake {mark(lake)['lake_id']}, epoch 2 now." in lake.err
    assert "6 unchanged" in lake("run")
    assert lake("verify").startswith("6 files read")
    (orphan,) = [path for path in objects(lake) if "match_id=11" in str(path)]
    with contextlib.closing(sqlite3.connect(lake.folder / "catalog.db")) as connection:
        for table in ("file", "deleted_object"):
            connection.execute(f"DELETE FROM {table} WHERE storage_path = ?", (orphan.as_posix(),))
        connection.commit()
    assert lake("gc", "--older-than", "0h").splitlines()[-1].startswith("0 files"), "not for a day, whatever is asked"
    assert "nothing is garbage yet" in lake.err
    with contextlib.closing(sqlite3.connect(lake.folder / "catalog.db")) as connection:
        connection.execute("UPDATE lake SET started_at = '2001-01-01T00:00:00.000000Z' WHERE epoch = 2")
        connection.commit()
    assert lake("gc", "--older-than", "0h").splitlines()[-1].startswith("1 file")


def test_after_an_epoch_began_the_catalogue_of_before_is_refused(lake):
    back_up(lake, "catalog.db")
    lake("restored", "--yes")
    restore(lake, "catalog.db")
    said = refused(lake, "run")
    assert "epoch 2) has begun a new epoch" in said
    assert "epoch 1)" in said


def test_an_older_storage_is_told_and_goes_on_with_restored_and_repair(lake):
    lake("delete", "season_id=1", "--now", "--yes")
    back_up(lake, "files")
    lake("run", "-q")
    restore(lake, "files")
    assert len(objects(lake)) == 3
    said = refused(lake, "run")
    assert "lacks the newest files of the catalogue" in said
    assert "'ingestify restored', then 'ingestify verify --repair'" in said
    lake("restored", "--yes")
    lake("verify", "--repair")
    assert len(objects(lake)) == 6


def test_a_storage_of_before_the_epoch_is_told(lake):
    back_up(lake, "files")
    lake("restored", "--yes")
    restore(lake, "files")
    assert "is older than the catalogue" in refused(lake, "run")


def test_a_mark_that_never_arrived_is_no_reason_to_refuse(lake):
    before = (lake.folder / "files" / MARK).read_bytes()
    write_more(lake)
    (lake.folder / "files" / MARK).write_bytes(before)
    assert lake("run").startswith("6 matches: 0 new")


def test_a_copy_of_both_goes_on_by_itself_and_may_have_its_own_id(lake):
    first = mark(lake)["lake_id"]
    back_up(lake, "catalog.db", "files")
    write_more(lake)
    for old, new in (("catalog.db", "backup/catalog.db"), ("file://files/", "file://backup/files/")):
        lake.configure(old, new)
    lake("delete", "match_id=10", "--yes")
    assert "1 new" in lake("run")
    lake("restored", "--new-id", "--yes")
    told = json.loads(lake("status", "--json"))
    assert told["lake_id"] != first
    assert told["epoch"] == 2
    for old, new in (("backup/catalog.db", "catalog.db"), ("file://backup/files/", "file://files/")):
        lake.configure(old, new)
    assert lake("run").startswith("6 matches: 0 new")


def test_two_catalogues_of_one_lake_on_one_storage_are_noticed_by_the_second_that_writes(lake):
    back_up(lake, "catalog.db")
    lake.configure("catalog.db", "backup/catalog.db")
    lake("delete", "match_id=10", "--yes")
    lake.configure("backup/catalog.db", "catalog.db")
    assert "or is a copy" in refused(lake, "run")
    assert "or is a copy" in refused(lake, "gc", "--yes")


def test_a_new_catalogue_takes_over_no_storage_without_a_word(lake):
    first = mark(lake)["lake_id"]
    lake.configure("catalog.db", "new.db")
    assert "belongs to another lake" in refused(lake, "run")
    assert "belongs to another lake" in refused(lake, "gc", "--older-than", "0h", "--yes")
    lake("restored", "--yes")
    assert (mark(lake)["lake_id"], mark(lake)["epoch"]) == (first, 2)
    assert "6 new" in lake("run")
    assert len(objects(lake)) == 6


# ---- lakes of before there were ids ------------------------------------------------------------------------


def test_a_lake_without_an_id_is_adopted_when_it_is_next_written_to(lake):
    (lake.folder / "files" / MARK).unlink()
    lake("run", "-q")
    lake("gc")
    assert not (lake.folder / "files" / MARK).exists()  # looking is not writing
    write_more(lake)
    assert mark(lake)["epoch"] == 1


def test_of_files_without_an_id_some_are_enough_to_be_adopted(lake):
    (lake.folder / "files" / MARK).unlink()
    for path in sorted((lake.folder / "files").rglob("match_id=*/*"))[:4]:
        path.unlink()
    lake("verify", "--repair")
    assert len(objects(lake)) == 6
    assert (lake.folder / "files" / MARK).exists()


def test_files_without_an_id_are_not_a_new_catalogues(lake):
    (lake.folder / "files" / MARK).unlink()
    lake.configure("catalog.db", "new.db")
    for arguments in (("run",), ("gc", "--older-than", "0h", "--yes")):
        said = refused(lake, *arguments)
        assert "holds the files of a lake" in said
        assert "names none of them" in said
    assert len(objects(lake)) == 6


def test_a_lake_that_was_emptied_before_it_had_an_id_collects_its_garbage(lake):
    for season in (1, 2):
        lake("delete", f"season_id={season}", "--yes")
    (lake.folder / "files" / MARK).unlink()
    assert lake("gc", "--older-than", "0h", "--yes").startswith("6 files")


def test_a_mark_that_cannot_be_read_is_told_with_what_to_do(lake):
    (lake.folder / "files" / MARK).write_text("{}")
    assert "remove that file and run 'ingestify restored'" in refused(lake, "run")
    (lake.folder / "files" / MARK).unlink()
    lake("restored", "--yes")
    assert lake("run").startswith("6 matches: 0 new")


def test_a_storage_with_none_of_the_files_is_not_taken_over(lake):
    lake.configure("file://files/", "file://fils/")
    assert "so it was not taken over" in refused(lake, "restored", "--yes")
    assert not (lake.folder / "fils").exists()


def test_the_lake_that_is_copied_to_has_its_own_id_and_both_are_looked_at(lake):
    other = lake.folder / "other"
    other.mkdir()
    config = other / "config.yaml"
    config.write_text("main: {metadata_url: sqlite:///catalog.db, file_url: file://files/}\n")
    lake("copy", "--to", str(config))
    theirs = json.loads((other / "files" / MARK).read_text())
    assert theirs["lake_id"] != mark(lake)["lake_id"]
    config.write_text("main: {metadata_url: sqlite:///catalog.db, file_url: file://moved/}\n")
    assert "moved" in refused(lake, "copy", "--to", str(config))
    assert "Correct file_url" in lake.err


def test_who_reads_from_the_wrong_storage_is_told(lake):
    lake.configure("file://files/", "file://fils/")
    with contextlib.closing(get_datastore(lake.config)) as store:
        dataset = store.get_dataset_collection().first()
        with pytest.raises(IntegrityError, match=r"holds none of the files.*Correct file_url") as raised:
            store.load_files(dataset)
        assert "repair" not in str(raised.value), "that would be refused"
