from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify.checks.problem import Problem
from ingestify.checks.text import Utf8, check_utf8

pieces = st.lists(st.binary(max_size=6) | st.text(max_size=3).map(str.encode), max_size=8)


@pytest.mark.slow
@given(pieces)
def test_the_first_byte_that_is_not_utf8_is_named_however_it_is_cut(chunks: list[bytes]) -> None:
    body = b"".join(chunks)
    try:
        body.decode()
        expected = ""
    except UnicodeDecodeError as error:
        expected = f"it is not UTF-8: byte {error.start} is 0x{body[error.start]:02x}"
    assert found(lambda: check_utf8(body)) == expected

    def feed() -> None:
        reader = Utf8()
        for chunk in chunks:
            reader.feed(chunk)
        reader.end()

    assert found(feed) == expected


def found(check) -> str:  # type: ignore[no-untyped-def]
    try:
        check()
    except Problem as problem:
        return str(problem)
    return ""


def test_positions_are_those_of_the_file() -> None:
    with pytest.raises(Problem, match="byte 14 is 0xff"):
        check_utf8(b"abcd\xff", start=10)
