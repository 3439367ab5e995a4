"""A simulated My Provider on this machine, for the tests and to try things out.

Make it answer as the real one does: the same paths, the same shapes, the same refusals.
As a program, python -m my_provider.simulator serves until it is interrupted.
"""

from __future__ import annotations

import contextlib
import threading
from typing import Any

from ingestify.testing.document_provider import DocumentProvider

TOKEN = "a-token-for-the-simulator"
PAGE_SIZE = 2


class MyProviderSimulator(DocumentProvider):
    """Serves invented matches.

    Args:
        matches: How many each season has.
        token: What is accepted.
        port: 0: a free one.
    """

    def __init__(self, matches: int = 4, token: str = TOKEN, port: int = 0) -> None:
        super().__init__(token=token, port=port)
        self.documents["seasons.json"] = [
            {"id": 2023, "name": "2023/2024"},
            {"id": 2024, "name": "2024/2025"},
        ]
        for season_id in (2023, 2024):
            entries = [_entry(season_id * 100 + number) for number in range(1, matches + 1)]
            for entry in entries:
                self._add_files(entry["id"], goals=1)
            self._add_index(season_id, entries)

    def correct(self, match_id: int) -> None:
        """Change the events of a match, and say so in the index, as providers do after a match."""
        self._add_files(match_id, goals=2)
        for content in self.documents.values():
            if isinstance(content, dict):  # a page of an index
                for entry in content["matches"]:
                    if entry["id"] == match_id:
                        entry["updated_at"] = "2024-06-02T09:30:00+00:00"

    def _add_index(self, season_id: int, entries: list[dict[str, Any]]) -> None:
        for start in range(0, len(entries), PAGE_SIZE):
            page = start // PAGE_SIZE + 1
            is_last = start + PAGE_SIZE >= len(entries)
            self.documents[f"seasons/{season_id}/matches.json?page={page}"] = {
                "matches": entries[start : start + PAGE_SIZE],
                "next_page": None if is_last else page + 1,
            }

    def _add_files(self, match_id: int, goals: int) -> None:
        self.documents[f"matches/{match_id}/lineups.json"] = [
            {"match_id": match_id, "team": team, "players": list(range(1, 12))} for team in ("home", "away")
        ]
        self.documents[f"matches/{match_id}/events.json"] = [
            {"match_id": match_id, "id": number, "type": "goal", "minute": number * 10}
            for number in range(1, goals + 1)
        ]


def _entry(match_id: int) -> dict[str, Any]:
    return {
        "id": match_id,
        "home": f"Home {match_id}",
        "away": f"Away {match_id}",
        "date": "2024-05-01",
        "updated_at": "2024-05-02T08:00:00+00:00",
    }


def main() -> None:
    """Serve until Ctrl-C."""
    provider = MyProviderSimulator(port=8765)
    with provider, contextlib.suppress(KeyboardInterrupt):
        print(f"{provider.base_url} serves until Ctrl-C; its token is {TOKEN}")
        threading.Event().wait()


if __name__ == "__main__":
    main()
