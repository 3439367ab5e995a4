"""What a config.yaml can say, with types.

The descriptions of the fields are also those of the JSON schema that `ingestify config schema` prints, and part of
error messages. Reading a file, with its environment variables and line numbers, is `ingestify.config.reader`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.config import JsonDict
from pydantic_core import InitErrorDetails

from ingestify.config.field_types import BucketName, Configuration, Name, Seconds, Selector, Size, Url, Versions, wrong
from ingestify.domain.key_types import KeyType
from ingestify.errors import ConfigurationError
from ingestify.fetch.reach import AllowedHosts
from ingestify.suggestion import did_you_mean

__all__ = [
    "CheckSettings",
    "Contradiction",
    "DatasetTypeSettings",
    "FetchPolicySettings",
    "FileOptions",
    "FileTimeoutSettings",
    "IdentifierKeySettings",
    "IngestionPlanSettings",
    "MainSettings",
    "MetadataOptions",
    "QuarantineSettings",
    "RateLimitSettings",
    "RetrySettings",
    "Settings",
    "SourceSettings",
    "SubscriberSettings",
    "TimeoutSettings",
    "TransformationSettings",
    "find_contradictions",
]

Contradiction = tuple[tuple[str | int, ...], str]
"""The path of a key, and what is wrong with its value in the light of another key."""


def _selectors(value: object) -> object:
    if isinstance(value, (Mapping, str)):
        raise wrong("must be a list: put a - before each selector.")
    # As without any: everything that the source discovers.
    return None if isinstance(value, (list, tuple)) and not value else value


def _default_versions() -> dict[str, tuple[str, ...]]:
    return {"default": ("v1",)}


def _hosts(value: tuple[str, ...]) -> tuple[str, ...]:
    try:
        AllowedHosts.parse(value)
    except ConfigurationError as error:
        raise wrong(str(error).removeprefix("redirect_hosts ")) from error
    return value


def _type_or_text(value: object) -> object:
    return {"type": value} if isinstance(value, str) else value


def _items_or_text(schema: JsonDict) -> None:
    """Add text to the alternatives of a list's items."""
    schema["items"] = {"anyOf": [schema.get("items", {}), {"type": "string"}]}


def _or_text(schema: JsonDict) -> None:
    """Add text to the alternatives of a schema."""
    alternatives = schema.get("anyOf")
    if isinstance(alternatives, list):
        alternatives.append({"type": "string"})


class _Section(BaseModel):
    """A mapping of the file. An unknown key is an error; a key without a value is as if it were not there."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_empty_keys(cls, data: object) -> object:
        if not isinstance(data, Mapping):
            return data
        return {key: value for key, value in data.items() if value is not None or key not in cls.model_fields}


class MetadataOptions(_Section):
    """How the catalogue is kept."""

    table_prefix: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9_]*$",
        description="Begins the name of each table, so that a database can be shared. Letters, digits and _.",
    )


class FileTimeoutSettings(_Section):
    """How long an object store is waited for."""

    connect_seconds: Seconds = Field(default=10.0, description="For the connection to be made.")
    read_seconds: Seconds = Field(
        default=120.0, description="For one request to be sent and answered, and for the next bytes of what is read."
    )


class FileOptions(_Section):
    """How an object store is spoken to: for s3://, gs:// and az://. Credentials come from the environment."""

    endpoint: Name | None = Field(
        default=None,
        description="The server, where it is not the service's own: https://minio.example.com:9000, or "
        "https://ACCOUNT.r2.cloudflarestorage.com. http:// is not encrypted.",
        repr=False,
    )
    region: Name | None = Field(
        default=None, description="For S3: the bucket's region. Left out: that of the environment, or of the profile."
    )
    profile: Name | None = Field(
        default=None,
        description="For S3: a profile of ~/.aws/credentials and ~/.aws/config. Left out: AWS_ACCESS_KEY_ID, then "
        "AWS_PROFILE, then the profile default, then the machine's own role.",
    )
    path_style: bool | None = Field(
        default=None,
        description="For S3: whether the bucket is in the path, and not in the host's name. Left out: as is usual, in "
        "the path where there is an endpoint.",
    )
    account: Name | None = Field(
        default=None, description="For Azure: the storage account. Left out: AZURE_STORAGE_ACCOUNT_NAME."
    )
    anonymous: bool = Field(
        default=False, description="Whether requests are not signed, as for a public bucket; mostly for reading only."
    )
    ca_certificate: Name | None = Field(
        default=None,
        description="A PEM file with the authorities of a private server, trusted besides the usual ones. A relative "
        "path is below the folder of the config file.",
    )
    spool_folder: Name | None = Field(
        default=None,
        description="Where files of more than 8 MB wait until they are whole; it takes those that are on their way. "
        "Left out: the system's folder for temporary files. A relative path is below the folder of the config file.",
    )
    attempts: int = Field(default=8, ge=1, le=100, description="Tries in all of a request that failed and may pass.")
    timeout: FileTimeoutSettings = Field(default=FileTimeoutSettings(), description="How long an answer is waited for.")


class MainSettings(_Section):
    """Where the lake is."""

    metadata_url: Url = Field(
        description="Where the catalogue is: sqlite:///database/catalog.db, "
        "postgresql://host/database (extra postgres), mysql://… or mariadb://… (extra mysql), "
        "or a vault url: vault+aws://name or vault+gcp://project/name, whose secret is such a URL, or what Amazon RDS "
        "writes. A relative path is below the folder of the config file.",
        repr=False,
    )
    file_url: Url = Field(
        description="Where the files are: file://database/files/, s3://…, gs://… or az://…, or a vault url whose "
        "secret is such a URL. After file:// comes a "
        "plain path, without percent-encoding; a relative one is below the folder of the config file.",
        repr=False,
    )
    default_bucket: BucketName = Field(
        default="main", description="The part of the lake that is used when no --bucket is given."
    )
    compression: Literal["zstd", "gzip", "none"] = Field(
        default="zstd",
        description="How the files are stored that are not compressed already: zstd makes event JSON about 15 times "
        "smaller at the least cost, gzip is what other tools can open, none is the provider's bytes as they are. It is "
        "for new files; those that are there are read whatever they have.",
    )
    metadata_options: MetadataOptions = Field(default=MetadataOptions(), description="How the catalogue is kept.")
    file_options: FileOptions | None = Field(
        default=None, description="How an object store is spoken to. Left out: as its service is, by the environment."
    )


class RateLimitSettings(_Section):
    """How fast a provider may be asked."""

    requests_per_second: float = Field(
        gt=0, allow_inf_nan=False, description="Requests that may start in a second, for the whole source."
    )


class TimeoutSettings(_Section):
    """How long an answer is waited for."""

    connect_seconds: Seconds = Field(default=10.0, description="For the connection to be made.")
    read_seconds: Seconds = Field(default=60.0, description="For the next bytes of an answer, not for all of it.")
    total_seconds: Seconds | None = Field(
        default=None,
        description="For all of one answer. Left out: as long as it takes, which for a large video over a poor line is "
        "long, if it is not slower than minimum_bytes_per_second.",
    )
    minimum_bytes_per_second: float = Field(
        default=100.0,
        ge=0,
        allow_inf_nan=False,
        description="An answer that brings less is given up, as one that stopped; looked at over twice read_seconds of "
        "waiting. 0: none is.",
    )


class RetrySettings(_Section):
    """How often a request is tried that failed for a reason that may pass."""

    attempts: int = Field(default=5, ge=1, le=100, description="Tries in all; 1 is no second try.")
    backoff_base_seconds: Seconds = Field(
        default=0.5, description="The most that is waited after the first try; it doubles after each."
    )
    backoff_cap_seconds: Seconds = Field(default=30.0, description="The most that is ever waited between two tries.")
    max_retry_after_seconds: Seconds = Field(
        default=120.0, description="A provider that asks for a longer pause than this is not waited for."
    )


class SourceSettings(_Section):
    """One source."""

    type: Name = Field(
        description="A built-in source such as ingestify.statsbomb_github, an entry point's name, or a dotted path "
        "such as my_package.MySource."
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
        default=64_000_000_000,
        description="The most that one file may have, as it came and decoded, such as 64 GB. What has more is not "
        "fetched.",
    )
    max_index_size: Size = Field(
        default=1_000_000_000,
        description="The most that an answer may have which the source asks for itself, in memory, such as 500 MB.",
    )
    max_expansion: float = Field(
        default=200.0,
        ge=1,
        allow_inf_nan=False,
        description="How many bytes may become of one that came compressed (Content-Encoding), from 32 MB on; event "
        "JSON makes 20.",
    )
    max_pages: int = Field(default=10_000, ge=1, description="How many pages are followed of one index or file.")


class TransformationSettings(_Section):
    """Adds a folder level above a key, so that no folder holds a million others. It is for new files only."""

    type: Name = Field(
        description="bucket (with bucket_size: match_id_bucket=0-999/match_id=12; with bucket_count: "
        "keyword_bucket=36/keyword=arsenal), prefix (keyword_prefix=ar/keyword=arsenal), identity (no level), or the "
        "dotted path of a class with a name and a method transform(value).",
    )
    bucket_size: int | None = Field(
        default=None, ge=1, description="For bucket: how many numbers share a folder; other text lies in 'other'."
    )
    bucket_count: int | None = Field(
        default=None,
        ge=1,
        description="For bucket: how many folders there are; a hash spreads values of any kind evenly over them.",
    )
    prefix_length: int | None = Field(
        default=None, ge=1, description="For prefix: how many characters name the folder."
    )
    configuration: dict[str, Any] = Field(
        default_factory=dict, description="For a dotted path: what its class is made with.", repr=False
    )

    @model_validator(mode="after")
    def _check_options(self) -> TransformationSettings:
        given = {name for name in ("bucket_size", "bucket_count", "prefix_length") if getattr(self, name) is not None}
        if self.type == "bucket" and len(given & {"bucket_size", "bucket_count"}) != 1:
            raise wrong("bucket needs a bucket_size or a bucket_count, and not both.")
        if self.type == "prefix" and "prefix_length" not in given:
            raise wrong("prefix needs a prefix_length.")
        taken = {"bucket": {"bucket_size", "bucket_count"}, "prefix": {"prefix_length"}, "identity": set[str]()}
        if "." not in self.type and self.type not in taken:
            raise wrong(f"there is no transformation of that type{did_you_mean(self.type, taken) or '.'}")
        # What a class of one's own is made with stands in its configuration.
        taken_here = taken.get(self.type, {"configuration"})
        if self.configuration:
            given.add("configuration")
        if surplus := sorted(given - taken_here):
            hint = "; write it into its configuration." if self.type not in taken else "."
            raise wrong(f"{self.type} takes no {' and no '.join(surplus)}{hint}")
        return self


class IdentifierKeySettings(_Section):
    """One key of the identifiers of a dataset type."""

    transformation: TransformationSettings | None = Field(
        default=None, description="How the key's values are spread over folders. Left out: not at all."
    )
    key_type: KeyType | None = Field(
        default=None,
        description="What the key's values are: int makes identifier['match_id'] a whole number, and what is none an "
        'error; str makes it text. Left out: as the source gives them. 12 and "12" are the same dataset with any.',
    )


class CheckSettings(_Section):
    """One bundle check."""

    type: Name = Field(description="The dotted path of a BundleCheck, such as my_package.MyCheck.")
    configuration: Configuration = Field(
        default_factory=dict,
        description="What it is made with: a mapping, a vault url, or a list of those, merged in order.",
        repr=False,
    )


class DatasetTypeSettings(_Section):
    """What the datasets of one type hold, and how they are kept."""

    provider: Name = Field(description="The provider of the datasets, as the source names it.")
    dataset_type: Name = Field(description="Their type, such as match.")
    identifier_index: bool = Field(
        default=False, description="Whether the catalogue gets an index on each of the identifier's keys."
    )
    identifier_keys: dict[str, IdentifierKeySettings] = Field(
        default_factory=dict, description="Key of the identifier to how it is kept."
    )
    requires: tuple[Name, ...] | None = Field(
        default=None,
        description="The feeds that a complete dataset has; what lacks one is PARTIAL. Left out: what the source says, "
        "else what is built in (match: match, lineups, events; tracking: metadata, frames; video: video).",
    )
    optional: tuple[Name, ...] | None = Field(
        default=None, description="The feeds that some have. Left out: what the source says, else what is built in."
    )
    file_checks: bool | None = Field(
        default=None,
        description="Whether each file is looked at before it is committed: does its JSON parse, is its ZIP whole, is "
        "it an error page? Left out: yes.",
    )
    checks: tuple[Annotated[CheckSettings, BeforeValidator(_type_or_text)], ...] = Field(
        default=(),
        description="What must hold between the files of a dataset: dotted paths of BundleChecks, or types with their "
        "configuration. They come on top of those of the source.",
        json_schema_extra=_items_or_text,
    )


class QuarantineSettings(_Section):
    """What becomes of bundles that failed a check."""

    retry_after_hours: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        default=20.0,
        description="After how many hours a bundle in quarantine is fetched anew, whatever the provider says of its "
        "versions. Until then only what is answered with 'not modified' is asked for.",
    )


class FetchPolicySettings(_Section):
    """When a dataset is fetched again."""

    type: Name = Field(description="The dotted path of a FetchPolicy, such as my_package.Cadence.")
    configuration: Configuration = Field(
        default_factory=dict,
        description="What it is made with: a mapping, a vault url, or a list of those, merged in order.",
        repr=False,
    )


class IngestionPlanSettings(_Section):
    """What is to be ingested: one source, one dataset type, and which part of it."""

    source: Name = Field(description="A name under sources.")
    dataset_type: Name = Field(description="What to ingest, such as match.")
    data_spec_versions: Versions = Field(
        default_factory=_default_versions,
        description="Feed to the wanted version, or to a list of them; `default` stands for each feed not named.",
    )
    fetch_policy: Annotated[FetchPolicySettings | None, BeforeValidator(_type_or_text)] = Field(
        default=None,
        description="When a dataset is fetched again: a dotted path, or a type with its configuration. Left out: when "
        "a file is new or newer.",
        json_schema_extra=_or_text,
    )
    selectors: Annotated[tuple[Selector, ...] | None, BeforeValidator(_selectors)] = Field(
        default=None,
        description='Which part: mappings (lists in them multiply), "*" for everything discovered, or expressions over '
        "discovered selectors such as competition_id == 11 and season_id > 42. Left out: everything discovered.",
    )


class SubscriberSettings(_Section):
    """Somebody who is told of what happens."""

    type: Name = Field(description="The dotted path of a Subscriber, such as my_package.MySubscriber.")
    configuration: Configuration = Field(
        default_factory=dict,
        description="What it is made with: a mapping, a vault url, or a list of those, merged in order.",
        repr=False,
    )


class Settings(_Section):
    """A config.yaml of ingestify."""

    main: MainSettings = Field(description="Where the lake is.")
    sources: dict[str, SourceSettings] = Field(
        default_factory=dict, description="Name of the source to its settings. A lake that is only read needs none."
    )
    dataset_types: tuple[DatasetTypeSettings, ...] = Field(
        default=(), description="What datasets hold and how they are kept, where it is not the usual way."
    )
    ingestion_plans: tuple[IngestionPlanSettings, ...] = Field(
        default=(), description="What is to be ingested, in this order."
    )
    quarantine: QuarantineSettings = Field(
        default=QuarantineSettings(), description="What becomes of bundles that failed a check."
    )
    event_subscribers: tuple[SubscriberSettings, ...] = Field(default=(), description="Who is told of what happens.")

    @model_validator(mode="after")
    def _check_contradictions(self) -> Settings:
        found = find_contradictions(self.model_dump())
        if found:
            raise ValidationError.from_exception_data(
                "Settings",
                [InitErrorDetails(type=wrong(problem), loc=path, input=None) for path, problem in found],
            )
        return self


def find_contradictions(document: Mapping[str, object]) -> list[Contradiction]:
    """Return what is wrong between keys: a plan with an unknown source, a dataset type that is there twice.

    Args:
        document: The file's mappings and lists. Whatever has not the right shape is left for others to refuse.
    """
    found: list[Contradiction] = []
    sources = document.get("sources")
    if isinstance(sources, Mapping):
        names = [str(name) for name in sources]
        for index, plan in _entries(document, "ingestion_plans"):
            wanted = plan.get("source")
            if isinstance(wanted, str) and wanted and wanted not in names:
                hint = did_you_mean(wanted, names) or f"; there {'is' if len(names) == 1 else 'are'} {_listed(names)}."
                found.append((("ingestion_plans", index, "source"), f"there is no source '{wanted}'{hint}"))
    seen: set[tuple[object, object]] = set()
    for index, entry in _entries(document, "dataset_types"):
        provider, dataset_type = entry.get("provider"), entry.get("dataset_type")
        if not isinstance(provider, str) or not isinstance(dataset_type, str):
            continue
        if (provider, dataset_type) in seen:
            problem = f"the dataset type '{dataset_type}' of '{provider}' is there a second time."
            found.append((("dataset_types", index), problem))
        seen.add((provider, dataset_type))
    return found


def _entries(document: Mapping[str, object], section: str) -> list[tuple[int, Mapping[str, object]]]:
    entries = document.get(section)
    if not isinstance(entries, Sequence) or isinstance(entries, str):
        return []
    return [(index, entry) for index, entry in enumerate(entries) if isinstance(entry, Mapping)]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(sorted(names)) or "none at all"
