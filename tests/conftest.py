"""What all tests share."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import shutil
import sys
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.aws_models import quick_aws_clients as quick_aws_clients
from tests.support.installed_packages import install as install
from tests.support.new_lakes import quick_new_lakes as quick_new_lakes
from tests.support.new_lakes import real_new_lakes as real_new_lakes
from tests.support.passing_time import passing_time as passing_time
from tests.support.sizes import is_in_sample

pytest.register_assert_rewrite("ingestify.testing.storage_contract")

ROOT = Path(__file__).parent.parent

# No test is timed: a machine that others use is slow for no fault of ours.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

# A process that a test starts imports the package in half of the time if its modules were compiled before.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

_MEMORY = Path("/dev/shm")
_ROOM_BYTES = 4 << 30


def _has_room(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > _ROOM_BYTES


if _has_room(_MEMORY):
    # Where pytest makes tmp_path. A lake syncs each file and each commit: on a disk that is a seventh of the time.
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Have two workers more than there are cores: some tests wait, for a lock or a connection, while others compute."""
    return (yield) + 2


def _import_a_share(worker: str, workers: int) -> None:
    """Import each n-th module first: where nothing is compiled yet, the workers do not all compile all of them."""
    paths = (path for path in (ROOT / "tests").rglob("test_*.py") if "separate" not in path.parts)
    for path in sorted(paths)[int(worker.removeprefix("gw")) :: workers]:
        with contextlib.suppress(Exception, pytest.skip.Exception):  # the collection tells what is wrong
            importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Keep the garbage collector away from the thousands of tests, a visit to which takes half a second of CPU."""
    gc.disable()
    try:
        if (worker := os.environ.get("PYTEST_XDIST_WORKER")) and session.config.args == ["tests"]:
            _import_a_share(worker, int(os.environ["PYTEST_XDIST_WORKER_COUNT"]))
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
        # Visits at each 700th new object, as is usual, take a tenth of the time of all tests.
        gc.set_threshold(20_000, 20, 10)
        # It counts them one by one, which takes 13 ms, and each run of the command line asks whether there are any.
        count = gc.get_freeze_count()
        gc.get_freeze_count = lambda: count


SLOW = ("end_to_end", "property")
"""Folders whose tests start processes, or play long scenarios."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by their folder, and most parameters of those that are sampled. Other slow tests say so themselves."""
    sampled: defaultdict[str, list[pytest.Item]] = defaultdict(list)
    depth = len((ROOT / "tests").parts)
    for item in items:
        folder = item.path.parts[depth]
        if folder == "integration":
            item.add_marker(pytest.mark.integration)
        elif folder in SLOW:
            item.add_marker(pytest.mark.slow)
        if item.get_closest_marker("sampled") and not item.get_closest_marker("exhaustive"):
            sampled[item.nodeid.partition("[")[0]].append(item)
    for test, parameters in sampled.items():
        (step,) = parameters[0].get_closest_marker("sampled").args
        for number, item in enumerate(parameters):
            if not is_in_sample(test, number, len(parameters), step):
                item.add_marker(pytest.mark.exhaustive)
    for item in items:
        if item.get_closest_marker("exhaustive"):
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(900))


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name bytes by their number: a gzip or ZIP holds the second it was made in, and all workers must say the same."""
    return f"{len(val)} bytes" if isinstance(val, bytes) else None


def provider_data_folder() -> Path:
    """Real provider files, kept outside the project because their licences forbid passing them on."""
    return Path(os.environ.get("INGESTIFY_PROVIDER_DATA") or ROOT.parent / "shared" / "data")


@pytest.fixture(scope="session")
def provider_data() -> Path:
    """The folder of real provider files; the test is skipped where there is none, but not in CI."""
    folder = provider_data_folder()
    if not (folder / "MANIFEST.tsv").exists():
        reason = f"there are no real provider files in {folder}; INGESTIFY_PROVIDER_DATA names their folder"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="session")
def excerpts() -> Path:
    """Excerpts of open data whose licences allow it; see the README there."""
    return ROOT / "tests" / "data"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a person has set, or another test has hidden, must not change what a test sees."""
    monkeypatch.setattr("ingestify.masking._hidden", ())
    monkeypatch.setattr("ingestify.clock._read", None)
    monkeypatch.setattr(sys, "path", [*sys.path])  # each lake adds the folder of its config file
    for name in (
        "INGESTIFY_CONFIG_FILE",
        "INGESTIFY_CONCURRENCY",
        "http_proxy",
        "https_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)
