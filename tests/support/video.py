"""A provider's video: valid boxes, ranges, and answers that break off where they are told to."""

from __future__ import annotations

import gzip
import random
import threading

from tests.support.scripted_provider import CLOSE, Asked, Reply, answer

MIB = 1 << 20


def video_of(size: int, seed: int = 1) -> bytes:
    """An MP4 of that many bytes: `ftyp`, `moov`, and `mdat` with noise."""
    head = (16).to_bytes(4) + b"ftypisom" + bytes(4) + (1000).to_bytes(4) + b"moov" + bytes(992)
    media = size - len(head)
    return head + media.to_bytes(4) + b"mdat" + random.Random(seed).randbytes(media - 8)


class Video:
    """Answers for one path, as `Provider.on(path, by=…)` takes it.

    Attributes:
        breaks: Where the next answers break off, in bytes of the whole file; when they are used up, none does.
        pause: Where the next answer waits, in bytes of the whole file, until `go` is set; None: nowhere.
        ranges: The Range header of each request, or None.
        sent: Bytes of bodies that were sent, not counting what an answer still waits with.
    """

    def __init__(self, body: bytes, etag: str | None = '"v1"', *, encoded: bool = False) -> None:
        self.body = body
        self.etag = etag
        self.encoded = encoded
        self.breaks: list[int] = []
        self.pause: int | None = None
        self.go = threading.Event()
        self.ranges: list[str | None] = []
        self.sent = 0
        self._lock = threading.Lock()

    def __call__(self, asked: Asked) -> Reply:
        with self._lock:
            return self._answer(asked)

    def _answer(self, asked: Asked) -> Reply:
        wanted = asked.headers.get("range")
        self.ranges.append(wanted)
        headers = {"content_type": "video/mp4"}
        if self.etag is not None:
            headers["etag"] = self.etag
            if asked.headers.get("if-none-match") == self.etag:
                return answer(status=304, etag=self.etag)
        if self.encoded:
            packed = gzip.compress(self.body, 0)
            return self._cut(answer(length=len(packed), content_encoding="gzip", **headers), packed, 0)
        if wanted is None or asked.headers.get("if-range") != self.etag:
            return self._cut(answer(length=len(self.body), **headers), self.body, 0)
        first = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if first >= len(self.body):
            return answer(status=416)
        part = {"etag": str(self.etag), "content_range": f"bytes {first}-{len(self.body) - 1}/{len(self.body)}"}
        return self._cut(answer(status=206, length=len(self.body) - first, **part), self.body, first)

    def _cut(self, head: Reply, body: bytes, first: int) -> Reply:
        end = self.breaks.pop(0) if self.breaks else len(body)
        rest: Reply = [body[first:end]] if end > first else []
        if self.pause is not None and first < self.pause < end:
            rest = [body[first : self.pause], self.go, body[self.pause : end]]
            self.pause = None
        self.sent += max(0, end - first)
        return [*head, *rest] if end >= len(body) else [*head, *rest, CLOSE]

    @property
    def first_bytes(self) -> list[int]:
        """Where each answer was to begin."""
        return [0 if wanted is None else int(wanted[len("bytes=") : -1]) for wanted in self.ranges]
