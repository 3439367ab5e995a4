"""Impect's open data: events of the Bundesliga of 2023/24.

Files: https://github.com/ImpectAPI/open-data. Below the data root there are `iterations.json` (an iteration is a
competition's season), and for each iteration `matches/matches_{iteration}.json`, `squads/squads_{iteration}.json` and
`players/players_{iteration}.json`; for each match `events` and `lineups`, each as
`{feed}/{feed}_{match}.json`. `lastCalculationDate` is the time of a match's last calculation; a match without it has no
files yet.
"""

from __future__ import annotations

from typing import Any

from ingestify.sources.impect_iterations import ImpectIterations
from ingestify.sources.open_data import OpenDataSource

__all__ = ["ImpectGithub"]

BASE_URL = "https://raw.githubusercontent.com/ImpectAPI/open-data/main/data"


class ImpectGithub(ImpectIterations, OpenDataSource):
    """Matches of the Impect open data; dataset type `match`, in iterations.

    The feeds are `match` (its entry in the index), `lineups` and `events`; and `squads` and `players`, the same for all
    matches of an iteration. Missing events (404) of a match that the index lists are left out, and requested again in
    each run.

    Args:
        name: The source's name in the configuration.
        base_url: The data root, for a mirror: it has `{base_url}/iterations.json`. None: GitHub.
    """

    licence = "IMPECT's user agreement: https://github.com/ImpectAPI/open-data/blob/main/LICENSE.pdf"
    attribution = "Data by IMPECT; name it as the source and show its logo in whatever is public."
    hosts = ("raw.githubusercontent.com",)
    redirect_hosts = ("*.githubusercontent.com",)
    change_signal = "lastCalculationDate of each match in the index; for squads and players, that of the iteration"

    def __init__(self, name: str, base_url: str | None = None) -> None:
        super().__init__(name, BASE_URL if base_url is None else base_url)

    def _iterations(self) -> list[Any]:
        return self._get_entries(f"{self._base_url}/iterations.json")

    def _of_iteration(self, feed: str, iteration_id: object) -> list[Any]:
        return self._get_entries(f"{self._base_url}/{feed}/{feed}_{iteration_id}.json")

    def _matches(self, iteration_id: object) -> list[Any]:
        return self._get_entries(f"{self._base_url}/matches/matches_{iteration_id}.json")

    def _url_of(self, feed: str, match_id: object) -> str:
        return f"{self._base_url}/{feed}/{feed}_{match_id}.json"
