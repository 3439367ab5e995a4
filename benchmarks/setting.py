"""What the benchmarks share: a provider in its own process, processes that are measured, and tables of medians."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

__all__ = [
    "Taken",
    "child",
    "in_turns",
    "medians",
    "process",
    "provider",
    "report",
    "season_config",
    "table",
    "work_folder",
]

HERE = Path(__file__).parent
_FOLDER = "INGESTIFY_BENCHMARK_FOLDER"


@contextlib.contextmanager
def work_folder() -> Iterator[Path]:
    """Yield a new folder, which is removed only when the whole benchmark has ended.

    ext4 does not give out an inode that was freed in the last minutes, and looks at each of them for every file that
    is made: a benchmark that clears up after each round measures that, and becomes slower from round to round.
    """
    parent = os.environ.get(_FOLDER)
    if parent is not None:
        yield Path(tempfile.mkdtemp(dir=parent))
        return
    with tempfile.TemporaryDirectory(prefix="ingestify-benchmark-") as own:
        os.environ[_FOLDER] = own
        try:
            yield Path(tempfile.mkdtemp(dir=own))
        finally:
            del os.environ[_FOLDER]


@dataclasses.dataclass(frozen=True, slots=True)
class Taken:
    """What one run took.

    Attributes:
        wall: Seconds.
        cpu: Seconds of user and system, or 0 where it was not measured.
        peak_mb: The most memory resident, in MB of 10^6 bytes, or 0.
        more: Whatever else a case measures.
    """

    wall: float
    cpu: float = 0.0
    peak_mb: float = 0.0
    more: Mapping[str, float] = dataclasses.field(default_factory=dict)


@contextlib.contextmanager
def provider(*, matches: int, events_per_match: int, latency_ms: float = 0.0, **options: object) -> Iterator[str]:
    """Serve a season in a process of its own. Yields the base URL, once every document was made."""
    command = [sys.executable, "-m", "ingestify.testing.simulator", "--matches", str(matches), "--prepare"]
    command += ["--events-per-match", str(events_per_match), "--latency-ms", str(latency_ms)]
    for name, value in options.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


CONFIG = """
main:
  metadata_url: sqlite:///catalog.db
  file_url: file://files/
  compression: {compression}
sources:
  statsbomb: {{type: ingestify.statsbomb_github, configuration: {{base_url: "{url}"}}}}
dataset_types:
  - {{provider: statsbomb, dataset_type: match, file_checks: {checked}}}
ingestion_plans:
  - {{source: statsbomb, dataset_type: match, data_spec_versions: {{match: v1}}}}
"""


def season_config(folder: Path, url: str, *, checked: bool = True, compression: str = "zstd") -> Path:
    """Write the settings of a lake in `folder` for the provider's season. Returns their path."""
    config = folder / "config.yaml"
    config.write_text(CONFIG.format(url=url, checked=str(checked).lower(), compression=compression))
    return config


def child(script: str, *arguments: object) -> Taken:
    """Run a script of this folder, which prints its own `Taken`: without its imports, and its memory is its own."""
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    values = json.loads(done.stdout.splitlines()[-1])
    return Taken(values.pop("wall"), values.pop("cpu"), values.pop("peak_mb"), values)


def report(wall: float, cpu: float, **more: float) -> None:
    """Print what `child` reads, from within the child."""
    print(json.dumps({"wall": wall, "cpu": cpu, "peak_mb": _own_peak_mb(), **more}))


def _own_peak_mb() -> float:
    """Return the most memory that this process had resident."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def process(command: Sequence[str]) -> Taken:
    """Run another program and measure it from its start to its end."""
    started = time.perf_counter()
    pid = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - started
    if status != 0:
        raise SystemExit(f"{command[0]} failed with {os.waitstatus_to_exitcode(status)}")
    return Taken(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6)


def in_turns(cases: Mapping[str, Callable[[], Taken]], rounds: int) -> dict[str, Taken]:
    """Run the cases in turns, so that a noisy moment hits all of them, and return the median of each."""
    taken: dict[str, list[Taken]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, run in cases.items():
            taken[name].append(run())
    return {name: medians(of) for name, of in taken.items()}


def medians(taken: Sequence[Taken]) -> Taken:
    """Return the median of each figure."""
    middle = statistics.median
    more = {key: middle(one.more[key] for one in taken) for key in taken[0].more}
    return Taken(middle(t.wall for t in taken), middle(t.cpu for t in taken), max(t.peak_mb for t in taken), more)


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a Markdown table."""
    print(f"\n### {title}\n")
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |", flush=True)
