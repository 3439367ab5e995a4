"""What is learned of a limit that nobody configured, and what it costs where there is none.

32 threads ask the simulator as fast as they may. With a limit: what share was refused, and what share of the permitted
rate was used, after the first 10 s. Without one: requests a second with the limiter and with one that does nothing, in
turns.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from ingestify.fetch.http import HttpClient
from ingestify.fetch.options import HttpOptions
from ingestify.fetch.throttling.adaptive_limiter import AdaptiveLimiter
from ingestify.fetch.throttling.concurrency_limiter import Sent
from ingestify.fetch.throttling.host_limiters import HostLimiters
from ingestify.fetch.throttling.rate_limit import RateLimit
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator

SETTLED_SECONDS = 10.0


class NoHostLimiters(HostLimiters):
    """For a client that learns nothing."""

    def of(self, url: str) -> AdaptiveLimiter:  # noqa: ARG002
        """Return what does nothing."""
        return NO_LIMITER


class NoLimiter(AdaptiveLimiter):
    """Sends at once and learns nothing."""

    def enter(self, stop: threading.Event, *, is_fresh: bool = True) -> Sent:  # noqa: ARG002
        """Wait for the client's own limit only."""
        self._limit.wait(stop)
        return Sent(0.0, None, 0)

    def leave(self) -> None:
        """Nothing."""

    def accepted(self, sent: Sent) -> None:
        """Nothing."""


NO_LIMITER = NoLimiter("", "", HttpOptions(), RateLimit(None))


def ask(url: str, threads: int, seconds: float, limiters: HostLimiters | None = None) -> int:
    """Return how many answers came in so many seconds; raise if one could not be had."""
    client = HttpClient("benchmark")
    if limiters is not None:
        client._executor._limiters = limiters
    ends = time.monotonic() + seconds

    def run(_: int) -> int:
        count = 0
        while time.monotonic() < ends:
            client.get(url)
            count += 1
        return count

    with ThreadPoolExecutor(threads) as pool:
        count = sum(pool.map(run, range(threads)))
    client.close()
    return count


def with_limit(requests_per_second: float, threads: int, seconds: float, latency_seconds: float) -> None:
    """Print how the limit was kept and used."""
    season = Season(matches=1, events_per_match=40)
    with Simulator(season, latency_seconds=latency_seconds, requests_per_second=requests_per_second) as simulator:
        ask(f"{simulator.base_url}/competitions.json", threads, seconds)
        requests = simulator.requests
    first = min(one.at_seconds for one in requests)
    for begins, ends in ((0.0, SETTLED_SECONDS), (SETTLED_SECONDS, seconds)):
        part = [one.status for one in requests if begins <= one.at_seconds - first < ends]
        through = sum(status == 200 for status in part)
        used = through / (ends - begins) / requests_per_second
        print(
            f"{requests_per_second:g}/s, {begins:3.0f} to {ends:3.0f} s: {len(part):5} requests, "
            f"{1 - through / len(part):6.2%} refused, {used:5.1%} of the permitted rate used"
        )


def without_limit(threads: int, seconds: float, rounds: int) -> None:
    """Print what the limiter costs where nothing is refused."""
    for latency_ms in (50, 0):
        command = [sys.executable, "-m", "ingestify.testing.simulator", "--matches", "1", "--events-per-match", "40"]
        command += ["--latency-ms", str(latency_ms)]
        provider = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert provider.stdout is not None
            url = f"{provider.stdout.readline().strip()}/competitions.json"
            ask(url, threads, 0.5)
            rates: dict[bool, list[float]] = {True: [], False: []}
            for _ in range(rounds):
                for paced in (True, False):
                    limiters = (HostLimiters if paced else NoHostLimiters)("benchmark", HttpOptions())
                    rates[paced].append(ask(url, threads, seconds, limiters) / seconds)
        finally:
            provider.terminate()
        medians = {paced: statistics.median(rates[paced]) for paced in rates}
        print(
            f"no limit, {latency_ms} ms: {medians[True]:.0f} requests/s, {medians[False]:.0f} without a limiter, "
            f"ratio {medians[True] / medians[False]:.3f}"
        )


def main() -> None:
    """Print all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests-per-second", type=float, nargs="*", default=[12.0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--latency-ms", type=float, default=50.0)
    parser.add_argument("--threads", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=7, help="of 3 s each without a limit; 0: none")
    options = parser.parse_args()
    for requests_per_second in options.requests_per_second:
        with_limit(requests_per_second, options.threads, options.seconds, options.latency_ms / 1000)
    if options.rounds:
        without_limit(options.threads, 3.0, options.rounds)


if __name__ == "__main__":
    main()
