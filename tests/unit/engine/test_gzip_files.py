"""A provider's gzip file that its source calls JSON Lines."""

from __future__ import annotations

import gzip
import hashlib

from ingestify import BundleCheck, DatasetResource
from tests.support.lake_in_memory import hours
from tests.support.scripted_provider import answer

LINES = b'{"frame": 1}\n{"frame": 2}\n'


class Frames(BundleCheck):
    """Reads what is in the file."""

    def __init__(self):
        self.seen = []

    def find_problems(self, bundle):
        self.seen += [file.stream.read() for file in bundle.files.values()]
        return []


def lake_of(make_lake, web, body, path="/1.jsonl.gz"):
    web.on(path, by=lambda asked: answer(body, content_type="application/gzip"))
    at = [0]

    def find(**_):
        resource = DatasetResource({"match_id": 1}, "tracking-data", name="match 1")
        at[0] += 1
        return [resource.add_file(hours(at[0]), "tracking", url=f"{web.url}{path}", data_serialization_format="jsonl")]

    return make_lake(find)


def test_it_is_kept_byte_for_byte_and_read_inflated(make_lake, web):
    body = gzip.compress(LINES)
    lake = lake_of(make_lake, web, body)
    check = Frames()
    lake.source.bundle_checks = (check,)
    assert lake.engine.load().totals.new == 1
    (dataset,) = lake.datasets
    file = lake.engine.store.load_files(dataset).get_file("tracking")
    assert (file.stream.read(), file.raw_stream.read()) == (LINES, body)
    assert (file.size, file.tag) == (len(body), hashlib.sha256(body).hexdigest())
    assert (file.storage_compression_method, file.data_serialization_format) == ("none", "jsonl")
    assert check.seen == [LINES]
    assert dataset.to_polars("tracking")["frame"].to_list() == [1, 2]
    assert lake.engine.verify(progress=False).damages == []
    report = lake.engine.load()
    assert (report.totals.unchanged, len(web.asked)) == (1, 2)


def test_one_that_is_broken_inside_is_rejected(make_lake, web):
    lake = lake_of(make_lake, web, gzip.compress(b"<html>Sorry</html>"))
    report = lake.engine.load()
    assert (report.totals.new, report.totals.quarantined + report.totals.failed) == (0, 1)
