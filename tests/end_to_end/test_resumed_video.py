"""A large video over HTTP, and a run of the real command line that is killed in the middle of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestify import get_engine
from tests.end_to_end.running import objects, start
from tests.support.scripted_provider import Provider, provider
from tests.support.video import MIB, Video, video_of
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")

SIZE = 40 * MIB
PAUSE = 25 * MIB

CONFIG = """
main:
  metadata_url: sqlite:///database/catalog.db
  file_url: file://database/files/
sources:
  video: {type: video_source.VideoSource, configuration: {url: "%s"}}
ingestion_plans:
  - {source: video, dataset_type: match}
"""

SOURCE = """
import datetime as dt

from ingestify import DatasetResource, Source


class VideoSource(Source):
    provider = "video"

    def __init__(self, name, url):
        super().__init__(name, url=url)
        self.url = url

    def discover_selectors(self, dataset_type):
        return [{"season_id": 1}]

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, season_id, **_):
        resource = DatasetResource({"match_id": 1}, "match", name="match 1")
        yield resource.add_file(dt.datetime(2024, 5, 1), "video", url=self.url)
"""


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with provider() as server:
        yield server


@pytest.fixture
def video() -> Iterator[Video]:
    made = Video(video_of(SIZE))
    made.pause = PAUSE
    yield made
    made.go.set()


@pytest.fixture
def project(tmp_path: Path, web: Provider, video: Video) -> Path:
    (tmp_path / "config.yaml").write_text(CONFIG % web.on("/1.mp4", by=video))
    (tmp_path / "video_source.py").write_text(SOURCE)
    return tmp_path


def stored(project: Path) -> list[Path]:
    return objects(project / "database" / "files")


def half_is_there(project: Path) -> bool:
    """Whether what the provider sends up to its pause is written, but for the last piece, which is still collected."""
    return any(path.stat().st_size > PAUSE - 2 * MIB for path in stored(project))


@pytest.mark.sampled(2)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_next_run_asks_for_the_rest(project: Path, video: Video, how: signal.Signals):
    process = start(project)
    wait_until(lambda: half_is_there(project))
    process.send_signal(how)
    process.communicate(timeout=60)
    there = max(path.stat().st_size for path in stored(project))
    assert process.returncode == (-signal.SIGKILL if how == signal.SIGKILL else 130)
    with get_engine(project / "config.yaml") as engine:
        assert engine.list_datasets() == []

    again = start(project)
    _, err = again.communicate(timeout=60)
    assert again.returncode == 0, err
    (_, first) = video.first_bytes
    # Of a kill -9, the piece whose note it came before.
    assert 0 <= there - first <= (2 * MIB if how == signal.SIGKILL else 0)
    with get_engine(project / "config.yaml") as engine:
        (dataset,) = engine.list_datasets()
        assert engine.store.load_files(dataset).get_file("video").read() == video.body
    (whole,) = stored(project)
    assert whole.stat().st_size == SIZE, "one copy, and nothing left of what was on its way"


def test_a_video_that_changed_while_nobody_ran_comes_whole(project: Path, video: Video):
    process = start(project)
    wait_until(lambda: half_is_there(project))
    process.kill()
    process.communicate()
    video.body, video.etag = video_of(SIZE, seed=2), '"v2"'
    again = start(project)
    _, err = again.communicate(timeout=60)
    assert again.returncode == 0, err
    with get_engine(project / "config.yaml") as engine:
        (dataset,) = engine.list_datasets()
        assert engine.store.load_files(dataset).get_file("video").read() == video.body
    assert len(stored(project)) == 1
