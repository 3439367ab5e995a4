"""What is importable from the top, and what importing it costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import ingestify

CONTRACT = """Source, DatasetResource, FileResource, DraftFile, NotModifiedFile, FetchPolicy, Dataset, DatasetState,
DatasetSummary, DatasetCollection, Revision, RevisionState, File, FileCollection, Identifier, Selector,
DataSpecVersionCollection, DatasetStore, IngestionEngine, IngestionPlan, Subscriber, DomainEvent,
DatasetCreated, RevisionAdded, MetadataUpdated, RevisionInvalidated, DatasetSkipped, SelectorSkipped,
EventLogConsumer, IngestifyError, ConfigurationError, DuplicateFile, SaveError, StopProcessing, FatalError,
get_engine, get_datastore, get_dev_engine, debug_source, retrieve_http""".replace("\n", " ").split(", ")

RESULTS = """RunReport, JobSummary, TaskSummary, TaskOutcome, RunState, Counters, DatasetList, LoadedFile, OfferList,
Quarantine, QuarantineEntry, VerifyReport, CopyReport, AdoptionReport, NotTaken, NotTakenKind, Garbage, Damage,
DamageKind""".replace("\n", " ").split(", ")
"""What public calls return, and the parts of it."""

PACKAGE = Path(ingestify.__file__).parent


@pytest.mark.parametrize("name", [name.strip() for name in CONTRACT + RESULTS])
def test_the_name_is_importable_from_the_top(name):
    assert getattr(ingestify, name) is not None
    assert name in dir(ingestify)
    assert name in ingestify.__all__


def test_every_public_name_can_be_loaded_and_nothing_else_is_there():
    for name in ingestify.__all__:
        assert getattr(ingestify, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'get_engin'"):
        _ = ingestify.get_engin


def test_the_results_of_public_calls_are_public():
    with ingestify.get_engine(metadata_url="sqlite:///:memory:", file_url="memory://") as engine:
        engine.store.create()
        found = [engine.list_datasets(), engine.quarantine, engine.verify(), engine.collect_garbage()]
    assert [type(one) for one in found] == [getattr(ingestify, type(one).__name__) for one in found]


def test_main_keeps_its_four_functions():
    from ingestify import main

    for name in ("get_engine", "get_datastore", "get_dev_engine", "debug_source"):
        assert getattr(main, name) is getattr(ingestify, name)


def loaded_modules(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint('\\n'.join(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in ran.stdout.split()}


VAULT_CLIENTS = {"boto3", "botocore", "google", "grpc", "requests"}

HEAVY = {"sqlalchemy", "alembic", "pydantic", "zstandard", "rich", "kloppy", "pandas", "polars", "yaml", *VAULT_CLIENTS}
DATABASE_DRIVERS = {"psycopg", "pymysql"}
HEAVY |= {"obstore", "paramiko", *DATABASE_DRIVERS}


def test_importing_the_package_imports_nothing_heavy():
    assert not loaded_modules("import ingestify") & (HEAVY | {"click"})


def test_the_help_text_imports_nothing_heavy():
    code = "from ingestify.cli.app import run_command_line\nrun_command_line(['--help'])"
    assert not loaded_modules(code) & HEAVY


@pytest.mark.slow
def test_opening_a_lake_without_secrets_and_servers_imports_none_of_their_clients():
    code = "import ingestify\ningestify.get_engine(metadata_url='sqlite:///:memory:', file_url='memory://')"
    assert not loaded_modules(code) & (VAULT_CLIENTS | DATABASE_DRIVERS)


@pytest.mark.slow
def test_nothing_inside_imports_the_facade():
    for path in PACKAGE.rglob("*.py"):
        if path == PACKAGE / "__init__.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "ingestify":
                names = {alias.name for alias in node.names}
                assert names <= {"_version"}, f"{path} imports {names} from the facade"
            if isinstance(node, ast.Import):
                assert all(alias.name != "ingestify" for alias in node.names), f"{path} imports the facade"
