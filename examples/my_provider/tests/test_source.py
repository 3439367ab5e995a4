"""The source against the simulated provider: the suite that every source passes, and a test of its own."""

from __future__ import annotations

from pathlib import Path

from ingestify import IngestionEngine, debug_source
from ingestify.testing.relay import Relay
from ingestify.testing.source_contract import SourceContract

from my_provider import MyProviderSource
from my_provider.simulator import TOKEN, MyProviderSimulator


class TestMyProviderSource(SourceContract):
    uses_secret = True

    def make_provider(self) -> MyProviderSimulator:
        return MyProviderSimulator(token=self.secret)

    def make_source(self, provider: Relay) -> MyProviderSource:
        return MyProviderSource("mine", token=self.secret, base_url=provider.base_url)


def test_a_correction_is_a_new_revision(tmp_path: Path) -> None:
    with MyProviderSimulator() as provider:

        def run() -> IngestionEngine:
            source = MyProviderSource("mine", token=TOKEN, base_url=provider.base_url)
            return debug_source(
                source, dataset_type="match", dev_dir=tmp_path, season_id=2024, match_id=202401
            )

        (dataset,) = run().list_datasets()
        assert dataset.is_complete
        provider.correct(202401)
        engine = run()
        (dataset,) = engine.list_datasets()
        assert [revision.revision_id for revision in dataset.revisions] == [0, 1]
        assert len(engine.store.load_files(dataset)["events"].json()) == 2
