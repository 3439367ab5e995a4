"""What a notebook shows of an error."""

from __future__ import annotations

import logging
import pickle

import pytest

from ingestify import DatasetResource, Source, debug_source, get_engine
from ingestify.errors import ExportError, HostLeftAlone, IngestifyError, LockError, MissingExtraError, SourceError


@pytest.mark.parametrize(
    "error",
    [
        MissingExtraError("kloppy", "To load it"),
        HostLeftAlone("it asked to wait", reason="a wait", url="https://x", status=429, is_wait=True),
        LockError("it lacks a file", ["one"]),
        ExportError("in the way", ["two"]),
    ],
)
def test_an_error_of_another_process_has_all_that_it_had(error: IngestifyError) -> None:
    error.add_note("It happened there.")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.__dict__) == (type(error), str(error), error.__dict__)


def shown(error: IngestifyError) -> str:
    """What IPython shows: it asks an exception that has this method."""
    return "\n".join(error._render_traceback_())


def failed() -> IngestifyError:
    with pytest.raises(IngestifyError) as raised:
        get_engine("nowhere/config.yaml")
    return raised.value


def test_it_is_the_callers_line_and_the_message() -> None:
    text = shown(failed())
    assert 'get_engine("nowhere/config.yaml")' in text
    assert text.splitlines()[-1].startswith("ConfigurationError: ")
    assert text.count("File ") == 1


def test_all_of_it_is_shown_while_debugging() -> None:
    logger = logging.getLogger("ingestify")
    before = logger.level
    logger.setLevel(logging.DEBUG)
    try:
        assert shown(failed()).count("File ") > 2
    finally:
        logger.setLevel(before)


class Careless(Source):
    provider = "mine"

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        yield DatasetResource({"match_id": 1}, dataset_type, name="m").add_file(None, "events", json_content={})
        yield from self.http.get_json("no url at all")


def test_an_error_that_a_users_source_met_is_short_too() -> None:
    with pytest.raises(IngestifyError) as raised:
        debug_source(Careless("mine"), dataset_type="match")
    text = shown(raised.value)
    assert "debug_source(" in text
    assert "no url at all" in text
    assert "/ingestify/" not in text.split("ConfigurationError: ")[0].split("FetchError: ")[0]


def test_what_a_provider_wrote_moves_no_cursor_and_shows_no_secret() -> None:
    error = SourceError("\x1b[2J https://me:canary@host/a?token=canary\nis no match")
    assert shown(error) == "SourceError: \\x1b[2J https://***@host/a?token=***\nis no match"
    for cause in (SourceError("it is at https://me:canary@host"), ValueError("\x1b[2Jhttps://me:canary@host")):
        with pytest.raises(SourceError) as raised:
            _raise_from(cause)
        assert "canary" not in shown(raised.value)
        assert "\x1b" not in shown(raised.value)


def _raise_from(cause: Exception) -> None:
    try:
        raise cause
    except Exception as error:
        raise SourceError("it makes no sense") from error
