from __future__ import annotations

import hashlib
import io

import pytest

from ingestify.errors import SourceError
from ingestify.sources.git_lfs import LfsPointer, read_pointer

OID = hashlib.sha256(b"the bytes").hexdigest()


def pointer(*lines: str) -> io.BytesIO:
    return io.BytesIO("".join(f"{line}\n" for line in ("version https://git-lfs.github.com/spec/v1", *lines)).encode())


@pytest.mark.parametrize(
    "lines", [(f"oid sha256:{OID}", "size 9"), ("ext-0-x sha256:ab", f"oid sha256:{OID}", "size 9")]
)
def test_a_pointer_names_hash_and_size(lines):
    assert read_pointer(pointer(*lines)) == LfsPointer(OID, 9)


def test_a_pointer_checked_out_with_other_line_ends_is_one():
    body = pointer(f"oid sha256:{OID}", "size 9").getvalue().replace(b"\n", b"\r\n")
    assert read_pointer(io.BytesIO(body)) == LfsPointer(OID, 9)


@pytest.mark.parametrize("body", [b"", b'{"frame": 0}\n' * 500, b"version 3\n"])
def test_anything_else_is_none_and_is_rewound(body):
    stream = io.BytesIO(body)
    assert read_pointer(stream) is None
    assert stream.read() == body


@pytest.mark.parametrize(
    "lines", [(), ("oid sha256:abc", "size 9"), (f"oid sha256:{OID}",), (f"oid md5:{OID}", "size 1")]
)
def test_a_pointer_that_names_nothing_is_an_error(lines):
    with pytest.raises(SourceError, match="names no sha256 or no size"):
        read_pointer(pointer(*lines))
