"""SkillCorner's API, for its customers.

Format: https://skillcorner.com/api/docs/. The endpoints are `competition_editions`, `matches`, `match/{id}`,
`match/{id}/tracking`, `match/{id}/dynamic_events`, `match/{id}/dynamic_events/phases_of_play` and `physical`. Lists
come in pages with `results` and `next`. Entries and files are those of the open data
(https://github.com/SkillCorner/opendata).

Public documents leave some points open. This module assumes: until data is ready, a response is a 404, or a 200, 202 or
204 without a body; a `token` is sent as `Authorization: Token …`; `file_format=jsonl` and `file_format=csv` choose the
format of the open data; `physical` takes `match`. The lists do not say when a match changed, so a match is requested
again at times that depend on its age (`sources.recheck_schedule`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ingestify.clock import now
from ingestify.domain.bundle import TRACKING, BundleType
from ingestify.domain.dataset import CollectionMetadata, DatasetState
from ingestify.domain.feeds import DataSpecVersionCollection
from ingestify.domain.ports import Auth
from ingestify.domain.resource import DatasetResource
from ingestify.errors import SourceError
from ingestify.fetch.paging.pages import NextLink, items_of
from ingestify.sources.api import ApiSource, FixedToken, basic_auth, secret
from ingestify.sources.entries import Found, Selectors, read_entries
from ingestify.sources.iso_time import get_time
from ingestify.sources.open_data import MatchIds, match_name, may_be, name_of, same
from ingestify.sources.recent_response import RecentResponse
from ingestify.sources.recheck_schedule import last_recheck_time, missing_recheck_seconds
from ingestify.sources.skillcorner_records import RECORD_KEYS

__all__ = ["SkillCorner"]

BASE_URL = "https://skillcorner.com/api"

MATCH = BundleType("match", requires=("match",), optional=("dynamic_events", "phases_of_play", "physical"))
"""The line-ups, the events of SkillCorner's Game Intelligence, and the physical data of each player."""

_PAGE_SIZE = 300

_FILES: dict[str, tuple[str, dict[str, str], str]] = {
    "match": ("match/{id}", {}, "json"),
    "metadata": ("match/{id}", {}, "json"),
    "frames": ("match/{id}/tracking", {"file_format": "jsonl"}, "jsonl"),
    "dynamic_events": ("match/{id}/dynamic_events", {"file_format": "csv"}, "csv"),
    "phases_of_play": ("match/{id}/dynamic_events/phases_of_play", {"file_format": "csv"}, "csv"),
    "physical": ("physical", {"match": "{id}"}, "json"),
}


class SkillCorner(ApiSource):
    """Matches of SkillCorner's API; dataset types `match` and `tracking`.

    A `match` has the feeds `match`, `dynamic_events`, `phases_of_play` and `physical`; a `tracking` has `metadata` (the
    same file as `match`) and `frames`. Before the kick-off a dataset is SCHEDULED, and no file of it is requested.
    After the kick-off a file that is not ready is left out; the dataset is PARTIAL if it needs that file. The provider
    does not say when a file changed: each is requested again 3, 6, 12, 24, … hours after the kick-off.

    Args:
        name: The source's name in the configuration.
        username: The user of the SkillCorner account, with `password`; or give a `token`.
        password: Its password.
        token: A token of the account, in place of both.
        base_url: The URL of the API, to which the endpoints are added. None: SkillCorner's.
    """

    provider = "skillcorner"
    identifier_keys = ("competition_id", "season_id", "match_id")
    multi_value_keys = ("match_id",)
    bundle_types = (MATCH, TRACKING)
    record_keys = RECORD_KEYS
    hosts = ("skillcorner.com",)
    change_signal = "none: a match is requested again 3, 6, 12, 24, … hours after the kick-off"

    def __init__(
        self,
        name: str,
        username: str | None = None,
        password: str | None = None,
        token: str | None = None,
        base_url: str | None = None,
    ) -> None:
        auth: Auth
        if token is None:
            auth = basic_auth(name, username, password)
        else:
            auth = FixedToken("Token", secret(name, "token", token))
        credentials = "username and password" if token is None else "token"
        super().__init__(name, BASE_URL if base_url is None else base_url, auth, credentials)
        self._known_editions = RecentResponse[list[Any]](of_run=True)

    def discover_selectors(self, dataset_type: str) -> Selectors:
        """Return the competition and season of each edition of the account."""
        self._bundle_type(dataset_type)
        return read_entries(self._editions(), "competition_editions", _EDITION_NAME, _EDITION_KEYS, _selector)

    def find_datasets(
        self,
        dataset_type: str,
        data_spec_versions: DataSpecVersionCollection,
        dataset_collection_metadata: CollectionMetadata,  # noqa: ARG002 - the index is small, and is read completely
        competition_id: int,
        season_id: int,
        match_id: MatchIds = None,
        **_: Any,
    ) -> Iterator[list[Found]]:
        """Yield the matches of one season, page by page."""
        wanted = self._bundle_type(dataset_type, data_spec_versions).wanted(data_spec_versions)
        selector = {"competition_id": competition_id, "season_id": season_id}
        what = f"season {season_id} of competition {competition_id}"
        # An unreadable edition is left out, because it does not say its season; discover_selectors reports it.
        editions = [
            edition["id"]
            for edition in self._editions()
            if (found := _season_of(edition)) is not None
            and same(competition_id, found[0])
            and same(season_id, found[1])
        ]
        if not editions:
            raise SourceError(
                f"{self.provider} lists no {what} for the account of the source '{self.name}': leave it out of the "
                f"plan's selectors, or ask the provider for access."
            )
        for edition_id in editions:
            number = 0
            for entries in self._iter_lists("matches", what, competition_edition=edition_id):
                yield read_entries(
                    entries,
                    f"the matches of {what}",
                    "match {id}",
                    ("id", "date_time"),
                    lambda entry: self._dataset(entry, selector, dataset_type, wanted),
                    lambda entry: may_be(entry, {"id": match_id}),
                    number=number,
                )
                number += len(entries)

    def _editions(self) -> list[Any]:
        return self._known_editions.get(self._get_editions)

    def _get_editions(self) -> list[Any]:
        pages = self._iter_lists("competition_editions", "its list of competition editions", user="true")
        return [edition for page in pages for edition in page]

    def _iter_lists(self, path: str, what: str, **params: Any) -> Iterator[list[Any]]:
        pages = self._iter_pages(path, what, NextLink(items="results"), {**params, "limit": _PAGE_SIZE})
        return (items_of(page, "results") for page in pages)

    def _dataset(
        self, entry: dict[str, Any], selector: dict[str, Any], dataset_type: str, wanted: list[tuple[str, str]]
    ) -> DatasetResource:
        match_id, at = entry["id"], now()
        began = get_time(entry["date_time"], f"Match {match_id}")
        date, _, time = str(entry["date_time"]).partition("T")
        home, away = entry.get("home_team"), entry.get("away_team")
        resource = DatasetResource(
            {**selector, "match_id": match_id},
            dataset_type,
            self.provider,
            name=match_name(name_of(home, "short_name", "name"), name_of(away, "short_name", "name"), date=date),
            metadata={
                "match_date": date,
                "kick_off": time or None,
                "home_team": home,
                "away_team": away,
                "status": entry.get("status"),
            },
            # Not by `status`: the index calls matches `not_started` that have all of their data.
            state=DatasetState.COMPLETE if began <= at else DatasetState.SCHEDULED,
        )
        for feed, version in wanted if began <= at else ():
            path, params, file_format = _FILES[feed]
            resource.add_file(
                None,
                feed,
                version,
                # The time of a request is no time of the provider's, so it is announced as a version.
                content_version=f"looked at from {last_recheck_time(began, at):%Y-%m-%d %H:%M:%S} on",
                url=f"{self._base_url}/{path.format(id=match_id)}",
                http_options={
                    "auth": self._auth,
                    "params": {key: value.format(id=match_id) for key, value in params.items()},
                    "ignore_not_ready": True,
                    "ignore_not_found": feed not in ("match", "metadata"),
                    "recheck_after_seconds": missing_recheck_seconds(began, at),
                },
                data_serialization_format=file_format,
            )
        return resource


_EDITION_NAME, _EDITION_KEYS = "competition edition {id}", ("id", "competition", "season")


def _selector(edition: dict[str, Any]) -> dict[str, Any]:
    found = _season_of(edition)
    if found is None:
        raise SourceError("its competition or its season has no id")
    name = name_of(edition, "name") or f"edition {edition['id']}"
    return {"competition_id": found[0], "season_id": found[1], "_name": name}


def _season_of(edition: object) -> tuple[Any, Any] | None:
    """Return the ids of an edition's competition and season; None if one of the three ids is missing."""
    if not isinstance(edition, dict) or edition.get("id") is None:
        return None
    parts = [edition.get(key) for key in ("competition", "season")]
    ids = [part.get("id") if isinstance(part, dict) else None for part in parts]
    return None if None in ids else (ids[0], ids[1])
