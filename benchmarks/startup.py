"""How long `import ingestify` and `ingestify --help` take, as ratios to a bare interpreter in the same run."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

CASES = {
    "bare interpreter": ["-c", "pass"],
    "import ingestify": ["-c", "import ingestify"],
    "ingestify --help": ["-m", "ingestify", "--help"],
    "get_engine (SQLAlchemy and all)": ["-c", "from ingestify import get_engine"],
}
ROUNDS = 15


def main() -> None:
    """Print the median of each case, taken in turns so that a noisy moment hits all of them."""
    seconds: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(ROUNDS):
        for name, arguments in CASES.items():
            started = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
            seconds[name].append(time.perf_counter() - started)
    bare = statistics.median(seconds["bare interpreter"])
    for name, taken in seconds.items():
        median = statistics.median(taken)
        print(f"{name:<34} {median * 1000:6.0f} ms  {median / bare:5.1f} x")


if __name__ == "__main__":
    main()
