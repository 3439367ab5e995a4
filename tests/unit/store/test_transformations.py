from __future__ import annotations

from ingestify.store.transformations import BucketTransformation


def test_buckets_of_negative_numbers_and_text():
    assert BucketTransformation(1000).transform("-1") == "-1000--1"
    assert BucketTransformation(1000).transform("DFL-MAT-1") == "other"
