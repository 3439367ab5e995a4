"""`ingestify.rest`: the datasets of a REST API, by a description in YAML; see docs/rest.md."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from ingestify.checks.error_response import find_error_in_index
from ingestify.domain.bundle import BundleType
from ingestify.domain.dataset import CollectionMetadata, DatasetState
from ingestify.domain.error_response import FindError
from ingestify.domain.feeds import DataSpecVersionCollection
from ingestify.domain.resource import DatasetResource, FileHttpOptions
from ingestify.domain.selector import filter_values
from ingestify.domain.source import Source
from ingestify.errors import ConfigurationError, SourceError
from ingestify.masking import mask_url
from ingestify.sources.base_url import find_bundle_type, origin_of
from ingestify.sources.declaration import read_declaration
from ingestify.sources.entries import LONGEST_NAME, Found, Selectors, are_alike, read_each
from ingestify.sources.rest.addresses import Addresses
from ingestify.sources.rest.authorization import make_credentials
from ingestify.sources.rest.entry import find_metadata
from ingestify.sources.rest.error_response import ErrorOrQuota
from ingestify.sources.rest.moved_entries import MovedEntries
from ingestify.sources.rest.paging import make_pager
from ingestify.sources.rest.settings import DatasetTypeDeclaration, DiscoveredSelectors, Endpoint, Feed, RestDeclaration
from ingestify.sources.template import Scope, Template

__all__ = ["RestSource"]

_FIRST_ENTRIES = 24
"""The entries that are yielded before the rest of a page is read."""


class RestSource(Source):
    """Datasets of a REST API that is described in YAML (docs/rest.md).

    Args:
        name: The source's name in the configuration.
        **configuration: The description; see `settings.RestDeclaration`, or `ingestify sources describe
            ingestify.rest --schema`.

    Raises:
        ConfigurationError: The description is wrong. The message names each key by its path.
    """

    concurrent_discovery = True
    lists_everything = True
    change_signal = "the last_modified of each entry, else the provider's validators"
    declaration = RestDeclaration

    def __init__(self, name: str, **configuration: Any) -> None:
        super().__init__(name, **configuration)
        self._settings = settings = read_declaration(RestDeclaration, configuration, name)
        types = settings.dataset_types.items()
        self.provider = settings.provider
        self.origin = origin_of(settings.base_url)
        self.licence = settings.licence or ""
        self.reads_index_again = settings.reads_index_again
        self.attribution = settings.attribution or ""
        self.bundle_types = tuple(_bundle_type(kind, one) for kind, one in types)
        self.identifier_keys = {kind: _identifier_keys(one) for kind, one in types}
        self.selector_keys = {kind: _placeholders(one) for kind, one in types}
        self.multi_value_keys = {kind: _multi_value_keys(one) for kind, one in types}
        self.loader = {kind: one.loader for kind, one in types if one.loader}
        credentials = make_credentials(settings.auth, settings.headers, name, lambda: self.http)
        self._addresses = Addresses(settings.base_url, settings.hosts, credentials)
        self.hosts = self.redirect_hosts = self._addresses.hosts

    def discover_selectors(self, dataset_type: str) -> Selectors:
        """Return the selectors that the provider or the description lists; without such a list, one empty selector."""
        settings = self._type(dataset_type).selectors
        if settings is None:
            return [{}]
        if isinstance(settings, list):
            return [dict(one) for one in settings]
        found: Selectors = []
        for page in self._iter_pages(settings, {}):
            found += read_each(page.entries, lambda entry: self._selector(settings, entry), page.name)
        return found

    def find_datasets(
        self,
        dataset_type: str,
        data_spec_versions: DataSpecVersionCollection,
        dataset_collection_metadata: CollectionMetadata,  # noqa: ARG002 - the index is read completely
        *_: Any,
        **selector: Any,
    ) -> Iterator[list[Found]]:
        """Yield the datasets of one selector, page by page."""
        settings = self._type(dataset_type)
        wanted = self._wanted(dataset_type, settings, data_spec_versions)
        moved = MovedEntries()

        def read(entry: Any) -> DatasetResource | None:
            return self._dataset(dataset_type, settings, wanted, Scope(entry, selector))

        # The datasets of each page are yielded before the next page is requested, which may fail.
        for page in self._iter_pages(settings.index, selector):
            moved.next_page()
            first = len(page.entries)
            if page.number == 0 and first > _FIRST_ENTRIES:
                # A dataset that is listed twice needs one list, in which the run finds the duplicate.
                is_split = not are_alike(_identity(settings, Scope(entry, selector)) for entry in page.entries)
                first = _FIRST_ENTRIES if is_split else first
            for part in page.parts(first):

                def name(number: int, entry: Any, page: _Page = part) -> str:
                    identity = _identity(settings, Scope(entry, selector))
                    return page.name(number, entry) if identity is None else f"{identity} ({page.name(number, entry)})"

                found: list[Found] = list(read_each(part.entries, read, name))
                for one in found:
                    if isinstance(one, DatasetResource):
                        moved.see(one.dataset_resource_id)
                if found:
                    yield found

    # ---- entries ---------------------------------------------------------------------------------------

    def _iter_pages(self, settings: Endpoint, selector: Mapping[str, Any]) -> Iterator[_Page]:
        """Yield each page of an index."""
        scope = Scope({}, selector)
        try:
            url = self._addresses.get_url(settings.endpoint, scope)
        except SourceError as error:
            raise ConfigurationError(
                f"The source '{self.name}' cannot ask for {settings.endpoint}: {error}. Add it to the plan's "
                f"selectors, or to the call's filters."
            ) from error
        options = self._addresses.get_options(url, _find_parameters(settings.parameters, scope))
        find_error = self._find_error(settings.error or find_error_in_index)
        number = 0
        if settings.paging is None:
            responses = iter([self.http.get(url, find_error=find_error, **options)])
        else:
            responses = self.http.iter_pages(
                url,
                make_pager(settings.paging, settings.items, self._addresses.get_next),
                find_error=find_error,
                **options,
            )
        for response in responses:
            body = response.json()
            shown = mask_url(response.url)
            if (missing := settings.items.lacks(body)) is not None:
                raise SourceError(
                    f"{shown} holds no entries at '{settings.items}': {missing}. Correct 'items' of the source "
                    f"'{self.name}'."
                )
            if not settings.items.steps and not isinstance(body, list):
                raise SourceError(
                    f"{shown} is a JSON {type(body).__name__}; a list was expected. Name the path to the list as "
                    f"'items' of the source '{self.name}', such as data.matches."
                )
            page = _Page(list(settings.items.iter(body)), number, shown)
            yield page
            number += len(page.entries)

    def _selector(self, settings: DiscoveredSelectors, entry: Any) -> dict[str, Any]:
        _check_entry(entry)
        scope = Scope(entry, {})
        found: dict[str, Any] = {name: value.get(scope) for name, value in settings.values.items()}
        name = _find_name(settings.name, dataclasses.replace(scope, identity=dict(found)))
        changed = None if settings.last_modified is None else settings.last_modified.find(scope)
        grain = None if settings.last_modified is None else settings.last_modified.find_grain(scope)
        hints = {"_name": name, "_last_modified": changed, "_grain": grain}
        return {**found, **{key: value for key, value in hints.items() if value is not None}}

    def _dataset(
        self, dataset_type: str, settings: DatasetTypeDeclaration, wanted: list[tuple[str, str]], scope: Scope
    ) -> DatasetResource | None:
        """Return the dataset of an entry; None if it does not match the filters of the call."""
        _check_entry(scope.entry)
        identity = {name: value.get(scope) for name, value in settings.identity.items()}
        # Filters come first: an unwanted entry may have any fault.
        wanted_values = {name: filter_values(scope.selector[name]) for name in identity if name in scope.selector}
        if any(str(identity[name]) not in map(str, values) for name, values in wanted_values.items()):
            return None
        own = {name: identity[name] for name, values in wanted_values.items() if len(values) > 1}
        scope = dataclasses.replace(scope, identity=identity, selector={**scope.selector, **own})
        resource = DatasetResource(
            identity,
            dataset_type,
            self.provider,
            name=_find_name(settings.name, scope),
            metadata=find_metadata(settings.metadata, scope),
            state=DatasetState.COMPLETE if settings.state is None else settings.state.get(scope),
        )
        for feed, version in wanted:
            self._add_feed(resource, settings, feed, version, scope)
        return resource

    # ---- feeds -----------------------------------------------------------------------------------------

    def _wanted(
        self, dataset_type: str, settings: DatasetTypeDeclaration, versions: DataSpecVersionCollection
    ) -> list[tuple[str, str]]:
        """Return each (feed, version) that belongs in a dataset, in the order of the description."""
        wanted = find_bundle_type(self, dataset_type, versions).wanted(versions)
        pairs: list[tuple[str, str]] = []
        for feed, feed_settings in settings.feeds.items():
            own = [version for name, version in wanted if name == feed]
            pairs += [
                (feed, feed_settings.version if feed_settings.version and feed not in versions else one) for one in own
            ]
        return list(dict.fromkeys(pairs))

    def _add_feed(
        self, resource: DatasetResource, settings: DatasetTypeDeclaration, feed: str, version: str, scope: Scope
    ) -> None:
        feed_settings = settings.feeds[feed]
        scope = dataclasses.replace(scope, fixed={"data_spec_version": version, "data_feed_key": feed})
        if feed_settings.when is not None:
            names = dict.fromkeys(feed_settings.when.names)
            if not feed_settings.when.matches({**names, **scope.names}):
                return
        changed = feed_settings.last_modified or settings.last_modified
        moment = None if changed is None else changed.find(scope)
        grain = None if changed is None else changed.find_grain(scope)
        content = None if feed_settings.content is None else scope.find_in_entry(feed_settings.content)
        if content is None and feed_settings.url is None:
            return
        url = None if feed_settings.url is None else self._addresses.get_url(feed_settings.url, scope)
        resource.add_file(
            moment,
            feed,
            version,
            json_content=content,
            url=url,
            http_options=None if url is None else self._http_options(feed_settings, url, scope),
            data_serialization_format=feed_settings.format,
            last_modified_grain=grain,
        )

    def _http_options(self, settings: Feed, url: str, scope: Scope) -> FileHttpOptions:
        options = FileHttpOptions()
        if settings.ignore_not_found:
            options["ignore_not_found"] = True
        if settings.recheck_after_seconds is not None:
            options["recheck_after_seconds"] = settings.recheck_after_seconds
        if settings.paging is not None:
            options["pager"] = make_pager(settings.paging, settings.items, self._addresses.get_next)
        if settings.ignore_not_ready:
            options["ignore_not_ready"] = True
        if (find_error := self._find_error(settings.error)) is not None:
            options["find_error"] = find_error
        return {**options, **self._addresses.get_options(url, _find_parameters(settings.parameters, scope))}

    def _find_error(self, error: FindError | None) -> FindError | None:
        """Return the check of responses for an error and, if the description has one, for a used-up quota."""
        quota = self._settings.quota
        return error if quota is None else ErrorOrQuota(quota, error, self._settings.base_url, lambda: self.http)

    # ---- the description -------------------------------------------------------------------------------

    def _type(self, dataset_type: str) -> DatasetTypeDeclaration:
        return self._settings.dataset_types[find_bundle_type(self, dataset_type).dataset_type]


@dataclasses.dataclass(frozen=True, slots=True)
class _Page:
    """Entries of an index from one response.

    Attributes:
        entries: The entries.
        number: The number of the first entry in the index.
        shown: The page's URL without secrets.
    """

    entries: list[Any]
    number: int
    shown: str

    def name(self, number: int, entry: Any) -> str:  # noqa: ARG002 - the signature of `read_each`
        """Return the name of the entry with this number on the page."""
        return f"entry {self.number + number} of {self.shown}"

    def parts(self, first: int) -> list[_Page]:
        """Return the first entries and the others, each as a page."""
        rest = _Page(self.entries[first:], self.number + first, self.shown)
        return [_Page(self.entries[:first], self.number, self.shown), rest]


def _check_entry(entry: Any) -> None:
    if entry is None:
        raise SourceError("it is null")
    if isinstance(entry, SourceError):  # `JsonPath.iter` yields it in place of one of several lists
        raise entry


def _identity(settings: DatasetTypeDeclaration, scope: Scope) -> str | None:
    """Return an entry's identity as text; None if it cannot be read, or is too long for a name."""
    try:
        text = "/".join(f"{name}={value.get(scope)}" for name, value in settings.identity.items())
    except (SourceError, ValueError):
        return None
    return text if len(text) <= LONGEST_NAME else None


def _placeholders(settings: DatasetTypeDeclaration) -> tuple[str, ...]:
    """Return the attributes of a selector that the URL of the index needs."""
    return tuple(sorted({str(path.steps[0]) for path in settings.index.endpoint.paths if len(path.steps) == 1}))


def _multi_value_keys(settings: DatasetTypeDeclaration) -> tuple[str, ...]:
    """Return the keys of `identity` that no request of the index names."""
    templates = (settings.index.endpoint, *settings.index.parameters.values())
    named = {step for template in templates for path in template.paths for step in path.steps[:2]}
    return tuple(key for key in settings.identity if key not in named)


def _identifier_keys(settings: DatasetTypeDeclaration) -> tuple[str, ...]:
    """Return the keys of identifiers: a selector's attributes, and the keys of `identity`."""
    if isinstance(settings.selectors, DiscoveredSelectors):
        of_selectors: list[str] = list(settings.selectors.values)
    else:
        of_selectors = [key for one in settings.selectors or () for key in one]
    return tuple(dict.fromkeys([*of_selectors, *_placeholders(settings), *settings.identity]))


def _bundle_type(dataset_type: str, settings: DatasetTypeDeclaration) -> BundleType:
    return BundleType(
        dataset_type,
        requires=tuple(feed for feed, one in settings.feeds.items() if not one.is_optional),
        optional=tuple(feed for feed, one in settings.feeds.items() if one.is_optional),
    )


def _find_name(templates: tuple[Template, ...] | None, scope: Scope) -> str | None:
    return next((name for one in templates or () if (name := one.find_text(scope)) is not None), None)


def _find_parameters(templates: Mapping[str, Template], scope: Scope) -> dict[str, str]:
    found = {name: template.find_text(scope) for name, template in templates.items()}
    return {name: value for name, value in found.items() if value is not None}
