"""Where a seek leads."""

from __future__ import annotations

import os

import pytest

from ingestify.positioned_stream import PositionedStream


def test_a_seek_before_the_beginning_is_refused_by_a_stream_with_a_path():
    stream = PositionedStream(10, "bucket/match_id=1")
    assert stream.seek(-3, os.SEEK_END) == 7
    with pytest.raises(ValueError, match="-1 is before the beginning of bucket/match_id=1"):
        stream.seek(-8, os.SEEK_CUR)
    assert stream.tell() == 7


def test_a_seek_before_the_beginning_goes_to_the_beginning_without_one():
    stream = PositionedStream(10)
    assert stream.seek(-11, os.SEEK_END) == 0
