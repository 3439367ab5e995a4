"""What a notebook shows of an error of a run: a few frames, and the caller's own code."""

from __future__ import annotations

import logging
import traceback

import pytest

from ingestify import FetchError, SourceError
from tests.support.lake_in_memory import match
from tests.support.scripted_provider import answer


def by_loading(engine):
    engine.load(raise_errors=True)


def by_reading(engine):
    list(engine.iter_datasets(auto_ingest=True))


def by_streaming(engine):
    list(engine.iter_datasets(auto_ingest={"streaming": True}))


@pytest.fixture(params=[by_loading, by_reading, by_streaming])
def shown(request):
    """Run, and return the traceback as text, with the error."""

    def run(lake):
        with pytest.raises(Exception) as raised:  # noqa: PT011 - each test looks at which it is
            request.param(lake.engine)
        return "".join(traceback.format_exception(raised.value)), raised.value

    return run


def ours(text):
    """How many frames of ingestify are in it."""
    return text.count("/src/ingestify/")


def test_an_error_of_the_network_is_its_message(make_lake, web, shown):
    url = web.on("/index", answer(b"", 404))

    def find(**_):
        return lake.source.http.get_json(url)

    lake = make_lake(find)
    text, error = shown(lake)
    assert isinstance(error, FetchError)
    assert ours(text) == 1
    assert text.count("Traceback") == 1
    assert "lake.source.http.get_json(url)" in text  # the source is the caller's own code
    assert "status 404" in text.splitlines()[-1]


def test_what_is_behind_an_error_of_ours_is_in_its_message(make_lake, web, shown):
    url = web.on("/index", answer(b"no JSON"))
    lake = make_lake(lambda **_: lake.source.http.get_json(url))
    text, error = shown(lake)
    assert isinstance(error, SourceError)
    assert (ours(text), text.count("Traceback")) == (1, 1)
    assert error.__context__ is not None  # whoever needs it finds it


def test_an_error_of_the_caller_s_own_code_is_shown_from_there_on(make_lake, shown):
    def find(**_):
        try:
            yield match({}["match_id"])
        except KeyError as error:
            raise SourceError("no match_id") from error

    text, _ = shown(make_lake(find))
    assert ours(text) == 1
    assert text.count("Traceback") == 2  # the cause is theirs
    assert '{}["match_id"]' in text


def test_an_error_that_is_none_of_ours_keeps_all_that_led_to_it(make_lake, shown):
    def helper():
        raise ZeroDivisionError("half an index")

    def find(**_):
        yield helper()

    text, _ = shown(make_lake(find))
    assert ours(text) == 1
    assert "in find" in text
    assert "in helper" in text


def test_debug_keeps_all(make_lake, web, shown, caplog):
    url = web.on("/index", answer(b"no JSON"))
    lake = make_lake(lambda **_: lake.source.http.get_json(url))
    with caplog.at_level(logging.DEBUG, "ingestify"):
        text, _ = shown(lake)
    assert ours(text) > 5
    assert text.count("Traceback") > 1
