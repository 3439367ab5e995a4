"""What is in a message, and the JSON Schemas and the AsyncAPI document about it, which readers rely on."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from ingestify.domain.events import LOGGED_EVENTS
from ingestify.events import payload
from ingestify.events.payload import PAYLOAD_VERSION, make_message
from tests.support.every_event import lake_with_every_event
from tests.support.schema_evolution import ADVICE, find_breaks

ROOT = Path(__file__).parents[3]
SCHEMAS = Path(payload.__file__).with_name("schemas")
KEPT = ROOT / "tests" / "golden" / "event_schemas" / f"v{PAYLOAD_VERSION}"


def schema_of(event_type: str) -> dict[str, Any]:
    return json.loads((SCHEMAS / f"{event_type}.v{PAYLOAD_VERSION}.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def all_messages():
    """The messages of a real lake."""
    with lake_with_every_event() as engine:
        return [make_message(event) for event in engine.store.catalogue.event_log.read(0, 1000)]


@pytest.fixture(scope="module")
def messages(all_messages):
    """The last message of each type."""
    return {message.fields["event_type"]: message for message in all_messages}


@pytest.fixture(scope="module")
def payloads(messages):
    return {name: json.loads(message.data) for name, message in messages.items()}


def validator_of(event_type: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema_of(event_type), format_checker=jsonschema.FormatChecker())


@pytest.mark.parametrize("event_type", LOGGED_EVENTS)
def test_the_message_of_each_type_is_what_its_schema_says(event_type, messages, payloads):
    schema = schema_of(event_type)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$id"] == messages[event_type].dataschema
    validator_of(event_type).validate(payloads[event_type])
    assert payloads[event_type].keys() == schema["properties"].keys(), "the schema says all keys, and no other"


def test_every_message_of_a_lake_is_what_its_schema_says(all_messages):
    assert len(all_messages) > len(LOGGED_EVENTS)
    for message in all_messages:
        validator_of(message.fields["event_type"]).validate(json.loads(message.data))


def test_these_messages_have_files_revisions_and_metadata_and_one_has_none(payloads, all_messages):
    """Otherwise the tests above would not see their shapes."""
    dataset = payloads["revision_added"]["dataset"]
    assert dataset["files"]
    assert dataset["metadata"]
    assert dataset["revision"]["changed_file_ids"]
    assert any(json.loads(message.data)["dataset"]["revision"] is None for message in all_messages)


def test_what_a_publisher_leaves_out_may_be_missing(messages, payloads):
    small = copy.deepcopy(payloads["revision_added"])
    del small["dataset"]["files"], small["dataset"]["metadata"]
    validator_of("revision_added").validate(small)


@pytest.mark.parametrize("event_type", LOGGED_EVENTS)
def test_a_reader_takes_keys_that_it_does_not_know(event_type, payloads):
    more = copy.deepcopy(payloads[event_type])
    for one in [more, more["dataset"], *more["dataset"]["files"]]:
        one["a_key_of_tomorrow"] = {"any": ["value"]}
    validator_of(event_type).validate(more)


@pytest.mark.parametrize("event_type", LOGGED_EVENTS)
def test_a_payload_that_lacks_a_key_or_has_another_type_is_refused(event_type, payloads):
    validator = validator_of(event_type)
    count = 0
    for broken, what in broken_payloads(payloads[event_type], schema_of(event_type)):
        assert not validator.is_valid(broken), what
        count += 1
    assert count > 30


def broken_payloads(whole: dict[str, Any], schema: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Each payload lacks a required key, or has an object in place of another value."""
    for way, part in [([], schema), (["dataset"], schema["$defs"]["Dataset"])]:
        for key in part["required"]:
            without = copy.deepcopy(whole)
            target = without if not way else without["dataset"]
            del target[key]
            yield without, f"without {key}"
        for key, one in part["properties"].items():
            if one.get("type") == "object" or "$ref" in one:
                continue
            wrong = copy.deepcopy(whole)
            target = wrong if not way else wrong["dataset"]
            target[key] = {"an": "object"}
            yield wrong, f"an object as {key}"


# ---- within a version, keys are only added ---------------------------------------------------------------


@pytest.mark.parametrize("event_type", LOGGED_EVENTS)
def test_within_a_version_keys_are_only_added(event_type):
    """`INGESTIFY_UPDATE_GOLDEN=1` keeps the schemas as they are now; it never keeps one that breaks readers."""
    path = KEPT / f"{event_type}.json"
    now = schema_of(event_type)
    updates = os.environ.get("INGESTIFY_UPDATE_GOLDEN")
    if not path.exists() and updates:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(now, indent=2) + "\n", "utf-8")
    kept = json.loads(path.read_text("utf-8"))
    breaks = find_breaks(kept, now)
    assert not breaks, f"{event_type} v{PAYLOAD_VERSION}: {' '.join(breaks)} {ADVICE}"
    if updates:
        path.write_text(json.dumps(now, indent=2) + "\n", "utf-8")
    elif find_breaks(now, kept):
        pytest.fail(
            f"{event_type} has new keys. Run  INGESTIFY_UPDATE_GOLDEN=1 pytest {Path(__file__).relative_to(ROOT)}  "
            "to promise them to readers."
        )


def test_no_type_of_event_is_taken_away():
    assert {path.stem for path in KEPT.iterdir()} == set(LOGGED_EVENTS), ADVICE


def test_the_rule_finds_each_way_to_break_readers():
    kept = schema_of("revision_rejected")

    def breaks(change):
        now = copy.deepcopy(kept)
        change(now)
        return " ".join(find_breaks(kept, now))

    def file_of(schema):
        return schema["$defs"]["File"]

    assert breaks(lambda now: None) == ""
    assert breaks(lambda now: now["properties"].update(new={"type": "string"})) == ""
    assert breaks(lambda now: now["required"].append("new")) == ""
    assert breaks(lambda now: now["properties"]["position"].update(description="other words")) == ""
    assert breaks(lambda now: file_of(now)["properties"].update(new={"type": "string"})) == ""
    assert "has no key 'sha256' any more" in breaks(lambda now: file_of(now)["properties"].pop("sha256"))
    assert "may lack the key 'sha256'" in breaks(lambda now: file_of(now)["required"].remove("sha256"))
    assert "'position' of the event was" in breaks(lambda now: now["properties"]["position"].update(type="string"))
    assert "was" in breaks(lambda now: now["properties"]["lake_id"].update(type=["string", "null"]))
    assert "a value in 'reasons'" in breaks(lambda now: now["properties"]["reasons"]["items"].update(type="object"))
    assert "was" in breaks(lambda now: now["properties"].update(reasons={"type": "string"}))
    assert "no key 'bucket'" in breaks(lambda now: now["properties"]["dataset"].update({"$ref": "#/$defs/File"}))
    assert "was" in breaks(lambda now: now["$defs"]["Dataset"]["properties"].update(revision={"type": "null"}))
    assert "'created_at'" in breaks(lambda now: now["$defs"]["Revision"]["properties"].pop("created_at"))
    assert "was" in breaks(lambda now: now["properties"]["event_type"].update(const="other"))
    assert "was" in breaks(lambda now: now.update(additionalProperties=False))


# ---- AsyncAPI --------------------------------------------------------------------------------------------

ASYNCAPI = yaml.safe_load((ROOT / "docs" / "asyncapi.yaml").read_text("utf-8"))


def iter_references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, below in value.items():
            if key == "$ref":
                yield below
            else:
                yield from iter_references(below)
    elif isinstance(value, list):
        for below in value:
            yield from iter_references(below)


def resolved(reference: str) -> Any:
    found: Any = ASYNCAPI
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return found


def test_the_asyncapi_document_has_the_parts_that_its_specification_asks_for():
    """https://www.asyncapi.com/docs/reference/specification/v3.0.0: the required fields, and no unknown ones."""
    assert ASYNCAPI["asyncapi"] == "3.0.0"
    assert ASYNCAPI.keys() <= {
        "asyncapi", "id", "info", "servers", "defaultContentType", "channels", "operations", "components",
    }  # fmt: skip
    assert isinstance(ASYNCAPI["info"]["title"], str)
    assert isinstance(ASYNCAPI["info"]["version"], str)
    for channel in ASYNCAPI["channels"].values():
        assert channel.keys() <= {
            "address", "messages", "title", "summary", "description", "servers", "parameters", "tags",
            "externalDocs", "bindings",
        }  # fmt: skip
        assert channel["address"] is None or isinstance(channel["address"], str)
        assert all(one.keys() == {"$ref"} for one in channel["messages"].values())
    for operation in ASYNCAPI["operations"].values():
        assert operation["action"] in ("send", "receive")
        channel = resolved(operation["channel"]["$ref"])
        for message in operation["messages"]:  # each is a reference to a message of the operation's channel
            assert message["$ref"].startswith(operation["channel"]["$ref"] + "/messages/")
            assert message["$ref"].rpartition("/")[2] in channel["messages"]
    for message in ASYNCAPI["components"]["messages"].values():
        assert message.keys() <= {
            "headers", "payload", "correlationId", "contentType", "name", "title", "summary", "description", "tags",
            "externalDocs", "bindings", "examples", "traits",
        }  # fmt: skip
        assert message["headers"]["type"] == "object"
    assert set(ASYNCAPI["components"]["messages"]) == set(LOGGED_EVENTS)


def test_each_reference_of_the_asyncapi_document_leads_somewhere():
    references = list(iter_references(ASYNCAPI))
    assert len(references) > 30
    for reference in references:
        assert resolved(reference)


@pytest.mark.parametrize("event_type", LOGGED_EVENTS)
def test_the_asyncapi_document_describes_the_message(event_type, messages, payloads):
    """AsyncAPI's own schemas are a superset of JSON Schema draft 7."""
    message = ASYNCAPI["components"]["messages"][event_type]
    headers = messages[event_type].headers("")
    jsonschema.Draft7Validator(message["headers"]).validate(headers)
    assert message["headers"]["properties"].keys() == headers.keys()
    whole = {**message["payload"], "components": ASYNCAPI["components"]}
    validator = jsonschema.Draft7Validator(whole)
    validator.validate(payloads[event_type])
    wrong = copy.deepcopy(payloads[event_type])
    del wrong["dataset"]["dataset_id"]
    assert not validator.is_valid(wrong)
