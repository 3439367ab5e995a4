"""Links inside a lake are its operator's: nothing that a provider sends makes one."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestify.clock import now
from ingestify.storage.local import LocalStorage


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system than the lake's."""
    candidates = (Path("/dev/shm"), Path(tempfile.gettempdir()))
    others = [one for one in candidates if one.is_dir() and one.stat().st_dev != tmp_path.stat().st_dev]
    if not others:
        pytest.skip("this machine has one file system")
    folder = Path(tempfile.mkdtemp(dir=others[0]))
    yield folder
    shutil.rmtree(folder)


def put(storage: LocalStorage, path: str, content: bytes = b"events") -> None:
    temporary = storage.create_temporary()
    temporary.write(content)
    temporary.finish()
    storage.publish([(temporary, path)])


def paths(storage: LocalStorage, prefix: str = "") -> list[str]:
    return [stored.path for stored in storage.iter_objects(prefix)]


def test_a_bucket_may_be_a_link_to_another_disk(tmp_path: Path) -> None:
    other_disk = tmp_path / "other"
    other_disk.mkdir()
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "main").symlink_to(other_disk)
    storage = LocalStorage(tmp_path / "lake")
    temporary = storage.create_temporary()
    temporary.write(b"events")
    temporary.finish()
    storage.publish([(temporary, "main/provider=p/x.json")])
    assert (other_disk / "provider=p" / "x.json").read_bytes() == b"events"
    assert storage.delete(["main/provider=p/x.json"]) == 1
    assert other_disk.is_dir()
    assert not any(other_disk.iterdir())


def test_an_object_that_was_made_a_link_is_replaced_or_removed_and_never_written_through(tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_bytes(b"not of the lake")
    storage = LocalStorage(tmp_path / "lake")
    folder = tmp_path / "lake" / "main"
    folder.mkdir(parents=True)
    (folder / "x.json").symlink_to(outside)
    temporary = storage.create_temporary()
    temporary.write(b"events")
    temporary.finish()
    storage.publish([(temporary, "main/x.json")])
    (folder / "y.json").symlink_to(outside)
    assert storage.delete(["main/y.json"]) == 1
    assert outside.read_bytes() == b"not of the lake"
    assert not (folder / "x.json").is_symlink()
    assert not (folder / "y.json").exists()


def test_a_bucket_on_another_disk_is_written_listed_and_cleared(tmp_path: Path, other_disk: Path) -> None:
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "main").symlink_to(other_disk)
    storage = LocalStorage(tmp_path / "lake")
    put(storage, "main/provider=p/x.json")
    put(storage, "main/provider=p/x.json", b"again")
    put(storage, "near/y.json")
    assert (other_disk / "provider=p" / "x.json").read_bytes() == b"again"
    assert paths(storage) == ["near/y.json", "main/provider=p/x.json"]
    assert paths(storage, "main") == ["main/provider=p/x.json"]
    assert storage.delete(["main/provider=p/x.json"], unless_written_since=now()) == 1
    assert paths(storage) == ["near/y.json"]
    assert storage.remove_leftovers(now()).count == 0


def test_what_a_process_left_on_the_other_disk_is_removed(tmp_path: Path, other_disk: Path) -> None:
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "main").symlink_to(other_disk)
    storage = LocalStorage(tmp_path / "lake")
    put(storage, "main/x.json")
    (other_disk / ".staging" / ("0" * 32)).write_bytes(b"half")
    assert paths(storage) == ["main/x.json"]
    assert storage.remove_leftovers(now()).count == 1
    assert paths(storage) == ["main/x.json"]


@pytest.mark.parametrize("target", ["lake/real", "lake", "lake/real/provider=p", "outside"])
def test_a_second_name_of_a_bucket_is_not_listed(tmp_path: Path, target: str) -> None:
    storage = LocalStorage(tmp_path / "lake")
    put(storage, "real/provider=p/x.json")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "z.json").write_bytes(b"z")
    (tmp_path / "lake" / "first").symlink_to(tmp_path / target)
    (tmp_path / "lake" / "second").symlink_to(tmp_path / target)
    assert paths(storage) == ["real/provider=p/x.json"]


def test_no_link_below_a_bucket_is_gone_into(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path / "lake")
    put(storage, "main/provider=p/x.json")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "z.json").write_bytes(b"z")
    (tmp_path / "lake" / "main" / "provider=q").symlink_to(tmp_path / "outside")
    assert paths(storage) == ["main/provider=p/x.json"]
