"""The names of the contract's section "As the published package has it", row by row, as users' code has them."""

from __future__ import annotations

import datetime as dt
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import ingestify

DOMAIN = """Source, DatasetResource, FileResource, Dataset, DatasetState, DatasetCollection, DatasetSummary, Revision,
RevisionState, File, DraftFile, NotModifiedFile, Identifier, Selector, DataSpecVersionCollection, FetchPolicy,
IngestionPlan, Subscriber, DomainEvent, DatasetCreated, RevisionAdded, MetadataUpdated, RevisionInvalidated,
DatasetSkipped, SelectorSkipped""".replace("\n", " ")
DATASET = "ingestify.domain.models.dataset"
MODULES = {
    "ingestify.domain": DOMAIN,
    "ingestify.source_base": DOMAIN,
    "ingestify.domain.models": DOMAIN,
    DATASET: "Dataset, DatasetCollection, DatasetState, DraftFile, File, Identifier, Revision, RevisionAdded, Selector",
    f"{DATASET}.dataset": "Dataset, DatasetCollection",
    f"{DATASET}.dataset_state": "DatasetState",
    f"{DATASET}.file": "File, DraftFile, NotModifiedFile",
    f"{DATASET}.revision": "Revision, RevisionState",
    f"{DATASET}.events": "DatasetCreated, RevisionAdded, MetadataUpdated, RevisionInvalidated, DatasetSkipped",
    f"{DATASET}.identifier": "Identifier",
    f"{DATASET}.selector": "Selector",
    "ingestify.domain.models.event": "Subscriber, DomainEvent",
    "ingestify.domain.models.ingestion.ingestion_plan": "IngestionPlan",
    "ingestify.domain.models.fetch_policy": "FetchPolicy",
    "ingestify.infra.event_log": "EventLogConsumer",
    "ingestify.exceptions": "IngestifyError, ConfigurationError, DuplicateFile, SaveError, StopProcessing, FatalError",
}
NAMES = [(module, name) for module, names in MODULES.items() for name in names.split(", ")]


# ---- Modules that re-export ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("module", "name"), NAMES, ids=".".join)
def test_the_name_is_the_same_object_at_the_published_path(module, name):
    assert getattr(importlib.import_module(module), name) is getattr(ingestify, name)


def test_the_remaining_names_are_at_their_published_paths():
    from ingestify.infra.event_log import EventLogSubscriber
    from ingestify.infra.source.statsbomb_github import StatsBombGithub
    from ingestify.sources import statsbomb_github
    from ingestify.utils import utcnow

    assert StatsBombGithub is statsbomb_github.StatsBombGithub
    assert issubclass(EventLogSubscriber, ingestify.Subscriber)
    assert utcnow().utcoffset() == dt.timedelta(0)


@pytest.mark.parametrize("module", MODULES)
def test_a_published_path_can_be_imported_first(module):
    code = f"import {module} as m, sys; m.Dataset if {module!r} == 'ingestify.domain' else 0"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_module_of_the_domain_is_still_found_below_it():
    with pytest.raises(ImportError, match="Datasets"):
        from ingestify.domain import Datasets  # noqa: F401
    with pytest.raises(AttributeError, match=r"'ingestify\.domain' has no attribute 'nothing'"):
        _ = importlib.import_module("ingestify.domain").nothing
    from ingestify.domain import formats

    assert inspect.ismodule(formats)


def test_dotted_types_of_published_paths_work_in_a_config(tmp_path: Path):
    (tmp_path / "config.yaml").write_text(
        "main: {metadata_url: sqlite:///catalog.db, file_url: file://files/}\n"
        "sources: {statsbomb: {type: ingestify.infra.source.statsbomb_github.StatsBombGithub}}\n"
        "ingestion_plans:\n"
        "  - {source: statsbomb, dataset_type: match, fetch_policy: ingestify.domain.models.fetch_policy.FetchPolicy}\n"
        "event_subscribers:\n"
        "  - {type: ingestify.infra.event_log.EventLogSubscriber}\n"
        "  - {type: ingestify.domain.models.event.Subscriber}\n"
    )
    with ingestify.get_engine(tmp_path / "config.yaml") as engine:
        (plan,) = engine.ingestion_plans
    assert (plan.source.provider, type(plan.fetch_policy)) == ("statsbomb", ingestify.FetchPolicy)
