"""What the event log takes in the database."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from ingestify.catalogue import SqlCatalogue
from tests.support.catalogue_data import apply_one, change, new_file


def test_an_event_takes_the_same_room_after_many_revisions(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'catalog.db'}"
    catalogue = SqlCatalogue.open(url)
    dataset = apply_one(catalogue, change(files=[new_file("match"), new_file()])).dataset
    for number in range(100):
        dataset = apply_one(catalogue, change(existing=dataset, files=[new_file(content=str(number))])).dataset
    catalogue.close()
    with sa.create_engine(url).connect() as connection:
        sizes = connection.scalars(
            sa.text("SELECT length(payload) FROM event_log WHERE payload IS NOT NULL ORDER BY position")
        ).all()
    assert len(sizes) == 101
    # The second one names two revisions, as its files came with both, and so does the last one.
    assert sizes[-1] <= sizes[1] + 20
