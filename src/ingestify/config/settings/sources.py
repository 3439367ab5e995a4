"""The sources, and the limits of the requests to their providers."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from ingestify.config.field_types import Configuration, Name, Seconds, Size
from ingestify.domain.request_budget import BudgetLimits
from ingestify.errors import ConfigurationError
from ingestify.fetch.options import HttpOptions
from ingestify.fetch.transport.address_policy import AllowedHosts
from ingestify.typed_section import Section, wrong

__all__ = ["MissingSettings", "RateLimitSettings", "RetrySettings", "SourceSettings", "TimeoutSettings"]


_HTTP = HttpOptions()
"""How a provider is asked where the settings do not say it."""


def _hosts(value: tuple[str, ...]) -> tuple[str, ...]:
    try:
        AllowedHosts.parse(value)
    except ConfigurationError as error:
        raise wrong(str(error).removeprefix("redirect_hosts ")) from error
    return value


class RateLimitSettings(Section):
    """The rate limit of a provider. At least one of the three is needed."""

    requests_per_second: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="Requests that may start in a second, for the whole source, in each process. Left out: the number "
        "of the source.",
    )
    requests_per_minute: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000_000,
        description="Requests in any 60 seconds, for the whole source, of all processes and machines of the lake "
        "together.",
    )
    requests_per_day: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000_000,
        description="Requests on a day in UTC, for the whole source, of all processes and machines of the lake "
        "together.",
    )

    @model_validator(mode="after")
    def _check_limits(self) -> RateLimitSettings:
        if self.requests_per_second is None and self.budget is None:
            raise wrong("it needs requests_per_second, requests_per_minute or requests_per_day")
        return self

    @property
    def budget(self) -> BudgetLimits | None:
        """The limits that all processes share; None: there are none."""
        if self.requests_per_minute is None and self.requests_per_day is None:
            return None
        return BudgetLimits(self.requests_per_minute, self.requests_per_day)


class TimeoutSettings(Section):
    """The timeouts of a provider."""

    connect_seconds: Seconds = Field(default=_HTTP.connect_timeout_seconds, description="For a connection.")
    read_seconds: Seconds = Field(
        default=_HTTP.read_timeout_seconds, description="For the next bytes of a response, not for all of it."
    )
    total_seconds: Seconds | None = Field(
        default=None,
        description="For one whole response. Left out: no limit, as a large video takes long over a slow connection; "
        "minimum_bytes_per_second limits it.",
    )
    minimum_bytes_per_second: float = Field(
        default=_HTTP.least_bytes_per_second,
        ge=0,
        allow_inf_nan=False,
        description="A slower response is aborted; the speed is measured over twice read_seconds of waiting. 0: "
        "there is no limit.",
    )


class RetrySettings(Section):
    """The retries of a request whose error may be temporary."""

    attempts: int = Field(default=_HTTP.attempts, ge=1, le=100, description="The most tries; 1 means no retry.")
    backoff_base_seconds: Seconds = Field(
        default=_HTTP.backoff_base_seconds,
        description="The longest wait after the first try; it doubles after each try.",
    )
    backoff_cap_seconds: Seconds = Field(
        default=_HTTP.backoff_cap_seconds, description="The longest wait between two tries."
    )
    max_retry_after_seconds: Seconds = Field(
        default=_HTTP.max_retry_after_seconds,
        description="The longest Retry-After to wait for. A host that asks for more is left alone until then.",
    )


class MissingSettings(Section):
    """How many datasets of a selector become MISSING at once. More, or all, only if a second run finds the same."""

    at_once_count: int = Field(default=3, ge=0, description="The most datasets that become MISSING at once.")
    at_once_share: float = Field(
        default=0.2,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="The largest share of a selector's datasets in the lake that becomes MISSING at once: 0.2 is a "
        "fifth.",
    )


class SourceSettings(Section):
    """One source."""

    type: Name = Field(
        description="A built-in source such as ingestify.statsbomb_github, an entry point's name, or a dotted path "
        "such as my_package.MySource."
    )
    enabled: bool = Field(
        default=True,
        description="Whether runs ingest its plans. false: they leave them out, and say so; its datasets stay in the "
        "lake, and still belong to it.",
    )
    configuration: Configuration = Field(
        default_factory=dict,
        description="The keyword arguments of the source: a mapping, a vault url, or a list of those, merged in "
        "order. A vault url in a mapping (vault+aws://name#key, vault+gcp://project/name#key) is replaced by that "
        "secret.",
        repr=False,
    )
    rate_limit: RateLimitSettings | None = Field(
        default=None,
        description="The rate limit of the provider. Left out: that of the source, else the engine finds out how "
        "fast the provider answers.",
    )
    max_concurrency: int | None = Field(
        default=None, ge=1, description="The most requests at once. Left out: the number of the source."
    )
    timeout: TimeoutSettings = Field(default=TimeoutSettings(), description="How long an answer is waited for.")
    retries: RetrySettings = Field(default=RetrySettings(), description="The retries of a failed request.")
    redirect_hosts: Annotated[tuple[str, ...], AfterValidator(_hosts)] = Field(
        default=(),
        description="The hosts to which redirects and links to a next page may lead, beside the provider's own host "
        "and those of the source: cdn.example.com, *.example.com for all below it, * for any. An address such as "
        "10.1.2.3 or 10.0.0.0/8 is allowed even if it is not in the provider's kind of network.",
    )
    max_file_size: Size = Field(
        default=_HTTP.max_file_bytes,
        description="The largest size of a file, on the wire and decoded, such as 64 GB. A larger file is not fetched.",
    )
    max_index_size: Size = Field(
        default=_HTTP.max_index_bytes,
        description="The most memory for a response that the source requests itself, such as 500 MB. It counts the "
        "bytes and the estimated size of the parsed JSON, which is about 7 times as much.",
    )
    max_expansion: float = Field(
        default=_HTTP.max_expansion,
        ge=1,
        allow_inf_nan=False,
        description="The largest ratio of decoded to compressed bytes (Content-Encoding), from 32 MB on; event JSON "
        "has about 20.",
    )
    max_pages: int = Field(default=_HTTP.max_pages, ge=1, description="The most pages of one index or file.")
    missing: MissingSettings = Field(
        default=MissingSettings(),
        description="How many datasets of a selector become MISSING at once. More are reported (exit code 3), and "
        "become MISSING if the next run finds the same, or if a run is told to accept it.",
    )
