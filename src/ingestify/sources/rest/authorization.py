"""The credentials of a description, and how they are sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Literal, TypedDict
from urllib.parse import quote_plus

from pydantic import Field

from ingestify.domain.ports import Authorization, HttpClientPort
from ingestify.masking import hide
from ingestify.sources.bearer_token import BearerToken
from ingestify.sources.rest.fields import HttpUrl
from ingestify.typed_section import Section, Text

__all__ = ["ApiKeyAuth", "Auth", "BasicAuth", "BearerAuth", "ClientCredentialsAuth", "Credentials", "make_credentials"]


class BasicAuth(Section):
    """A user and a password, sent with each request (RFC 7617)."""

    type: Literal["basic"]
    username: Text = Field(description="The user.")
    password: str = Field(description="The password.", repr=False)


class BearerAuth(Section):
    """A token that does not expire, sent as `Authorization: Bearer …`."""

    type: Literal["bearer"]
    token: Text = Field(description="The token.", repr=False)


class ApiKeyAuth(Section):
    """A key in a header or in the query."""

    type: Literal["api_key"]
    name: Text = Field(description="The name of the header or of the parameter.")
    value: Text = Field(description="The key.", repr=False)
    location: Literal["header", "query"] = Field(
        default="header",
        alias="in",
        description="Where it is sent: header, or query. Servers log a query, and not a header.",
    )


class ClientCredentialsAuth(Section):
    """OAuth 2.0 with client credentials (RFC 6749, section 4.4): the source renews the token before it expires."""

    type: Literal["oauth2_client_credentials"]
    token_url: HttpUrl = Field(description="The URL that gives tokens.")
    client_id: Text = Field(description="The id of the client.")
    client_secret: Text = Field(description="Its secret.", repr=False)
    scope: Text | None = Field(default=None, description="The scope of the token, in the provider's words.")
    parameters: dict[str, str] = Field(
        default_factory=dict, description="Further parameters of the form, such as an audience.", repr=False
    )
    credentials_in: Literal["body", "header"] = Field(
        default="header",
        description="How client and secret are sent: header (Basic authentication), or body (in the form).",
    )


Auth = Annotated[BasicAuth | BearerAuth | ApiKeyAuth | ClientCredentialsAuth, Field(discriminator="type")]


class RequestOptions(TypedDict, total=False):
    """The options of a request that depend on its host: for `http_options` of a file, and for `self.http`."""

    auth: tuple[str, str] | Authorization
    headers: dict[str, str]
    params: dict[str, str]


class Credentials:
    """The credentials of requests to the provider's own host. Safe to use from any thread.

    Attributes:
        auth: User and password, a token that is renewed, or None.
        headers: Further headers; may hold a key.
        parameters: Further parameters of the query; may hold a key.
    """

    def __init__(
        self,
        auth: tuple[str, str] | Authorization | None = None,
        headers: Mapping[str, str] | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        self.auth = auth
        self.headers = dict(headers or {})
        self.parameters = dict(parameters or {})

    def as_options(self, parameters: Mapping[str, str] | None = None) -> RequestOptions:
        """Return the options for `http_options` and for `self.http`.

        Args:
            parameters: The parameters of the request itself.
        """
        options = RequestOptions()
        if self.auth:
            options["auth"] = self.auth
        if self.headers:
            options["headers"] = self.headers
        if params := {**(parameters or {}), **self.parameters}:
            options["params"] = params
        return options

    def __repr__(self) -> str:
        return "Credentials(…)"


def make_credentials(
    auth: Auth | None, headers: Mapping[str, str], source_name: str, get_http: Callable[[], HttpClientPort]
) -> Credentials:
    """Return the credentials of a description.

    Args:
        auth: The setting `auth`.
        headers: The setting `headers`.
        source_name: The source's name, for errors.
        get_http: Returns the source's client, which the source gets later from the engine.
    """
    for value in headers.values():
        hide(value)
    match auth:
        case None:
            return Credentials(None, headers)
        case BasicAuth():
            hide(auth.password)
            return Credentials((auth.username, auth.password), headers)
        case BearerAuth():
            hide(auth.token)
            return Credentials(None, {**headers, "Authorization": f"Bearer {auth.token}"})
        case ApiKeyAuth(location="header"):
            hide(auth.value)
            return Credentials(None, {**headers, auth.name: auth.value})
        case ApiKeyAuth():
            hide(auth.value)
            return Credentials(None, headers, {auth.name: auth.value})
        case ClientCredentialsAuth():
            return Credentials(_make_token(auth, source_name, get_http), headers)


def _make_token(auth: ClientCredentialsAuth, source_name: str, get_http: Callable[[], HttpClientPort]) -> BearerToken:
    hide(auth.client_secret)
    form = {"grant_type": "client_credentials", **auth.parameters}
    if auth.scope is not None:
        form["scope"] = auth.scope
    basic = None
    if auth.credentials_in == "body":
        form |= {"client_id": auth.client_id, "client_secret": auth.client_secret}
    else:
        # Both are encoded as in a form before they are joined (RFC 6749, section 2.3.1).
        basic = (quote_plus(auth.client_id), quote_plus(auth.client_secret))
    return BearerToken(source_name, auth.token_url, form, get_http, auth=basic)
