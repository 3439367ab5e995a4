"""An object of 80 MB goes in and comes out with little memory; a lake of more than one page is listed whole."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from ingestify.testing.storage_contract import put, read

from .conftest import open_lake

_MEASURE = """
import hashlib, resource, sys
from ingestify.storage.cloud import CloudStorage
from ingestify.storage.cloud_address import CloudAddress, CloudOptions

def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << (20 if sys.platform == "darwin" else 10))

storage = CloudStorage(CloudAddress.parse(sys.argv[1]), CloudOptions(endpoint=sys.argv[2]))
piece = bytes(range(256)) * 4096

def put(path, megabytes):
    digest = hashlib.sha256()
    temporary = storage.create_temporary()
    for _ in range(megabytes):
        temporary.write(piece)
        digest.update(piece)
    temporary.finish()
    storage.publish([(temporary, path)])
    temporary.discard()
    return digest.hexdigest()

def read(path):
    digest = hashlib.sha256()
    with storage.open(path) as stream:
        while data := stream.read(1 << 18):
            digest.update(data)
    return digest.hexdigest()

assert put("main/small", 1) == read("main/small")
before = peak_mb()
written = put("main/large", 80)
after_writing = peak_mb()
assert read("main/large") == written
print(before, after_writing, peak_mb())
"""


def test_memory_does_not_grow_with_the_object(rclone):
    storage = open_lake("s3", rclone)
    command = [sys.executable, "-c", _MEASURE, str(storage.address), rclone]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    before, after_writing, after_reading = (float(number) for number in ran.stdout.split())
    # Four parts of 8 MB are on their way at once.
    assert after_writing - before < 64
    assert after_reading - after_writing < 16
    assert storage.get_size("main/large") == 80 << 20


def test_a_listing_of_several_pages_is_whole_and_read_as_it_is_asked_for(rclone):
    storage = open_lake("s3", rclone)
    paths = [f"main/a={number % 7}/{number:04}" for number in range(1_050)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda path: put(storage, path, path.encode()), paths))
    listing = storage.iter_objects("main")
    assert next(listing).path in paths
    assert {next(listing).path for _ in range(1_049)} | {paths[0]} == set(paths)
    assert next(listing, None) is None
    assert storage.delete(iter(paths)) == 1_050
    assert list(storage.iter_objects()) == []


def test_many_large_objects_at_once_are_each_whole(rclone):
    storage = open_lake("s3", rclone)
    piece = random.Random(3).randbytes(1 << 20)
    objects = []
    for number in range(5):
        temporary = storage.create_temporary()
        for _ in range(9 + number):
            temporary.write(piece)
        temporary.write(bytes([number]))
        objects.append((temporary, f"main/{number}"))
    storage.publish(objects)
    for number, (temporary, path) in enumerate(objects):
        temporary.discard()
        expected = piece * (9 + number) + bytes([number])
        assert hashlib.sha256(read(storage, path)).digest() == hashlib.sha256(expected).digest()
