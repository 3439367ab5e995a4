"""Impect's API, for its customers.

The endpoints are those of Impect's own client (https://github.com/ImpectAPI/impectPy): below `v5/customerapi` there are
`iterations`, `iterations/{id}/matches`, `iterations/{id}/squads`, `iterations/{id}/players`, and for each match
`matches/{id}` (the line-ups with positions and minutes) and `matches/{id}/events`. Each response is `{"data": …}`. A
request has a bearer token, which the login server gives for username, password and the client id `api`. Responses say
how many more requests are allowed (`RateLimit-Policy`, `RateLimit-Remaining`); one request too many gets a 429.

Public documents leave some points open: whether `RateLimit-Reset` is always sent with these headers (without it, the
client waits after a 429), whether responses have an ETag, and whether a withdrawn match stays in the list as
`available: false` (then it is SCHEDULED again) or leaves it (then it is MISSING).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ingestify.errors import SourceError
from ingestify.sources.api import ApiSource, secret
from ingestify.sources.bearer_token import BearerToken
from ingestify.sources.entries import list_of
from ingestify.sources.impect_iterations import ImpectIterations, ImpectLists
from ingestify.sources.recent_response import RecentResponse

__all__ = ["Impect"]

BASE_URL = "https://api.impect.com/v5/customerapi"
TOKEN_URL = "https://login.impect.com/auth/realms/production/protocol/openid-connect/token"  # noqa: S105 - a URL

_PATHS = {"lineups": "matches/{}", "events": "matches/{}/events"}


class Impect(ImpectIterations, ApiSource):
    """Matches of Impect's API; dataset type `match`, in iterations.

    The feeds are those of the open data: `match` (its entry in the index), `lineups` (`matches/{id}`), `events`; and
    `squads` and `players`, the same for all matches of an iteration.

    Args:
        name: The source's name in the configuration.
        username: The user of the Impect account; required.
        password: Its password; required.
        client_id: The id of the OAuth client. None: the API's own.
        base_url: The URL of the API, to which the endpoints are added. None: Impect's.
        token_url: The URL of the login server. None: Impect's.
    """

    hosts = ("api.impect.com", "login.impect.com")
    change_signal = "lastCalculationDate of each match in the index; for squads and players, that of the iteration"

    def __init__(
        self,
        name: str,
        username: str | None = None,
        password: str | None = None,
        client_id: str | None = None,
        base_url: str | None = None,
        token_url: str | None = None,
    ) -> None:
        form = {
            "client_id": secret(name, "client_id", "api" if client_id is None else client_id),
            "username": secret(name, "username", username),
            "password": secret(name, "password", password),
        }
        self.name = name  # an error about the URL names it
        url = self._checked_url("token_url", TOKEN_URL if token_url is None else token_url)
        token = BearerToken(name, url, form, lambda: self.http)
        super().__init__(name, BASE_URL if base_url is None else base_url, token, "token")
        self._http_options = {"auth": token}
        self._known_iterations = RecentResponse[list[Any]](of_run=True)

    def _open_lists(self) -> ImpectLists:
        return _Lists(self._base_url, self._get_data, self._known_iterations)

    def _get_data(self, path: str, what: str) -> list[Any]:
        document = self._get_json(path, what)
        if not isinstance(document, dict) or "data" not in document:
            raise SourceError(f"{self._base_url}/{path} has no 'data'. Is base_url that of the API?")
        return list_of(document["data"], path)


class _Lists(ImpectLists):
    def __init__(
        self, base_url: str, get_data: Callable[[str, str], list[Any]], known_iterations: RecentResponse[list[Any]]
    ) -> None:
        self._base_url = base_url
        self._get_data = get_data
        self._known_iterations = known_iterations

    def iterations(self) -> list[Any]:
        return self._known_iterations.get(lambda: self._get_data("iterations", "its list of iterations"))

    def matches(self, iteration_id: object) -> list[Any]:
        return self._get_data(f"iterations/{iteration_id}/matches", f"iteration {iteration_id}")

    def of_iteration(self, feed: str, iteration_id: object) -> list[Any]:
        return self._get_data(f"iterations/{iteration_id}/{feed}", f"the {feed} of iteration {iteration_id}")

    def url_of(self, feed: str, match_id: object) -> str:
        return f"{self._base_url}/{_PATHS[feed].format(match_id)}"
