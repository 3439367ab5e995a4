"""The real command line against a provider that asks to be left alone, is down, or refuses the credentials."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ingestify.testing.loopback import Asked, Given, LoopbackServer
from tests.end_to_end.running import ingestify
from tests.support.command_line import Ended

MATCHES = 60


class Provider:
    """An index, and two files of each match that `answer` may refuse."""

    def __init__(self, answer: Callable[[str], Given | None], matches: int = MATCHES) -> None:
        self.answer = answer
        self.asked: list[str] = []
        self._matches = matches
        self._lock = threading.Lock()

    def __call__(self, asked: Asked) -> Given | None:
        with self._lock:
            self.asked.append(asked.target)
        refusal = self.answer(asked.target)
        if refusal is not None:
            return None if refusal.status == 0 else refusal
        if asked.target == "/index.json":
            return Given(body=json.dumps([{"id": number} for number in range(self._matches)]).encode())
        # By its date each file was as it is before the index answered, so that nothing needs to be asked for twice.
        return Given(body=b'[{"x": 1}]', headers={"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"})


@contextmanager
def provider(folder: Path, answer: Callable[[str], Given | None], **source: object) -> Iterator[Provider]:
    found = Provider(answer)
    with LoopbackServer(found) as server:
        match = {
            "index": {"endpoint": "/index.json"},
            "identity": {"match_id": "id"},
            "name": "m{id}",
            "feeds": {"a": {"url": "/a/{match_id}.json"}, "b": {"url": "/b/{match_id}.json"}},
        }
        described = {"provider": "acme", "base_url": server.url, "dataset_types": {"match": match}}
        retries = {"attempts": 3, "backoff_base_seconds": 0.02, "backoff_cap_seconds": 0.1}
        config = {
            "main": {"metadata_url": "sqlite:///lake/catalog.db", "file_url": "file://lake/files/"},
            "sources": {"api": {"type": "ingestify.rest", "configuration": described, "retries": retries, **source}},
            "ingestion_plans": [{"source": "api", "dataset_type": "match"}],
        }
        (folder / "config.yaml").write_text(json.dumps(config))
        yield found


def files_only(given: Given) -> Callable[[str], Given | None]:
    return lambda target: None if target == "/index.json" else given


def run(folder: Path, *arguments: str) -> Ended:
    return ingestify(folder, *arguments, is_waiting=False)


RESET = Given(0)
WAIT = Given(429, headers={"Retry-After": "7200"})


def test_a_host_that_asks_for_two_hours_gets_them_from_this_run_and_the_next(tmp_path: Path) -> None:
    with provider(tmp_path, files_only(WAIT)) as api:
        ran = run(tmp_path, "run")
        assert ran.code == 3, ran.err
        assert "asked to be left alone until 20" in ran.err
        assert f"{MATCHES} datasets were not looked at" in ran.err
        assert " 0 failed" in ran.out
        assert len(api.asked) <= 1 + 32
        api.asked.clear()

        again = run(tmp_path, "run")
        assert again.code == 3
        assert "asked to be left alone until 20" in again.err
        assert "1 selector was not looked at" in again.err
        assert run(tmp_path, "plan").code == 3
        assert api.asked == []
        status = run(tmp_path, "status")
        assert "stopped: 127.0.0.1" in status.out

        api.answer = lambda _: None
        asked = run(tmp_path, "run", "--ignore-waits")
        assert asked.code == 0, asked.err
        assert f"{MATCHES} new" in asked.out
        assert run(tmp_path, "run").code == 0, "it is forgotten"


def test_what_had_come_before_is_kept_and_the_rest_comes_later(tmp_path: Path) -> None:
    with provider(tmp_path, lambda target: WAIT if "/a/4" in target else None) as api:
        ran = run(tmp_path, "run", "--json")
        assert ran.code == 3
        end = json.loads(ran.out.splitlines()[-1])
        assert (end["exit_code"], end["failed"], end["state"]) == (3, 0, "ABORTED")
        assert 0 < end["new"] < MATCHES
        (said,) = end["left_alone"]
        assert f"{MATCHES - end['new']} datasets were not looked at" in said
        api.answer = lambda _: None
        rest = run(tmp_path, "run", "--ignore-waits")
        assert f"{MATCHES - end['new']} new" in rest.out, "and what had come is not asked for again"


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (Given(500), "status 500"),
        (Given(503), "status 503"),
        (Given(502), "status 502"),
        (RESET, "connection"),
        (Given(200, b"[1]", announced_bytes=100), ""),
    ],
)
def test_a_provider_that_is_down_is_left_alone(tmp_path: Path, refusal: Given, said: str) -> None:
    with provider(tmp_path, files_only(refusal)) as api:
        ran = run(tmp_path, "run")
        assert ran.code in (1, 3), ran.err
        assert "on every request" in ran.err
        assert said in ran.err
        assert not re.search(r"\b429\b", ran.err), "but as digits of the server's port"
        assert "rate_limit" not in ran.err
        assert "datasets were not looked at" in ran.err
        assert len(api.asked) <= 75, "and not 3 times each of 120 files"
        api.answer = lambda _: None
        back = run(tmp_path, "run")
        assert back.code == 0, back.err
        assert f"{MATCHES} new" in back.out


@pytest.mark.parametrize("status", [401, 403])
def test_credentials_that_are_refused_stop_their_source_and_are_named(tmp_path: Path, status: int) -> None:
    with provider(tmp_path, files_only(Given(status))) as api:
        ran = run(tmp_path, "run")
        assert ran.code == 1, ran.err
        assert ran.err.count("refuses the credentials of the source 'api'") == 1
        assert f"status {status}; none are sent" in ran.err
        assert "sources.api.configuration" in ran.err
        assert "datasets were not looked at" in ran.err
        assert len(api.asked) <= 60


def test_a_few_broken_files_do_not_keep_out_the_others(tmp_path: Path) -> None:
    broken = {f"/a/{number}.json" for number in range(0, 60, 4)}
    with provider(tmp_path, lambda target: Given(500) if target in broken else None):
        ran = run(tmp_path, "run")
        assert ran.code == 3
        assert "45 new" in ran.out
        assert "15 failed" in ran.out
        assert "not looked at" not in ran.err


def test_an_index_in_pages_that_works_does_not_hide_that_no_file_comes(tmp_path: Path) -> None:
    with provider(tmp_path, lambda _: None, retries={"attempts": 5, "backoff_base_seconds": 0.02}) as api:
        text = json.loads((tmp_path / "config.yaml").read_text())
        paging = {"type": "page_number", "parameter": "page", "start": 1}
        match = text["sources"]["api"]["configuration"]["dataset_types"]["match"]
        match["index"] = {"endpoint": "/pages", "paging": paging}
        (tmp_path / "config.yaml").write_text(json.dumps(text))

        def answer(target: str) -> Given:
            page = int(target.partition("page=")[2] or 0)
            if not page:
                return Given(500)
            entries = [{"id": number} for number in range(page * 4, page * 4 + 4)] if page <= 25 else []
            return Given(body=json.dumps(entries).encode())

        api.answer = answer
        ran = run(tmp_path, "run")
        assert ran.code in (1, 3), ran.err
        assert "on every request" in ran.err
        assert sum("page" not in target for target in api.asked) <= 75, "and not 5 times each of 200 files"


def test_an_index_that_asks_for_two_hours_gets_them(tmp_path: Path) -> None:
    with provider(tmp_path, lambda _: WAIT) as api:
        for _ in range(3):
            ran = run(tmp_path, "run")
            assert ran.code == 3, ran.err
            assert "1 selector was not looked at" in ran.err
        assert api.asked == ["/index.json"]
