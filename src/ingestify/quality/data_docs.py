"""Great Expectations' data docs of a lake: static HTML pages, one for each dataset and suite, and an index of them.

The pages are made without a network. A browser that shows them loads their style sheets and scripts from the internet.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import shutil
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestify.domain.bundle_check import Bundle, BundleCheck
from ingestify.errors import ConfigurationError, ExportError
from ingestify.quality.great_expectations_suite import (
    GreatExpectationsSuite,
    new_context,
    one_at_a_time,
    own_context,
    sentences,
)

if TYPE_CHECKING:
    from ingestify.engine.engine import IngestionEngine
    from ingestify.engine.keeping.quality import QualityReport

__all__ = ["DataDocs", "write_data_docs"]

_SITE = "lake"
_MOST_CHARACTERS = 80


def write_data_docs(
    engine: IngestionEngine, folder: str | os.PathLike[str], *, progress: bool | None = None, **filters: Any
) -> QualityReport:
    """Check the datasets of a lake, and write Great Expectations' data docs of its suites into a folder.

    Example::

        write_data_docs(engine, "docs/quality", competition_id=43)

    Args:
        engine: The lake.
        folder: The folder; it is made. Data docs that are there are replaced.
        progress: Whether to show the progress, as `engine.load` does.
        **filters: The datasets, as in `engine.iter_datasets`.

    Returns:
        The same report as `engine.check_quality`.

    Raises:
        ConfigurationError: No check is a suite of Great Expectations, or the folder has other files.
        MissingExtraError: Great Expectations is not installed.
        ExportError: The folder cannot be written.
    """
    with DataDocs(folder) as docs:
        report = engine.check_quality(progress=progress, check_with=docs.documented, **filters)
        docs.write()
    return report


class DataDocs:
    """Collects what suites found, and writes pages of it. Used in a `with` block.

    Args:
        folder: See `write_data_docs`.

    Raises:
        ConfigurationError: The folder has other files.
        ExportError: The folder cannot be made.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = Path(folder).absolute()
        if self._folder.exists() and not _may_be_replaced(self._folder):
            raise ConfigurationError(f"{self._folder} has other files than data docs; name another folder.")
        with _writing(self._folder):
            self._folder.parent.mkdir(parents=True, exist_ok=True)
            self._made = self._folder.with_name(f".{self._folder.name}-{uuid.uuid4().hex[:8]}")
            self._made.mkdir()
        self._context: Any = None
        self._definitions: dict[int, Any] = {}
        self._documented: dict[int, _Documented] = {}

    def __enter__(self) -> DataDocs:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._made, ignore_errors=True)

    def documented(self, check: BundleCheck) -> BundleCheck:
        """Return a check that finds the same, and writes down what a suite finds."""
        if not isinstance(check, GreatExpectationsSuite):
            return check
        return self._documented.setdefault(id(check), _Documented(self, check))

    def record(self, check: GreatExpectationsSuite, bundle: Bundle, frame: Any) -> Any:
        """Validate a frame, and keep the result for a page. Returns the result."""
        with own_context(self._make_context) as context:
            if id(check) not in self._definitions:
                self._definitions[id(check)] = self._define(context, check)
            run = importlib.import_module("great_expectations.core.run_identifier")
            moment = None if bundle.existing is None else bundle.existing.revisions[-1].created_at
            return self._definitions[id(check)].run(
                batch_parameters={"dataframe": frame},
                run_id=run.RunIdentifier(run_name=_run_name(bundle), run_time=moment),
            )

    def write(self) -> None:
        """Write the pages into the folder.

        Raises:
            ConfigurationError: No suite was validated.
            ExportError: The folder cannot be written.
        """
        if not self._definitions:
            raise ConfigurationError(
                "There is nothing to write data docs of: no check of these datasets is a suite of Great Expectations "
                "(type: ingestify.great_expectations) whose feed they have."
            )
        with own_context(self._make_context) as context, _writing(self._folder):
            context.build_data_docs([_SITE])
            if self._folder.exists():
                shutil.rmtree(self._folder)
            self._made.rename(self._folder)

    def _make_context(self) -> Any:
        if self._context is None:
            self._context = context = new_context()
            site = {
                "class_name": "SiteBuilder",
                "show_how_to_buttons": False,
                "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
                "store_backend": {
                    "class_name": "TupleFilesystemStoreBackend",
                    "base_directory": str(self._made),
                },
            }
            context.add_data_docs_site(_SITE, site)
            context.data_sources.add_pandas("lake")
        return self._context

    def _define(self, context: Any, check: GreatExpectationsSuite) -> Any:
        gx = importlib.import_module("great_expectations")
        number = len(self._definitions)
        suite = check.make_suite()
        taken = {one.name for one in context.suites.all()}
        suite.name = _safe(suite.name) if _safe(suite.name) not in taken else f"{_safe(suite.name)} {number + 1}"
        asset = context.data_sources.all()["lake"].add_dataframe_asset(suite.name)
        return context.validation_definitions.add(
            gx.ValidationDefinition(
                name=suite.name,
                data=asset.add_batch_definition_whole_dataframe("frame"),
                suite=context.suites.add(suite),
            )
        )


class _Documented(BundleCheck):
    """A suite whose results are kept for pages."""

    def __init__(self, docs: DataDocs, check: GreatExpectationsSuite) -> None:
        super().__init__(**check.configuration)
        self.mode, self.time_limit = check.mode, check.time_limit
        self.prepare = check.prepare  # type: ignore[method-assign]
        self._docs = docs
        self._check = check

    @property
    def name(self) -> str:
        return self._check.name

    def looks_at(self, bundle: Bundle) -> bool:
        return self._check.looks_at(bundle)

    def find_problems(self, bundle: Bundle) -> Iterable[str]:
        with one_at_a_time:
            frame = self._check.find_frame(bundle)
            if frame is None:
                return self._check.find_problems(bundle)
            result = self._docs.record(self._check, bundle, frame)
            return [self._check.titled(one) for one in sentences(result, frame)]


def _may_be_replaced(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    is_ours = (folder / "index.html").is_file() and (folder / "validations").is_dir()
    return is_ours or not any(folder.iterdir())


def _run_name(bundle: Bundle) -> str:
    """Return a name for a page and for its path."""
    dataset_id = "" if bundle.existing is None else f" {bundle.existing.dataset_id[:8]}"
    return _safe(f"{bundle.provider} {bundle.name}"[: _MOST_CHARACTERS - len(dataset_id)] + dataset_id)


def _safe(name: str) -> str:
    """Return a name without what is no part of a file's name."""
    return re.sub(r"[^\w .-]+", "_", name).strip(" .")


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ExportError(f"The data docs in {folder} cannot be written: {error.strerror or error}") from error
