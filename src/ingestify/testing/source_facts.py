"""What a source brings, and what that costs, where nothing goes wrong: what its other runs are compared with."""

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
    """The same for each run, as paths and identities do not depend on the provider's port.

    Attributes:
        announced: What one discovery announces: identifier to the ids of its files.
        contents: What a whole run brings: identifier to file id to content hash.
        first_value: The value of the dataset key of one dataset; `first` is its identifier.
        of_first: What a run of that dataset alone asks for besides its index.
        of_second: Likewise, of another one.
        own_file: The path of a file of the first one only; None: there is none, as all comes with the index.
        is_believed_missing: Whether a 404 for it is believed for a while, so that the next run does not ask again.
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
    """Find out what a source brings.

    Args:
        new_trial: Makes trials, each with an empty lake.
        part: The selector.
        dataset_key: The identifier key that tells two datasets of it apart.

    Raises:
        AssertionError: It has fewer than two datasets, or its run fails although nothing goes wrong.
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
    """Return the paths, without a query, of files of which a 404 is believed for a while."""
    files = [file for resource in discovery.resources for file in resource.files.values()]
    urls = [file.url or "" for file in files if file.http_options.get("recheck_after_seconds") is not None]
    return {url.partition("?")[0].removeprefix(f"{relay.base_url}/") for url in urls}
