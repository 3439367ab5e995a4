"""The datasets and requests of a source's runs without faults, with which its other runs are compared."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

from ingestify.testing.relay import Relay
from ingestify.testing.source_trial import Discovery, SourceTrial, problems_of

__all__ = ["SourceFacts", "find_facts"]


@dataclasses.dataclass(frozen=True, slots=True)
class SourceFacts:
    """The results of runs without faults. They are the same for each run: no path depends on the provider's port.

    Attributes:
        announced: The result of a discovery: identifier to the ids of its files.
        contents: The result of a run: identifier to file id to content hash.
        first_value: The value of the dataset key of a first dataset.
        first: The identifier of the first dataset.
        of_first: The paths of the first dataset's requests, without its index.
        of_second: The paths of a second dataset's requests.
        own_file: The path of a file of the first dataset alone; None: all of its files come with the index.
        is_believed_missing: Whether the next run does not request that file again after a 404.
    """

    announced: Mapping[str, set[str]]
    contents: Mapping[str, Mapping[str, str]]
    first_value: Any
    first: str
    of_first: set[str]
    of_second: set[str]
    own_file: str | None
    is_believed_missing: bool

    @property
    def of_others(self) -> dict[str, Mapping[str, str]]:
        """The contents without the first dataset."""
        return {name: files for name, files in self.contents.items() if name != self.first}


def find_facts(
    new_trial: Callable[[], SourceTrial], relay: Relay, part: Mapping[str, Any], dataset_key: str
) -> SourceFacts:
    """Run a source without faults, and return the results.

    Args:
        new_trial: Makes trials, each with an empty lake.
        relay: The provider.
        part: The selector.
        dataset_key: The identifier key that differs between its datasets.

    Raises:
        AssertionError: The selector has fewer than two datasets, or a run fails.
    """
    with closing(new_trial()) as trial:
        discovery = trial.discover(part)
        by_value = {one[dataset_key]: str(one) for one in discovery.identifiers if dataset_key in one}
        assert len(by_value) >= 2, (
            f"The selector {part} has {len(by_value)} datasets that differ in '{dataset_key}', and the suite needs "
            f"two: give the simulated provider more, or name another `selector` or `dataset_key`."
        )
        report, _ = trial.run(part)
        assert not problems_of(report), f"a run against a provider that behaves: {problems_of(report)}"
        contents = trial.contents()
    first, second = list(by_value)[:2]
    of_first, of_second = (_files_of(new_trial, part, {dataset_key: value}) for value in (first, second))
    believed = _believed_missing(discovery, relay)
    own = sorted(of_first - of_second, key=lambda path: (path.partition("?")[0] in believed, path))
    return SourceFacts(
        {name: set(files) for name, files in discovery.announced().items()},
        contents,
        first,
        by_value[first],
        of_first,
        of_second,
        own[0] if own else None,
        bool(own) and own[0].partition("?")[0] in believed,
    )


def _files_of(new_trial: Callable[[], SourceTrial], part: Mapping[str, Any], filters: Mapping[str, Any]) -> set[str]:
    with closing(new_trial()) as trial:
        _, index = trial.run(part, filters, dry=True)
        report, requests = trial.run(part, filters)
        assert not problems_of(report), f"a run of {filters}: {problems_of(report)}"
        return {request.path for request in requests} - {request.path for request in index}


def _believed_missing(discovery: Discovery, relay: Relay) -> set[str]:
    """Return the paths, without a query, of the files that are not requested again for a while after a 404."""
    files = [file for resource in discovery.resources for file in resource.files.values()]
    urls = [file.url or "" for file in files if file.http_options.get("recheck_after_seconds") is not None]
    return {url.partition("?")[0].removeprefix(f"{relay.base_url}/") for url in urls}
