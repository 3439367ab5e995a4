"""Links inside a lake are its operator's: nothing that a provider sends makes one."""

from __future__ import annotations

from pathlib import Path

from ingestify.storage.local import LocalStorage


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
