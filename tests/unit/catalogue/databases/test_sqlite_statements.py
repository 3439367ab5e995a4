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


def test_an_empty_table_is_not_counted_again_after_each_run(caplog: pytest.LogCaptureFixture) -> None:
    with contextlib.closing(SqlCatalogue.open("sqlite:///:memory:", echo=True)) as catalogue:
        apply_one(catalogue, with_file())
        counted = []
        for _ in range(2):
            with catalogue._database.read("look for entries, as a run does") as connection:
                connection.exec_driver_sql("SELECT 1 FROM quarantine WHERE bucket = 'main' AND provider = 'a'").all()
            caplog.clear()
            catalogue.maintain()
            counted.append([message for message in caplog.messages if message.startswith("ANALYZE")])
        assert not any("quarantine" in message for message in counted[0])
        assert counted[1] == []
