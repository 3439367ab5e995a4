"""Reading messages: of each protocol, in both modes, and what is no message."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import urllib.parse

import pytest

from ingestify.consume import EventError, MalformedEvent, UnknownEvent, parse, schema_of
from ingestify.consume import event as event_module
from ingestify.domain.events import LOGGED_EVENTS
from ingestify.errors import ConfigurationError
from tests.support.broken_payloads import iter_broken


def as_kafka(message):
    headers = message.headers("ce_")
    return message.data, [
        ("content-type", b"application/json"),
        *((name, one.encode()) for name, one in headers.items()),
    ]


def as_http(message):
    headers = {name: urllib.parse.quote(value, safe="/:") for name, value in message.headers("ce-").items()}
    return message.data, {"Content-Type": "application/json", **{name.title(): one for name, one in headers.items()}}


def as_asgi(message):
    _, headers = as_http(message)
    return message.data, [(name.lower().encode(), value.encode()) for name, value in headers.items()]


def as_amqp(message):
    return message.data, {**message.headers("cloudEvents:"), "cloudEvents:epoch": 1, "x-delivery-count": 2}


def as_amqp_for_jms(message):
    return message.data, message.headers("cloudEvents_")


def as_mqtt(message):
    return message.data, list(message.headers("").items())


def as_redis(message):
    fields = {name.encode(): str(value).encode() for name, value in message.attributes.items()}
    fields[b"data"] = message.data
    return fields[b"data"], fields


def as_structured(message):
    return message.structured(), None


def as_structured_text(message):
    return message.structured().decode(), {"content-type": "application/cloudevents+json"}


def as_decoded_json(message):
    return json.loads(message.structured()), []


PROTOCOLS = [
    as_kafka,
    as_http,
    as_asgi,
    as_amqp,
    as_amqp_for_jms,
    as_mqtt,
    as_redis,
    as_structured,
    as_structured_text,
    as_decoded_json,
]


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda one: one.__name__)
def test_each_message_is_read_from_each_protocol(protocol, all_messages):
    for message in all_messages:
        body, headers = protocol(message)
        event = parse(body, headers, validate=True)
        data = json.loads(message.data)
        assert event.id == message.id == f"{event.lake_id}/{event.epoch}/{event.position}"
        assert event.data == data
        assert event.attributes["type"] == message.type
        assert event.attributes["provider"] == message.extensions["provider"]
        assert event.attributes["epoch"] == "1"


def test_an_event_has_what_happened_and_the_dataset(messages):
    event = parse(messages["revision_added"].structured())
    data = json.loads(messages["revision_added"].data)
    assert (event.event_type, event.provider, event.dataset_type, event.bucket) == (
        "revision_added",
        "example",
        "match",
        "main",
    )
    assert event.identifier["match_id"] == 2
    assert event.occurred_at == dt.datetime.fromisoformat(data["occurred_at"])
    assert event.occurred_at.tzinfo is dt.UTC
    assert event.dataset_id == data["dataset"]["dataset_id"]
    assert event.metadata == {"score": 0, "teams": [{"name": "日本"}]}
    assert [file["file_id"] for file in event.files] == ["events__v1"]
    assert event.revision["revision_id"] == 1
    assert event.state == "COMPLETE"
    assert (event.reason, event.reasons, event.entry_id, event.entry_state) == ("", (), "", "")
    assert str(event) == f"revision_added {event.id}: example match match_id=2"


def test_each_type_has_its_own_attributes(messages):
    events = {name: parse(message.structured()) for name, message in messages.items()}
    assert events["revision_invalidated"].reason == "a goal is missing"
    assert events["revision_rejected"].reasons == ("the version is negative",)
    assert events["revision_rejected"].entry_id
    assert (events["revision_accepted"].decided_by, events["revision_accepted"].note) == ("Rinus", "it is right")
    assert events["revision_withdrawn"].entry_state == "SUPERSEDED"
    assert events["revision_withdrawn"].state == "SCHEDULED"  # of the dataset, which is not in the lake yet


def test_what_the_publisher_leaves_out_is_none(messages):
    data = json.loads(messages["revision_added"].data)
    del data["dataset"]["files"], data["dataset"]["metadata"]
    event = parse(json.dumps(data), messages["revision_added"].headers("ce_"), validate=True)
    assert event.files is None
    assert event.metadata is None


def test_a_key_of_a_later_ingestify_is_kept_and_does_no_harm(messages):
    data = json.loads(messages["revision_added"].data)
    data["dataset"]["files"][0]["of_tomorrow"] = data["of_tomorrow"] = 1
    event = parse(json.dumps(data), messages["revision_added"].headers("ce_"), validate=True)
    assert event.data["of_tomorrow"] == 1


# ---- what is no message ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "is no JSON"),
        (b"\xff\xfe", "is no JSON"),
        (b"{", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"[]", "a list; pass its events on one by one"),
        (b"7", "no object"),
        (b"{}", "neither its headers nor its body have 'specversion'"),
        (None, "NoneType, and not text or bytes"),
        (b'{"specversion": "2.0"}', "a CloudEvent 2.0"),
        (b'{"specversion": "1.0", "id": "1", "type": "t"}', "lacks the attribute 'source'"),
        (b'{"specversion": "1.0", "id": "1", "source": "s", "type": "t"}', "has no 'data' that is an object"),
        (b'{"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": []}', "has no 'data'"),
        (b'{"specversion": "1.0", "id": "1", "source": "s", "type": "com.other", "data": {}}', "none of ingestify's"),
    ],
)
def test_what_is_no_message_is_refused_with_words(body, words):
    with pytest.raises(MalformedEvent, match=words):
        parse(body)


def test_a_message_whose_headers_were_lost_is_refused_with_what_to_do(messages):
    with pytest.raises(MalformedEvent, match="parse needs the headers"):
        parse(messages["revision_added"].data)


@pytest.mark.parametrize("name", ["id", "source", "type"])
def test_a_missing_attribute_is_named(messages, name):
    headers = messages["revision_added"].headers("ce_")
    del headers[f"ce_{name}"]
    with pytest.raises(MalformedEvent, match=f"lacks the attribute '{name}'"):
        parse(messages["revision_added"].data, headers)


def test_a_header_that_is_no_text_is_refused(messages):
    headers = {**messages["revision_added"].headers("ce_"), "ce_provider": b"\xff"}
    with pytest.raises(MalformedEvent, match="no UTF-8"):
        parse(messages["revision_added"].data, headers)


@pytest.mark.parametrize("type_name", ["ingestify.revision_added.v2", "ingestify.match_moved.v1"])
def test_a_newer_type_says_so(messages, type_name):
    headers = {**messages["revision_added"].headers("ce_"), "ce_type": type_name}
    with pytest.raises(UnknownEvent, match="does not know the type") as raised:
        parse(messages["revision_added"].data, headers)
    assert raised.value.type == type_name
    assert isinstance(raised.value, EventError)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"position": 999}, "says its id is"),
        ({"occurred_at": "yesterday"}, "'yesterday', which is no time"),
        ({"event_type": "dataset_deleted"}, "its data says dataset_deleted"),
    ],
)
def test_a_message_that_contradicts_itself_is_refused(messages, change, words):
    data = {**json.loads(messages["revision_added"].data), **change}
    with pytest.raises(MalformedEvent, match=words):
        parse(json.dumps(data), messages["revision_added"].headers("ce_"))


def verdicts(event_type, message):
    """What parse and the schema say of each broken payload."""
    validator = event_module._validator(event_type)
    assert validator is not None
    headers = message.headers("ce_")
    for broken, what in iter_broken(json.loads(message.data)):
        try:
            parse(json.dumps(broken), headers)
            error = ""
        except MalformedEvent as raised:
            error = str(raised)
        is_refused = "The data of the message is no " in error or "its data says" in error
        yield what, is_refused, not validator.is_valid(broken)


@pytest.mark.parametrize("event_type", LOGGED_EVENTS)
def test_without_jsonschema_the_same_payloads_are_refused(event_type, messages):
    found = list(verdicts(event_type, messages[event_type]))
    assert sum(of_schema for _, _, of_schema in found) > 200
    differ = [what for what, of_parse, of_schema in found if of_parse < of_schema]
    assert differ == []
    # What parse refuses beyond the schema: an id that the attributes contradict, and 2.0 as a whole number.
    of_id = [what for what, of_parse, of_schema in found if of_parse > of_schema]
    keys = ("'position'", "'epoch'", "'lake_id'", "'event_type'")
    assert [what for what in of_id if not any(key in what for key in (*keys, "2.0 as"))] == []


def test_the_schema_is_checked_if_that_is_asked_for(messages, monkeypatch):
    message = messages["revision_added"]

    class Refuses:
        def iter_errors(self, data):
            import jsonschema

            yield from jsonschema.Draft202012Validator({"required": ["nothing"]}).iter_errors(data)

    monkeypatch.setattr(event_module, "_validator", lambda event_type: Refuses())
    parse(message.structured())
    with pytest.raises(MalformedEvent, match="'nothing' is a required property - at `\\$`"):
        parse(message.structured(), validate=True)


def test_it_can_be_asked_for_without_jsonschema(messages, monkeypatch):
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    event_module._validator.cache_clear()
    try:
        parse(messages["revision_added"].structured(), validate=True)
        data = json.loads(messages["revision_added"].data)
        data["dataset"]["files"][0]["size"] = "large"
        with pytest.raises(MalformedEvent, match="Expected `int`, got `str`"):
            parse(json.dumps(data), messages["revision_added"].headers("ce_"), validate=True)
    finally:
        event_module._validator.cache_clear()


def test_a_schema_is_there_for_each_type():
    assert schema_of("revision_added")["$id"] == "urn:ingestify:event:revision_added:v1"
    with pytest.raises(ConfigurationError, match="did you mean 'revision_added'"):
        schema_of("revision_add")


def test_a_consumer_imports_nothing_heavy():
    code = "import sys, ingestify.consume; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in ran.stdout.split()}
    heavy = {
        "sqlalchemy",
        "alembic",
        "pydantic",
        "yaml",
        "zstandard",
        "polars",
        "pandas",
        "kloppy",
        "jsonschema",
        "click",
    }
    assert loaded & heavy == set()
