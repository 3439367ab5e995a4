"""HTTP clients for many files at once: CPU time and wall time of each, as it is and behind 32 threads.

Of `pycurl`, `pyreqwest`, `urllib3`, `requests` and `httpx`, one that is not installed is left out.
"""

from __future__ import annotations

import argparse
import functools
import http.client
import importlib.util
import json
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from setting import Taken, in_turns, provider, table

from ingestify.fetch.transport.address_policy import REQUESTABLE, AddressPolicy
from ingestify.fetch.transport.http_client_transport import HttpClientTransport

HEADERS = {"User-Agent": "benchmark", "Accept": "*/*", "Accept-Encoding": "gzip"}
Get = Callable[[str], bytes]


def with_transport() -> Get:
    """The transport that ingestify uses: http.client without its parser of headers."""
    transport = HttpClientTransport(connect_timeout_seconds=10, read_timeout_seconds=60, connections=64)

    def get(url: str) -> bytes:
        with transport.send("GET", url, HEADERS, AddressPolicy(REQUESTABLE)) as answer:
            return b"".join(answer.iter_wire())

    return get


def with_pycurl() -> Get:
    """libcurl, a handle a thread; it hands over 16 kB at a time."""
    import pycurl

    own = threading.local()

    def get(url: str) -> bytes:
        if not hasattr(own, "handle"):
            own.handle = pycurl.Curl()
            own.handle.setopt(pycurl.NOSIGNAL, 1)
            own.handle.setopt(pycurl.BUFFERSIZE, 1 << 17)
            own.handle.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in HEADERS.items()])
        pieces: list[bytes] = []
        own.handle.setopt(pycurl.URL, url)
        own.handle.setopt(pycurl.WRITEFUNCTION, pieces.append)
        own.handle.perform()
        return b"".join(pieces)

    return get


def with_http_client() -> Get:
    """The standard library as it is, a connection a thread."""
    own = threading.local()

    def get(url: str) -> bytes:
        parts = urllib.parse.urlsplit(url)
        if not hasattr(own, "connection"):
            own.connection = http.client.HTTPConnection(parts.netloc)
        own.connection.request("GET", parts.path, headers=HEADERS)
        return own.connection.getresponse().read()

    return get


def with_urllib3() -> Get:
    """With its pool."""
    import urllib3

    pool = urllib3.PoolManager(maxsize=64, retries=False)

    def get(url: str) -> bytes:
        return pool.request("GET", url, headers=HEADERS, redirect=False, decode_content=False).data

    return get


def with_requests() -> Get:
    """With one session."""
    import requests
    from requests.adapters import HTTPAdapter

    session = requests.Session()
    session.mount("http://", HTTPAdapter(pool_maxsize=64))
    return lambda url: session.get(url, headers=HEADERS).content


def with_httpx() -> Get:
    """With one client."""
    import httpx

    client = httpx.Client(limits=httpx.Limits(max_connections=64), headers=HEADERS)
    return lambda url: client.get(url).content


def with_pyreqwest() -> Get:
    """With one client; it is written in Rust."""
    from pyreqwest.client import SyncClientBuilder

    client = SyncClientBuilder().build()
    return lambda url: bytes(client.get(url).headers(HEADERS).build().send().bytes())


CLIENTS: dict[str, tuple[str, Callable[[], Get]]] = {
    "ingestify": ("http", with_transport),
    "pycurl": ("pycurl", with_pycurl),
    "pyreqwest": ("pyreqwest", with_pyreqwest),
    "http.client": ("http", with_http_client),
    "urllib3": ("urllib3", with_urllib3),
    "requests": ("requests", with_requests),
    "httpx": ("httpx", with_httpx),
}


def measure(get: Get, urls: list[str], threads: int) -> Taken:
    """Fetch all of them."""
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(get, urls[:threads]))  # connect
        cpu, started = time.process_time(), time.perf_counter()
        for body in pool.map(get, urls):
            assert body
        return Taken(time.perf_counter() - started, time.process_time() - cpu)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    clients = {name: make() for name, (module, make) in CLIENTS.items() if importlib.util.find_spec(module)}
    rows = []
    for title, matches, events in (("24 kB", 400, 25), ("2.5 MB", 60, 4200)):
        with provider(matches=matches, events_per_match=events, matches_with_360=0) as url:
            with urllib.request.urlopen(f"{url}/matches/811/27.json") as answer:
                urls = [f"{url}/events/{match['match_id']}.json" for match in json.load(answer)]
            for threads in (1, 32):
                taken = in_turns(
                    {name: functools.partial(measure, get, urls, threads) for name, get in clients.items()},
                    options.rounds,
                )
                for name, one in taken.items():
                    cpu, wall = (figure / len(urls) * 1e6 for figure in (one.cpu, one.wall))
                    rows.append([f"{title}, {threads} at once", name, f"{cpu:.0f} µs", f"{wall:.0f} µs"])
    table("HTTP clients, for each file", ["case", "client", "CPU", "wall"], rows)


if __name__ == "__main__":
    main()
