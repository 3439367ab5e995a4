"""Files read together have the values that they have one by one."""

from __future__ import annotations

import contextlib
import gzip
import io
import itertools
import json
import os
import zipfile
from pathlib import Path

import polars
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestify.errors import SourceError
from ingestify.inflation import GZIP_MAGIC
from ingestify.store.reading import many_files
from ingestify.store.reading.data_frame import DELIMITED, polars_of, read_polars, read_rows
from ingestify.store.reading.many_files import ManyFiles
from tests.support.sizes import sizes

NUMBERS = [0, 1, -7, 2**53, 2**53 + 1, -(2**53) - 1, 2**60, 2**63 - 1, -(2**63), 2**63, 2**64, 2**127, 2**130]
SCALARS = (
    st.none()
    | st.booleans()
    | st.sampled_from(NUMBERS)
    | st.floats(allow_nan=False)
    | st.sampled_from([float("nan"), -0.0, 1e23, 5e-324, 2.0])
    | st.sampled_from(["", "a:b", 'a":', "é", "\\u003a", "1"])
)
KEYS = st.sampled_from(["a", "b", "a:b", 'a"', "é", "", "\\"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
)
EXAMPLES = int(os.environ.get("INGESTIFY_TEST_EXAMPLES", "30"))


class Content:
    """A file that is in memory."""

    def __init__(self, content: bytes, form: str = "json", feed: str = "events") -> None:
        self.content, self.data_serialization_format, self.data_feed_key = content, form, feed

    def read(self) -> bytes:
        return self.content

    def to_polars(self, records=None, encoding=None, **options):
        form, feed = self.data_serialization_format, self.data_feed_key
        return read_polars(io.BytesIO(self.content), form, feed, records, encoding, **options)


def read_together(files):
    return ManyFiles([(file, "it") for file in files], None, None).read_polars()


def plain(value):
    """A value that is compared without the order of keys, and in which NaN equals itself and 1 does not equal 1.0."""
    if isinstance(value, dict):
        return sorted((key, plain(one)) for key, one in value.items())
    return [plain(one) for one in value] if isinstance(value, list) else repr(value)


def kind(dtype):
    if isinstance(dtype, polars.Struct):
        return {field.name: kind(field.dtype) for field in dtype.fields}
    if isinstance(dtype, polars.List):
        return [kind(dtype.inner)]
    return str(dtype).replace("UInt64", "Int128")  # polars takes the one or the other, whichever comes first


def check_order(values, dtype):
    """The columns and the fields of a struct come in the order in which they come first."""
    if isinstance(dtype, polars.Struct):
        there = [value for value in values if value is not None]
        assert [field.name for field in dtype.fields] == list(dict.fromkeys(itertools.chain.from_iterable(there)))
        for field in dtype.fields:
            check_order([value[field.name] for value in there if field.name in value], field.dtype)
    if isinstance(dtype, polars.List):
        check_order([item for value in values if value is not None for item in value], dtype.inner)


def check_alone(frame, rows):
    """Compare the frame of one JSON file with that of its records, made by Python's reader and polars' own types."""
    assert frame.height == len(rows)
    check_order(rows, polars.Struct(frame.schema))
    with contextlib.suppress(TypeError):  # polars takes a list of small numbers and a large one for mixed types
        plainly = polars_of(rows)
        assert kind(polars.Struct(frame.schema)) == kind(polars.Struct(plainly.schema))
        assert plain(frame.rows(named=True)) == plain(plainly.rows(named=True))


def check(contents):
    """Compare the frames of JSON files with the frame of all their records, made by Python's reader."""
    files = [Content(content) for content in contents]
    rows = [read_rows(io.BytesIO(file.content), "json", "events") for file in files]
    for file, own in zip(files, rows, strict=True):
        check_alone(file.to_polars(), own)
    records = list(itertools.chain.from_iterable(rows))
    read = read_together(files)
    assert [height for _, height in read] == list(map(len, rows))
    together = polars.concat([frame for frame, _ in read])
    assert together.columns == list(dict.fromkeys(itertools.chain.from_iterable(records)))
    try:
        alone = polars_of(records)
    except TypeError:  # polars takes a list of small whole numbers and one of more than 64 bits for mixed types
        return
    if together.columns:
        assert {name: kind(one) for name, one in together.schema.items()} == {
            name: kind(one) for name, one in alone.schema.items()
        }
        assert plain(together.rows(named=True)) == plain(alone.rows(named=True))


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.lists(st.dictionaries(KEYS, VALUES, max_size=4), max_size=3), min_size=1, max_size=4), st.booleans())
def test_any_json_files(files, is_indented):
    check(
        [json.dumps(records, indent=1 if is_indented else None, ensure_ascii=is_indented).encode() for records in files]
    )


RECORD = {"id": 1, "x": 0.5, "ok": True, "at": "00:01:02", "pass": {"end": [1.5, 2.0], "to": {"id": 7}}, "rel": ["a"]}


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(RECORD)), VALUES), max_size=4))
def test_files_that_are_nearly_alike(changes):
    check([json.dumps([RECORD, {**RECORD, **dict([change])}]).encode() for change in changes] or [b"[]"])


@pytest.mark.parametrize(
    "odd",
    [
        b'[{"id": 1, "id": 2}]',
        b'[{"id": 1, "id": null}]',
        b'[{"id" : 1, "pass": {"to" :{"id":1, "id"\t:2}}}]',
        b'[{"id": 1, "\\u0069d": 2}]',
        b'[{"id": 1, "at": "\\u003a", "id": 2}]',
        b'[{"id": NaN}, {"x": -Infinity}, {"x": 1e400}]',
        b'[{"id": 9007199254740993, "x": 9007199254740993}]',
        b'[{"id": true, "ok": 1}]',
        b'[{"id": 1.0}]',
        b'[{"x": 1}, {"x": -0}, {"x": 1E5}]',
        b'[{"rel": [null, []]}, {"pass": []}]',
        b'\xef\xbb\xbf[{"id": 1}]',
        '[{"id": 1}]'.encode("utf-16"),
        b'[{"id": 1}, 2, null]',
        b'{"events": [{"id": 1}], "events": [{"id": 2}]}',
        b'{"data": [{"id": 1}], "events": 5}',
        b'{"data": [1], "events": {"id": 1}}',
        b'{"events": [{"id": 1}], "other": NaN}',
        b'{"id": 1}',
        b"[]",
    ],
)
def test_what_the_readers_see_differently(odd):
    usual = json.dumps([RECORD, RECORD]).encode()
    check([usual, odd])
    check([odd, usual])
    check([usual, odd, usual, odd])


def test_the_quick_reader_takes_what_is_usual(monkeypatch):
    quick = []
    read = many_files._read_quickly
    monkeypatch.setattr(many_files, "_read_quickly", lambda *given: quick.append(given) or read(*given))
    usual = json.dumps([RECORD, {"id": 2, "x": 1}], indent=1).encode()
    check([usual] * 5 + [json.dumps([{"id": None, "new": [{"a": 1}]}]).encode()] + [usual] * 4)
    assert len(quick) == 10
    wrapped = b'{"meta": {"id": 1}, "data": 3, "events": ' + usual + b"}"
    check([wrapped, usual, wrapped])
    assert len(quick) == 13


def test_the_frame_of_one_file_is_that_of_several():
    for rows in ([{"a": {"x": 1}}, {"a": {"z": 2, "x": 1, "y": 3}}], [{"a": [1, 2**70]}], [{"a": [-7, 2**63]}]):
        file = Content(json.dumps(rows).encode())
        ((several, _),) = read_together([file])
        assert file.to_polars().schema == several.schema
        assert plain(file.to_polars().rows(named=True)) == plain(several.rows(named=True))
        check_order(rows, polars.Struct(several.schema))
    assert Content(b"[{}, {}]").to_polars().shape == (2, 0)
    assert Content(b"[]").to_polars().shape == (0, 0)


def real_files(folder: Path, most_bytes: int):
    """Files of which a frame can be made and that are not larger, those of one kind together."""
    groups: dict[tuple[str, str], list[Content]] = {}
    for path in sorted(folder.rglob("*")):
        name = path.name.removesuffix(".gz")
        form = name.rpartition(".")[2]
        if path.is_dir() or form not in {"json", "jsonl", "csv", "geojson"} or path.stat().st_size > most_bytes:
            continue
        content = path.read_bytes()
        feed = "".join(one for one in name if not one.isdigit())
        while content.startswith(GZIP_MAGIC):
            content = gzip.decompress(content)
        kind_of_file = (str(path.parent.parent.relative_to(folder)).rstrip("0123456789"), feed)
        groups.setdefault(kind_of_file, []).append(Content(content, form))
    for path in folder.rglob("*.zip"):
        with zipfile.ZipFile(path) as archive:
            groups[path.name, "zip"] = [
                Content(archive.read(one)) for one in archive.namelist() if one.endswith(".json")
            ]
    return groups


@pytest.mark.parametrize(
    "broken", [b"[", b'{"a": 1} 2', b'{"events": [], "a": "\xff"}', b'{"events": [], "a": 01}', b""]
)
def test_what_is_no_json_is_an_error(broken):
    with pytest.raises(SourceError, match="JSON"):
        read_together([Content(b'[{"id": 1}]'), Content(broken)])


@pytest.mark.slow
@pytest.mark.parametrize(("most_files", "most_bytes"), sizes((2, 400_000), (None, 1 << 40)))
def test_real_files(provider_data, most_files, most_bytes):
    count = 0
    for group in real_files(provider_data, most_bytes).values():
        files = group[:most_files]
        if files[0].data_serialization_format in DELIMITED:
            alone = polars.concat([file.to_polars() for file in files], how="diagonal_relaxed")
            together = polars.concat([frame for frame, _ in read_together(files)])
            assert plain(together.rows(named=True)) == plain(alone.rows(named=True))
        elif files[0].data_serialization_format == "json":
            check([file.content for file in files])
        else:
            together = polars.concat([frame for frame, _ in read_together(files)])
            rows = [row for file in files for row in read_rows(io.BytesIO(file.content), "jsonl", "events")]
            assert plain(together.rows(named=True)) == plain(polars_of(rows).rows(named=True))
        count += len(files)
    assert count > 30
