"""What a person in Python is told without asking: what waits in quarantine, what the last run did."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ingestify import BundleCheck, DatasetResource, QuarantineState
from ingestify.errors import DatasetNotFound
from tests.support.lake_in_memory import FunctionSource, Lake, hours, match
from tests.support.waiting import wait_until
from tests.unit.engine.two_feeds import Files


class NoTwelve(BundleCheck):
    """No match is number 12."""

    def find_problems(self, bundle):
        if bundle.identifier["match_id"] == 12:
            yield "it is <b>12</b>"


@pytest.fixture
def twelve() -> Iterator[Lake]:
    """Of three matches one is never published."""
    source = FunctionSource(lambda **_: [match(number) for number in (11, 12, 13)])
    source.bundle_checks = (NoTwelve(),)
    made = Lake(source)
    made.engine.load()
    yield made
    made.engine.close()


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Return the warnings since the last look."""

    def look() -> list[str]:
        said = [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]
        caplog.clear()
        return said

    return look


# ---- reading -----------------------------------------------------------------------------------------------


def test_who_reads_is_told_once_of_what_is_older(lake: Lake, files: Files, told):
    lake.engine.load()
    assert len(lake.engine.list_datasets()) == 1
    assert told() == []
    files.serve(events={"version": 2})
    files.at = 1
    lake.engine.load()
    told()
    assert len(list(lake.engine.iter_datasets(match_id=1))) == 1
    (said,) = told()
    assert said == (
        "Of these datasets 1 is older than at the provider: what the provider serves failed a check and waits in "
        "quarantine (the newest: match 1: the versions differ: 2 and 1). engine.quarantine shows what waits."
    )
    listed = lake.engine.list_datasets(match_id=1)
    assert "<td>0 (newer in quarantine)</td>" in listed._repr_html_()
    assert listed.to_polars()["newer_in_quarantine"].to_list() == [True]
    list(lake.engine.iter_datasets(match_id=2))
    assert not any("quarantine" in one for one in told()), "it was said, and of another match there is nothing to say"
    lake.engine.list_datasets()
    assert len(told()) == 1, "with other filters it is said again"


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ({}, True),
        ({"match_id": [12, 13]}, True),
        ({"match_id": 13}, False),
        ({"dataset_type": "match", "provider": "fake"}, True),
        ({"dataset_type": "video"}, False),
        ({"state": "COMPLETE"}, True),
        ({"state": "MISSING"}, False),
        ({"where": "match_id > 11"}, True),
        ({"where": "match_id > 12"}, False),
    ],
)
def test_who_reads_is_told_of_what_is_withheld(twelve: Lake, told, filters: dict[str, Any], said: bool):
    told()
    assert all(dataset.identifier["match_id"] != 12 for dataset in twelve.engine.list_datasets(**filters))
    warnings = [one for one in told() if "quarantine" in one]
    assert any("1 is withheld" in one and "match 12: it is <b>12</b>" in one for one in warnings) is said, warnings
    assert len(warnings) == said


def test_what_is_decided_about_is_told_no_more(twelve: Lake, told):
    (entry,) = twelve.engine.quarantine
    twelve.engine.quarantine.discard(entry, "Ada")
    told()
    twelve.engine.list_datasets()
    assert told() == []


# ---- the quarantine ----------------------------------------------------------------------------------------


def test_the_quarantine_is_a_table(twelve: Lake):
    quarantine = twelve.engine.quarantine
    (entry,) = quarantine
    assert len(quarantine) == 1
    assert repr(quarantine).splitlines() == [
        "Quarantine of the bucket 'main': 1 bundle waits",
        f"  {entry.entry_id}  {entry.created_at:%Y-%m-%d %H:%M}  match 12  (readers see nothing of it)",
        "    it is <b>12</b>",
        (
            "Of engine.quarantine, load_files(entry) reads what came, request_retry(entry) lets the next run fetch it "
            "anew, accept(entry, decided_by) publishes it as it is, and discard(entry, decided_by) throws it away."
        ),
    ]
    assert "request_retry(entry)" in quarantine._repr_html_()
    for table in (quarantine._repr_html_(), quarantine.list_entries()._repr_html_()):
        assert table.count("<tr>") == 2
        assert "<td>it is &lt;b&gt;12&lt;/b&gt;</td>" in table
    assert quarantine[0] == entry
    assert repr(quarantine.list_entries()).splitlines()[0] == "1 entry"
    for frame in (quarantine.to_polars(), quarantine.list_entries().to_polars()):
        assert frame.select("match_id", "name", "reasons").rows() == [(12, "match 12", ["it is <b>12</b>"])]
    assert quarantine.to_pandas()["entry_id"].tolist() == [entry.entry_id]
    dataset = quarantine.accept(entry, "Ada", "it is right")
    assert dataset.current_revision.revision_id == 0
    assert repr(quarantine) == "Quarantine of the bucket 'main': 0 bundles wait"
    assert "<table>" not in quarantine._repr_html_()
    assert "request_retry" not in quarantine._repr_html_(), "nothing waits"
    assert [one.state for one in quarantine.list_entries(())] == [QuarantineState.ACCEPTED]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("by_id", [False, True])
def test_entries_are_given_as_they_are_or_by_id(twelve: Lake, several: bool, by_id: bool):
    quarantine = twelve.engine.quarantine
    (entry,) = quarantine
    one = entry.entry_id if by_id else entry
    assert quarantine.request_retry([one] if several else one) == 1
    assert quarantine.discard([one] if several else one, "Ada") == 1
    assert list(quarantine) == []
    with pytest.raises(DatasetNotFound, match="has no entry with the id 'nope'"):
        quarantine.discard("nope", "Ada")


def test_what_a_provider_wrote_moves_no_cursor(make_lake: Callable[..., Lake], told):
    evil = "\x1b[2Jmatch\nERROR: https://user:secret@host/"

    def find(**_: Any) -> list[DatasetResource]:
        resource = DatasetResource({"match_id": 12}, "match", name=evil)
        return [resource.add_file(hours(0), "events", json_content=[])]

    engine = make_lake(find).engine
    engine.ingestion_plans[0].source.bundle_checks = (NoTwelve(),)
    engine.load()
    engine.list_datasets()
    for text in (*told(), *repr(engine.quarantine).splitlines()[1:2]):
        assert "\\x1b[2Jmatch\\nERROR" in text
        assert "\x1b" not in text
        assert "\n" not in text


def test_what_is_told_of_filters_and_runs_moves_no_cursor_and_is_short(make_lake: Callable[..., Lake], told):
    evil = "\x1b[2Jmatch\nERROR" + 10_000 * "x"

    def fail(file_resource, current_file):
        raise ValueError(evil)

    def find(**_: Any) -> list[DatasetResource]:
        twice = [DatasetResource({"match_id": f"1{evil[:20]}"}, "match", name=n) for n in "ab"]
        bad = DatasetResource({"match_id": 2}, "match", name=evil).add_file(hours(0), "events", file_loader=fail)
        return [bad, *(one.add_file(hours(0), "events", json_content=[]) for one in twice)]

    engine = make_lake(find).engine
    report = engine.load()
    engine.list_datasets(match_id=evil)
    engine.list_datasets(match_id=[])
    engine.list_datasets(provider=evil)
    texts = told()
    assert sum("match_id=" in text for text in texts) >= 3
    for text in (*texts, repr(report)):
        assert text.isprintable()
        assert len(text) < 1500
    assert any("has match_id=[]." in text for text in texts)


# ---- runs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("auto_ingest", [None, True, {"streaming": True}])
def test_the_last_run_is_kept(make_lake: Callable[..., Lake], auto_ingest: Any):
    engine = make_lake(lambda **_: [match(1)]).engine
    assert engine.last_report is None
    if auto_ingest is None:
        report = engine.load()
        assert engine.last_report is report
    else:
        list(engine.iter_datasets(auto_ingest=auto_ingest))
    assert engine.last_report is not None
    assert engine.last_report.totals.new == 1
    assert engine.run_report(dry_run=True) is engine.last_report


def test_the_last_run_is_kept_and_told_although_its_reader_left(make_lake: Callable[..., Lake], told):
    def find(**_: Any) -> Iterator[Any]:
        yield match("bad", content={"not": {1, 2}})
        yield match(1)
        yield match(2)

    engine = make_lake(find).engine
    for _ in engine.iter_datasets(auto_ingest={"streaming": True}):
        break
    assert engine.last_report is not None
    assert engine.last_report.state.value == "ABORTED"
    (warning,) = told()
    assert " 1 failed and were not yielded (the first: match bad: " in warning


def test_one_warning_says_all_that_a_run_did_not_bring(make_lake: Callable[..., Lake], told):
    engine = make_lake(lambda **_: [match("bad", content={"not": {1, 2}}), match(12), match(13)]).engine
    engine.ingestion_plans[0].source.bundle_checks = (NoTwelve(),)
    report = engine.load()
    (warning,) = told()
    assert warning.startswith("3 matches: 1 failed (the first: match bad: ")
    assert "; 1 in quarantine, as what the provider serves failed a check, so readers see what the lake had" in warning
    assert warning.endswith(
        "(the first: match 12: it is <b>12</b>). engine.last_report lists them, engine.quarantine what waits."
    )
    assert "; failed: match bad: " in repr(report)
    assert repr(report).endswith("; in quarantine: match 12: it is <b>12</b>)")
    assert "\n" not in repr(report)
    assert "it is &lt;b&gt;12" in report._repr_html_()


def read(engine: Any) -> None:
    list(engine.iter_datasets(auto_ingest=True))


def stream(engine: Any) -> None:
    list(engine.iter_datasets(auto_ingest={"streaming": True}))


@pytest.mark.parametrize("call", [read, stream])
def test_what_a_loop_raises_it_does_not_say_as_well(make_lake: Callable[..., Lake], told, call):
    def find(competition_id: int, **_: Any) -> Iterator[Any]:
        yield match(competition_id)
        if competition_id != 2:
            raise RuntimeError(f"no more of {competition_id}")

    selectors = [{"competition_id": number} for number in (1, 2, 3)]
    engine = make_lake(find, selectors).engine
    with pytest.raises(RuntimeError, match="no more of ") as raised:
        call(engine)
    (said,) = [one for one in told() if "no more of" in one]
    assert str(raised.value) not in said, "the other one is said"


def test_who_leaves_a_stream_is_told_of_what_failed(make_lake: Callable[..., Lake], told, caplog):
    def find(**_: Any) -> Iterator[Any]:
        yield match(1)
        raise RuntimeError("no more")

    engine = make_lake(find).engine
    caplog.set_level(logging.DEBUG, logger="ingestify.engine.run.jobs")
    for _ in engine.iter_datasets(auto_ingest={"streaming": True}):
        wait_until(lambda: any("no more" in one.getMessage() for one in caplog.records))
        break
    assert len([one for one in told() if "no more" in one]) == 1
    engine.run_report()
    assert len([one for one in told() if "no more" in one]) == 1, "a report raises nothing"


def test_a_run_that_is_ended_early_warns_of_what_failed_before(make_lake: Callable[..., Lake], told):
    def find(**_: Any) -> Iterator[Any]:
        yield match("bad", content={"not": {1, 2}})
        raise RuntimeError("no more")

    engine = make_lake(find).engine
    assert engine.load().state == "FAILED"
    (line,) = told()
    assert "1 of 1 selectors failed (the first: fake: competition_id=1: RuntimeError: no more); 1 failed (the" in line
    assert engine.last_report is not None
