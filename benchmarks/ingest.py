"""A season into an empty lake, against curl and a script with requests that fetch the same URLs into plain files.

The other two know the URLs, do not sync, hash, compress, check or catalogue anything. Needs curl and `requests`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import urllib.request
from pathlib import Path

from setting import Taken, child, in_turns, process, provider, table, work_folder

CASES = {
    # matches, events of each match, latencies in ms, the most that it may take in curl's time
    "small": (380, 25, {0: 1.3, 50: 1.0}),
    "3 MB": (100, 4200, {0: 1.4, 50: 1.4}),
}


def urls_of(base_url: str) -> list[str]:
    """Return the URL of every file that an ingest of the season fetches, and of its indexes."""

    def read(path: str) -> list[dict[str, object]]:
        with urllib.request.urlopen(f"{base_url}/{path}") as answer:
            return json.load(answer)

    urls = [f"{base_url}/competitions.json"]
    for season in read("competitions.json"):
        index = f"matches/{season['competition_id']}/{season['season_id']}.json"
        urls.append(f"{base_url}/{index}")
        for match in read(index):
            urls += [f"{base_url}/{feed}/{match['match_id']}.json" for feed in ("lineups", "events")]
            if match["match_status_360"] == "available":
                urls.append(f"{base_url}/three-sixty/{match['match_id']}.json")
    return urls


def curl(urls: list[str], at_once: int = 32) -> Taken:
    """Fetch the URLs into plain files."""
    with work_folder() as folder:
        lines = []
        for url in urls:
            lines += [f'url = "{url}"', f'output = "{folder}/{url.partition("/data/")[2].replace("/", "-")}"']
        listed = Path(folder, "urls.txt")
        listed.write_text("\n".join(lines))
        command = [
            "curl",
            "--silent",
            "--no-progress-meter",
            "--fail",
            "--parallel",
            "--parallel-max",
            str(at_once),
            "--config",
            str(listed),
        ]
        taken = process(command)
        assert len(list(Path(folder).iterdir())) == len(urls) + 1
    return taken


def requests(urls: list[str]) -> Taken:
    """Fetch the URLs with the script."""
    with work_folder() as folder, tempfile.NamedTemporaryFile("w", suffix=".txt") as listed:
        listed.write("\n".join(urls))
        listed.flush()
        taken = child("requests_once.py", listed.name, folder)
        assert len(list(Path(folder).iterdir())) == len(urls)
    return taken


def main() -> None:
    """Measure in one folder."""
    with work_folder():
        measure()


def measure() -> None:
    """Print a table for each size and latency."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=CASES, help="one size")
    parser.add_argument("--latency-ms", type=int, help="one latency")
    options = parser.parse_args()
    if shutil.which("curl") is None:
        raise SystemExit("curl is not installed; install the package 'curl'.")
    rows = []
    for name, (matches, events, latencies) in CASES.items():
        for latency, limit in latencies.items():
            if options.only not in (None, name) or options.latency_ms not in (None, latency):
                continue
            with provider(matches=matches, events_per_match=events, latency_ms=latency, matches_with_360=0) as url:
                urls = urls_of(url)
                taken = in_turns(
                    {
                        "curl": lambda urls=urls: curl(urls),
                        "requests": lambda urls=urls: requests(urls),
                        "ingestify": lambda url=url: child("ingest_once.py", url),
                    },
                    options.rounds,
                )
            for tool, one in taken.items():
                rows.append(
                    [
                        f"{matches} × {name}, {latency} ms",
                        tool,
                        f"{one.wall:.2f} s",
                        f"{one.wall / taken['curl'].wall:.2f}",
                        f"≤ {limit}" if tool == "ingestify" else "",
                        f"{one.cpu:.2f} s",
                        f"{one.peak_mb:.0f} MB",
                    ]
                )
    table("A season into an empty lake", ["case", "with", "wall", "× curl", "aim", "CPU", "peak memory"], rows)


if __name__ == "__main__":
    main()
