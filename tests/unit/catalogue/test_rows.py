from __future__ import annotations

import datetime as dt
import itertools
import json

from ingestify import DatasetResource, FetchPolicy
from ingestify.catalogue.rows import Feeds
from ingestify.domain.dataset import DatasetSummary
from ingestify.domain.file import ANY_URL
from ingestify.domain.revision import RevisionState

TIME = dt.datetime(2024, 5, 1, 18, 30, tzinfo=dt.UTC)
ID, OTHER_ID = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
SAME, OTHER = "2024-05-01T18:30:00+00:00", "2024-05-01T18:30:01+00:00"


def can_skip(feeds: object, resource: DatasetResource) -> bool:
    summary = DatasetSummary(TIME, TIME, RevisionState.CONFIRMED, True, feeds)  # type: ignore[arg-type]
    return FetchPolicy().can_skip(summary, resource)


def test_a_run_decides_by_rows_as_by_the_feed_states_that_they_hold() -> None:
    moment = "2024-05-01T18:30:00.000000Z"
    rows = [
        [present, moment, None, None, moment, asked_for, announced, settled, *further]
        for present in (0, 1)
        for announced in (None, SAME, OTHER, "v1", "up to 2024-05-02T00:00:00+00:00")
        for settled in (0, 1)
        for broken in ([], ["it is broken", "", ""], ["it is broken", "", "me"])
        for further in ((broken, ID), (broken,) if broken else ())
        for asked_for in ("", ANY_URL)
    ]
    rows += [[present, time, None, None, moment, ""] for present in (0, 1) for time in (None, moment)]
    announcements = [
        {"last_modified": time, "content_version": version, "known_unchanged": known, "content_id": content_id}
        for time in (None, TIME)
        for version in (None, "v1", "v2")
        for known in (False, True)
        for content_id in (None, ID, OTHER_ID)
    ]
    skipped = 0
    for row, said in itertools.product(rows, announcements):
        resource = DatasetResource({"match_id": 1}, "match", "provider")
        resource.add_file(data_feed_key="events", url="https://a.example/", **said)  # type: ignore[arg-type]
        for file_id in ("events__v1", "events__v2"):
            feeds = Feeds(json.dumps({file_id: row, "other__v1": rows[0]}))
            assert can_skip(feeds, resource) == can_skip(dict(feeds), resource), (row, said)
            skipped += can_skip(feeds, resource)
    assert skipped > 50


def test_a_text_with_half_of_a_character_is_read() -> None:
    moment = "2024-05-01T18:30:00.000000Z"
    feeds = Feeds(json.dumps({"events__v1": [1, moment, "\ud83d", None, moment, "", SAME, 1]}))
    assert feeds["events__v1"].validators.etag == "\ud83d"
