from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingestify import ConfigurationError, Identifier
from ingestify.domain.identifier import canonical_value
from ingestify.store.objects.layout import Layout
from ingestify.store.objects.transformations import (
    BucketTransformation,
    CustomTransformation,
    HashBucketTransformation,
    KeyTransformation,
    PrefixTransformation,
)

anything = st.text(max_size=80)
in_identifiers = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=80)
made = st.one_of(
    st.integers(1, 10**12).map(BucketTransformation),
    st.integers(1, 10**6).map(HashBucketTransformation),
    st.integers(1, 100).map(PrefixTransformation),
)


def test_buckets_of_negative_numbers_and_text():
    assert BucketTransformation(1000).transform("-1") == "-1000--1"
    assert BucketTransformation(1000).transform("DFL-MAT-1") == "other"


@given(made, anything)
@example(BucketTransformation(1), "")
@example(HashBucketTransformation(1), "\ud800")
@example(PrefixTransformation(1), "")
def test_every_text_has_one_level_and_always_the_same(transformation, value):
    level = transformation.transform(value)
    assert isinstance(level, str)
    assert transformation.transform(value) == level


@given(st.integers(1, 10**9), st.integers(-(10**29), 10**29))
@example(1000, 0)
@example(1000, -1)
@example(7, -7)
def test_a_number_lies_in_the_range_that_it_is_in_and_in_no_other(size, number):
    transformation = BucketTransformation(size)
    level = transformation.transform(canonical_value(number))
    start = number // size * size
    assert level == f"{start}-{start + size - 1}"
    assert start <= number < start + size
    # Its neighbours are those of the next ranges.
    assert transformation.transform(str(start)) == transformation.transform(str(start + size - 1)) == level
    assert transformation.transform(str(start - 1)) != level
    assert transformation.transform(str(start + size)) != level


@pytest.mark.parametrize("value", ["", "12.5", "true", "1e5", "+1", " 1", "٣", "²", "9" * 31, "9" * 5000])
def test_what_is_no_number_of_up_to_30_digits_lies_in_other(value):
    assert BucketTransformation(1000).transform(value) == "other"


@given(st.integers(1, 10**6), anything)
def test_a_hash_bucket_is_one_of_the_count_written_equally_long(count, value):
    level = HashBucketTransformation(count).transform(value)
    assert 0 <= int(level) < count
    assert len(level) == len(str(count - 1))


def test_hash_buckets_are_those_of_every_machine():
    # Worked out with sha256sum; written out, so that no change of the code goes unseen.
    assert [HashBucketTransformation(100).transform(text) for text in ("arsenal", "12", "", "-1", "Alavés")] == [
        "36",
        "52",
        "52",
        "80",
        "25",
    ]
    assert HashBucketTransformation(1000).transform("12") == "852"
    module = "ingestify.store.objects.transformations"
    code = f"from {module} import HashBucketTransformation as H; print(H(100).transform('arsenal'))"
    for seed in ("1", "2"):
        ran = subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        )
        assert ran.stdout.strip() == "36"


def test_hash_buckets_are_filled_evenly():
    transformation = HashBucketTransformation(10)
    counts: dict[str, int] = {}
    for number in range(10_000):
        level = transformation.transform(str(number))
        counts[level] = counts.get(level, 0) + 1
    assert len(counts) == 10
    assert 850 < min(counts.values()) <= max(counts.values()) < 1150


@given(st.integers(1, 50), anything)
def test_a_prefix_begins_the_value(length, value):
    import unicodedata

    level = PrefixTransformation(length).transform(value)
    assert unicodedata.normalize("NFC", value).startswith(level)
    assert len(level) <= length


def test_two_ways_to_write_a_letter_have_one_level():
    for transformation in (PrefixTransformation(1), HashBucketTransformation(1000)):
        assert transformation.transform("é") == transformation.transform("e\u0301")


@given(made, in_identifiers)
def test_a_transformed_key_shows_both(transformation, value):
    plain = Layout().folder("b", "p", "t", Identifier({"key": value})).rpartition("/")[2]
    *_, level, own = (
        Layout({("p", "t", "key"): transformation}).folder("b", "p", "t", Identifier({"key": value})).split("/")
    )
    assert level.startswith(f"key_{transformation.name}=")
    assert own == plain


def test_a_number_and_its_text_lie_in_one_folder():
    for transformation in (BucketTransformation(10), HashBucketTransformation(10), PrefixTransformation(1)):
        layout = Layout({("p", "t", "match_id"): transformation})
        assert layout.folder("b", "p", "t", Identifier({"match_id": 12})) == layout.folder(
            "b", "p", "t", Identifier({"match_id": "12"})
        )


@pytest.mark.parametrize("made_of", [BucketTransformation, HashBucketTransformation, PrefixTransformation])
def test_sizes_counts_and_lengths_are_1_or_more(made_of):
    with pytest.raises(ConfigurationError, match="0 is not 1 or more"):
        made_of(0)


# ---- of one's own ----------------------------------------------------------------------------------------------


class Decade:
    name = "decade"

    def transform(self, value):
        return f"{value[:3]}0s"


class Named:
    def __init__(self, name):
        self.name = name

    def transform(self, value):
        return value


def test_one_of_ones_own_gives_its_level_its_name():
    custom = CustomTransformation(Decade(), "my.Decade", "p/t/season")
    assert isinstance(custom, KeyTransformation)
    folder = Layout({("p", "t", "season"): custom}).folder("b", "p", "t", Identifier({"season": "1998"}))
    assert folder.endswith("/season_decade=1990s/season=1998")


@pytest.mark.parametrize("name", ["../up", "a/b", "", "a=b", "a b", "ü", 7, "x" * 41])
def test_a_name_that_could_leave_its_folder_is_refused(name):
    with pytest.raises(ConfigurationError, match=r"'my\.Named' of p/t/season has the name"):
        CustomTransformation(Named(name), "my.Named", "p/t/season")


def test_what_is_no_transformation_is_refused():
    with pytest.raises(ConfigurationError, match=r"'my\.dict' of p/t/season is of the type dict; it must have a name"):
        CustomTransformation({}, "my.dict", "p/t/season")


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (lambda value: int(value), "raised ValueError for the value 'abc'.*for every value"),
        (lambda value: None, "returned a NoneType for the value 'abc'; it must return text"),
    ],
)
def test_one_that_fails_for_a_value_is_named_with_it(transform, message):
    broken = Named("mine")
    broken.transform = transform
    custom = CustomTransformation(broken, "my.Named", "p/t/season")
    with pytest.raises(ConfigurationError, match=rf"'my\.Named' of p/t/season {message}"):
        custom.transform("abc")
