"""Every file that a provider really serves passes: a false alarm hides good data."""

from __future__ import annotations

import gzip
from functools import partial
from pathlib import Path

import pytest

from ingestify.checks.files import check_bytes, check_stream
from ingestify.checks.statsbomb import StatsBombMatchCheck
from ingestify.domain.resource import DatasetResource
from tests.unit.checks.specimens import problem_in_stream


def form_of(path: Path) -> str | None:
    """The format as a file's URL shows it."""
    resource = DatasetResource({"match_id": 1}, "match").add_file(None, "file", url=path.as_uri())
    return next(iter(resource.files.values())).serialization_format


def files_of(folder: Path) -> list[Path]:
    # Those of made-up lakes were served by no provider.
    return sorted(path for path in folder.rglob("*") if path.is_file() and "_lakes" not in path.parts)


@pytest.mark.slow
def test_every_real_file_passes_in_memory_and_as_a_stream(provider_data: Path) -> None:
    paths = files_of(provider_data)
    assert len(paths) > 150
    found = {}
    for path in paths:
        form, body = form_of(path), path.read_bytes()
        found[path, form] = (
            check_bytes(body, form).problem
            or check_stream(partial(path.open, "rb"), len(body), form).problem
            or (len(body) < 1 << 20 and problem_in_stream(body, form))
        )
    assert {where: problem for where, problem in found.items() if problem} == {}


def test_real_texts_pass_inside_gzip(provider_data: Path) -> None:
    kinds = ("csv", "json", "jsonl", "xml")
    found = {}
    for path in files_of(provider_data):
        form = form_of(path)
        if form in kinds and path.stat().st_size < 2 << 20:
            found[path] = check_bytes(gzip.compress(path.read_bytes(), 1), f"{form}.gz").problem
    assert len(found) > 100
    assert {path: problem for path, problem in found.items() if problem} == {}


def test_real_json_passes_as_json_whatever_its_suffix(provider_data: Path) -> None:
    ball = provider_data / "_samples/kloppy/hawkeye_1_1.football.samples.ball"
    assert form_of(ball) == "ball"
    assert check_bytes(ball.read_bytes(), "json").problem == ""


def test_the_ids_of_a_real_match_are_decoded_in_the_same_pass(provider_data: Path) -> None:
    shapes = StatsBombMatchCheck().shapes
    for feed, name, count in (("events", "events", 3803), ("360-frames", "three-sixty", 3470)):
        path = provider_data / f"statsbomb/data/{name}/3788741.json"
        in_memory = check_bytes(path.read_bytes(), "json", [shapes[feed]])
        streamed = check_stream(partial(path.open, "rb"), path.stat().st_size, "json", [shapes[feed]])
        assert in_memory.problem == streamed.problem == ""
        assert len(in_memory.parsed[shapes[feed]]) == len(streamed.parsed[shapes[feed]]) == count


def test_every_real_json_that_is_cut_is_found(provider_data: Path) -> None:
    for path in files_of(provider_data):
        size = path.stat().st_size
        if path.suffix == ".json" and size < 4 << 20:
            body = path.read_bytes().rstrip()
            for kept in (1, len(body) // 2, len(body) - 1):
                assert check_bytes(body[:kept], "json").problem, (path, kept)
