"""What a careful user would write without a library: requests, 32 threads, retries, one file a URL.

`requests_once.py URLS FOLDER`, where URLS is a file with one URL a line. Needs `requests`.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from setting import report
from urllib3.util.retry import Retry

urls, folder = Path(sys.argv[1]).read_text().split(), Path(sys.argv[2])
session = requests.Session()
retries = Retry(5, backoff_factor=0.5, status_forcelist=[429, 500, 502, 503, 504])
for scheme in ("http://", "https://"):
    session.mount(scheme, HTTPAdapter(pool_maxsize=32, max_retries=retries))


def download(url: str) -> None:
    path = folder / url.partition("/data/")[2].replace("/", "-")
    answer = session.get(url, timeout=60)
    answer.raise_for_status()
    partial = path.with_suffix(".part")
    partial.write_bytes(answer.content)
    partial.rename(path)


cpu, started = time.process_time(), time.perf_counter()
with ThreadPoolExecutor(32) as pool:
    for _ in pool.map(download, urls):
        pass
report(time.perf_counter() - started, time.process_time() - cpu)
