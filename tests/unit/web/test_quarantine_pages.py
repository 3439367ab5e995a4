"""The quarantine's pages: what waits, by reason; and a person's decisions, of which each is carried out once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from ingestify import DatasetResource, DraftFile, IngestionEngine
from tests.support.lake_in_memory import FunctionSource, Lake, match

from .conftest import client_of

WHOLE = [{"id": number, "minute": number, "type": "Pass"} for number in range(1000)]
YES = {"decided_by": "<Ada>", "note": "the provider says it is right", "confirmed": "yes"}


class Provider(FunctionSource):
    """Three matches. After `break_them`, two of them shrink, and a new one is broken from the beginning."""

    def __init__(self) -> None:
        super().__init__(lambda **_: self.offered())
        self.contents = {1: WHOLE, 2: WHOLE, 3: WHOLE}
        self.at = 0

    def offered(self) -> list:
        return [match(key, content, self.at) for key, content in self.contents.items()]

    def break_them(self) -> None:
        self.contents |= {1: WHOLE[:5], 2: WHOLE[:7]}
        self.at += 1


@pytest.fixture
def source() -> Provider:
    return Provider()


@pytest.fixture
def engine(source: Provider) -> Iterator[IngestionEngine]:
    with Lake(source).engine as engine:
        engine.load()
        source.break_them()
        engine.load()
        yield engine


@pytest.fixture
def ids(engine: IngestionEngine) -> list[str]:
    return [entry.entry_id for entry in sorted(engine.quarantine, key=lambda one: one.name)]


def decide(client: TestClient, what: str, *entries: str, **more: object):
    data = {"do": what, "entry": list(entries), **YES, **more}
    return client.post("/quarantine/decisions", data=data, follow_redirects=False)


def revisions(engine: IngestionEngine, match_id: int) -> int:
    return len(engine.get_dataset(match_id=match_id).revisions)


def test_an_empty_quarantine_says_so(source):
    with Lake(source).engine as engine:
        assert "Nothing waits" in client_of(engine).get("/quarantine").text


def test_entries_with_the_same_reason_but_for_its_numbers_are_one_group(client, ids):
    (group,) = client.get("/quarantine.json").json()["groups"]
    assert group["count"] == 2
    assert "it has N bytes" in group["reason"]
    text = client.get("/quarantine").text
    for entry_id in ids:
        assert f'name="entry" value="{entry_id}"' in text
        assert f'href="/quarantine/{entry_id}"' in text
    together = client.get("/quarantine/decide", params={"reason": group["reason"]})
    assert "Accept all 2" in together.text
    assert client.get("/quarantine/decide", params={"entry": ids[:1]}).text.count('name="do"') == 3
    assert client.get("/quarantine/decide").status_code == 400


def test_an_entry_shows_what_readers_see_and_what_would_change(client, engine, ids):
    document = client.get(f"/quarantine/{ids[0]}.json").json()
    assert document["changes"]["from_revision"] == 0
    assert len(document["changes"]["differences"]) == 995
    text = client.get(f"/quarantine/{ids[0]}").text
    assert f"/datasets/{document['dataset_id']}?revision=0" in text
    assert f"<li>{document['changes']['clauses'][0]}</li>" in text
    assert client.get("/quarantine/nothing").status_code == 404


def broken(file_resource, current_file):
    return DraftFile.from_input(b'{"broken', "events", data_serialization_format="json")


def test_a_bundle_that_was_never_published_has_nothing_to_compare():
    resource = DatasetResource({"match_id": 4}, "match", name="match 4").add_file(None, "events", file_loader=broken)
    with Lake(FunctionSource(lambda **_: [resource])).engine as engine:
        engine.load()
        text = client_of(engine).get(f"/quarantine/{next(iter(engine.quarantine)).entry_id}").text
    assert "until now it was never published" in text
    assert "Something is missing on this page" not in text


def test_accepting_makes_one_revision_however_often_the_form_is_sent(client, engine, ids):
    answers = [decide(client, "accept", ids[0]) for _ in range(2)]
    assert [(one.status_code, one.headers["location"]) for one in answers] == [(303, f"/quarantine/{ids[0]}")] * 2
    assert revisions(engine, 1) == 2
    entry = engine.quarantine.get_entry(ids[0])
    assert (entry.state, entry.decided_by, entry.note) == ("ACCEPTED", "<Ada>", "the provider says it is right")
    assert "&lt;Ada&gt; decided at" in client.get(f"/quarantine/{ids[0]}").text


def test_another_decision_about_the_same_entry_is_refused_with_the_reason(client, engine, ids):
    decide(client, "accept", ids[0])
    for what in ("accept", "discard", "retry"):
        answer = decide(client, what, ids[0], decided_by="Bob")
        assert answer.status_code == 409
        assert "match 1: The quarantine entry" in answer.text
        assert "ACCEPTED" in answer.text
    assert revisions(engine, 1) == 2


def test_a_stale_entry_is_refused_with_the_reason(client, engine, source, ids):
    source.contents[1] = [*WHOLE, {"id": 2000, "minute": 90, "type": "Shot"}]
    source.at += 1
    engine.load()
    answer = decide(client, "accept", ids[0])
    assert answer.status_code == 409
    assert "it is RESOLVED" in answer.text
    assert revisions(engine, 1) == 2


def test_several_are_decided_together_and_those_that_fail_are_named(client, engine, ids):
    decide(client, "accept", ids[0], note="first")
    answer = decide(client, "accept", *ids)
    assert answer.status_code == 409
    assert "1 of 2 are done" in answer.text
    assert "match 1" in answer.text
    assert revisions(engine, 2) == 2


def test_discarding_throws_the_files_away_once(client, engine, ids):
    answers = [decide(client, "discard", *ids) for _ in range(2)]
    assert [(one.status_code, one.headers["location"]) for one in answers] == [(303, "/quarantine")] * 2
    assert [engine.quarantine.get_entry(one).state for one in ids] == ["DISCARDED"] * 2
    assert "The files are not compared" in client.get(f"/quarantine/{ids[0]}").text


def test_a_retry_is_for_the_next_run(client, engine, ids):
    assert decide(client, "retry", ids[0]).status_code == 303
    assert engine.quarantine.get_entry(ids[0]).retry_requested_at is not None
    assert "fetched anew in the next run" in client.get("/quarantine").text


@pytest.mark.parametrize(
    ("what", "lacks", "said"),
    [
        ("accept", "note", "Say why"),
        ("accept", "decided_by", "Say who"),
        ("discard", "confirmed", "Confirm"),
        ("destroy", "", "no decision"),
    ],
)
def test_a_form_that_says_too_little_changes_nothing(client, engine, ids, what, lacks, said):
    answer = decide(client, what, ids[0], **({lacks: ""} if lacks else {}))
    assert answer.status_code == 400
    assert said in answer.text
    assert engine.quarantine.get_entry(ids[0]).is_open


def test_a_part_is_accepted_without_a_feed(client, engine, ids):
    answer = decide(client, "accept", ids[0], without=["events"])
    assert answer.status_code in (303, 409)
    assert decide(client, "accept", ids[1], without=["nothing"]).status_code == 409


def test_a_page_that_is_read_only_has_no_forms(engine, ids):
    client = client_of(engine, is_read_only=True)
    assert "switched off" in client.get(f"/quarantine/{ids[0]}").text
    assert '<form method="post"' not in client.get(f"/quarantine/{ids[0]}").text
    assert decide(client, "accept", ids[0]).status_code == 403


def test_who_decides_is_the_person_at_the_terminal_at_first(engine, ids):
    client = client_of(engine, person="grace")
    assert 'value="grace"' in client.get(f"/quarantine/{ids[0]}").text


def test_the_engine_of_the_settings_decides_so_that_its_subscribers_hear_of_it(engine, ids):
    opened = []

    class Opened:
        def __enter__(self):
            opened.append(engine)
            return engine

        def __exit__(self, *_):
            pass

    client = client_of(engine, open_engine=Opened)
    assert decide(client, "accept", ids[0]).status_code == 303
    assert opened == [engine]
