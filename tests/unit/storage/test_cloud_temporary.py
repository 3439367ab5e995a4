from __future__ import annotations

import pytest

from ingestify.errors import LakeUnwritable
from ingestify.storage import cloud_temporary
from ingestify.storage.cloud_temporary import CloudTemporary


@pytest.fixture(autouse=True)
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloud_temporary, "MEMORY_BYTES", 10)


def test_a_small_one_stays_in_memory_and_a_larger_one_goes_to_disk(tmp_path):
    temporary = CloudTemporary(tmp_path)
    temporary.write(b"12345")
    temporary.write(b"67890")
    assert temporary.content == b"1234567890"
    temporary.write(b"a")
    assert temporary.content is None
    assert temporary.size == 11
    with temporary.open() as stream:
        assert stream.read() == b"1234567890a"
        assert stream.seek(-2, 2) == 9
        assert stream.read() == b"0a"
    temporary.discard()
    assert list(tmp_path.iterdir()) == []


def test_it_can_be_read_while_it_is_written_and_begun_anew(tmp_path):
    temporary = CloudTemporary(tmp_path)
    temporary.write(b"x" * 20)
    with temporary.open() as stream:
        assert stream.read(5) == b"xxxxx"
        temporary.write(b"y" * 20)
        assert stream.read() == b"x" * 15
    with temporary.open() as stream:
        assert stream.read() == b"x" * 20 + b"y" * 20
    temporary.restart()
    temporary.write(b"short")
    assert temporary.content == b"short"
    temporary.discard()
    temporary.discard()


def test_a_spool_folder_that_cannot_be_written_to_is_named_with_a_remedy(tmp_path):
    temporary = CloudTemporary(tmp_path / "nowhere")
    with pytest.raises(LakeUnwritable, match=r"nowhere until it is whole: .*main\.file_options\.spool_folder"):
        temporary.write(b"x" * 20)
