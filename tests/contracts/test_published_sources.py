"""A source that is written for the published package works here: the contract's rows, each through public names."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from ingestify import (
    DatasetResource,
    IngestionPlan,
    Selector,
    Source,
    debug_source,
    get_dev_engine,
)

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


class Wrapped(OtherNames):
    def find_datasets(self, *arguments, **keywords):
        return super().find_datasets(*arguments, **keywords)


@pytest.mark.parametrize(
    "source",
    [*Base.__subclasses__(), Wrapped],
)
@pytest.mark.parametrize("selectors", [None, SEASONS, [{"competition_id": 7}]], ids=["discovered", "named", "in part"])
def test_find_datasets_gets_what_its_signature_takes_in_any_order(source, selectors, engine_of):
    if selectors == [{"competition_id": 7}] and source in (Keywords, AllPassedOn, OlderForm, ShortNames, Starred):
        pytest.skip("its signature does not say that it needs a season")
    report = engine_of(source("mine"), selectors=selectors).load(raise_errors=True)
    assert report.totals.new == 3


def test_a_filter_reaches_find_datasets_by_keyword(engine_of):
    class Narrowed(Base):
        def find_datasets(self, season_id, match_id=None, dataset_type=None, **kwargs):
            asked.append((season_id, match_id))
            return [match(season_id)]

    asked: list[tuple[int, Any]] = []
    engine_of(Narrowed("mine")).load(season_id=2, match_id=2)
    assert asked == [(2, 2)]


@pytest.mark.parametrize("takes", ["nothing", "versions", "all", "another name"])
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
    assert engine.last_report is None or engine.last_report.state == "ABORTED"


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
