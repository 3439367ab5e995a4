"""The sources, and how their providers may be asked."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from ingestify.config.field_types import Configuration, Name, Seconds, Size
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
    """How fast a provider may be asked."""

    requests_per_second: float = Field(
        gt=0, allow_inf_nan=False, description="Requests that may start in a second, for the whole source."
    )


class TimeoutSettings(Section):
    """How long an answer is waited for."""

    connect_seconds: Seconds = Field(
        default=_HTTP.connect_timeout_seconds, description="For the connection to be made."
    )
    read_seconds: Seconds = Field(
        default=_HTTP.read_timeout_seconds, description="For the next bytes of an answer, not for all of it."
    )
    total_seconds: Seconds | None = Field(
        default=None,
        description="For all of one answer. Left out: as long as it takes, which for a large video over a poor line is "
        "long, if it is not slower than minimum_bytes_per_second.",
    )
    minimum_bytes_per_second: float = Field(
        default=_HTTP.least_bytes_per_second,
        ge=0,
        allow_inf_nan=False,
        description="An answer that brings less is given up, as one that stopped; looked at over twice read_seconds of "
        "waiting. 0: none is.",
    )


class RetrySettings(Section):
    """How often a request is tried that failed for a reason that may pass."""

    attempts: int = Field(default=_HTTP.attempts, ge=1, le=100, description="Tries in all; 1 is no second try.")
    backoff_base_seconds: Seconds = Field(
        default=_HTTP.backoff_base_seconds,
        description="The most that is waited after the first try; it doubles after each.",
    )
    backoff_cap_seconds: Seconds = Field(
        default=_HTTP.backoff_cap_seconds, description="The most that is ever waited between two tries."
    )
    max_retry_after_seconds: Seconds = Field(
        default=_HTTP.max_retry_after_seconds,
        description="A host that asks for a longer pause is left alone until then.",
    )


class MissingSettings(Section):
    """How much of a selector may be missing at once; when it is more, or all, a second run has to say the same."""

    at_once_count: int = Field(
        default=3, ge=0, description="So many datasets that are not listed any more are MISSING at once."
    )
    at_once_share: float = Field(
        default=0.2,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="So much of what the lake has of a selector, likewise: 0.2 is a fifth.",
    )


class SourceSettings(Section):
    """One source."""

    type: Name = Field(
        description="A built-in source such as ingestify.statsbomb_github, an entry point's name, or a dotted path "
        "such as my_package.MySource."
    )
    enabled: bool = Field(
        default=True,
        description="Whether its plans are ingested. false: runs leave them out, and say so; what the lake has of it "
        "stays, and is still its own.",
    )
    configuration: Configuration = Field(
        default_factory=dict,
        description="What the source is made with: a mapping, a vault url, or a list of those, merged in order. A text "
        "in a mapping that is a vault url (vault+aws://name#key, vault+gcp://project/name#key) stands for that secret.",
        repr=False,
    )
    rate_limit: RateLimitSettings | None = Field(
        default=None,
        description="How fast the provider may be asked. Left out: what the source says itself, else as fast as the "
        "provider lets, which is found out.",
    )
    max_concurrency: int | None = Field(
        default=None, ge=1, description="The most requests in flight. Left out: what the source says itself."
    )
    timeout: TimeoutSettings = Field(default=TimeoutSettings(), description="How long an answer is waited for.")
    retries: RetrySettings = Field(default=RetrySettings(), description="How often a failed request is tried.")
    redirect_hosts: Annotated[tuple[str, ...], AfterValidator(_hosts)] = Field(
        default=(),
        description="Where the provider may lead to, by a redirect or as the next page, beside its own host and those "
        "that the source names: cdn.example.com, *.example.com for all below it, * for any. An address such as "
        "10.1.2.3 or 10.0.0.0/8 may be connected to also where it is not of the provider's kind of network.",
    )
    max_file_size: Size = Field(
        default=_HTTP.max_file_bytes,
        description="The most that one file may have, as it came and decoded, such as 64 GB. What has more is not "
        "fetched.",
    )
    max_index_size: Size = Field(
        default=_HTTP.max_index_bytes,
        description="The most that an answer may take in memory which the source asks for itself, such as 500 MB: its "
        "bytes, and, by estimate, what its JSON becomes, which is about 7 times as much.",
    )
    max_expansion: float = Field(
        default=_HTTP.max_expansion,
        ge=1,
        allow_inf_nan=False,
        description="How many bytes may become of one that came compressed (Content-Encoding), from 32 MB on; event "
        "JSON makes 20.",
    )
    max_pages: int = Field(
        default=_HTTP.max_pages, ge=1, description="How many pages are followed of one index or file."
    )
    missing: MissingSettings = Field(
        default=MissingSettings(),
        description="How much of a selector may be missing at once. More of it is reported (exit code 3), and MISSING "
        "when the next run says the same, or when a run is told to accept it.",
    )
