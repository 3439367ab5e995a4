"""The large catalogue has what a lake would write."""

from pathlib import Path

from ingestify.catalogue import SqlCatalogue
from tests.support.catalogue_data import everything, read_all
from tests.support.large_catalogue import fill_catalogue


def test_a_generated_catalogue_is_sound_and_can_be_read(tmp_path: Path) -> None:
    catalogue = SqlCatalogue.open(f"sqlite:///{tmp_path}/catalog.db")
    fill_catalogue(catalogue, datasets=300, jobs=100, competitions=20)
    assert list(catalogue.integrity_check.iter_row_damages()) == []
    datasets, jobs = read_all(catalogue), catalogue.jobs.load()
    assert (len(datasets), len(jobs)) == (300, 100)
    assert {dataset.provider for dataset in datasets} == {"statsbomb", "wyscout", "skillcorner"}
    assert len({dataset.identifier for dataset in datasets}) == 300
    assert sum(len(job.tasks) for job in jobs) == 300 + 10
    assert len(catalogue.event_log.read(0, 10_000)) > 600
    assert len([*catalogue.quarantine.iter_entries(everything())]) == 4
    assert "pattern" not in repr((datasets, jobs)).lower()
    catalogue.close()
