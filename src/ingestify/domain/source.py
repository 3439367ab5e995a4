"""A source: it finds the datasets of one provider."""

from __future__ import annotations

import abc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ingestify.domain.bundle import BundleType
from ingestify.domain.bundle_check import BundleCheck
from ingestify.domain.dataset import CollectionMetadata
from ingestify.domain.export_layout import NO_LAYOUT, ExportLayout
from ingestify.domain.feeds import DataSpecVersionCollection
from ingestify.domain.record_key import NO_RECORD_KEYS, RecordKeys
from ingestify.domain.resource import DatasetResource, UnreadableEntry
from ingestify.errors import ConfigurationError

if TYPE_CHECKING:
    from ingestify.domain.ports import HttpClientPort

__all__ = ["CollectingSource", "Source", "collecting"]


class Source(abc.ABC):
    """Subclass it to connect a provider. Plain synchronous Python.

    Discovery threads call `discover_selectors` and `find_datasets`: one call at a time, or several at once if the
    source says so with `concurrent_discovery`. Both are called by keyword, with those arguments that they take.

    Attributes:
        provider: The provider's name, such as `statsbomb`; a class attribute or a property.
        max_concurrency: The most requests in flight for this source; None leaves it to the settings.
        redirect_hosts: The hosts, beside the provider's own, to which redirects and links to a next page may lead:
            `media.example.com`, or `*.example.com` for all hosts below it. Other hosts are refused.
        requests_per_second: The provider's documented rate limit. The settings' `rate_limit` replaces it. None: the
            engine finds out how fast the provider answers.
        name: The source's name in the configuration.
        configuration: Its keyword arguments in the configuration.
        bundle_types: The feeds of complete datasets, such as `(MATCH,)` of `domain.bundle`. The settings'
            `dataset_types` replace them. For a type that is not among them, a dataset is complete with what the source
            announces of it.
        expects_usual_feeds: Whether a dataset with the first feed of a built-in type (`match`, `metadata` of
            `tracking`, `video`) needs all feeds of that type, where nothing else says what it needs.
        identifier_keys: The keys that identifiers of its datasets may have, `("season_id", "match_id")`, or for each
            dataset type `{"match": ("season_id", "match_id")}`. A filter on another key is refused without a request.
            Empty: any key is allowed.
        selector_keys: The attributes that a selector must have before `find_datasets` is called, `("season_id",)`, or
            for each dataset type `{"match": ("season_id",)}`. Empty: the parameters of `find_datasets` that have no
            default.
        multi_value_keys: The keys of which `find_datasets` takes a list of values, `("match_id",)`, or for each dataset
            type `{"match": ("match_id",)}`. The selectors of a plan that differ only in such a key are one job, and
            one call of `find_datasets`: an index is requested once, and not for each match. Each of its datasets has
            the key in its own identity. A subclass that overrides `find_datasets` declares it anew.
        bundle_checks: The checks between the files of its datasets.
        loader: The format of its datasets, if that is not named after the provider: `opta`, or for each dataset type
            `{"match": "opta", "tracking": "tracab"}`. It brings the feeds of complete datasets, their checks, and how
            kloppy loads them; see `provider_formats`.
        concurrent_discovery: Whether `find_datasets` may run for several selectors at once, in several threads. Such a
            source keeps no state between the calls that threads cannot share.
        lists_everything: Whether `find_datasets` lists everything that a selector has, and `discover_selectors` all
            selectors. Then a dataset that it stops listing is marked MISSING; many at once only after a second run
            finds the same. A selector with the hint `_lists_everything` says it for itself. A source that reads
            `dataset_collection_metadata` does not list everything.
        follows_changes: Whether it reads a feed of changes to find out what to request again. Then
            `dataset_collection_metadata.ingested_until` is the moment from which it has to read that feed, and reading
            `ingested_until` does not count as reading the metadata.
        reads_index_again: Whether its index may be read once more after files were fetched, to make sure that the name
            and the metadata of a dataset belong to the same moment. Set it to False only if the provider allows very
            few requests.
        former_versions: Versions under which the published package `ingestify` stored the feeds, where a version is
            only a label, as the provider has one of each feed. A dataset that has a feed under one of them keeps it.
        record_keys: Feed to the way to the key of its records, `{"events": "id"}`, or to a `RecordKey`, which says more
            of them. `engine.diff` compares two revisions by it. A feed that is not there is compared by `id`, if its
            records have one, else by content.
        export_layout: Where the provider keeps its files, so that an export looks like what the provider publishes: an
            `ExportLayout` of `domain.export_layout`.
        licence: The provider's terms for the data, in a few words. Kept with each revision.
        attribution: How a publication has to name the source of the data. Kept with each revision; the command line
            shows both when a provider's first data comes into a lake.
        hosts: The hosts that it requests by default, for people.
        origin: Where its data comes from, as `https://api.example.com`, for lineage; empty: unknown.
        change_signal: How it sees that a file changed, for people.
    """

    provider: str
    max_concurrency: int | None = None
    redirect_hosts: Sequence[str] = ()
    requests_per_second: float | None = None
    bundle_types: Sequence[BundleType] = ()
    expects_usual_feeds: bool = False
    bundle_checks: Sequence[BundleCheck] = ()
    identifier_keys: Sequence[str] | Mapping[str, Sequence[str]] = ()
    selector_keys: Sequence[str] | Mapping[str, Sequence[str]] = ()
    multi_value_keys: Sequence[str] | Mapping[str, Sequence[str]] = ()
    loader: str | Mapping[str, str] = ""
    concurrent_discovery: bool = False
    lists_everything: bool = False
    follows_changes: bool = False
    reads_index_again: bool = True
    former_versions: Sequence[str] = ()
    record_keys: RecordKeys = NO_RECORD_KEYS
    export_layout: ExportLayout = NO_LAYOUT
    licence: str = ""
    attribution: str = ""
    hosts: Sequence[str] = ()
    origin: str = ""
    change_signal: str = ""
    _http: HttpClientPort | None = None

    def __init__(self, name: str, **configuration: Any) -> None:
        self.name = name
        self.configuration = configuration

    @property
    def terms(self) -> dict[str, str]:
        """`licence` and `attribution`, without empty ones."""
        terms = {"licence": self.licence, "attribution": self.attribution}
        return {name: str(text) for name, text in terms.items() if text}

    def loader_of(self, dataset_type: str) -> str:
        """Return the `loader` of a dataset type; empty: none."""
        return self.loader if isinstance(self.loader, str) else self.loader.get(dataset_type, "")

    def identifier_keys_of(self, dataset_type: str) -> tuple[str, ...]:
        """Return the `identifier_keys` of a dataset type; empty: none."""
        return _keys_of(self.identifier_keys, dataset_type)

    def selector_keys_of(self, dataset_type: str) -> tuple[str, ...]:
        """Return the `selector_keys` of a dataset type; empty: none."""
        return _keys_of(self.selector_keys, dataset_type)

    def multi_value_keys_of(self, dataset_type: str) -> tuple[str, ...]:
        """Return the `multi_value_keys` of a dataset type; empty: none that its own `find_datasets` takes."""
        if "multi_value_keys" not in vars(self):
            for one in type(self).__mro__:
                if "multi_value_keys" in vars(one):
                    break
                if "find_datasets" in vars(one):
                    return ()  # it was written without knowing of lists
        return _keys_of(self.multi_value_keys, dataset_type)

    @property
    def http(self) -> HttpClientPort:
        """The engine's HTTP client: with retries, this source's rate limit, and its concurrency.

        Raises:
            ConfigurationError: The source is not attached to an engine yet, as in its `__init__`.
        """
        if self._http is None:
            raise ConfigurationError(
                f"The source '{getattr(self, 'name', type(self).__name__)}' has no HTTP client yet: it gets one "
                f"when an engine takes it, from get_engine, add_ingestion_plan or debug_source. "
                f"Use self.http in discover_selectors, find_datasets and loaders, not in __init__."
            )
        return self._http

    def attach_http(self, client: HttpClientPort) -> None:
        """Set the client that `http` returns; the engine calls this."""
        self._http = client

    def discover_selectors(self, dataset_type: str) -> Sequence[Mapping[str, Any] | UnreadableEntry]:
        """Return the selectors, such as `{"competition_id": 11, "season_id": 90, "_name": "La Liga 2020/2021"}`.

        Keys that begin with `_` are hints and not identity. `_last_modified` (datetime) or `_version` (any text): the
        whole selector is skipped if the value is the same as at its last complete ingest. `_grain` (timedelta): the
        grain of the time. `_name`, `_competition_name` and `_season_name`: for people. See `domain.selector.Selector`.
        An `UnreadableEntry` is a selector that cannot be read: only this selector fails.

        Raises:
            ConfigurationError: The source does not override this, so its selectors must be configured.
        """
        raise ConfigurationError(
            f"The source '{self.name}' cannot discover its selectors: list them under 'selectors' of its "
            f"ingestion plan for '{dataset_type}'."
        )

    @abc.abstractmethod
    def find_datasets(
        self,
        dataset_type: str,
        data_spec_versions: DataSpecVersionCollection,
        dataset_collection_metadata: CollectionMetadata,
        *_: Any,
        **selector: Any,
    ) -> Iterable[DatasetResource | UnreadableEntry] | Iterable[Sequence[DatasetResource | UnreadableEntry]]:
        """Announce the datasets of one selector: a list, a generator of resources, or a generator of lists.

        The engine consumes it lazily, and fetches datasets while this method still runs. The datasets of a list are
        looked up in the lake together, so an index of a thousand matches is best yielded as one list. An
        `UnreadableEntry` in place of a resource is an entry that cannot be read: only this entry fails.

        Args:
            dataset_type: The dataset type: `match`, `tracking`, …
            data_spec_versions: The wanted feeds and versions.
            dataset_collection_metadata: The number and age of the selector's datasets in the lake; loaded when it is
                read.
            **selector: The selector's attributes, and the filters of the call, such as `match_id=12`, as far as the
                method has parameters for them. All arguments are passed by keyword, so their order does not matter.
                A method without parameters for the first three gets those in `**selector`, too.

        Returns:
            The datasets. None: there are none.
        """

    def __repr__(self) -> str:
        # The configuration may hold secrets, so it is not shown.
        return f"{type(self).__name__}(name={getattr(self, 'name', None)!r})"


def _keys_of(declared: Sequence[str] | Mapping[str, Sequence[str]], dataset_type: str) -> tuple[str, ...]:
    return tuple(declared.get(dataset_type, ()) if isinstance(declared, Mapping) else declared)


@runtime_checkable
class CollectingSource(Protocol):
    """A source that submits work and collects it later. The engine alternates the two until nothing is pending.

    The discovery thread of one selector calls all three. A plan of such a source discovers one selector at a time.
    """

    def submit(self, iterator: Iterator[DatasetResource]) -> bool:
        """Take resources from the iterator. Return True if it is exhausted, False if this source is full for now."""

    def collect(self) -> Iterable[DatasetResource]:
        """Yield resources whose files now have content, or that were marked failed."""

    def has_pending(self) -> bool:
        """Whether something was submitted and not collected yet."""


def collecting(source: Source) -> CollectingSource | None:
    """Return `source` if it submits and collects, else None.

    Raises:
        ConfigurationError: It defines some of `submit`, `collect` and `has_pending`, and not all.
    """
    names = ("submit", "collect", "has_pending")
    missing = [name for name in names if not callable(getattr(source, name, None))]
    if len(missing) == len(names):
        return None
    if missing:
        raise ConfigurationError(f"{source!r} submits work, and has no {' and no '.join(missing)}.")
    return source if isinstance(source, CollectingSource) else None
