"""A lake in PostgreSQL and an S3 server against one on the local disk with SQLite, in one run.

Needs a PostgreSQL server (INGESTIFY_TEST_POSTGRESQL_URL, else postgresql://postgres@127.0.0.1:5432/postgres) and a user
who may make databases, and rclone or moto, which the extra `test` brings.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
from setting import Taken, child, in_turns, provider, table, work_folder

SERVER = os.environ.get("INGESTIFY_TEST_POSTGRESQL_URL") or "postgresql://postgres@127.0.0.1:5432/postgres"
ACCESS_KEY, SECRET_KEY, BUCKET = "benchmark", "benchmark-secret", "lake"

LOCAL = """
main:
  metadata_url: sqlite:///catalog.db
  file_url: file://files/
"""
SHARED = """
main:
  metadata_url: "{metadata_url}"
  file_url: s3://{bucket}/{prefix}
  file_options: {{endpoint: "{endpoint}"}}
"""
SOURCE = """
sources:
  statsbomb: {{type: ingestify.statsbomb_github, configuration: {{base_url: "{url}"}}}}
ingestion_plans:
  - {{source: statsbomb, dataset_type: match, data_spec_versions: {{match: v1}}}}
"""


@contextlib.contextmanager
def database() -> Iterator[str]:
    """Make a database, yield its URL, and drop it. Its commits are as durable as the server's settings say."""
    name = f"ingestify_benchmark_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(SERVER, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{SERVER.rpartition('/')[0]}/{name}"
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextlib.contextmanager
def object_store(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and the URL of an S3 server with an empty bucket: rclone's, or moto where there is none."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    tool = Path(sys.executable).with_name("rclone")
    rclone = str(tool) if tool.exists() else shutil.which("rclone")
    if rclone is not None:
        (folder / "objects" / BUCKET).mkdir(parents=True)
        keys = f"{ACCESS_KEY},{SECRET_KEY}"
        command = [rclone, "serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key", keys, "--config", ""]
        command += ["--vfs-cache-mode", "off", str(folder / "objects")]
    else:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    url = f"http://127.0.0.1:{port}"
    with (folder / "object-store.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + 60
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                if server.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"{command[0]} did not start; see {log.name}")
                time.sleep(0.05)
            if rclone is None:
                urllib.request.urlopen(urllib.request.Request(f"{url}/{BUCKET}", method="PUT")).close()
            yield ("rclone" if rclone else "moto"), url
        finally:
            server.terminate()
            server.wait()


def ingest(lake: str, provider_url: str) -> Taken:
    """Ingest the season into an empty lake, and run once more over what is there."""
    with work_folder() as folder:
        config = folder / "config.yaml"
        config.write_text(lake + SOURCE.format(url=provider_url))
        new = child("teams_once.py", config)
        again = child("teams_once.py", config)
    return Taken(new.wall, new.cpu, new.peak_mb, {"again": again.wall})


def season(folder: Path, rounds: int, latency_ms: int) -> None:
    """380 matches, on both lakes in turns."""

    def shared(endpoint: str, url: str) -> Taken:
        with database() as metadata_url:
            prefix = uuid.uuid4().hex
            lake = SHARED.format(metadata_url=metadata_url, bucket=BUCKET, prefix=prefix, endpoint=endpoint)
            return ingest(lake, url)

    with (
        object_store(folder) as (name, endpoint),
        provider(matches=380, events_per_match=25, latency_ms=latency_ms, matches_with_360=0) as url,
    ):
        taken = in_turns({"local": lambda: ingest(LOCAL, url), "shared": lambda: shared(endpoint, url)}, rounds)
    rows = []
    for case, title in (("local", "SQLite, a folder"), ("shared", f"PostgreSQL, S3 ({name})")):
        one = taken[case]
        ratio = f"{one.wall / taken['local'].wall:.2f} ×"
        rows.append(
            [
                title,
                f"{one.wall:.2f} s",
                ratio,
                f"{one.cpu:.2f} s",
                f"{one.peak_mb:.0f} MB",
                f"{one.more['again']:.2f} s",
            ]
        )
    head = ["lake", "wall", "ratio (aim ≤ 2 ×)", "own CPU", "peak memory", "nothing changed"]
    table(f"380 matches, {latency_ms} ms", head, rows)


def nothing_changed(folder: Path, rounds: int, number: int) -> None:
    """A run over many datasets that are all as they were; the index costs next to nothing."""
    lakes = {name: folder / f"many-{name}" for name in ("sqlite", "postgresql")}
    for lake in lakes.values():
        lake.mkdir()
    with database() as url:
        urls = {"sqlite": "sqlite:///catalog.db", "postgresql": url}
        for name, lake in lakes.items():
            child("lake_once.py", "new", lake, number, urls[name])
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")  # as the server does by itself some minutes later
        taken = in_turns(
            {name: lambda name=name: child("lake_once.py", "again", lakes[name], number, urls[name]) for name in lakes},
            rounds,
        )
    base = taken["sqlite"]
    rows = [
        [
            name,
            f"{one.wall:.2f} s (aim < 3 s)" if name != "sqlite" else f"{one.wall:.2f} s",
            f"{one.cpu:.2f} s",
            f"{one.wall - base.wall:+.2f} s" if name != "sqlite" else "",
            f"{one.cpu - base.cpu:+.2f} s" if name != "sqlite" else "",
            f"{one.peak_mb:.0f} MB",
        ]
        for name, one in taken.items()
    ]
    head = ["catalogue", "wall", "own CPU", "added by the server: wall", "own CPU", "peak memory"]
    table(f"{number:,} datasets, nothing changed", head, rows)


def main() -> None:
    """Print two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--latency-ms", type=int, default=50)
    parser.add_argument("--datasets", type=int, default=100_000)
    options = parser.parse_args()
    os.environ |= {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with work_folder() as folder:
        season(folder, options.rounds, options.latency_ms)
        nothing_changed(folder, options.rounds, options.datasets)


if __name__ == "__main__":
    main()
