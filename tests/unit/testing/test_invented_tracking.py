"""The tracking of the demo is read like a provider's."""

from __future__ import annotations

import pytest

from ingestify import get_engine
from ingestify.testing.invented.tracking import invent_tracking
from ingestify.testing.season import Season


def test_kloppy_reads_it_and_a_frame_is_drawn():
    pytest.importorskip("kloppy")
    season = Season(matches=4, seed=1)
    match = season.match(season.index_entries()[0]["match_id"])
    files = invent_tracking(match.home, match.away, (2, 1), seed=1, seconds=1)
    with get_engine(metadata_url="sqlite:///:memory:", file_url="memory://") as engine:
        engine.store.create()
        dataset = engine.store.create_dataset("tracking", "skillcorner", {"match_id": 1}, "a match", files=files)
        picture = dataset.plot("frame")
    assert match.home.name in picture.alt
    assert len(picture.rows) == 22
