from __future__ import annotations

import posixpath
import re
import unicodedata
import urllib.parse

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingestify import Identifier
from ingestify.errors import StoreError
from ingestify.store.objects.layout import Layout, bucket_folders, encode_component, is_object_path, require_inside
from ingestify.store.objects.transformations import BucketTransformation, PrefixTransformation

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


def as_a_file_system_may_see_it(path: str) -> str:
    """macOS and Windows ignore case, and macOS normalises."""
    return unicodedata.normalize("NFC", path).casefold()


def test_what_is_plain_stays_readable():
    for plain in ("statsbomb", "3764440", "-1", "2020-21", "0-999", "360-frames", "v1.1.0"):
        assert encode_component(plain) == plain
    assert encode_component("Real Madrid").startswith("Real%20Madrid~")


@given(anything, anything)
@example("a", "A")
@example("K", "\u212a")  # the sign of the kelvin, whose small letter is k
@example("ß", "SS")
@example("\u00e9", "e\u0301")
@example("日" * 40, "日" * 10 + "~" + "0" * 16)
@example("a%41", "aA")
@example("", "%")
@example(".", "%2E")
@example("nul", "%6Eul")
def test_two_texts_never_share_a_part_whatever_the_file_system_ignores(one, other):
    if one != other:
        assert as_a_file_system_may_see_it(encode_component(one)) != as_a_file_system_may_see_it(
            encode_component(other)
        )


@given(st.text("aAbB~%.é", max_size=60), st.data())
def test_texts_that_differ_a_little_stay_apart_too(text, data):
    other = data.draw(
        st.sampled_from([text.lower(), text.upper(), text.swapcase(), text + "~", encode_component(text)])
    )
    if text != other:
        assert encode_component(text).casefold() != encode_component(other).casefold()


def test_a_text_cannot_be_written_as_another_ones_beginning_with_its_hash():
    long = "日" * 40
    ending = encode_component(long).partition("~")[2]
    for kept in range(41):
        assert encode_component("日" * kept + "~" + ending) != encode_component(long)


@given(anything)
@example("con")
@example("CON")
@example("nul.txt")
@example("NUL.tar.gz")
@example("com1")
@example("lpt9.")
@example("aux ")
@example("...")
@example(".staging")
@example("a\0b")
@example("\ud800")
@example("a:b")
@example("C:\\x")
def test_a_part_is_safe_on_every_file_system_and_always_the_same(text):
    encoded = encode_component(text)
    assert re.fullmatch(r"[A-Za-z0-9_.%~-]+", encoded)
    assert encoded not in (".", "..")
    assert not encoded.startswith(".")
    assert encoded[-1] not in ". "
    stem = encoded.partition(".")[0].lower()
    assert stem not in {"con", "prn", "aux", "nul"} | {f"{d}{n}" for d in ("com", "lpt") for n in range(10)}
    assert len(encoded) <= 120
    encode_component.cache_clear()
    assert encode_component(text) == encoded


@given(anything)
def test_a_part_without_a_hash_can_be_read_back(text):
    encoded = encode_component(text)
    if "~" not in encoded and encoded != "%":
        assert urllib.parse.unquote(encoded, errors="surrogatepass") == text


@given(st.text("日😀éa/%.", min_size=30, max_size=200), st.text("日a", min_size=1, max_size=200))
def test_no_name_is_longer_than_a_file_system_takes(text, version):
    layout = Layout({("p", "t", text): PrefixTransformation(100)})
    folder = layout.folder("b", "p", "t", Identifier({text: text}))
    for part in [*folder.split("/"), layout.file_name(text, version, "0" * 64, text, "zstd")]:
        assert len(part.encode()) <= 255


def test_long_values_in_any_script_stay_apart():
    names = {encode_component("日" * 40 + end) for end in ("", "a", "b")} | {encode_component("日" * 39)}
    assert len(names) == 4


def test_a_key_that_is_called_like_an_added_level_is_another_folder():
    layout = Layout({("p", "t", "match_id"): BucketTransformation(1000)})
    added = layout.folder("b", "p", "t", Identifier({"match_id": 12}))
    own = layout.folder("b", "p", "t", Identifier({"match_id_bucket": "0-999", "match_id": 12}))
    assert added == "b/provider=p/dataset_type=t/match_id_bucket=0-999/match_id=12"
    assert own == "b/provider=p/dataset_type=t/match%5Fid%5Fbucket=0-999/match_id_bucket=0-999/match_id=12"


def test_the_name_of_a_transformation_cannot_leave_the_folder():
    class Outward:
        name = "/../../../x"

        def transform(self, value: str) -> str:
            return f"../{value}"

    folder = Layout({("p", "t", "k"): Outward()}).folder("b", "p", "t", Identifier({"k": "v"}))
    assert folder.count("/") == 4
    assert ".." not in folder.split("/")


@pytest.mark.parametrize("keys", [1, 5, 40])
def test_no_path_is_longer_than_the_catalogue_and_object_stores_take(keys):
    def path(end: str) -> str:
        identifier = Identifier({f"{'日' * 30}{number}": "日" * 39 + end for number in range(keys)})
        folder = Layout().folder("B" * 300, "P" * 300, "t" * 300, identifier)
        return f"{folder}/{Layout().file_name('f' * 300, 'v' * 300, '0' * 64, 'x' * 300, 'zstd')}"

    assert len(path("a")) <= 1024
    assert path("a") != path("b")
    assert path("a") == path("a")


@pytest.mark.parametrize(
    "path", ["c/x", "b", "b/", "b/../c", "b/./x", "b//x", "/b/x", "../b/x", "b/x\0", "b/..\\x", "B/x", "", "b~/x"]
)
def test_a_path_outside_its_bucket_is_refused(path: str) -> None:
    with pytest.raises(StoreError, match="outside its bucket 'b'"):
        require_inside("b", path)


def test_every_path_of_the_layout_is_inside_its_bucket() -> None:
    for bucket in ("main", "Main", "..", "", "nul", ".staging"):
        folder = Layout().folder(bucket, "p", "t", Identifier({"k": "v"}))
        assert require_inside(bucket, f"{folder}/x") == f"{folder}/x"


@given(bucket=in_identifiers, provider=anything, feed=anything, value=in_identifiers, form=anything)
def test_what_it_makes_is_known_as_an_object_of_its_bucket(bucket, provider, feed, value, form):
    folder = Layout().folder(bucket, provider, "match", Identifier({"match_id": value}))
    for method in ("zstd", "none"):
        path = f"{folder}/{Layout().file_name(feed, 'v1', 'ab' * 32, form, method)}"
        assert is_object_path(path)
        assert path.partition("/")[0] in bucket_folders(bucket)


@pytest.mark.parametrize(
    ("bucket", "folder"),
    [
        ("main", "main"),
        ("Main", "Main"),
        ("a~b", "a~b"),
        (".x.", "%2Ex%2E"),
        ("x" * 41, f"{'x' * 40}~3164596df4fd"),
        ("E\u0301", "%C3%89"),
    ],
)
def test_the_folders_that_the_first_release_made_are_their_buckets_still(bucket, folder):
    assert any(known.startswith(folder) for known in bucket_folders(bucket))


@pytest.mark.parametrize(
    "path", ["catalog.db", "main/notes.txt", "main/provider=a/dataset_type=b/notes.txt", "", "x/y"]
)
def test_what_is_none_of_its_objects_is_known_as_that(path):
    assert not is_object_path(path)
