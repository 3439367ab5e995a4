"""What fake-gcs-server lacks of Google's XML API: writing, multipart uploads and deleting, told to its JSON API; and
`start-after` of a listing, which it ignores.

Requests: https://cloud.google.com/storage/docs/xml-api/reference-methods. Reading is the server's own.

It is a process, as deltalake waits for some answers while it holds Python's lock: `python -m … URL PORT`.
"""

from __future__ import annotations

import itertools
import json
import re
import sys
import threading
import uuid
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape, unescape

from .relay import Exchange, Relay

_JSON = {"Content-Type": "application/json"}


class GcsXml(Relay):
    """In front of a fake-gcs-server, which finds the bucket by the host's name."""

    keeps_host = False

    def __init__(self, url: str, port: int) -> None:
        super().__init__(url, port)
        self._numbers = itertools.count(1)
        self._parts: dict[str, dict[int, bytes]] = {}
        self._parts_lock = threading.Lock()

    def answer(self, exchange: Exchange) -> bool:
        if super().answer(exchange):
            return True
        parts = urlsplit(exchange.path)
        bucket, _, name = parts.path.lstrip("/").partition("/")
        query = parse_qs(parts.query, keep_blank_values=True)
        if bucket in ("storage", "upload"):
            return False
        if not name:
            return "start-after" in query and self._list(exchange, query["start-after"][0])
        match exchange.command:
            case "PUT" if "partNumber" in query:
                self._put_part(exchange, query["uploadId"][0], int(query["partNumber"][0]))
            case "PUT":
                self._put(exchange, bucket, unquote(name), exchange.body)
            case "POST" if "uploads" in query:
                self._begin(exchange, bucket, unquote(name))
            case "POST":
                self._complete(exchange, bucket, unquote(name), query["uploadId"][0])
            case "DELETE" if "uploadId" in query:
                with self._parts_lock:
                    self._parts.pop(query["uploadId"][0], None)
                exchange.respond(204)
            case "DELETE":
                self._delete(exchange, bucket, unquote(name))
            case _:
                return False
        return True

    def _list(self, exchange: Exchange, after: str) -> bool:
        """Leave out what comes before, as https://cloud.google.com/storage/docs/xml-api/get-bucket-list says."""
        status, headers, body = self.forward("GET", exchange.path, dict(exchange.headers.items()), b"")

        def later(entry: re.Match[str]) -> str:
            return entry[0] if unescape(entry[1]) > after else ""

        text = re.sub(r"<Contents><Key>(.*?)</Key>.*?</Contents>", later, body.decode())
        headers = {name: value for name, value in headers.items() if name.lower() != "content-length"}
        exchange.respond(status, headers, text.encode())
        return True

    def _put(self, exchange: Exchange, bucket: str, name: str, body: bytes) -> None:
        # With uploadType=media, the server would not look at the condition.
        path = f"/upload/storage/v1/b/{bucket}/o?uploadType=multipart"
        condition = exchange.headers.get("x-goog-if-generation-match")
        if condition is not None:
            path += f"&ifGenerationMatch={condition}"
        mark = uuid.uuid4().hex
        head = f"--{mark}\r\nContent-Type: application/json\r\n\r\n{json.dumps({'name': name})}\r\n--{mark}\r\n"
        head += "Content-Type: application/octet-stream\r\n\r\n"
        sent = head.encode() + body + f"\r\n--{mark}--".encode()
        headers = {"Content-Type": f"multipart/related; boundary={mark}", "Content-Length": str(len(sent))}
        status, _, answer = self.forward("POST", path, headers, sent)
        if status != 200:
            self._refuse(exchange, status)
            return
        stored = json.loads(answer)
        assert int(stored["size"]) == len(body)
        exchange.respond(200, {"ETag": f'"{stored["etag"]}"', "x-goog-generation": str(stored["generation"])})

    def _begin(self, exchange: Exchange, bucket: str, name: str) -> None:
        upload = f"upload-{next(self._numbers)}"
        with self._parts_lock:
            self._parts[upload] = {}
        text = (
            f"<InitiateMultipartUploadResult><Bucket>{bucket}</Bucket><Key>{escape(name)}</Key>"
            f"<UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
        )
        exchange.respond(200, {"Content-Type": "application/xml"}, text.encode())

    def _put_part(self, exchange: Exchange, upload: str, number: int) -> None:
        with self._parts_lock:
            self._parts[upload][number] = exchange.body
        exchange.respond(200, {"ETag": f'"part-{number}"'})

    def _complete(self, exchange: Exchange, bucket: str, name: str, upload: str) -> None:
        named = [int(number) for number in re.findall(rb"<PartNumber>(\d+)</PartNumber>", exchange.body)]
        with self._parts_lock:
            parts = self._parts.pop(upload)
        assert named == sorted(parts), "the parts that are named are those that came"
        body = b"".join(parts[number] for number in named)
        path = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(name, safe='')}"
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(len(body))}
        status, _, answer = self.forward("POST", path, headers, body)
        if status != 200:
            self._refuse(exchange, status)
            return
        text = (
            f"<CompleteMultipartUploadResult><Bucket>{bucket}</Bucket><Key>{escape(name)}</Key>"
            f"<ETag>{json.loads(answer)['etag']}</ETag></CompleteMultipartUploadResult>"
        )
        exchange.respond(200, {"Content-Type": "application/xml"}, text.encode())

    def _delete(self, exchange: Exchange, bucket: str, name: str) -> None:
        path = f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}"
        status, _, _ = self.forward("DELETE", path, {"Content-Length": "0"}, b"")
        if status in (200, 204):
            exchange.respond(204)
        else:
            self._refuse(exchange, status, "NoSuchKey")

    @staticmethod
    def _refuse(exchange: Exchange, status: int, code: str = "NoSuchBucket") -> None:
        exchange.fail(status, code if status == 404 else "PreconditionFailed")


if __name__ == "__main__":
    with GcsXml(sys.argv[1], int(sys.argv[2])):
        threading.Event().wait()
