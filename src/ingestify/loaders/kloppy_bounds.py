"""A slow bundle check: it loads the match with kloppy, and checks that the numbers of shots and goals are plausible.

It is also an example to copy. In config.yaml:

    dataset_types:
      - provider: statsbomb
        dataset_type: match
        checks:
          - type: ingestify.loaders.kloppy_bounds.KloppyBounds
            configuration: {shots: [1, 80], goals: [0, 20]}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ingestify.domain.bundle_check import Bundle, BundleCheck
from ingestify.errors import ConfigurationError, LoadError, MissingExtraError
from ingestify.loaders.kloppy.registry import find_loader

__all__ = ["KloppyBounds"]


class KloppyBounds(BundleCheck):
    """kloppy can read the match, and the match has a plausible number of shots and goals.

    The check is for every kind of dataset that `load_dataset_with_kloppy` loads as events. A load takes a second or
    two.

    Args:
        shots: The fewest and the most shots of both teams together; None: any number.
        goals: The fewest and the most goals of both teams together; None: any number.
        events: The fewest and the most events; None: any number.
        kloppy: Arguments for kloppy, such as `{coordinates: statsbomb}`.
    """

    dataset_type = "match"

    def __init__(
        self,
        shots: Sequence[int] | None = (1, 80),
        goals: Sequence[int] | None = (0, 20),
        events: Sequence[int] | None = None,
        kloppy: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(shots=shots, goals=goals, events=events, kloppy=kloppy)
        self._bounds = {
            name: _bounds(name, wanted)
            for name, wanted in (("events", events), ("shots", shots), ("goals", goals))
            if wanted is not None
        }
        self._kloppy = dict(kloppy or {})

    def is_for(self, provider: str, dataset_type: str) -> bool:
        """Return whether there is a kloppy loader for these datasets."""
        return super().is_for(provider, dataset_type) and find_loader(provider, dataset_type) is not None

    def find_problems(self, bundle: Bundle) -> Iterator[str]:
        """Yield each number that is not plausible."""
        if not bundle.state.is_complete:
            return  # files are still missing
        counts = _count(self._load(bundle))
        for name, (fewest, most) in self._bounds.items():
            if not fewest <= counts[name] <= most:
                yield f"kloppy finds {counts[name]:,} {name}; {fewest:,} to {most:,} are believable"

    def _load(self, bundle: Bundle) -> Any:
        try:
            import kloppy  # noqa: F401 - only to see whether it is installed
        except ModuleNotFoundError as error:
            raise MissingExtraError("kloppy", "The check KloppyBounds") from error
        try:
            loader = find_loader(bundle.loader or bundle.provider, bundle.dataset_type)
            assert loader is not None, "is_for says so"
            return loader(bundle, self._kloppy)
        except Exception as error:
            raise LoadError(f"kloppy cannot read it: {type(error).__name__}: {error}") from error


def _bounds(name: str, wanted: Sequence[int]) -> tuple[int, int]:
    try:
        fewest, most = (int(number) for number in wanted)
    except (TypeError, ValueError):
        raise ConfigurationError(f"KloppyBounds: {name} is {wanted!r}; write two numbers, such as [1, 80].") from None
    if fewest > most:
        raise ConfigurationError(f"KloppyBounds: {name} is {wanted!r}; the smaller number comes first.")
    return fewest, most


def _count(match: Any) -> dict[str, int]:
    shots = [event for event in match.events if event.event_name == "shot"]
    goals = [shot for shot in shots if shot.result is not None and shot.result.is_success]
    return {"events": len(match.events), "shots": len(shots), "goals": len(goals)}
