"""A validator of an earlier answer counts only for the URL that gave it."""

from __future__ import annotations

from typing import Any

import pytest

from ingestify import DatasetResource
from tests.support.lake_in_memory import FunctionSource, Lake
from tests.support.scripted_provider import Provider, answer


@pytest.mark.parametrize("change", ["url", "params"])
def test_a_validator_says_nothing_of_another_url(web: Provider, change: str):
    web.on("/a", answer(b'{"n": 1}', last_modified="Wed, 10 Jan 2024 00:00:00 GMT", etag='"1"'))

    def by(asked: Any) -> Any:
        if "if-none-match" in asked.headers or "if-modified-since" in asked.headers:
            return answer(status=304)
        return answer(b'{"n": 2}', etag='"1"')

    url, params = f"{web.url}/a", {"v": 1}

    def find(**_: Any) -> Any:
        resource = DatasetResource({"match_id": 1}, "match")
        return [resource.add_file(None, "events", url=url, http_options={"params": params})]

    lake = Lake(FunctionSource(find))
    lake.engine.load()
    if change == "url":
        url = web.on("/b", by=by)
    else:
        params = {"v": 2}
        web.on("/a", by=by)
    assert lake.engine.load().totals.revised == 1
    assert lake.content(1) == {"n": 2}
    lake.engine.close()


def test_a_signature_that_changes_is_no_other_url(web: Provider):
    web.on("/a", by=lambda asked: answer(status=304) if "if-none-match" in asked.headers else answer(b"1", etag='"1"'))
    urls = iter([f"{web.url}/a?X-Amz-Signature={number}&Expires={number}" for number in range(9)])
    lake = Lake(
        FunctionSource(lambda **_: [DatasetResource({"match_id": 1}, "match").add_file(None, "events", url=next(urls))])
    )
    lake.engine.load()
    assert lake.engine.load().totals.unchanged == 1
    assert "if-none-match" in web.asked[-1].headers
    lake.engine.close()
