"""A source that is written for the published package works here: the contract's rows, each through public names."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import io
import json
import ssl
import threading
from contextlib import closing
from typing import Any

import pytest

from ingestify import (
    DatasetResource,
    DraftFile,
    IngestifyError,
    IngestionPlan,
    Selector,
    Source,
    SourceError,
    debug_source,
    get_dev_engine,
    retrieve_http,
)
from tests.support.scripted_provider import Provider, answer
from tests.unit.fetch.certificate import CERTIFICATE, PRIVATE_KEY

pytestmark = pytest.mark.sampled(3)  # of the signatures that users have written, each third

SEASONS = [{"competition_id": 7, "season_id": number} for number in (1, 2, 3)]


class Base(Source):
    """What most sources have: three seasons of a competition."""

    provider = "made_up"

    def discover_selectors(self, dataset_type):
        return SEASONS


def match(number: int = 1, feeds: tuple[str, ...] = ("events",), dataset_type: str = "match") -> DatasetResource:
    resource = DatasetResource({"match_id": number}, dataset_type)
    for feed in feeds:
        resource.add_file(last_modified=None, data_feed_key=feed, json_content={"number": number})
    return resource


def identifiers(engine: Any) -> list[str]:
    return sorted(str(dataset.identifier) for dataset in engine.list_datasets())


@pytest.fixture
def engine_of():
    """Make engines with a lake in memory."""
    engines = []

    def make(source: Source, dataset_type: str = "match", **options: Any) -> Any:
        engines.append(get_dev_engine(source, dataset_type, **options))
        return engines[-1]

    yield make
    for one in engines:
        one.close()


# ---- calling a source ----------------------------------------------------------------------------------


class SelectorFirst(Base):
    def find_datasets(
        self, dataset_type, competition_id, season_id, data_spec_versions, dataset_collection_metadata, **kwargs
    ):
        assert dataset_collection_metadata.row_count == 0
        assert data_spec_versions.versions_of("events") == ("v1",)
        assert kwargs == {}
        yield match(season_id)


class TypeLast(Base):
    def find_datasets(self, season_id, match_id=None, competition_id=0, *, dataset_type):
        return [match(season_id, dataset_type=dataset_type)] if competition_id == 7 and match_id is None else []


class SelectorOnly(Base):
    def find_datasets(self, competition_id, season_id):
        return [match(season_id)]


class Keywords(Base):
    def find_datasets(self, **keywords):
        assert keywords.keys() == {
            "dataset_type",
            "data_spec_versions",
            "dataset_collection_metadata",
            "competition_id",
            "season_id",
        }
        return [match(keywords["season_id"], dataset_type=keywords["dataset_type"])]


class AllPassedOn(Base):
    def find_datasets(self, *args, **kwargs):
        assert args == ()
        return [match(kwargs["season_id"], dataset_type=kwargs["dataset_type"])]


class TypeAndSelector(Base):
    def find_datasets(self, dataset_type, competition_id, season_id, **kwargs):
        assert kwargs.keys() == {"data_spec_versions", "dataset_collection_metadata"}
        return [match(season_id, dataset_type=dataset_type)]


class OlderForm(Base):
    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        assert selector.keys() == {"competition_id", "season_id"}
        return [match(selector["season_id"])]


class ByPosition(Base):
    def find_datasets(self, kind, feeds, there, /, season_id, **selector):
        assert (kind, there.row_count, selector) == ("match", 0, {"competition_id": 7})
        assert feeds.versions_of("events") == ("v1",)
        return [match(season_id)]


class SelectorByPosition(Base):
    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, season_id, /):
        return [match(season_id)]


class OtherNames(Base):
    def find_datasets(self, kind, versions, metadata, season_id, **_):
        assert (kind, metadata.row_count) == ("match", 0)
        assert versions.versions_of("events") == ("v1",)
        return [match(season_id)]


class ShortNames(Base):
    def find_datasets(self, t, v, m, **selector):
        assert (t, m.row_count, selector.keys()) == ("match", 0, {"competition_id", "season_id"})
        return [match(selector["season_id"])]


class Starred(Base):
    def find_datasets(self, dataset_type, *_: Any, **selector):
        assert selector.keys() == {"competition_id", "season_id"}
        return [match(selector["season_id"], dataset_type=dataset_type)]


class AllStarred(Base):
    def find_datasets(self, *_: Any, season_id: int, **__: Any):
        return [match(season_id)]


def by_keyword(method):
    @functools.wraps(method)
    def call(self, **keywords):
        return method(self, **keywords)

    return call


class Decorated(Base):
    @by_keyword
    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, season_id, **_):
        return [match(season_id, dataset_type=dataset_type)]


class Overridden(Decorated):
    def find_datasets(self, *arguments, **keywords):
        assert keywords["dataset_type"] == "match"
        return super().find_datasets(*arguments, **keywords)


class Wrapped(OtherNames):
    def find_datasets(self, *arguments, **keywords):
        return super().find_datasets(*arguments, **keywords)


@pytest.mark.parametrize("selectors", [None, SEASONS], ids=["discovered", "named"])
@pytest.mark.parametrize("source", [*Base.__subclasses__(), Wrapped, Overridden])
def test_find_datasets_gets_what_its_signature_takes_in_any_order(source, selectors, engine_of):
    report = engine_of(source("mine"), selectors=selectors).load(raise_errors=True)
    assert report.totals.new == 3


@pytest.mark.parametrize(
    "source",
    [SelectorFirst, TypeLast, SelectorOnly, TypeAndSelector, ByPosition, OtherNames, AllStarred, Wrapped],
)
def test_a_selector_without_what_find_datasets_needs_is_completed(source, engine_of):
    assert engine_of(source("mine"), selectors=[{"competition_id": 7}]).load(raise_errors=True).totals.new == 3


def test_a_filter_reaches_find_datasets_by_keyword(engine_of):
    class Narrowed(Base):
        def find_datasets(self, season_id, match_id=None, dataset_type=None, **kwargs):
            asked.append((season_id, match_id))
            return [match(season_id)]

    asked: list[tuple[int, Any]] = []
    engine_of(Narrowed("mine")).load(season_id=2, match_id=2)
    assert asked == [(2, 2)]


@pytest.mark.parametrize("takes", ["nothing", "versions", "all", "another name", "keyword", "one other"])
def test_discover_selectors_gets_what_its_signature_takes(takes, engine_of):
    class Discovering(OlderForm):
        if takes == "nothing":

            def discover_selectors(self):
                return SEASONS
        elif takes == "versions":

            def discover_selectors(self, data_spec_versions, dataset_type):
                assert data_spec_versions.versions_of("events") == ("v1",)
                assert dataset_type == "match"
                return SEASONS
        elif takes == "all":

            def discover_selectors(self, dataset_type, **kwargs):
                assert kwargs.keys() == {"data_spec_versions", "dataset_collection_metadata"}
                assert kwargs["dataset_collection_metadata"].row_count in (0, 3)
                return SEASONS
        elif takes == "keyword":

            def discover_selectors(self, *, dataset_type):
                assert dataset_type == "match"
                return SEASONS
        elif takes == "one other":

            def discover_selectors(self, data_spec_versions):
                assert data_spec_versions.versions_of("events") == ("v1",)
                return SEASONS
        else:

            def discover_selectors(self, _kind):
                assert _kind == "match"
                return SEASONS

    engine = engine_of(Discovering("mine"))
    assert engine.load(raise_errors=True).totals.new == 3
    assert engine.load(raise_errors=True).totals.unchanged == 3


@pytest.mark.parametrize("found", [None, [], (), "a generator", "lists"])
def test_find_datasets_may_find_nothing(found, engine_of):
    class Empty(Base):
        def find_datasets(self, dataset_type, **kwargs):
            if found == "a generator":
                return iter(())
            return iter([[], []]) if found == "lists" else found

    report = engine_of(Empty("mine")).load(raise_errors=True)
    assert (report.state, report.totals.discovered, len(report.jobs)) == ("FINISHED", 0, 3)


def test_a_source_that_is_async_is_told_so(engine_of):
    class Async(Base):
        async def find_datasets(self, dataset_type, **kwargs):
            yield match(1)

    with pytest.raises(SourceError, match=r"'mine' returned one async_generator; return a list, or yield it, without"):
        engine_of(Async("mine")).load(raise_errors=True)


@pytest.mark.parametrize("is_concurrent", [False, True])
def test_find_datasets_runs_once_at_a_time_unless_the_source_says_otherwise(is_concurrent, engine_of):
    class Counting(Base):
        if is_concurrent:
            concurrent_discovery = True

        def find_datasets(self, dataset_type, season_id, **kwargs):
            with lock:
                running.add((dataset_type, season_id))
                if len(running) > 1:
                    two_at_once.set()
            two_at_once.wait(5 if is_concurrent else 0.05)
            yield match(season_id, dataset_type=dataset_type)
            with lock:
                running.discard((dataset_type, season_id))

    lock, running, two_at_once = threading.Lock(), set(), threading.Event()
    source = Counting("mine")
    engine = engine_of(source)
    engine.add_ingestion_plan(IngestionPlan(source, "other"))
    assert engine.load(raise_errors=True).totals.new == 6
    assert two_at_once.is_set() == is_concurrent


@pytest.mark.parametrize(
    "selectors",
    [[{}], [None], [Selector.build({}, data_spec_versions={"events": "v8"})], [{"_name": "all"}], [Selector({}), {}]],
    ids=lambda one: str(one),
)
def test_an_empty_selector_is_everything_that_is_discovered(selectors, engine_of):
    engine = engine_of(OlderForm("mine"), selectors=selectors)
    assert engine.load(raise_errors=True).totals.new == 3
    assert identifiers(engine)[0] == "competition_id=7/season_id=1/match_id=1"


@pytest.mark.parametrize("written", ["{}", "", "[]", '"*"'])
def test_an_empty_selector_of_a_config_is_everything_that_is_discovered(written, tmp_path):
    from ingestify import get_engine

    (tmp_path / "my_feed.py").write_text(
        "from ingestify import DatasetResource, Source\n"
        "class Feed(Source):\n"
        "    provider = 'feed'\n"
        "    def discover_selectors(self, dataset_type):\n"
        "        return [{'season_id': one} for one in (1, 2)]\n"
        "    def find_datasets(self, season_id, dataset_type, **kwargs):\n"
        "        resource = DatasetResource({'match_id': season_id}, dataset_type)\n"
        "        yield resource.add_file(None, 'events', json_content={})\n"
    )
    (tmp_path / "config.yaml").write_text(
        "main: {metadata_url: sqlite:///catalog.db, file_url: file://files}\n"
        "sources: {feed: {type: my_feed.Feed}}\n"
        "ingestion_plans:\n  - source: feed\n    dataset_type: match\n    selectors:\n"
        f"      - {written}\n"
    )
    engine = get_engine(tmp_path / "config.yaml")
    assert engine.load(raise_errors=True).totals.new == 2
    engine.close()


# ---- a run that meets a source's oddities goes on --------------------------------------------------------


class Failing(Base):
    """Fails for its second season."""

    def find_datasets(self, dataset_type, season_id, **kwargs):
        yield match(season_id)
        if season_id == 2:
            raise RuntimeError("the index is broken")


def test_load_returns_after_a_discovery_error_and_says_so(engine_of, caplog):
    engine = engine_of(Failing("mine"))
    report = engine.load()
    assert (report.state, report.totals.new) == ("FAILED", 3)
    assert sorted(job.state for job in report.jobs) == ["FAILED", "FINISHED", "FINISHED"]
    (warning,) = [one.getMessage() for one in caplog.records if one.levelname in ("WARNING", "ERROR")]
    assert "1 of 3 selectors failed" in warning
    assert "the index is broken" in warning
    states = {job.state for job in engine.store.load_ingestion_job_summaries()}
    assert "FAILED" in states


def test_load_raises_a_discovery_error_where_that_is_wanted(engine_of):
    engine = engine_of(Failing("mine"))
    with pytest.raises(RuntimeError, match="the index is broken"):
        engine.load(raise_errors=True)
    assert len(identifiers(engine)) == 3


@pytest.mark.parametrize("auto_ingest", [True, {"streaming": True}])
def test_an_error_of_the_background_ingest_reaches_the_reader(auto_ingest, engine_of):
    engine = engine_of(Failing("mine"))
    with pytest.raises(RuntimeError, match="the index is broken"):
        list(engine.iter_datasets(auto_ingest=auto_ingest))


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit], ids=lambda one: one.__name__)
@pytest.mark.parametrize("where", ["find_datasets", "a generator", "discover_selectors", "a loader"])
def test_an_interrupt_in_a_source_or_loader_aborts_the_job(where, error, engine_of):
    def leave(*_: Any, **__: Any) -> Any:
        raise error

    class Leaving(Base):
        def discover_selectors(self, dataset_type):
            return leave() if where == "discover_selectors" else SEASONS[:1]

        def find_datasets(self, dataset_type, **kwargs):
            return leave() if where == "find_datasets" else self._find()

        def _find(self):
            yield match(1)
            if where == "a generator":
                leave()
            yield match(2).add_file(None, "video", file_loader=leave)

    engine = engine_of(Leaving("mine"))
    with pytest.raises(KeyboardInterrupt):
        engine.load()
    (job,) = engine.store.load_ingestion_job_summaries()
    assert job.state == "ABORTED"
    assert job.error == ("interrupted: SystemExit" if error is SystemExit else "interrupted")
    assert engine.last_report is None or engine.last_report.state == "ABORTED"


def test_an_absent_optional_file_costs_one_request_and_not_its_dataset(provider, engine_of):
    class Optional(Source):
        provider = "made_up"

        def find_datasets(self, dataset_type, **kwargs):
            resource = DatasetResource({"match_id": 1}, dataset_type)
            resource.add_file("2024-05-01T10:00:00.5Z", "events", url=f"{server.url}/events")
            options = {"ignore_not_found": True}
            yield resource.add_file(
                "2024-05-01T10:00:00.5Z", "360-frames", url=f"{server.url}/frames", http_options=options
            )

    server = provider
    server.on("/events", answer(b"{}"))
    server.on("/frames", answer(b"", status=404))
    engine = engine_of(Optional("mine"))
    assert engine.load(raise_errors=True).totals.new == 1
    assert str(engine.list_datasets()[0].state) == "COMPLETE"
    for _ in range(2):
        server.asked.clear()
        assert engine.load(raise_errors=True).totals.unchanged == 1
        assert [one.path for one in server.asked] == ["/frames"]
    server.on("/frames", answer(b"[]"))
    assert engine.load(raise_errors=True).totals.revised == 1
    assert sorted(engine.list_datasets()[0].files) == ["360-frames__v1", "events__v1"]


@pytest.mark.parametrize(
    ("says", "is_missing"), [("nothing", False), ("source", True), ("selector", True), ("selector not", False)]
)
def test_only_a_declared_listing_makes_datasets_missing(says, is_missing, engine_of):
    class Listing(Base):
        lists_everything = says == "source" or (says == "selector not" or Base.lists_everything)

        def discover_selectors(self, dataset_type):
            hint = {"selector": {"_lists_everything": True}, "selector not": {"_lists_everything": False}}.get(says, {})
            return [{"season_id": 1, **hint}]

        def find_datasets(self, dataset_type, **kwargs):
            return [match(one) for one in numbers]

    numbers = range(6)
    engine = engine_of(Listing("mine"))
    engine.load()
    numbers = range(1, 6)
    engine.load()
    states = {dataset.identifier["match_id"]: str(dataset.state) for dataset in engine.list_datasets()}
    assert states[0] == ("MISSING" if is_missing else "COMPLETE")
    assert states[1] == "COMPLETE"


# ---- completeness --------------------------------------------------------------------------------------


def test_what_a_source_announces_is_what_its_dataset_needs(engine_of):
    class Two(Base):
        def find_datasets(self, dataset_type, season_id, **kwargs):
            return [match(season_id, ("match", "events"))]

    engine = engine_of(Two("mine"))
    engine.load()
    assert {(str(one.state), one.is_complete, one.missing_feeds) for one in engine.list_datasets()} == {
        ("COMPLETE", True, ())
    }


def test_a_source_may_ask_for_the_feeds_of_a_built_in_type(engine_of):
    class Strict(Base):
        expects_usual_feeds = True

        def find_datasets(self, dataset_type, season_id, **kwargs):
            return [match(season_id, ("match", "events"))]

    engine = engine_of(Strict("mine"))
    engine.load()
    assert {(str(one.state), one.missing_feeds) for one in engine.list_datasets()} == {("PARTIAL", ("lineups",))}


def test_debug_source_runs_it():
    engine = debug_source(TypeAndSelector("mine"), dataset_type="match", season_id=2)
    assert identifiers(engine) == ["competition_id=7/season_id=2/match_id=2"]
    engine.close()


# ---- selectors and identities --------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["2024-05-01T10:00:00+00:00", "2024-05-01 10:00:00", "2024-05-01T10:00:00Z"])
def test_last_modified_of_a_selector_may_be_iso_text(moment, engine_of):
    class Hinted(Base):
        def discover_selectors(self, dataset_type):
            return [{"season_id": 1, "_last_modified": moment}]

        def find_datasets(self, dataset_type, **kwargs):
            calls.append(dataset_type)
            return [match(1)]

    calls: list[str] = []
    engine = engine_of(Hinted("mine"))
    engine.load(raise_errors=True)
    assert engine.load(raise_errors=True).jobs[0].state == "SKIPPED"
    assert len(calls) == 1


def test_a_value_may_be_none_and_is_shown_as_empty(engine_of):
    class Partly(Base):
        def discover_selectors(self, dataset_type):
            return [{"competition_id": 7, "stage": None}]

        def find_datasets(self, dataset_type, competition_id, stage, **kwargs):
            assert stage is None
            resource = DatasetResource({"match_id": 1, "leg": None}, dataset_type)
            return [resource.add_file(None, "events", json_content={})]

    engine = engine_of(Partly("mine"))
    assert engine.load(raise_errors=True).totals.new == 1
    (dataset,) = engine.list_datasets()
    assert dataset.identifier["stage"] is None
    assert dataset.identifier["leg"] is None
    assert str(dataset.identifier) == "competition_id=7/stage=/match_id=1/leg="
    assert engine.store.load_files(dataset).get_file("events").json() == {}
    assert engine.load(raise_errors=True).totals.unchanged == 1
    assert len(engine.store.get_dataset_collection(provider="made_up", dataset_type="match", match_id=1)) == 1


@pytest.mark.parametrize("own", [{}, None])
def test_a_resource_without_an_identity_of_its_own_has_that_of_its_selector(own, engine_of):
    class OfSelector(Base):
        def find_datasets(self, dataset_type, **kwargs):
            return [DatasetResource(own, dataset_type).add_file(None, "table", json_content=[])]

    engine = engine_of(OfSelector("mine"), "table")
    assert engine.load(raise_errors=True).totals.new == 3
    assert identifiers(engine) == [f"competition_id=7/season_id={number}" for number in (1, 2, 3)]


def test_datasets_without_an_identity_that_are_listed_twice_are_named(engine_of, caplog):
    class Twice(Source):
        provider = "made_up"

        def find_datasets(self, dataset_type, **kwargs):
            return [DatasetResource({}, dataset_type).add_file(None, "areas", json_content=[]) for _ in range(2)]

    engine_of(Twice("mine"), "areas").load(raise_errors=True)
    assert "1 dataset is listed more than once, and the entry with the latest time counts, else the last: areas." in (
        caplog.text
    )


@pytest.mark.parametrize("own", [{}, None])
def test_without_any_identity_there_is_one_dataset(own, engine_of):
    class Alone(Source):
        provider = "made_up"

        def find_datasets(self, dataset_type, **kwargs):
            return [DatasetResource(own, dataset_type).add_file(None, "areas", json_content=content)]

    content = [1]
    engine = engine_of(Alone("mine"), "areas")
    assert engine.load(raise_errors=True).totals.new == 1
    content = [1, 2]
    assert engine.load(raise_errors=True).totals.revised == 1
    (dataset,) = engine.list_datasets()
    assert (dict(dataset.identifier), str(dataset.identifier), dataset.name) == ({}, "", "areas")
    assert engine.store.load_files(dataset).get_file("areas").json() == [1, 2]
    assert engine.load(raise_errors=True).totals.unchanged == 1


# ---- what a source announces ---------------------------------------------------------------------------


def warnings_of(caplog: Any) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]


def test_unknown_keywords_are_ignored_with_one_warning_each(engine_of, caplog):
    class Wordy(Base):
        def find_datasets(self, dataset_type, season_id, **kwargs):
            for number in range(5):
                resource = DatasetResource(
                    {"match_id": number}, dataset_type, provider="made_up", name="a match", colour="red"
                )
                yield resource.add_file(last_modified=None, data_feed_key="events", json_content={}, priority=3)

    assert engine_of(Wordy("mine")).load(raise_errors=True).totals.new == 15
    found = warnings_of(caplog)
    assert len(found) == 2
    assert any("colour" in one for one in found)
    assert any("priority" in one for one in found)


def test_a_failed_resource_has_its_error():
    resource = match().mark_failed("no quota")
    assert "no quota" in str(resource.fetch_error)
    assert match().fetch_error is None


@pytest.mark.parametrize(
    "moment", ["2024-05-01T10:00:00Z", "2024-05-01T12:00:00+02:00", "2024-05-01 10:00:00", 1714557600, 1714557600000]
)
def test_last_modified_may_be_iso_text_or_an_epoch_number(moment, engine_of):
    class Timed(Base):
        def find_datasets(self, dataset_type, season_id, **kwargs):
            return [DatasetResource({}, dataset_type).add_file(moment, "events", json_content={})]

    engine = engine_of(Timed("mine"))
    engine.load(raise_errors=True, season_id=1)
    (dataset,) = engine.list_datasets()
    assert dataset.last_modified_at == dt.datetime(2024, 5, 1, 10, tzinfo=dt.UTC)


def test_json_content_may_hold_nan_which_is_stored_as_null_with_one_warning(engine_of, caplog):
    class WithNan(Base):
        def find_datasets(self, dataset_type, season_id, **kwargs):
            content = {"xg": float("nan"), "all": [1.5, float("inf"), {"deep": (float("nan"), 2)}]}
            return [DatasetResource({}, dataset_type).add_file(None, "events", json_content=content)]

    engine = engine_of(WithNan("mine"))
    assert engine.load(raise_errors=True).totals.new == 3
    dataset = engine.list_datasets()[0]
    expected = {"xg": None, "all": [1.5, None, {"deep": [None, 2]}]}
    assert engine.store.load_files(dataset).get_file("events").json() == expected
    (warning,) = warnings_of(caplog)
    assert "NaN" in warning
    assert engine.load(raise_errors=True).totals.unchanged == 3


# ---- how a file is fetched -----------------------------------------------------------------------------


@pytest.fixture
def provider():
    with closing(Provider()) as one:
        yield one


@pytest.fixture
def tls(tmp_path):
    """The certificate of `tls_provider`, which the system does not trust."""
    path = tmp_path / "certificate.pem"
    path.write_text(CERTIFICATE)
    return path


@pytest.fixture
def tls_provider(tls, tmp_path):
    (tmp_path / "key.pem").write_text(PRIVATE_KEY)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls, tmp_path / "key.pem")
    with closing(Provider(context)) as one:
        yield one


def fetched(engine_of: Any, url: str, **options: Any) -> Any:
    """Return the JSON of a file that a source announces with these arguments."""

    class OneFile(Source):
        provider = "made_up"

        def find_datasets(self, dataset_type, **kwargs):
            return [DatasetResource({"match_id": 1}, dataset_type).add_file(None, "events", url=url, **options)]

    engine = engine_of(OneFile("mine"))
    report = engine.load(raise_errors=True)
    assert report.totals.new == 1, report
    return engine.store.load_files(engine.list_datasets()[0]).get_file("events").json()


def test_headers_and_pager_of_loader_kwargs_are_honoured_beside_a_url(provider, engine_of):
    url = provider.on("/matches", answer(b'{"items": [1, 2], "next": "/more"}'))
    provider.on("/more", answer(b'{"items": [3]}'))
    pager = ("items", lambda url, page: page.get("next"))
    found = fetched(engine_of, url, loader_kwargs={"headers": {"X-Key": "abc"}, "pager": pager})
    assert found == [1, 2, 3]
    assert [(one.path, one.headers["x-key"]) for one in provider.asked] == [("/matches", "abc"), ("/more", "abc")]


def test_other_loader_kwargs_beside_a_url_are_refused_by_name():
    with pytest.raises(IngestifyError, match=r"events.*loader_kwargs depth.*headers and pager"):
        match(feeds=()).add_file(None, "events", url="https://example.com", loader_kwargs={"depth": 3})


def test_a_pager_may_be_a_key_and_a_function_of_url_and_page(provider, engine_of):
    def further(url, page):
        assert url.startswith(provider.url)
        return f"{provider.url}/page?number={page['number'] + 1}" if page["number"] < 3 else None

    url = provider.on("/page", by=lambda asked: answer(page_of(asked)))
    assert fetched(engine_of, url, http_options={"pager": ("data.rows", further)}) == [1, 1, 2, 2, 3, 3]


def page_of(asked: Any) -> bytes:
    number = int(asked.target.partition("number=")[2] or 1)
    return json.dumps({"number": number, "data": {"rows": [number, number]}}).encode()


def test_cookies_are_sent(provider, engine_of):
    url = provider.on("/a", answer(b"{}"))
    fetched(engine_of, url, http_options={"cookies": {"session": "abc", "lang": "nl"}})
    assert provider.asked[0].headers["cookie"] == "session=abc; lang=nl"


def test_an_auth_object_may_be_callable_on_a_request(provider, engine_of):
    class TokenAuth:
        def __call__(self, request):
            request.headers["Authorization"] = f"Token {request.method} {request.url.rpartition('/')[2]}"
            return request

    url = provider.on("/a", answer(b"", status=503, retry_after="0"), answer(b"{}"))
    fetched(engine_of, url, http_options={"auth": TokenAuth()})
    assert [one.headers["authorization"] for one in provider.asked] == ["Token GET a"] * 2


@pytest.mark.parametrize("timeout", [0.05, (5, 0.05)])
def test_a_file_has_its_own_timeout(timeout, provider, engine_of):
    slow: list[Any] = [0.3, *answer(b"{}")]
    url = provider.on("/a", slow, answer(b'{"at": "last"}'))
    assert fetched(engine_of, url, http_options={"timeout": timeout}) == {"at": "last"}


@pytest.mark.parametrize("by", ["http_options", "retrieve_http"])
def test_certificates_are_verified_unless_a_file_says_otherwise(by, tls, tls_provider, engine_of, caplog):
    url = tls_provider.on("/a", answer(b'{"safe": true}'))

    def options(verify: Any) -> dict[str, Any]:
        if by == "http_options":
            return {"url": url, "http_options": {"verify": verify}}
        return {"file_loader": load, "loader_kwargs": {"verify": verify}}

    def load(file_resource, current_file, verify):
        return retrieve_http(url, current_file, file_data_feed_key="events", http_verify=verify, http_timeout=5)

    class OneFile(Source):
        provider = "made_up"

        def find_datasets(self, dataset_type, **kwargs):
            for number, verify in enumerate((False, str(tls), True)):
                resource = DatasetResource({"match_id": number}, dataset_type)
                yield resource.add_file(None, "events", **options(verify))

    report = engine_of(OneFile("mine")).load()
    assert (report.totals.new, report.totals.failed) == (2, 1)
    assert "TLS failed" in report.failed_tasks[0].error
    assert "certificates are not verified, as verify is False" in caplog.text


def test_retrieve_http_takes_a_timeout(provider, engine_of):
    url = provider.on("/a", [0.3, *answer(b"{}")], answer(b"[1]"))

    def load(file_resource, current_file):
        return retrieve_http(url, current_file, file_data_feed_key="events", http_timeout=0.05)

    class Loading(Source):
        provider = "made_up"

        def find_datasets(self, dataset_type, **kwargs):
            return [match(1, ()).add_file(None, "events", file_loader=load)]

    engine = engine_of(Loading("mine"))
    assert engine.load(raise_errors=True).totals.new == 1
    assert len(provider.asked) == 2


def test_an_index_that_is_read_once_more_is_never_read_twice_at_once(provider, engine_of):
    class Reading(Source):
        provider = "made_up"

        def discover_selectors(self, dataset_type):
            return [{"season_id": number} for number in range(4)]

        def find_datasets(self, dataset_type, season_id, **kwargs):
            with lock:
                running.append(season_id)
                most.append(len(running))
                calls.append(season_id)
            try:
                for one in self.http.get_json(f"{server.url}/index"):
                    resource = DatasetResource({"match_id": one}, dataset_type, name=f"match {one}")
                    yield resource.add_file(None, "events", url=f"{server.url}/events")
            finally:
                with lock:
                    running.remove(season_id)

    server = provider
    server.on("/index", answer(b"[1, 2, 3]"))
    server.on("/events", answer(b"{}", etag='"a"'))
    lock = threading.Lock()
    running: list[int] = []
    most: list[int] = []
    calls: list[int] = []
    assert engine_of(Reading("mine")).load(raise_errors=True).totals.new == 12
    assert set(most) == {1}
    assert len(calls) == 8, "each season once more, after its files"


# ---- drafts --------------------------------------------------------------------------------------------


def test_a_draft_may_be_made_with_all_of_its_attributes(engine_of):
    content = b"a,b\n1,2\n"

    def load(file_resource, current_file):
        draft = DraftFile(
            created_at=dt.datetime(2024, 5, 2, tzinfo=dt.UTC),
            modified_at="2024-05-01T10:00:00Z",
            tag="0123",
            size=len(content),
            content_type="text/csv",
            data_feed_key="events",
            data_spec_version="v2",
            data_serialization_format="csv",
            stream=io.BytesIO(content),
        )
        drafts.append((draft.tag, draft.size, draft.created_at))
        return draft

    class Drafting(Source):
        provider = "made_up"

        def find_datasets(self, dataset_type, **kwargs):
            return [match(1, ()).add_file(None, "events", "v2", file_loader=load)]

    drafts: list[Any] = []
    engine = engine_of(Drafting("mine"))
    engine.load(raise_errors=True)
    (dataset,) = engine.list_datasets()
    file = engine.store.load_files(dataset).get_file("events", "v2")
    assert (file.read(), file.data_serialization_format, file.content_type) == (content, "csv", "text/csv")
    assert dataset.last_modified_at == dt.datetime(2024, 5, 1, 10, tzinfo=dt.UTC)
    tag = hashlib.sha256(content).hexdigest()
    assert drafts == [(tag, len(content), dt.datetime(2024, 5, 2, tzinfo=dt.UTC))]
    assert file.tag == tag


def test_a_draft_of_an_input_has_a_tag_and_a_size_and_one_of_a_draft_is_that_draft():
    draft = DraftFile.from_input("text", "notes")
    assert (draft.size, draft.tag) == (4, hashlib.sha256(b"text").hexdigest())
    assert DraftFile.from_input(draft) is draft
    assert DraftFile.from_input(draft, "notes").stream.read() == b"text"
