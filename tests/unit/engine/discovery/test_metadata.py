from __future__ import annotations

import datetime as dt
import enum
import math
from typing import Any

import pytest
from hypothesis import strategies as st

from ingestify.domain.change import metadata_text
from ingestify.engine.discovery.metadata import text_of_metadata
from ingestify.errors import SourceError
from tests.support.sizes import check_examples, sizes

EVERY_CHARACTER = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x110000))))

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates()
METADATA = st.dictionaries(
    st.text(), st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)


class Side(enum.StrEnum):
    HOME = "home"


class Whole(int):
    def __str__(self) -> str:
        return "another text"


@pytest.mark.parametrize(
    "metadata",
    [
        {EVERY_CHARACTER: EVERY_CHARACTER},
        {"b": 1, "a": 2**63, "c": -(2**63), "d": True, "e": None, "f": {"z": False, "y": "é", "é": 0}},
        {"a": 2**64, "b": -(2**64)},
        {"\N{GRINNING FACE}": 1, "\uffff": 2, "\ue000": 3, "z": 4, "": 5},
        {"a": 1.0, "b": 1e16, "c": 1e-7, "d": {"e": -0.0}},
        {"a": [1, {"b": (2, 3)}], "c": {"d": {"e": []}}},
        {"a": dt.datetime(2024, 5, 1), "b": dt.date(2024, 5, 1), "c": Side.HOME, "d": Whole(3)},
        {Side.HOME: 1, "away": {Side.HOME: 2}},
        {2: 1, 10: 2},
        {"a": {2: 1, 10: 2}},
    ],
)
def test_the_text_is_that_which_the_lake_keeps(metadata: dict[Any, Any]) -> None:
    assert text_of_metadata(metadata) == metadata_text(metadata)


@pytest.mark.slow
@pytest.mark.parametrize("examples", sizes(10, 200))
def test_and_so_it_is_of_any_metadata(examples: int) -> None:
    def check(metadata: dict[str, Any]) -> None:
        texts = []
        for text_of in (metadata_text, text_of_metadata):
            try:
                texts.append(text_of(metadata))
            except SourceError as error:
                texts.append(str(error))
        assert texts[0] == texts[1]

    check_examples(check, examples, METADATA)


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, "\ud83d", pytest.param(10**5000, id="digits"), {1, 2}, {"a": math.nan}, {"a": "\ud83d"}],
)
def test_what_no_catalogue_keeps_is_refused(value: object) -> None:
    with pytest.raises(SourceError, match="metadata"):
        text_of_metadata({"a": value})
