from __future__ import annotations

import pytest

from ingestify.events.payload import make_message
from tests.support.every_event import lake_with_every_event


@pytest.fixture(scope="package")
def folder(tmp_path_factory):
    """A lake in a folder, in whose log each type of event is."""
    folder = tmp_path_factory.mktemp("lake")
    with lake_with_every_event(folder):
        pass
    return folder


@pytest.fixture(scope="package")
def all_messages(folder):
    from ingestify import get_datastore

    store = get_datastore(folder)
    messages = [make_message(event) for event in store.catalogue.event_log.read(0, 1000)]
    store.close()
    return messages


@pytest.fixture(scope="package")
def messages(all_messages):
    """The last message of each type."""
    return {message.fields["event_type"]: message for message in all_messages}
