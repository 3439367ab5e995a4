from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SIZE = 400 << 20

INGEST = """
import resource, sys
from pathlib import Path
from ingestify import IngestionPlan, get_engine
from ingestify.sources.files.source import FilesSource

folder = Path(sys.argv[1])
engine = get_engine(metadata_url=f"sqlite:///{folder}/catalog.db", file_url=f"file://{folder}/files")
source = FilesSource(
    "drop", provider="p", location=str(folder / "in"), dataset_type="video", settle_seconds=0,
    patterns=[{"pattern": "{match_id}.mp4", "data_feed_key": "video"}],
)
engine.add_ingestion_plan(IngestionPlan(source, "video"))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
totals = engine.load().totals
print(totals.new, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
engine.close()
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux")
def test_memory_does_not_grow_with_a_recording(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with (tmp_path / "in" / "7.mp4").open("wb") as recording:
        recording.write((16).to_bytes(4) + b"ftypisom" + bytes(4) + (8).to_bytes(4) + b"moov")
        recording.write((SIZE - 24).to_bytes(4) + b"mdat")
        recording.truncate(SIZE)
    ran = subprocess.run(
        [sys.executable, "-c", INGEST, str(tmp_path)], capture_output=True, text=True, timeout=100, check=True
    )
    new, grown_kib = map(int, ran.stdout.split())
    assert new == 1, ran.stderr
    assert grown_kib < 100 << 10, f"{grown_kib} KiB for a file of {SIZE >> 10} KiB"
