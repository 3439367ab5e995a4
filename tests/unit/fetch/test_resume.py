"""A download that is cut, killed and taken up again ends with the provider's current file, whatever happened to it."""

from __future__ import annotations

import dataclasses
import hashlib
import random
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from hypothesis import strategies as st

from ingestify.domain.file import NO_VALIDATORS, Validators
from ingestify.domain.ports import FetchRequest, FetchResult, FetchStatus
from ingestify.errors import FetchError
from ingestify.fetch import download
from ingestify.fetch.http import HttpClient, HttpOptions
from ingestify.fetch.transport.address_policy import AddressPolicy
from ingestify.fetch.transport.headers import Headers
from ingestify.fetch.transport.transport import TransportError
from ingestify.storage.local import STAGING_FOLDER, LocalStorage
from ingestify.store.objects import checkpoints, staging
from ingestify.store.objects.staging import StagedFile
from tests.support.sizes import check_examples, sizes

STEP = 16
SMALL = 64
URL = "https://provider.example/match.mp4"


@pytest.fixture(autouse=True)
def _small_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "STEP_BYTES", STEP)
    monkeypatch.setattr(staging, "SMALL_BODY_BYTES", SMALL)
    monkeypatch.setattr(staging, "_BATCH_BYTES", 10)
    monkeypatch.setattr(download, "_RESUMED_FROM_BYTES", STEP)


def body_of(version: int, size: int = 400) -> bytes:
    return random.Random(version).randbytes(size)


@dataclasses.dataclass(frozen=True)
class Served:
    """How one request is answered: of which version, cut after how many bytes, and in what manner."""

    version: int = 1
    size: int = 400
    cut_after: int | None = None
    etag: str | None = "strong"
    ranges: bool = True
    heeds_if_range: bool = True
    announces_length: bool = True
    part_bytes: int | None = None
    """The most that an answer to a range holds; some servers send less than what is asked for."""

    @property
    def body(self) -> bytes:
        return body_of(self.version, self.size)

    @property
    def header(self) -> str | None:
        name = f'"v{self.version}-{self.size}"'
        return {"strong": name, "weak": "W/" + name}.get(self.etag or "")


class Answer:
    address = None

    def __init__(self, status: int, headers: dict[str, str], body: bytes, cut_after: int | None) -> None:
        self.status = status
        self.headers: Mapping[str, str] = Headers(headers.items())
        self.body = body
        self.cut_after = cut_after

    def iter_wire(self) -> Iterator[bytes]:
        end = len(self.body) if self.cut_after is None else min(self.cut_after, len(self.body))
        for start in range(0, end, 7):
            yield self.body[start : min(start + 7, end)]
        if self.cut_after is not None:
            raise TransportError("cut")


class Model:
    """A provider as RFC 9110 has it, in section 13.2.2 and 14, or as `Served` says."""

    def __init__(self) -> None:
        self.script: list[Served] = []
        self.asked: list[Mapping[str, str]] = []
        self.last = Served()
        self.sent = 0

    def send(
        self, method: str, url: str, headers: Mapping[str, str], addresses: AddressPolicy, body: bytes | None = None
    ) -> AbstractContextManager[Answer]:
        self.asked.append(headers)
        served = self.last = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        answer = self.answer(served, headers)
        self.sent += len(answer.body) if answer.cut_after is None else min(answer.cut_after, len(answer.body))
        return nullcontext(answer)

    def answer(self, served: Served, headers: Mapping[str, str]) -> Answer:
        body = served.body
        own = {} if served.header is None else {"ETag": served.header}
        if served.header is not None and headers.get("If-None-Match") == served.header:
            return Answer(304, own, b"", None)
        asked = headers.get("Range")
        same = headers.get("If-Range") == served.header and served.etag == "strong"
        if asked is None or not served.ranges or (served.heeds_if_range and not same):
            length = {"Content-Length": str(len(body))} if served.announces_length else {}
            return Answer(200, {**own, **length, "Content-Type": "video/mp4"}, body, served.cut_after)
        first = int(asked.removeprefix("bytes=").removesuffix("-"))
        if first >= len(body):
            return Answer(416, {"Content-Range": f"bytes */{len(body)}"}, b"", None)
        end = min(len(body), first + (served.part_bytes or len(body)))
        own["Content-Range"] = f"bytes {first}-{end - 1}/{len(body)}"
        return Answer(206, own, body[first:end], served.cut_after)

    def abort(self) -> None:
        pass

    def close(self) -> None:
        pass


class Process:
    """One process after another on one lake."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.staging = root / STAGING_FOLDER
        self.provider = Model()

    def run(self, *script: Served, attempts: int = 1, validators: Validators = NO_VALIDATORS) -> bytes | None:
        """Fetch in a process of its own. Returns the bytes that would be published; None: not modified, or failed."""
        self.provider.script = list(script)
        options = HttpOptions(attempts=attempts, backoff_base_seconds=0)
        client = HttpClient("provider", options, self.provider)
        staged = StagedFile(LocalStorage(self.root), "zstd", "mp4", "thekey")
        try:
            result: FetchResult = client.fetch(FetchRequest(URL, validators=validators), staged)
        except FetchError:
            staged.keep_partial()
            return None
        if result.status is FetchStatus.NOT_MODIFIED:
            staged.discard()
            return None
        assert result.validators.etag == self.provider.last.header
        staged.complete()
        staged.persist()
        with staged.open() as stream:
            content = stream.read()
        assert staged.tag == hashlib.sha256(content).hexdigest()
        assert staged.size == staged.storage_size == len(content)
        assert result.content_type == "video/mp4"
        staged.discard()
        return content

    @property
    def left(self) -> dict[str, bytes]:
        return {path.suffix: path.read_bytes() for path in self.staging.iterdir()} if self.staging.exists() else {}

    def damage(self, how: str, at: int) -> None:
        """What a power loss does to bytes that were not synced."""
        for path in list(self.staging.iterdir()) if self.staging.exists() else []:
            kind, _, what = how.partition(" ")
            if path.suffix != f".{kind}":
                continue
            content = path.read_bytes()
            keep = at % (len(content) + 1)
            if what == "torn":
                path.write_bytes(content[:keep])
            elif what == "zeroed":
                path.write_bytes(content[:keep] + bytes(len(content) - keep))
            elif what == "flipped" and content:
                keep %= len(content)
                path.write_bytes(content[:keep] + bytes([content[keep] ^ 1]) + content[keep + 1 :])
            elif what == "gone":
                path.unlink()


@pytest.fixture
def process(tmp_path: Path) -> Process:
    return Process(tmp_path)


# What resuming is about, most of the time; otherwise there would hardly ever be something to go wrong.
cuts = st.builds(Served, version=st.sampled_from([1, 1, 1, 2]), cut_after=st.integers(90, 399))
wild = st.builds(
    Served,
    version=st.integers(1, 3),
    size=st.sampled_from([400, 400, 320, 64, 65, 10]),
    cut_after=st.none() | st.integers(0, 420),
    etag=st.sampled_from(["strong", "strong", "strong", "weak", None]),
    ranges=st.sampled_from([True, True, True, False]),
    heeds_if_range=st.sampled_from([True, True, False]),
    announces_length=st.booleans(),
    part_bytes=st.none() | st.integers(1, 200),
)
serveds = cuts | cuts | wild
damages = st.sampled_from(
    ["", "", *(f"{kind} {how}" for kind in ("partial", "notes") for how in ("torn", "zeroed", "flipped", "gone"))]
)
runs = st.lists(st.tuples(st.lists(serveds, min_size=1, max_size=4), damages, st.integers(0, 10_000)), max_size=5)


@pytest.mark.slow
@pytest.mark.parametrize("examples", sizes(40, 400))
def test_the_final_bytes_are_the_providers_current_file_and_never_a_mix(examples):
    check_examples(ends_with_the_current_file, examples, runs, serveds, st.integers(1, 3))


def ends_with_the_current_file(runs, last, attempts):
    with tempfile.TemporaryDirectory() as folder:
        process = Process(Path(folder))
        for script, how, at in runs:
            content = process.run(*script, attempts=attempts)
            assert content is None or content == process.provider.last.body
            process.damage(how, at)
        last = dataclasses.replace(last, cut_after=None, part_bytes=None)
        # Of what is there now no more than one try may be in vain: an answer that does not fit.
        assert process.run(last, attempts=2) == last.body
        # Without its notes an object is not found, and waits for being cleared away.
        assert process.left == {} or (
            set(process.left) == {".partial"} and any(how == "notes gone" for _, how, _ in runs)
        )


def test_the_next_process_asks_for_the_rest(process):
    assert process.run(Served(cut_after=300)) is None
    assert process.run(Served()) == body_of(1)
    first = int(process.provider.asked[-1]["Range"].removeprefix("bytes=").removesuffix("-"))
    assert first == 300
    assert process.provider.asked[-1]["If-Range"] == '"v1-400"'
    assert process.provider.sent == 400
    assert process.left == {}


def test_many_processes_get_it_bit_by_bit(process):
    for _ in range(3):
        assert process.run(Served(cut_after=100)) is None
    assert process.run(Served()) == body_of(1)
    assert process.provider.sent == 400


def test_a_file_that_is_all_there_is_asked_for_by_its_last_bytes(process):
    # It comes in chunks, so only the last chunk would have shown its end.
    assert process.run(Served(cut_after=400, announces_length=False)) is None
    assert process.run(Served()) == body_of(1)


def test_a_file_that_changed_in_between_begins_anew(process):
    assert process.run(Served(cut_after=300)) is None
    assert process.run(Served(2)) == body_of(2)
    assert "Range" in process.provider.asked[-1]
    assert len(process.provider.asked) == 2


def test_a_changed_file_that_is_cut_too_is_taken_up_as_what_it_is(process):
    assert process.run(Served(cut_after=300)) is None
    assert process.run(Served(2, cut_after=200)) is None
    assert process.run(Served(2)) == body_of(2)
    assert process.provider.asked[-1]["If-Range"] == '"v2-400"'


def test_a_part_of_another_version_is_refused_from_a_provider_that_ignores_if_range(process):
    assert process.run(Served(cut_after=300)) is None
    assert process.run(Served(2, heeds_if_range=False), attempts=2) == body_of(2)
    assert ["Range" in headers for headers in process.provider.asked] == [False, True, False]


def test_a_part_without_an_etag_is_refused(process):
    assert process.run(Served(cut_after=300)) is None
    unnamed = Served(2, etag=None, heeds_if_range=False)
    process.provider.script = [unnamed]
    assert process.run(unnamed, unnamed, attempts=2) == body_of(2)


def test_a_provider_that_sends_less_than_the_rest_is_asked_for_more(process):
    assert process.run(Served(cut_after=100)) is None
    assert process.run(Served(part_bytes=90), attempts=2) == body_of(1)
    assert len(process.provider.asked) == 5


def test_a_provider_that_knows_no_ranges_and_always_cuts_is_given_up(process):
    assert process.run(Served(cut_after=300, ranges=False), attempts=3) is None
    assert len(process.provider.asked) <= 4
    assert process.run(Served()) == body_of(1)


@pytest.mark.parametrize("etag", ["weak", None])
def test_without_a_strong_etag_nothing_is_left_behind(process, etag):
    assert process.run(Served(cut_after=300, etag=etag)) is None
    assert process.left == {}
    assert process.run(Served()) == body_of(1)
    assert "Range" not in process.provider.asked[-1]


def test_too_little_to_be_worth_it_is_not_left_behind(process):
    assert process.run(Served(cut_after=SMALL)) is None
    assert process.left == {}


def test_what_the_lake_has_by_now_is_not_asked_for_again(process):
    assert process.run(Served(cut_after=300)) is None
    assert process.run(Served(3), validators=Validators('"v3-400"')) is None
    sent = process.provider.asked[-1]
    assert (sent["If-None-Match"], sent["If-Range"]) == ('"v3-400"', '"v1-400"')
    assert process.left == {}


@pytest.mark.parametrize("how", ["partial torn", "partial zeroed", "partial flipped", "notes torn", "notes flipped"])
@pytest.mark.parametrize("at", [0, 100, 150, 299])
def test_what_a_power_loss_spoiled_does_not_count(process, how, at):
    assert process.run(Served(cut_after=300)) is None
    process.damage(how, at)
    assert process.run(Served()) == body_of(1)
    if how.startswith("partial") and at > SMALL + 2 * STEP:
        first = int(process.provider.asked[-1]["Range"].removeprefix("bytes=").removesuffix("-"))
        assert at - 2 * STEP <= first <= at


def test_what_is_left_names_no_url_and_no_secret(process):
    assert process.run(Served(cut_after=300)) is None
    assert b"provider.example" not in process.left[".notes"]
    assert sorted(path.name for path in process.staging.iterdir()) == ["thekey.notes", "thekey.partial"]
