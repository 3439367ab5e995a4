"""A provider that changes, with a record of everything it ever served as a whole."""

from __future__ import annotations

import hashlib
import random
import urllib.error
import urllib.request
from pathlib import Path

from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator
from tests.end_to_end.crashes.audit import Audit, Bundle

__all__ = ["ChangingSeason"]

CONFIG = """
main:
  metadata_url: sqlite:///lake/catalog.db
  file_url: file://lake/files/
sources:
  statsbomb: {{type: ingestify.statsbomb_github, configuration: {{base_url: "{url}"}}}}
ingestion_plans:
  - {{source: statsbomb, dataset_type: match}}
dataset_types:
  - provider: statsbomb
    dataset_type: match
    checks:
      - {{type: says_the_hash.SaysTheHash, mode: warn}}
      - ingestify.drift
"""

CHECK = """
import hashlib

from ingestify import BundleCheck


class SaysTheHash(BundleCheck):
    def find_problems(self, bundle):
        yield "events " + hashlib.sha256(bundle.require_file("events").read()).hexdigest()
"""
"""Each revision has a warning, which says of which events it is."""

_FEEDS = {"events": "events", "lineups": "lineups", "360-frames": "three-sixty"}


class ChangingSeason:
    """A simulated season of `matches`, or several of as many each. Use it in a `with` block, from one thread.

    Attributes:
        served: For each match its bundles, in the order in which the provider had them.
        warns: Whether a project was made, whose checks warn of each revision.
    """

    def __init__(self, matches: int = 4, seed: int = 1, seasons: int = 1) -> None:
        self.simulator = Simulator(
            [
                Season(matches=matches, seed=seed, season_id=27 + number, events_per_match=25, matches_with_360=1)
                for number in range(seasons)
            ]
        )
        self.served: dict[int, list[Bundle]] = {}
        self.warns = False

    def __enter__(self) -> ChangingSeason:
        self.simulator.__enter__()
        for match_id in self.simulator.match_ids:
            self.served[match_id] = [self._bundle(match_id)]
        return self

    def __exit__(self, *_: object) -> None:
        self.simulator.__exit__()

    def make_project(self, folder: Path) -> Path:
        """Write a project whose lake is in `lake`, and return its folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.yaml").write_text(CONFIG.format(url=self.simulator.base_url))
        (folder / "says_the_hash.py").write_text(CHECK)
        self.warns = True
        return folder

    def change(self, rng: random.Random, number: int) -> None:
        """Correct so many matches."""
        for match_id in rng.sample(self.simulator.match_ids, number):
            with_360 = any(feed == "360-frames" for feed, _ in self.served[match_id][0])
            feeds = rng.choice([("events",), ("lineups",), ("events", "lineups")])
            self.simulator.correct(match_id, *feeds, *(("360-frames",) if with_360 and "events" in feeds else ()))
            self.served[match_id].append(self._bundle(match_id))

    def _bundle(self, match_id: int) -> Bundle:
        found = {}
        for feed, folder in _FEEDS.items():
            try:
                with urllib.request.urlopen(f"{self.simulator.base_url}/{folder}/{match_id}.json") as answer:
                    found[feed] = hashlib.sha256(answer.read()).hexdigest()
            except urllib.error.HTTPError as error:
                if error.code != 404:
                    raise
        return frozenset(found.items())

    def check(self, found: Audit, *, current: bool, at_least: dict[int, int] | None = None) -> dict[int, int]:
        """Make sure that what readers see is whole, and of now.

        Args:
            current: Whether every match must be there as the provider has it now. Otherwise any whole moment of
                the provider will do, and a match may not be there yet.
            at_least: The moment of each match that was seen before; nobody goes back behind it.

        Returns:
            The moment of each match that is there.
        """
        assert found.wrong == []
        assert not (self.warns and found.unwarned), "a revision is without its warnings"
        seen = {}
        for match_id, bundle in found.visible.items():
            assert bundle in self.served[match_id], f"match {match_id} is a mix"
            seen[match_id] = self.served[match_id].index(bundle)
        for match_id, moment in (at_least or {}).items():
            assert seen.get(match_id, -1) >= moment, f"match {match_id} went back"
        if current:
            now = {match_id: len(served) - 1 for match_id, served in self.served.items()}
            stale = {match_id: (seen.get(match_id), moment) for match_id, moment in now.items()}
            assert seen == now, {match_id: both for match_id, both in stale.items() if both[0] != both[1]}
        return seen
