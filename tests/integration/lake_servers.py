"""A lake on a database server and an object store, as several machines share one; looked at without ingestify."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import botocore.exceptions
import psycopg

from tests.end_to_end.crashes.audit import Audit, audit_lake
from tests.integration.catalogue.servers import Server
from tests.integration.storage.servers import ACCESS_KEY, BUCKET, SECRET_KEY

__all__ = ["SharedLake", "shared_lake"]

_numbers = itertools.count(1)


@dataclasses.dataclass(frozen=True)
class SharedLake:
    """One lake in PostgreSQL and S3.

    Attributes:
        prefix: Of its objects in the bucket.
        endpoint: Of the object store itself.
    """

    metadata_url: str
    prefix: str
    endpoint: str

    def write_config(self, folder: Path, provider_url: str, *, metadata_url: str = "", endpoint: str = "") -> Path:
        """Write the settings of one machine, which may get to the servers by another way. Returns the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        settings = {
            "main": {
                "metadata_url": metadata_url or self.metadata_url,
                "file_url": f"s3://{BUCKET}/{self.prefix}",
                "file_options": {"endpoint": endpoint or self.endpoint, "attempts": 2},
            },
            "sources": {
                "statsbomb": {"type": "ingestify.statsbomb_github", "configuration": {"base_url": provider_url}}
            },
            "ingestion_plans": [{"source": "statsbomb", "dataset_type": "match"}],
        }
        (folder / "config.yaml").write_text(json.dumps(settings))
        return folder

    def audit(self) -> Audit:
        """Look at all of it."""
        with psycopg.connect(self.metadata_url, autocommit=True) as connection:

            def query(sql: str, *values: object) -> list[tuple[Any, ...]]:
                return connection.execute(sql.replace("?", "%s"), values).fetchall()

            if query("SELECT to_regclass('dataset')") == [(None,)]:
                return audit_lake(lambda *_: [], _Bucket(self))
            return audit_lake(query, _Bucket(self))


class _Bucket:
    def __init__(self, lake: SharedLake) -> None:
        self._prefix = f"{lake.prefix}/"
        self._client = boto3.client(
            "s3",
            endpoint_url=lake.endpoint,
            region_name="us-east-1",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
        )

    def paths(self) -> set[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=self._prefix)
        return {one["Key"].removeprefix(self._prefix) for page in pages for one in page.get("Contents", ())}

    def read(self, path: str) -> bytes:
        try:
            answer = self._client.get_object(Bucket=BUCKET, Key=self._prefix + path)
        except botocore.exceptions.ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                raise FileNotFoundError(path) from error
            raise
        content: bytes = answer["Body"].read()
        return content


@contextlib.contextmanager
def shared_lake(server: Server, endpoint: str) -> Iterator[SharedLake]:
    """Yield an empty lake, whose database is gone afterwards."""
    with server.temporary_database() as name:
        yield SharedLake(server.url_of(name), f"shared-{next(_numbers)}", endpoint)
