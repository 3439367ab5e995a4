from __future__ import annotations

import contextlib
import logging

import pytest

from ingestify.catalogue import SqlCatalogue
from tests.support.catalogue_data import apply_one, job, read_all, with_file


def use(prefix: str = "") -> None:
    with contextlib.closing(SqlCatalogue.open("sqlite:///:memory:", table_prefix=prefix)) as catalogue:
        assert read_all(catalogue) == []
        catalogue.jobs.save(job())
        apply_one(catalogue, with_file())
        (dataset,) = read_all(catalogue)
        assert dataset.current_revision is not None


def test_what_one_lake_has_compiled_serves_the_next_one_of_its_prefix(caplog: pytest.LogCaptureFixture) -> None:
    use()
    caplog.set_level(logging.INFO, "sqlalchemy.engine.Engine")
    use()
    assert any("[cached since" in message for message in caplog.messages)
    assert not any("[generated in" in message for message in caplog.messages)


def test_lakes_of_several_prefixes_have_their_own_tables() -> None:
    for prefix in ("one_", "two_", "one_"):
        use(prefix)
