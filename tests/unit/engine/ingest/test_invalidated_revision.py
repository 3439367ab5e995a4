"""A revision that was invalidated is fetched in full once."""

from __future__ import annotations

from typing import Any

from ingestify import DatasetResource
from tests.support.lake_in_memory import FunctionSource, Lake, hours
from tests.support.scripted_provider import Provider, answer


def test_invalidating_fetches_in_full_once_and_restores_a_damaged_object(web: Provider):
    body = b'{"n": 1}'
    web.on("/a", by=lambda asked: answer(status=304) if "if-none-match" in asked.headers else answer(body, etag='"1"'))

    def find(**_: Any) -> Any:
        return [DatasetResource({"match_id": 1}, "match").add_file(hours(0), "events", url=f"{web.url}/a")]

    lake = Lake(FunctionSource(find))
    lake.engine.load()
    storage: Any = lake.engine.store.storage
    (path,) = (one for one in storage._objects if one.startswith("main/"))
    storage._objects[path] = (b"garbage", storage._objects[path][1])
    lake.engine.store.invalidate_revision(lake.datasets[0], "damaged")
    lake.engine.load()
    assert "if-none-match" not in web.asked[-1].headers
    assert lake.content(1) == {"n": 1}
    asked = len(web.asked)
    lake.engine.load()
    assert len(web.asked) == asked, "once is enough"
    lake.engine.close()


def test_an_object_that_another_compressor_wrote_is_restored_with_its_size(web: Provider):
    web.on("/a", by=lambda _: answer(b'{"n": 1}'))

    def find(**_: Any) -> Any:
        return [DatasetResource({"match_id": 1}, "match").add_file(hours(0), "events", url=f"{web.url}/a")]

    lake = Lake(FunctionSource(find))
    lake.engine.load()
    (file,) = lake.datasets[0].files.values()
    lake.engine.store.catalogue.row_repair.correct_sizes(file.storage_path, file.tag, file.size, file.storage_size - 1)
    lake.engine.store.invalidate_revision(lake.datasets[0], "damaged")
    lake.engine.load()
    assert lake.engine.verify(progress=False).damages == []
    lake.engine.close()
