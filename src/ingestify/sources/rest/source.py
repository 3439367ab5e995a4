"""`ingestify.rest`: what a REST API has, by a description in YAML; see docs/rest.md."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from ingestify.checks.error_response import find_error_in_index
from ingestify.domain.bundle import BundleType
from ingestify.domain.dataset import CollectionMetadata, DatasetState
from ingestify.domain.error_response import FindError
from ingestify.domain.feeds import DataSpecVersionCollection
from ingestify.domain.resource import DatasetResource
from ingestify.domain.source import Source
from ingestify.errors import ConfigurationError, SourceError
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
"""So many are passed on before the rest of a page is worked out."""


class RestSource(Source):
    """Datasets of a REST API that is described in YAML (docs/rest.md).

    Args:
        name: The source's name in the configuration.
        **configuration: The description; see `settings.RestDeclaration`, or `ingestify sources describe
            ingestify.rest --schema`.

    Raises:
        ConfigurationError: Something in the description is wrong. The message names each key by its path.
    """

    change_signal = "what last_modified names of each entry, else the provider's validators"
    declaration = RestDeclaration

    def __init__(self, name: str, **configuration: Any) -> None:
        super().__init__(name, **configuration)
        self._said = read_declaration(RestDeclaration, configuration, name)
        self.provider = self._said.provider
        self.licence = self._said.licence or ""
        self.reads_index_again = self._said.reads_index_again
        self.attribution = self._said.attribution or ""
        self.bundle_types = tuple(_bundle_type(kind, said) for kind, said in self._said.dataset_types.items())
        self.identifier_keys = {kind: _identifier_keys(said) for kind, said in self._said.dataset_types.items()}
        self.selector_keys = {kind: _placeholders(said) for kind, said in self._said.dataset_types.items()}
        self.loader = {kind: said.loader for kind, said in self._said.dataset_types.items() if said.loader}
        credentials = make_credentials(self._said.auth, self._said.headers, name, lambda: self.http)
        self._addresses = Addresses(self._said.base_url, self._said.hosts, credentials)
        self.hosts = self.redirect_hosts = self._addresses.hosts

    def discover_selectors(self, dataset_type: str) -> Selectors:
        """Return the parts that the provider lists, or those of the description; if it says none, one with all."""
        said = self._type(dataset_type).selectors
        if said is None:
            return [{}]
        if isinstance(said, list):
            return [dict(one) for one in said]
        found: Selectors = []
        for page in self._iter_pages(said, {}):
            found += read_each(page.entries, lambda entry: self._selector(said, entry), page.name)
        return found

    def find_datasets(
        self,
        dataset_type: str,
        data_spec_versions: DataSpecVersionCollection,
        dataset_collection_metadata: CollectionMetadata,  # noqa: ARG002 - the index is asked for whole
        *_: Any,
        **selector: Any,
    ) -> Iterator[list[Found]]:
        """Yield the datasets of one part, page by page."""
        said = self._type(dataset_type)
        wanted = self._wanted(dataset_type, said, data_spec_versions)
        moved = MovedEntries()

        def read(entry: Any) -> DatasetResource | None:
            return self._dataset(dataset_type, said, wanted, Scope(entry, selector))

        # What was read before is passed on, whatever is wrong with the pages behind it.
        for page in self._iter_pages(said.index, selector):
            moved.next_page()
            first = len(page.entries)
            if page.number == 0 and first > _FIRST_ENTRIES:
                # A dataset that is on a page twice is settled within one list.
                is_split = not are_alike(_identity(said, Scope(entry, selector)) for entry in page.entries)
                first = _FIRST_ENTRIES if is_split else first
            for part in page.parts(first):

                def name(number: int, entry: Any, page: _Page = part) -> str:
                    identity = _identity(said, Scope(entry, selector))
                    return page.name(number, entry) if identity is None else f"{identity} ({page.name(number, entry)})"

                found: list[Found] = list(read_each(part.entries, read, name))
                for one in found:
                    if isinstance(one, DatasetResource):
                        moved.see(one.dataset_resource_id)
                if found:
                    yield found

    # ---- entries ---------------------------------------------------------------------------------------

    def _iter_pages(self, said: Endpoint, selector: Mapping[str, Any]) -> Iterator[_Page]:
        """Yield each page of an index."""
        scope = Scope({}, selector)
        try:
            url = self._addresses.get_url(said.endpoint, scope)
        except SourceError as error:
            raise ConfigurationError(
                f"The source '{self.name}' cannot ask for {said.endpoint}: {error}. Add it to the plan's selectors, "
                f"or to the "
                f"call's filters."
            ) from error
        options = self._addresses.get_options(url, _find_parameters(said.parameters, scope))
        options["find_error"] = self._find_error(said.error or find_error_in_index)
        number = 0
        if said.paging is None:
            answers = iter([self.http.get(url, **options)])
        else:
            answers = self.http.iter_pages(
                url, make_pager(said.paging, said.items, self._addresses.get_next), **options
            )
        for answer in answers:
            body = answer.json()
            shown = self._addresses.shown(answer.url)
            if (missing := said.items.lacks(body)) is not None:
                raise SourceError(
                    f"{shown} holds no entries at '{said.items}': {missing}. Correct 'items' of the source "
                    f"'{self.name}'."
                )
            if not said.items.steps and not isinstance(body, list):
                raise SourceError(
                    f"{shown} is a JSON {type(body).__name__}; a list was expected. Name the path to the list as "
                    f"'items' of the "
                    f"source '{self.name}', such as data.matches."
                )
            page = _Page(list(said.items.iter(body)), number, shown)
            yield page
            number += len(page.entries)

    def _selector(self, said: DiscoveredSelectors, entry: Any) -> dict[str, Any]:
        _check_entry(entry)
        scope = Scope(entry, {})
        found: dict[str, Any] = {name: value.get(scope) for name, value in said.values.items()}
        name = _find_name(said.name, dataclasses.replace(scope, identity=dict(found)))
        changed = None if said.last_modified is None else said.last_modified.find(scope)
        grain = None if said.last_modified is None else said.last_modified.find_grain(scope)
        hints = {"_name": name, "_last_modified": changed, "_grain": grain}
        return {**found, **{key: value for key, value in hints.items() if value is not None}}

    def _dataset(
        self, dataset_type: str, said: DatasetTypeDeclaration, wanted: list[tuple[str, str]], scope: Scope
    ) -> DatasetResource | None:
        """Return what an entry announces; None if the filters of the call do not want it."""
        _check_entry(scope.entry)
        identity = {name: value.get(scope) for name, value in said.identity.items()}
        # A filter rules an entry out before anything else is asked of it.
        if any(name in scope.selector and str(scope.selector[name]) != str(own) for name, own in identity.items()):
            return None
        scope = dataclasses.replace(scope, identity=identity)
        resource = DatasetResource(
            identity,
            dataset_type,
            self.provider,
            name=_find_name(said.name, scope),
            metadata=find_metadata(said.metadata, scope),
            state=DatasetState.COMPLETE if said.state is None else said.state.get(scope),
        )
        for feed, version in wanted:
            self._add_feed(resource, said, feed, version, scope)
        return resource

    # ---- feeds -----------------------------------------------------------------------------------------

    def _wanted(
        self, dataset_type: str, said: DatasetTypeDeclaration, versions: DataSpecVersionCollection
    ) -> list[tuple[str, str]]:
        """Return each (feed, version) that belongs in a dataset, in the order of the description."""
        bundle_type = next(one for one in self.bundle_types if one.dataset_type == dataset_type)
        if unknown := bundle_type.unknown(versions):
            raise ConfigurationError(
                f"The source '{self.name}' has no feed {', '.join(unknown)}; a {dataset_type} has "
                f"{', '.join(said.feeds)}."
            )
        wanted = bundle_type.wanted(versions)
        pairs: list[tuple[str, str]] = []
        for feed, feed_said in said.feeds.items():
            own = [version for name, version in wanted if name == feed]
            pairs += [(feed, feed_said.version if feed_said.version and feed not in versions else one) for one in own]
        return list(dict.fromkeys(pairs))

    def _add_feed(
        self, resource: DatasetResource, said: DatasetTypeDeclaration, feed: str, version: str, scope: Scope
    ) -> None:
        feed_said = said.feeds[feed]
        scope = dataclasses.replace(scope, fixed={"data_spec_version": version, "data_feed_key": feed})
        if feed_said.when is not None:
            names = dict.fromkeys(feed_said.when.names)
            if not feed_said.when.matches({**names, **scope.names}):
                return
        changed = feed_said.last_modified or said.last_modified
        moment = None if changed is None else changed.find(scope)
        grain = None if changed is None else changed.find_grain(scope)
        if feed_said.content is not None:
            content = scope.find_in_entry(feed_said.content)
            if content is not None:
                resource.add_file(
                    moment,
                    feed,
                    version,
                    json_content=content,
                    data_serialization_format=feed_said.format,
                    last_modified_grain=grain,
                )
            return
        assert feed_said.url is not None, "the settings see to it"
        url = self._addresses.get_url(feed_said.url, scope)
        resource.add_file(
            moment,
            feed,
            version,
            url=url,
            http_options=self._http_options(feed_said, url, scope),
            data_serialization_format=feed_said.format,
            last_modified_grain=grain,
        )

    def _http_options(self, said: Feed, url: str, scope: Scope) -> dict[str, Any]:
        options = self._addresses.get_options(url, _find_parameters(said.parameters, scope))
        if said.ignore_not_found:
            options["ignore_not_found"] = True
        if said.recheck_after_seconds is not None:
            options["recheck_after_seconds"] = said.recheck_after_seconds
        if said.paging is not None:
            options["pager"] = make_pager(said.paging, said.items, self._addresses.get_next)
        if said.ignore_not_ready:
            options["ignore_not_ready"] = True
        if (find_error := self._find_error(said.error)) is not None:
            options["find_error"] = find_error
        return options

    def _find_error(self, error: FindError | None) -> FindError | None:
        """Return what finds errors in answers, and with them that a quota is used up."""
        quota = self._said.quota
        return error if quota is None else ErrorOrQuota(quota, error, self._said.base_url, lambda: self.http)

    # ---- the description -------------------------------------------------------------------------------

    def _type(self, dataset_type: str) -> DatasetTypeDeclaration:
        if dataset_type not in self._said.dataset_types:
            there = " and ".join(f"'{one}'" for one in self._said.dataset_types)
            raise ConfigurationError(
                f"The source '{self.name}' has no datasets of the type '{dataset_type}'; it has {there}."
            )
        return self._said.dataset_types[dataset_type]


@dataclasses.dataclass(frozen=True, slots=True)
class _Page:
    """Entries of an index that came together.

    Attributes:
        number: The first one's.
        shown: The page's URL without secrets.
    """

    entries: list[Any]
    number: int
    shown: str

    def name(self, number: int, entry: Any) -> str:  # noqa: ARG002 - it may say nothing
        """Return what one of them is called, which is `number` among them."""
        return f"entry {self.number + number} of {self.shown}"

    def parts(self, first: int) -> list[_Page]:
        """Return the first so many, and then the others."""
        rest = _Page(self.entries[first:], self.number + first, self.shown)
        return [_Page(self.entries[:first], self.number, self.shown), rest]


def _check_entry(entry: Any) -> None:
    if entry is None:
        raise SourceError("it is null")
    if isinstance(entry, SourceError):  # what `JsonPath.iter` yields for one of several lists that is none
        raise entry


def _identity(said: DatasetTypeDeclaration, scope: Scope) -> str | None:
    """Return an entry's identity as text; None if it cannot be read, or is no name."""
    try:
        text = "/".join(f"{name}={value.get(scope)}" for name, value in said.identity.items())
    except (SourceError, ValueError):
        return None
    return text if len(text) <= LONGEST_NAME else None


def _placeholders(said: DatasetTypeDeclaration) -> tuple[str, ...]:
    """Return the selector's attributes that the index is asked for with."""
    return tuple(sorted({str(path.steps[0]) for path in said.index.endpoint.paths if len(path.steps) == 1}))


def _identifier_keys(said: DatasetTypeDeclaration) -> tuple[str, ...]:
    """Return the keys of its datasets: a selector's attributes, and what identifies a dataset besides."""
    if isinstance(said.selectors, DiscoveredSelectors):
        of_selectors: list[str] = list(said.selectors.values)
    else:
        of_selectors = [key for one in said.selectors or () for key in one]
    return tuple(dict.fromkeys([*of_selectors, *_placeholders(said), *said.identity]))


def _bundle_type(dataset_type: str, said: DatasetTypeDeclaration) -> BundleType:
    return BundleType(
        dataset_type,
        requires=tuple(feed for feed, one in said.feeds.items() if not one.is_optional),
        optional=tuple(feed for feed, one in said.feeds.items() if one.is_optional),
    )


def _find_name(templates: tuple[Template, ...] | None, scope: Scope) -> str | None:
    return next((name for one in templates or () if (name := one.find_text(scope)) is not None), None)


def _find_parameters(templates: Mapping[str, Template], scope: Scope) -> dict[str, str]:
    found = {name: template.find_text(scope) for name, template in templates.items()}
    return {name: value for name, value in found.items() if value is not None}
