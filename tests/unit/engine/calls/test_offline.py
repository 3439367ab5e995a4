"""A reader whose provider cannot be reached gets what the lake has, after one warning, within seconds."""

from __future__ import annotations

import logging
import socket

import pytest

from ingestify import ConfigurationError, DatasetResource, FetchError, Source
from ingestify.clock import monotonic
from ingestify.errors import SourceError
from tests.support.lake_in_memory import FunctionSource, Lake, match
from tests.support.scripted_provider import answer


@pytest.fixture
def nowhere():
    """The URL of a port of this computer at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture(autouse=True)
def quick(request, monkeypatch):
    """No pauses between tries, but where it is measured how long they are."""
    if "seconds" not in request.node.name:
        monkeypatch.setattr("ingestify.fetch.retries.backoff_seconds", lambda *_: 0.0)


class Listed(FunctionSource):
    """Its index is asked for below `base_url`; an entry is a match."""

    base_url = ""

    def __init__(self, competitions: int = 1) -> None:
        super().__init__(lambda **_: None, [{"competition_id": number} for number in range(competitions)])
        self.wraps = False

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, competition_id, **_):
        try:
            entries = self.http.get_json(f"{self.base_url}/{competition_id}")
        except FetchError as error:
            if self.wraps:
                raise SourceError("the index is not there") from error
            raise
        return [match(number) for number in entries]


@pytest.fixture
def lake(web):
    """One that has two matches of its provider, which is online."""
    web.on("/0", answer(b"[1, 2]"))
    lake = Lake(Listed())
    lake.source.base_url = web.url
    lake.engine.load()
    yield lake
    lake.engine.close()


def ids(lake, auto_ingest, **filters):
    return sorted(one.identifier["match_id"] for one in lake.engine.iter_datasets(auto_ingest=auto_ingest, **filters))


@pytest.mark.parametrize("options", [True, {"streaming": True}, {"if_offline": "serve"}])
def test_what_the_lake_has_is_served_with_one_warning(lake, nowhere, caplog, options):
    lake.source.base_url = nowhere
    assert ids(lake, options) == [1, 2]
    (warned,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    host = nowhere.partition("://")[2]
    message = warned.getMessage()
    assert message.startswith(f"{host} cannot be reached (no connection: ")
    assert "the lake's 2 datasets are served, as of the last look at fake on 2" in message
    assert '{"if_offline": "error"}' in message


@pytest.mark.parametrize("options", [{}, {"streaming": True}])
def test_it_can_be_made_an_error(lake, nowhere, options):
    lake.source.base_url = nowhere
    with pytest.raises(FetchError, match="no connection"):
        ids(lake, {**options, "if_offline": "error"})


@pytest.mark.parametrize("options", [True, {"streaming": True}])
def test_a_lake_that_has_nothing_of_it_serves_nothing(lake, nowhere, options):
    lake.source.base_url = nowhere
    with pytest.raises(FetchError, match=r"the lake has no dataset of what was asked for \(match_id=9\).* network"):
        ids(lake, options, match_id=9)
    assert ids(lake, options, where="match_id > 2") == []  # it is there, and is not wanted


def test_a_run_of_its_own_fails_as_ever(lake, nowhere, caplog):
    lake.source.base_url = nowhere
    report = lake.engine.load()
    assert isinstance(report.error, FetchError)
    assert report.error.unreached == nowhere.partition("://")[2]
    assert [job.state for job in lake.jobs] == ["FAILED", "FINISHED"]
    assert "1 of 1 selectors failed (the first: " in caplog.text
    assert "tried 5 times" in caplog.text


@pytest.mark.parametrize("status", [401, 404, 500])
def test_a_provider_that_answers_is_not_offline(lake, web, status):
    web.on("/0", answer(b"", status))
    with pytest.raises(FetchError, match=f"status {status}") as raised:
        ids(lake, True)
    assert raised.value.unreached == ""


def test_an_index_that_makes_no_sense_is_not_offline(lake, web):
    web.on("/0", answer(b"no JSON"))
    with pytest.raises(SourceError):
        ids(lake, True)


@pytest.mark.slow
@pytest.mark.usefixtures("passing_time")
def test_it_is_noticed_in_seconds_however_many_selectors_there_are(nowhere, caplog):
    lake = Lake(Listed(competitions=100))
    lake.source.base_url = nowhere
    began = monotonic()
    with lake.engine:
        with pytest.raises(FetchError, match="nothing to serve"):
            ids(lake, True)
        assert monotonic() - began < 30
        # Those that are asked for side by side have their tries; the others have none.
        assert sum(job.counters.requests for job in lake.jobs) <= 8 * 3


def test_a_source_may_have_put_it_in_its_own_words(lake, nowhere):
    lake.source.base_url, lake.source.wraps = nowhere, True
    assert ids(lake, True) == [1, 2]


class Elsewhere(Source):
    provider = "elsewhere"

    def __init__(self, name, find):
        super().__init__(name)
        self.find = find

    def discover_selectors(self, dataset_type):
        return [{"competition_id": 5}]

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **_):
        return self.find()


@pytest.mark.parametrize("options", [True, {"streaming": True}])
def test_another_provider_that_is_there_is_kept_current(lake, nowhere, options, caplog):
    lake.add_plan(Elsewhere("elsewhere", lambda: [match(5)]))
    lake.source.base_url = nowhere
    assert ids(lake, options) == [1, 2, 5]
    assert "the lake's 2 datasets are served" in caplog.text


def test_another_provider_s_error_is_raised(lake, nowhere):
    def find():
        raise ZeroDivisionError("half an index")

    lake.add_plan(Elsewhere("elsewhere", find))
    lake.source.base_url = nowhere
    with pytest.raises(ZeroDivisionError):
        ids(lake, True)


class WithoutIndex(FunctionSource):
    """It lists its one match without a request; the file of it is asked for."""

    def __init__(self) -> None:
        super().__init__(lambda **_: None)

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **_):
        yield DatasetResource({"match_id": 1}, "match").add_file(None, "events", url=self.url)


@pytest.mark.parametrize("options", [True, {"streaming": True}])
def test_a_source_without_an_index_finds_it_out_by_its_files(web, nowhere, caplog, options):
    web.on("/events", answer(b"{}"))
    lake = Lake(WithoutIndex())
    lake.source.url = f"{web.url}/events"
    with lake.engine:
        assert ids(lake, options) == [1]
        lake.source.url = f"{nowhere}/events"
        assert ids(lake, options) == [1]
    (warned,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "1 dataset is served" in warned.getMessage()


class OfTwoHosts(FunctionSource):
    """It lists matches without a request; each has its file at a URL of its own."""

    def __init__(self) -> None:
        super().__init__(lambda **_: None)

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **_):
        for number, url in self.urls.items():
            yield DatasetResource({"match_id": number}, "match", name=f"match {number}").add_file(None, "x", url=url)


@pytest.mark.parametrize("options", [True, {"streaming": True}])
def test_one_host_of_several_is_away(web, nowhere, caplog, options):
    web.on("/ok", answer(b"{}"))
    web.on("/bad", answer(b"no", status=404))
    lake = Lake(OfTwoHosts())
    lake.source.urls = {1: f"{web.url}/ok", 2: f"{nowhere}/2", 3: f"{web.url}/bad"}
    with lake.engine:
        assert ids(lake, options) == [1]
    served, failed = [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]
    assert "the lake's 1 dataset is served" in served
    assert "2 that are listed could not be fetched, and the lake has no earlier version (the first: match " in served
    assert "1 failed" in failed
    assert "match 3" in failed
    assert "match 2" not in failed


def test_an_unknown_value_is_an_error_of_the_call(lake):
    with pytest.raises(ConfigurationError, match="if_offline='sevre'; it is \"serve\""):
        lake.engine.iter_datasets(auto_ingest={"if_offline": "sevre"})
