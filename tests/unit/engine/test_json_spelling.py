"""A `json_content` whose bytes in the lake are spelled otherwise is no change."""

from __future__ import annotations

import gzip
import hashlib
import json

import pytest

from tests.support.adopted_lake import adopt, with_files
from tests.support.lake_in_memory import match

VALUE = {"ü": "ß \U0001f600", "b": [1, 2.5, None, True], "a": {"z": 1, "y": []}}


PATH = "main/as-it-was.json.gz"


def write(lake, packed):
    storage = lake.engine.store.storage
    temporary = storage.create_temporary()
    temporary.write(packed)
    temporary.finish()
    storage.publish([(temporary, PATH)])


@pytest.fixture
def lake_with(make_lake):
    """A lake that has one file with the given bytes, announced with `VALUE` at a newer time."""

    def make(stored, value=VALUE):
        lake = make_lake(lambda **_: [match(1, value)])
        lake.engine.load()
        write(lake, packed := gzip.compress(stored))
        adopt(
            lake,
            lambda dataset: with_files(
                dataset,
                tag=lambda file: hashlib.sha256(stored).hexdigest(),
                size=lambda file: len(stored),
                storage_size=lambda file: len(packed),
                storage_path=lambda file: PATH,
                storage_compression_method=lambda file: "gzip",
            ),
        )
        lake.source.find = lambda **_: [match(1, value, at=1)]
        return lake

    return make


def stored_bytes(lake):
    dataset = lake.engine.store.get_dataset_collection(match_id=1).first()
    return lake.engine.store.load_files(dataset).get_file("events").read()


@pytest.mark.parametrize(
    "stored",
    [
        json.dumps(VALUE, indent=4).encode(),
        json.dumps(VALUE, ensure_ascii=False, indent=1).encode(),
        json.dumps(VALUE).replace("[]", "[ ]").encode(),
    ],
)
def test_spaces_and_escapes_are_no_change(lake_with, stored):
    lake = lake_with(stored)
    report = lake.engine.load()
    assert (report.totals.unchanged, len(lake.datasets[0].revisions), stored_bytes(lake)) == (1, 1, stored)
    assert [one for one in lake.recorder.types if one != "dataset_skipped"] == []


def test_a_nan_of_the_published_package_is_the_null_of_ours(lake_with):
    lake = lake_with(b'{\n    "n": NaN\n}', {"n": None})
    assert lake.engine.load().totals.unchanged == 1


@pytest.mark.parametrize(
    "stored",
    [
        json.dumps({**VALUE, "b": [1, 2.5, None, False]}, indent=4).encode(),
        json.dumps(dict(reversed(VALUE.items())), indent=4).encode(),
        json.dumps({**VALUE, "b": [1.0, 2.5, None, True]}, indent=4).encode(),
        b'{"broken": ',
        b"",
    ],
)
def test_values_numbers_and_the_order_of_keys_are_a_change(lake_with, stored):
    lake = lake_with(stored)
    assert lake.engine.load().totals.revised == 1
    assert json.loads(stored_bytes(lake)) == VALUE


def test_a_damaged_object_is_replaced(lake_with):
    lake = lake_with(json.dumps(VALUE, indent=4).encode())
    write(lake, gzip.compress(b"[]"))
    lake.engine.load()
    assert json.loads(stored_bytes(lake)) == VALUE
