"""What accepting a bundle in quarantine would change for readers."""

from __future__ import annotations

import pytest

from ingestify import DatasetResource, DraftFile
from ingestify.errors import IntegrityError
from tests.support.lake_in_memory import FunctionSource, Lake, hours, match

WHOLE = [{"id": number, "minute": number} for number in range(1000)]


def resource(events, others=("lineups", "referees"), at=0):
    found = match(1, events, at)
    for feed in others:
        found.add_file(hours(at), feed, json_content=[{"id": feed}])
    return found


def test_the_changed_file_and_the_file_that_is_gone_are_compared_with_the_base():
    source = FunctionSource(lambda **_: [resource(WHOLE)])
    with Lake(source).engine as engine:
        engine.load()
        source.find = lambda **_: [resource(WHOLE[:5], ("lineups",), 1)]
        engine.load()
        (entry,) = engine.quarantine
        diff = engine.quarantine.diff(entry)
        assert (diff.from_revision, diff.to_revision) == (0, 1)
        removed = [one for one in diff if one.feed == "events"]
        assert len(removed) == 995
        assert {one.feed for one in diff} <= {"events", "referees"}  # the line-ups are the same
        engine.quarantine.accept(entry, "Ada", "right")
        dataset = engine.get_dataset(match_id=1)
        assert engine.diff(dataset).sentence == diff.sentence
        engine.quarantine.diff(entry)


def test_a_discarded_bundle_cannot_be_compared():
    source = FunctionSource(lambda **_: [resource(WHOLE)])
    with Lake(source).engine as engine:
        engine.load()
        source.find = lambda **_: [resource(WHOLE[:5], at=1)]
        engine.load()
        (entry,) = engine.quarantine
        engine.quarantine.discard(entry, "Ada")
        with pytest.raises(IntegrityError, match="were discarded"):
            engine.quarantine.diff(engine.quarantine.get_entry(entry.entry_id))


def test_what_was_never_published_has_no_base():
    def broken(file_resource, current_file):
        return DraftFile.from_input(b'{"', "events", data_serialization_format="json")

    made = DatasetResource({"match_id": 1}, "match").add_file(None, "events", file_loader=broken)
    with Lake(FunctionSource(lambda **_: [made])).engine as engine:
        engine.load()
        assert engine.quarantine.diff(next(iter(engine.quarantine))) is None
