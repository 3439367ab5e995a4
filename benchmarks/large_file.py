"""One large MP4 over HTTP, ingested by the real engine, against `curl -o` of the same URL; and cut, and killed.

The provider is a small server in a process of its own: `sendfile` from a file on disk, ranges, a strong ETag, and
connections that it cuts where the path says so (`/cut-5/…` cuts the first five answers).
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import os
import random
import re
import shutil
import signal
import socketserver
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

from ingestify import DatasetResource, Source, get_engine

MIB = 1 << 20
ETAG = '"the-one-and-only"'
CONFIG = """
main:
  metadata_url: sqlite:///catalog.db
  file_url: file://files/
sources:
  video: {{type: large_file.VideoSource, configuration: {{url: "{url}"}}}}
ingestion_plans:
  - {{source: video, dataset_type: video}}
"""


class VideoSource(Source):
    """One match with one video."""

    provider = "benchmark"

    def __init__(self, name: str, *, url: str) -> None:
        super().__init__(name, url=url)
        self.url = url

    def discover_selectors(self, _: str) -> list[dict[str, Any]]:
        return [{"season_id": 1}]

    def find_datasets(self, dataset_type: str, *_: Any, **__: Any) -> Any:
        resource = DatasetResource({"match_id": 1}, dataset_type, name="a match")
        yield resource.add_file(dt.datetime(2024, 5, 1), "video", url=self.url)


# ---- the provider --------------------------------------------------------------------------------------


def write_video(path: Path, size: int) -> None:
    """Write an MP4 of valid boxes with pseudo-random media, the same each time."""
    source = random.Random(1)
    head = (24).to_bytes(4) + b"ftypisom" + bytes(4) + b"isommp41"
    moov = MIB.to_bytes(4) + b"moov" + bytes(MIB - 8)
    media = size - len(head) - len(moov)
    with path.open("wb") as out:
        out.write(head + moov + (1).to_bytes(4) + b"mdat" + media.to_bytes(8))
        left = media - 16
        while left:
            out.write(source.randbytes(min(left, MIB)))
            left -= min(left, MIB)


class Connection(socketserver.StreamRequestHandler):
    """Answers GETs of the one file, whole or from an offset."""

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while self.handle_one():
                pass

    def handle_one(self) -> bool:
        line = self.rfile.readline().decode()
        headers = {}
        while (header := self.rfile.readline().decode().strip()) != "":
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        if not line:
            return False
        path = line.split()[1]
        if path == "/log":
            body = json.dumps(self.server.log).encode()
            self.server.log.clear()
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            return True
        size = self.server.size
        first = 0
        status = "200 OK"
        extra = ""
        if (found := re.fullmatch(r"bytes=(\d+)-", headers.get("range", ""))) and headers.get("if-range") == ETAG:
            first = int(found[1])
            status, extra = "206 Partial Content", f"Content-Range: bytes {first}-{size - 1}/{size}\r\n"
        self.wfile.write(
            f"HTTP/1.1 {status}\r\nContent-Length: {size - first}\r\nETag: {ETAG}\r\nAccept-Ranges: bytes\r\n"
            f"Content-Type: video/mp4\r\n{extra}\r\n".encode()
        )
        end = size
        if (cut := re.match(r"/cut-(\d+)/", path)) and self.server.answers.get(path, 0) < int(cut[1]):
            self.server.answers[path] = self.server.answers.get(path, 0) + 1
            end = min(size, first + size // (int(cut[1]) + 1))
        entry = {"path": path, "first": first, "sent": 0}
        self.server.log.append(entry)
        with self.server.video.open("rb") as video:
            while first < end:
                sent = os.sendfile(self.connection.fileno(), video.fileno(), first, min(end - first, 4 * MIB))
                first += sent
                entry["sent"] += sent
        return end == size


class Server(socketserver.ThreadingTCPServer):
    """Counts what it sent."""

    daemon_threads = True

    def __init__(self, video: Path) -> None:
        super().__init__(("127.0.0.1", 0), Connection)
        self.video = video
        self.size = video.stat().st_size
        self.log: list[dict[str, Any]] = []
        self.answers: dict[str, int] = {}


# ---- the measurements ----------------------------------------------------------------------------------


def ingest(lake: Path, url: str) -> None:
    """In a process of its own: one run into a fresh lake, or one that goes on."""
    lake.mkdir(exist_ok=True)
    (lake / "config.yaml").write_text(CONFIG.format(url=url))
    with get_engine(lake / "config.yaml") as engine:
        started = time.perf_counter()
        report = engine.load()
        print(json.dumps({"load_seconds": time.perf_counter() - started, "new": report.totals.new}))


def timed(command: list[str]) -> dict[str, Any]:
    """Return wall and CPU seconds and the peak memory of a process, and what it printed as JSON."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{command} ended with {process.returncode}"
    found: dict[str, Any] = json.loads(out) if out.strip() else {}
    return {
        **found,
        "wall": wall,
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss / 1024,
    }


def ingest_command(lake: Path, url: str) -> list[str]:
    return [sys.executable, __file__, "--ingest", url, "--lake", str(lake)]


def stored_bytes(lake: Path) -> int:
    return sum(path.stat().st_size for path in (lake / "files").rglob("*") if path.is_file())


def log(base: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{base}/log") as answer:
        found: list[dict[str, Any]] = json.load(answer)
    return found


def check(lake: Path, video: Path) -> str:
    """Say whether the lake has the one file, equal, once."""
    (stored,) = (path for path in (lake / "files" / "main").rglob("*") if path.is_file())
    same = subprocess.run(["cmp", "-s", str(stored), str(video)], check=False).returncode == 0
    return f"{'equal' if same else 'OTHER'} bytes, {stored_bytes(lake) / video.stat().st_size:.3f} copies on disk"


def compare(folder: Path, base: str, video: Path, rounds: int) -> None:
    taken: dict[str, list[dict[str, Any]]] = {"curl": [], "curl and sync": [], "ingestify": []}
    said = ""
    for _ in range(rounds):
        for name in taken:
            target = folder / "target"
            os.sync()
            if name == "ingestify":
                taken[name].append(timed(ingest_command(target, f"{base}/video.mp4")))
                said = check(target, video)
                shutil.rmtree(target)
            else:
                sync = f" && sync {target}" if name == "curl and sync" else ""
                taken[name].append(timed(["sh", "-c", f"curl -s -o {target} {base}/video.mp4{sync}"]))
                target.unlink()
    walls = {name: statistics.median(one["wall"] for one in taken[name]) for name in taken}
    loads = statistics.median(one["load_seconds"] for one in taken["ingestify"])
    for name, ones in taken.items():
        cpu = statistics.median(one["cpu"] for one in ones)
        peak = max(one["peak_mb"] for one in ones)
        print(
            f"{name:<14} {walls[name]:6.2f} s wall ({walls[name] / walls['curl']:.2f} x curl)  {cpu:5.2f} s CPU  "
            f"{peak:5.0f} MB peak  {[round(one['wall'], 2) for one in ones]}"
        )
    print(f"engine.load()  {loads:6.2f} s of these ({loads / walls['curl']:.2f} x curl); {said}")


def cut(folder: Path, base: str, video: Path, cuts: int) -> None:
    log(base)
    lake = folder / "cut"
    taken = timed(ingest_command(lake, f"{base}/cut-{cuts}/video.mp4"))
    asked = log(base)
    size = video.stat().st_size
    again = sum(one["sent"] for one in asked) - size
    print(
        f"cut {cuts} times: {len(asked)} requests, {again / MIB:.2f} MiB sent again ({100 * again / size:.2f} %), "
        f"{taken['wall']:.2f} s, {taken['peak_mb']:.0f} MB peak; {check(lake, video)}"
    )
    shutil.rmtree(lake)


def kill(folder: Path, base: str, video: Path) -> None:
    log(base)
    lake = folder / "killed"
    size = video.stat().st_size
    process = subprocess.Popen(ingest_command(lake, f"{base}/video.mp4"), stdout=subprocess.DEVNULL)
    while not (lake / "files").exists() or stored_bytes(lake) < size * 0.6:
        time.sleep(0.005)
        assert process.poll() is None, "it was faster than this could look"
    process.send_signal(signal.SIGKILL)
    process.wait()
    there = stored_bytes(lake)
    taken = timed(ingest_command(lake, f"{base}/video.mp4"))
    asked = log(base)
    again = sum(one["sent"] for one in asked) - size
    lost = there - asked[-1]["first"]
    print(
        f"kill -9 at {there / size:.0%}: went on at byte {asked[-1]['first']:,}; {max(lost, 0) / MIB:.2f} MiB of what "
        f"was on disk came again, {again / MIB:.2f} MiB were sent again in all ({100 * again / size:.2f} %); "
        f"{taken['wall']:.2f} s, {taken['peak_mb']:.0f} MB peak; {check(lake, video)}"
    )
    shutil.rmtree(lake)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cuts", type=int, default=5)
    parser.add_argument("--folder", help="where the lake and the video are written; a temporary one")
    parser.add_argument("--ingest", help=argparse.SUPPRESS)
    parser.add_argument("--lake", help=argparse.SUPPRESS)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        server = Server(Path(options.serve))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
        sys.stdin.read()
        return
    if options.ingest:
        sys.path.insert(0, str(Path(__file__).parent))
        ingest(Path(options.lake), options.ingest)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        video = folder / "served.mp4"
        write_video(video, options.mib * MIB)
        command = [sys.executable, __file__, "--serve", str(video)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as provider:
            assert provider.stdout is not None
            base = provider.stdout.readline().strip()
            compare(folder, base, video, options.rounds)
            cut(folder, base, video, options.cuts)
            kill(folder, base, video)
            provider.terminate()


if __name__ == "__main__":
    main()
