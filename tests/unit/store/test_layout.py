from __future__ import annotations

import posixpath

from hypothesis import given
from hypothesis import strategies as st

from ingestify import Identifier
from ingestify.store.layout import Layout, encode_component
from ingestify.store.transformations import BucketTransformation, PrefixTransformation

anything = st.text(max_size=80)
in_identifiers = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=80)


def test_the_path_is_hive_style_in_the_order_of_the_keys():
    identifier = Identifier({"competition_id": 11, "season_id": 90, "match_id": 12})
    assert (
        Layout().folder("main", "statsbomb", "match", identifier)
        == "main/provider=statsbomb/dataset_type=match/competition_id=11/season_id=90/match_id=12"
    )


def test_a_transformed_key_shows_both():
    layout = Layout(
        {("p", "t", "match_id"): BucketTransformation(1000), ("p", "t", "keyword"): PrefixTransformation(2)}
    )
    assert layout.folder("b", "p", "t", Identifier({"match_id": 12})).endswith("match_id_bucket=0-999/match_id=12")
    assert layout.folder("b", "p", "t", Identifier({"keyword": "arsenal"})).endswith(
        "keyword_prefix=ar/keyword=arsenal"
    )


def test_a_long_value_is_cut_and_given_a_hash():
    one, other = encode_component("x" * 100), encode_component("x" * 100 + "y")
    assert len(one) < 60
    assert one.startswith("x" * 40)
    assert one != other


def test_an_object_name_carries_the_content_hash():
    name = Layout().file_name("360-frames", "v2", "ab" * 32, "json", "zstd")
    assert name == f"360-frames__v2.{'ab' * 16}.json.zst"


@given(
    anything,
    anything,
    anything,
    st.dictionaries(in_identifiers.filter(bool), in_identifiers, min_size=1, max_size=3),
    anything,
)
def test_nothing_can_name_a_path_outside_its_bucket(bucket, provider, dataset_type, attributes, feed):
    folder = Layout().folder(bucket, provider, dataset_type, Identifier(attributes))
    path = f"{folder}/{Layout().file_name(feed, 'v1', '0' * 64, feed, 'none')}"
    parts = path.split("/")
    assert len(parts) == 4 + len(attributes)
    assert all(part not in ("", ".", "..") for part in parts)
    assert path.isascii()
    assert not set(path) & set('\\:*?"<>|\0\n')
    assert posixpath.normpath(path) == path


@given(anything, anything)
def test_components_are_equal_only_for_equal_text(one, other):
    import unicodedata

    same = unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)
    assert (encode_component(one) == encode_component(other)) == same


@given(st.text("日😀éa/%.", min_size=30, max_size=200), st.text("日a", min_size=1, max_size=200))
def test_no_name_is_longer_than_a_file_system_takes(text, version):
    layout = Layout({("p", "t", text): PrefixTransformation(100)})
    folder = layout.folder("b", "p", "t", Identifier({text: text}))
    for part in [*folder.split("/"), layout.file_name(text, version, "0" * 64, text, "zstd")]:
        assert len(part.encode()) <= 255


def test_long_values_in_any_script_stay_apart():
    names = {encode_component("日" * 40 + end) for end in ("", "a", "b")} | {encode_component("日" * 39)}
    assert len(names) == 4
