"""Impect's API, for its customers.

Endpoints, as in Impect's own client (https://github.com/ImpectAPI/impectPy): below `v5/customerapi` there are
`iterations`, `iterations/{id}/matches`, `iterations/{id}/squads`, `iterations/{id}/players`, and for each match
`matches/{id}` (who played, where and how long) and `matches/{id}/events`. Each answers `{"data": …}`. Requests carry a
bearer token, handed out against username and password with the client id `api`. Answers say how many more requests are
let through (`RateLimit-Policy`, `RateLimit-Remaining`), and a 429 means that it were too many.

Not settled by what is public: whether `RateLimit-Reset` is always sent beside them (without it, a 429 is what is waited
for), whether answers have an ETag, and whether a match that is withdrawn stays in the list as `available: false`
(then it is SCHEDULED again) or leaves it (then it is MISSING).
"""

from __future__ import annotations

from typing import Any

from ingestify.errors import SourceError
from ingestify.sources.api import ApiSource, secret
from ingestify.sources.bearer_token import BearerToken
from ingestify.sources.entries import list_of
from ingestify.sources.impect_iterations import ImpectIterations

__all__ = ["Impect"]

BASE_URL = "https://api.impect.com/v5/customerapi"
TOKEN_URL = "https://login.impect.com/auth/realms/production/protocol/openid-connect/token"  # noqa: S105 - a URL

_PATHS = {"lineups": "matches/{}", "events": "matches/{}/events"}


class Impect(ImpectIterations, ApiSource):
    """Matches of Impect's API; dataset type `match`, in iterations.

    The feeds are those of the open data: `match` (its entry in the index), `lineups` (`matches/{id}`), `events`; and
    `squads` and `players`, which are the iteration's, as its index has them.

    Args:
        name: The source's name in the configuration.
        username: Of the account at Impect; required.
        password: Likewise; required.
        client_id: Of the OAuth client; None: that of the API.
        base_url: Below which the endpoints are. None: Impect's.
        token_url: Where tokens are handed out. None: Impect's.
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
        self.name = name  # for what is said of the URLs
        url = self._checked_url("token_url", TOKEN_URL if token_url is None else token_url)
        token = BearerToken(name, url, form, lambda: self.http)
        super().__init__(name, BASE_URL if base_url is None else base_url, token, "token")
        self._http_options = {"auth": token}

    def _iterations(self) -> list[Any]:
        return self._get_data("iterations", "its list of iterations")

    def _matches(self, iteration_id: object) -> list[Any]:
        return self._get_data(f"iterations/{iteration_id}/matches", f"iteration {iteration_id}")

    def _of_iteration(self, feed: str, iteration_id: object) -> list[Any]:
        return self._get_data(f"iterations/{iteration_id}/{feed}", f"the {feed} of iteration {iteration_id}")

    def _url_of(self, feed: str, match_id: object) -> str:
        return f"{self._base_url}/{_PATHS[feed].format(match_id)}"

    def _get_data(self, path: str, what: str) -> list[Any]:
        answer = self._get_json(path, what)
        if not isinstance(answer, dict) or "data" not in answer:
            raise SourceError(f"{self._base_url}/{path} has no 'data'. Is base_url that of the API?")
        return list_of(answer["data"], path)
