"""The pages of a match: of StatsBomb's shape, of another one, and of what is broken."""

from __future__ import annotations

import csv
import io
import re

import pytest

from ingestify import DatasetResource
from tests.support.lake_in_memory import FunctionSource, Lake, hours

from .conftest import client_of


def links_in_pictures(text: str) -> list[str]:
    return re.findall(r'<a href="#(shot-[^"]+)"', text)


def test_each_shot_is_a_mark_that_links_to_its_row(client, address, source):
    text = client.get(address).text
    rows = re.findall(r'<tr id="(shot-[^"]+)"', text)
    assert sorted(links_in_pictures(text)) == sorted(rows) == sorted(f"shot-{one['id']}" for one in source.shots)
    for side in ("home_team", "away_team"):
        name = source.entry[side][f"{side}_name"]
        xg = sum(one["shot"]["statsbomb_xg"] for one in source.shots if one["team"]["name"] == name)
        assert f"xG {xg:.2f}" in text


def test_the_json_twin_is_the_document_of_show(client, address):
    document = client.get(f"{address}.json").json()
    assert f"/datasets/{document['dataset_id']}" == address
    assert [one["file_id"] for one in document["files"]] == ["events__v1", "lineups__v1"]
    assert document["revisions"][0]["revision_id"] == 0


def test_a_shot_shows_where_everybody_stood(client, address, source):
    shot = source.shots[1]
    text = client.get(f"{address}/shots/{shot['id']}").text
    assert f"{address}/shots/{source.shots[0]['id']}" in text
    for one in shot["shot"]["freeze_frame"]:
        assert one["player"]["name"] in text
    assert client.get(f"{address}/shots/nothing").status_code == 404
    assert client.get(f"{address}/shots/{shot['id']}.json").json()["xg"] == shot["shot"]["statsbomb_xg"]


def test_two_revisions_are_compared_in_sentences(client, engine, address, source):
    for shot in source.shots[:2]:
        shot["shot"]["statsbomb_xg"] += 0.25
    source.revised = 1
    engine.load()
    answer = client.get(f"{address}/diff/0..1")
    assert "2 shots&#39; xG" in answer.text
    assert len(client.get(f"{address}/diff/0..1.json").json()["differences"]) == 2
    assert client.get(f"{address}/diff", params={"before": "1", "after": "0"}).url.path == f"{address}/diff/1..0"
    assert client.get(f"{address}/diff/0..7").status_code == 404
    assert client.get(f"{address}/diff/x..1").status_code == 400
    older = client.get(address, params={"revision": 0}).text
    assert "Show the newest, revision 1" in older
    assert "2 shots&#39; xG" in client.get(address).text


def test_a_file_is_always_an_attachment(client, engine, address):
    answer = client.get(f"{address}/files/events__v1")
    assert answer.headers["content-disposition"].startswith('attachment; filename="the match events.json"')
    assert answer.headers["content-security-policy"].startswith("sandbox")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.content == engine.store.load_files(engine.list_datasets()[0])["events"].read()
    assert client.get(f"{address}/files/nothing").status_code == 404


@pytest.mark.parametrize("feed", ["events", "lineups"])
def test_of_a_broken_file_the_page_says_so_and_shows_the_rest(client, engine, address, feed):
    dataset = engine.list_datasets()[0]
    engine.store.storage.delete([dataset.files[f"{feed}__v1"].storage_path])
    answer = client.get(address)
    assert answer.status_code == 200
    assert "cannot be read" in answer.text
    assert "etag" not in answer.headers
    assert "Download" in answer.text


def test_events_that_are_not_as_expected_are_no_reason_to_show_nothing(source):
    source.events = [{"id": "a", "minute": "soon"}]
    with Lake(source).engine as engine:
        engine.load()
        answer = client_of(engine).get(f"/datasets/{engine.list_datasets()[0].dataset_id}")
    assert answer.status_code == 200
    assert "cannot be read" in answer.text


def test_what_is_no_match_has_a_page_too():
    def find(**_):
        resource = DatasetResource({"player_id": 1}, "match", name="a player")
        return [resource.add_file(hours(0), "statistics", json_content={"n": 1})]

    with Lake(FunctionSource(find)).engine as engine:
        engine.load()
        answer = client_of(engine).get(f"/datasets/{engine.list_datasets()[0].dataset_id}")
    assert answer.status_code == 200
    assert "statistics__v1" in answer.text
    assert "xG race" not in answer.text


def test_a_page_that_did_not_change_is_not_sent_again(client, engine, address, source):
    tag = client.get(address).headers["etag"]
    assert client.get(address, headers={"If-None-Match": tag}).status_code == 304
    assert client.get(f"{address}?revision=0", headers={"If-None-Match": tag}).status_code == 200
    assert client.get(f"{address}.json", headers={"If-None-Match": tag}).status_code == 200
    source.events[0]["minute"] = 1
    source.revised = 1
    engine.load()
    assert client.get(address, headers={"If-None-Match": tag}).status_code == 200


def test_a_picture_of_a_revision_never_changes(client, address, source):
    answer = client.get(f"{address}/r0/shots.svg")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert "immutable" in answer.headers["cache-control"]
    assert "var(" not in answer.text
    assert client.get(f"{address}/r0/xg.png").content.startswith(b"\x89PNG")
    assert client.get(f"{address}/r0/shots.svg?theme=dark").content != answer.content
    assert client.get(f"{address}/r0/nothing.svg").status_code == 404
    assert client.get(f"{address}/r0/shots.exe").status_code == 404
    assert client.get(f"{address}/r9/shots.svg").status_code == 404


def test_a_table_of_a_picture_has_no_formulas(client, engine, address, source):
    shooter = source.shots[0]["player"]["id"]
    listed = next(one for of in source.lineups for one in of["lineup"] if one["player_id"] == shooter)
    listed["player_name"] = '=HYPERLINK("http://evil.example")'
    source.revised = 1
    engine.load()
    answer = client.get(f"{address}/r1/shots.csv")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert len(rows) == 1 + len(source.shots)
    assert '\'=HYPERLINK("http://evil.example")' in rows[1]
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]


def test_a_match_that_kloppy_reads_is_drawn_after_its_page():
    """What kloppy says, if it cannot read one, is the picture."""

    class Metrica(FunctionSource):
        provider = "metrica"

    def find(**_):
        resource = DatasetResource({"match_id": 1}, "match", name="Sample Game 1")
        return [resource.add_file(hours(0), "events", json_content=[{"no": "events"}])]

    with Lake(Metrica(find)).engine as engine:
        engine.load()
        address = f"/datasets/{engine.list_datasets()[0].dataset_id}"
        client = client_of(engine)
        assert f'<img src="{address}/r0/shots.svg"' in client.get(address).text
        answer = client.get(f"{address}/r0/shots.svg")
        assert answer.status_code == 404
        assert answer.text.startswith("<svg")
        assert "kloppy" in answer.text
        assert client.get(f"{address}/r0/shots.csv").status_code == 404


def test_a_damaged_file_is_an_error_and_no_download_that_breaks_off(client, engine, address):
    objects = engine.store.storage._objects
    path = engine.list_datasets()[0].files["events__v1"].storage_path
    objects[path] = (b"no zstd", objects[path][1])
    answer = client.get(f"{address}/files/events__v1")
    assert answer.status_code == 503
    assert "damaged" in answer.text


def test_the_name_of_a_download_is_short_and_turns_no_line():
    hostile = DatasetResource({"match_id": 1}, "match", name="evil\u202egnp.exe\r\nX: y" + 10_000 * "z")
    hostile.add_file(hours(0), "events", json_content=[])
    with Lake(FunctionSource(lambda **_: [hostile])).engine as engine:
        engine.load()
        answer = client_of(engine).get(f"/datasets/{engine.list_datasets()[0].dataset_id}/files/events__v1")
    header = answer.headers["content-disposition"]
    assert "%E2%80%AE" not in header
    assert "%0D" not in header
    assert len(header) < 1000
