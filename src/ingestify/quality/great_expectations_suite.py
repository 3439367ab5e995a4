"""A bundle check that validates the records of a feed with a suite of Great Expectations.

In config.yaml, with the suite `EVENTS` in a `my_suites.py` beside it:

    dataset_types:
      - provider: statsbomb
        dataset_type: match
        checks:
          - {type: ingestify.great_expectations, feed: events, suite: my_suites:EVENTS}

Format of the results: https://docs.greatexpectations.io/docs/core/trigger_actions_based_on_results/choose_a_result_format/
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import logging
import re
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ingestify.domain.bundle_check import Bundle, BundleFile
from ingestify.errors import ConfigurationError
from ingestify.quality.frame_check import FrameCheck, named_row, shown_value

__all__ = ["GreatExpectationsSuite", "new_context", "one_at_a_time", "own_context", "sentences"]

_FORMAT = {"result_format": "SUMMARY", "partial_unexpected_count": 1}
one_at_a_time = threading.RLock()
"""Great Expectations has one context for a process, and its engines are not made for several threads.

Who waits for it has made no frame yet: a frame of events takes 30 MB, and 32 bundles may be checked at once.
"""


class GreatExpectationsSuite(FrameCheck):
    """The records of a feed meet the expectations of a suite of Great Expectations (1.x).

    The frame is the one that `LoadedFile.to_pandas` makes: nested objects are dotted columns, such as `team.id`. Each
    expectation that is not met is one problem, with the number of values and the first of them. Suites are validated
    one after the other, also those of several bundles.

    Args:
        feed: The feed, such as `events`.
        suite: An `ExpectationSuite`, or a list of expectations; or the dotted path of one; or the path of a JSON file
            with a suite, which ends with `.json` and is relative to the folder of the config file.
        required: Whether a bundle without the feed has a problem. Otherwise nothing is checked there.
        records: Where the records are in JSON; see `BundleFile.to_pandas`.
        encoding: The encoding of the text; see `BundleFile.to_pandas`.
        transform: A function that gets the frame and returns the one to validate, or its dotted path; None: none.
    """

    time_limit = 1800.0  # the time in which it waits for other bundles counts too
    package = "great_expectations"
    extra = "great-expectations"
    what = "suite"

    def __init__(
        self,
        feed: str,
        suite: object,
        *,
        required: bool = False,
        records: str | None = None,
        encoding: str | None = None,
        transform: Callable[[Any], Any] | str | None = None,
    ) -> None:
        super().__init__(feed, suite, required=required, records=records, encoding=encoding, transform=transform)
        self.configuration["suite"] = suite

    def load(self) -> Any:
        """Return the suite."""
        return self._suite

    def read_frame(self, file: BundleFile, records: str | None, encoding: str | None) -> Any:
        """Return a frame of pandas."""
        return file.to_pandas(records, encoding)

    def find_problems(self, bundle: Bundle) -> Iterable[str]:
        """Return the problems of the feed, each as a sentence that begins with its name."""
        with one_at_a_time:
            return list(super().find_problems(bundle))

    def validate(self, frame: Any) -> Iterator[str]:
        """Yield each expectation that is not met."""
        with own_context(_context) as context:
            definition = context.data_sources.all()["ingestify"].get_asset("records").get_batch_definition("frame")
            batch = definition.get_batch(batch_parameters={"dataframe": frame})
            result = batch.validate(self._suite, result_format=_FORMAT)
        yield from sentences(result, frame)

    def make_suite(self) -> Any:
        """Return the suite as a new object, which belongs to no context."""
        return self._copied(self._suite)

    @functools.cached_property
    def _suite(self) -> Any:
        _great_expectations()  # before a module of the user imports it
        given = self.configuration["suite"]
        found = self._read(given) if isinstance(given, str) and given.endswith(".json") else self._load_given()
        try:
            return self._copied(found)
        except Exception as error:
            raise ConfigurationError(
                f"{self.name}: Great Expectations makes no suite of {shown_value(given)}: {type(error).__name__}: "
                f"{error}"
            ) from error

    def _copied(self, found: Any) -> Any:
        """Return a suite of our own: one that belongs to a context of the caller stays there as it is."""
        gx = _great_expectations()
        if isinstance(found, gx.ExpectationSuite):
            name, expectations = found.name, found.expectations
        elif isinstance(found, Mapping):
            name, expectations = found.get("name"), found["expectations"]
        else:
            name, expectations = None, list(found)
        # A suite leaves out what it cannot read, so each expectation is made before it.
        made = importlib.import_module("great_expectations.expectations.expectation_configuration")
        copies = []
        for one in expectations:
            copy = dict(one) if isinstance(one, Mapping) else one.configuration.to_json_dict()
            copy.pop("id", None)  # its place in that context
            copies.append(made.ExpectationConfiguration(**copy).to_domain_obj())
        if not copies:
            raise ValueError("it has no expectations")
        return gx.ExpectationSuite(name=name or self._feed, expectations=copies)

    def _read(self, name: str) -> Mapping[str, Any]:
        path = self._path_of(name)
        try:
            found = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"{self.name}: the suite {path} cannot be read: {error}") from error
        if not isinstance(found, dict) or "expectations" not in found:
            raise ConfigurationError(f"{self.name}: {path} is no suite: it has no 'expectations'.")
        return found


def _great_expectations() -> Any:
    """Return the package. It warns of its own code, and logs a line for each function of it at the level INFO."""
    ours = ("ignore", None, Warning, re.compile("great_expectations"), 0)
    if ours not in warnings.filters:
        warnings.filterwarnings("ignore", module="great_expectations")
    log = logging.getLogger("great_expectations")
    if log.level == logging.NOTSET:
        log.setLevel(logging.WARNING)
    return importlib.import_module("great_expectations")


def new_context() -> Any:
    """Return a context that keeps everything in memory, and shows, sends and writes nothing."""
    gx = _great_expectations()
    settings = importlib.import_module("great_expectations.data_context.types.base")
    config = settings.DataContextConfig(
        store_backend_defaults=settings.InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=settings.ProgressBarsConfig(globally=False),
    )
    return gx.get_context(mode="ephemeral", project_config=config)


@functools.cache
def _context() -> Any:
    context = new_context()
    context.data_sources.add_pandas("ingestify").add_dataframe_asset("records").add_batch_definition_whole_dataframe(
        "frame"
    )
    return context


@contextlib.contextmanager
def own_context(make: Callable[[], Any]) -> Iterator[Any]:
    """Use a context of ours, alone. Afterwards, the process has again the context that the caller had.

    Args:
        make: Returns the context; it may make it.
    """
    with one_at_a_time:
        _great_expectations()
        factory = importlib.import_module("great_expectations.data_context.data_context.context_factory")
        try:
            before = factory.project_manager.get_current_project()
        except Exception:  # noqa: BLE001 - there was none
            before = None
        try:
            context = make()
            factory.set_context(context)
            yield context
        finally:
            factory.set_context(before)


def sentences(result: Any, frame: Any) -> Iterator[str]:
    """Yield a sentence for each expectation that is not met.

    Args:
        result: What Great Expectations found.
        frame: The frame that it validated.
    """
    for one in result.results:
        if not one.success:
            yield f"{_expected(one.expectation_config)}: {_found(one, frame)}"


def _expected(configuration: Any) -> str:
    if configuration.description:
        return str(configuration.description)
    given = {key: value for key, value in configuration.kwargs.items() if key != "batch_id" and value is not None}
    column = given.pop("column", None)
    shown = [] if column is None else [f"'{column}'"]
    shown += [f"{key} {shown_value(value)}" for key, value in given.items()]
    words = configuration.type.removeprefix("expect_").replace("_", " ")
    return f"expected {words}" + (f" ({', '.join(shown)})" if shown else "")


def _found(one: Any, frame: Any) -> str:
    """Return the rest of the sentence: what there is instead."""
    if problem := _exception_in(one.exception_info):
        return f"Great Expectations cannot tell: {problem}"
    found = one.result
    if "unexpected_count" not in found:
        return f"found {shown_value(found['observed_value'])}" if "observed_value" in found else "not met"
    text = f"{found['unexpected_count']:,} of {found.get('element_count', len(frame)):,} fail"
    values, rows = found.get("partial_unexpected_list"), found.get("partial_unexpected_index_list")
    if not values:
        return text
    row = f" in {named_row(rows[0], lambda index: frame.at[index, 'id'])}" if rows else ""
    return f"{text}, such as {shown_value(values[0])}{row}"


def _exception_in(info: Mapping[str, Any]) -> str:
    """Return the message of an error, which is there once, or once for each metric."""
    for each in (info, *info.values()):
        if isinstance(each, Mapping) and each.get("raised_exception"):
            return str(each.get("exception_message") or "an error without a message")
    return ""
