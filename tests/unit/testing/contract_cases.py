"""Sources with one fault each, in the suite; test_source_contract runs them. Not collected by itself."""

from __future__ import annotations

import datetime as dt
import logging
import socket
import threading
import urllib.request

from ingestify import ConfigurationError, DatasetResource, DraftFile, Source
from ingestify.testing.document_provider import DocumentProvider
from ingestify.testing.source_contract import SourceContract

logger = logging.getLogger("contract_cases")


class Paged(Source):
    """A good source: pages of one match each, with a token."""

    concurrent_discovery = True
    lists_everything = True
    provider = "paged"

    def __init__(self, name, base_url, token=None):
        super().__init__(name, base_url=base_url, token=token)
        self.base_url = base_url
        self.headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    def get(self, path):
        return self.http.get_json(f"{self.base_url}/{path}", headers=self.headers)

    def discover_selectors(self, dataset_type):
        seasons = self.get("seasons")
        return [{"season_id": one, "_last_modified": dt.datetime(2024, 5, 1, tzinfo=dt.UTC)} for one in seasons]

    def find_datasets(self, dataset_type, versions, metadata, season_id, match_id=None, **_):
        if unknown := [feed for feed in versions if feed not in ("events", "lineups", "default")]:
            raise ConfigurationError(f"no feed {unknown}")
        page = 1
        while page:
            answer = self.get(f"{season_id}/matches?page={page}")
            found = [one for one in answer["matches"] if match_id is None or str(one) == str(match_id)]
            for one in found:
                yield self.match(one, versions)
            page = answer["next"] if not (match_id and found) else None

    def match(self, number, versions):
        resource = DatasetResource({"match_id": number}, "match", name=f"match {number}")
        for feed in ("events", "lineups"):
            for version in versions.versions_of(feed) or ("v1",):
                self.add(resource, number, feed, version)
        return resource

    def add(self, resource, number, feed, version):
        resource.add_file(None, feed, version, url=f"{self.base_url}/{number}/{feed}", http_options=self.options)

    @property
    def options(self):
        return {"headers": self.headers}


class Contract(SourceContract):
    source = Paged
    uses_secret = True

    def make_provider(self):
        documents = {"seasons": [1, 2]}
        for season, matches in ((1, (11, 12, 13)), (2, (21, 22))):
            for page, match in enumerate(matches, 1):
                following = None if match == matches[-1] else page + 1
                documents[f"{season}/matches?page={page}"] = {"matches": [match], "next": following}
                for feed in ("events", "lineups"):
                    documents[f"{match}/{feed}"] = [{"match": match, "feed": feed}] * 50
        return DocumentProvider(documents, token=self.secret)

    def make_source(self, provider):
        return self.source("paged", base_url=provider.base_url, token=self.secret)


class TestGood(Contract):
    pass


class TestEager(Contract):
    class source(Paged):
        def find_datasets(self, *arguments, **keywords):
            return list(super().find_datasets(*arguments, **keywords))


class TestGoesOnWhenClosed(Contract):
    class source(Paged):
        def find_datasets(self, *arguments, **keywords):
            found = list(super().find_datasets(*arguments, **keywords))
            threading.Thread(target=self.get, args=("seasons",)).start()
            yield from found


class TestUnstable(Contract):
    class source(Paged):
        made = 0

        def match(self, number, versions):
            type(self).made += 1
            resource = super().match(number, versions)
            resource.dataset_resource_id["look"] = self.made
            return resource


class TestSetInMetadata(Contract):
    class source(Paged):
        def match(self, number, versions):
            resource = super().match(number, versions)
            resource.metadata["players"] = {1: "one"}
            return resource


class TestDateAsIdentity(Contract):
    class source(Paged):
        def match(self, number, versions):
            resource = super().match(number, versions)
            resource.dataset_resource_id["day"] = dt.date(2024, 5, 1)
            return resource


class TestNaiveHint(Contract):
    class source(Paged):
        def discover_selectors(self, dataset_type):
            return [{**one, "_last_modified": dt.datetime(2024, 5, 1)} for one in super().discover_selectors("match")]


class TestListInSelector(Contract):
    class source(Paged):
        def discover_selectors(self, dataset_type):
            return [{"season_id": [1, 2]}]

    @property
    def selector(self):
        return {"season_id": 1}


class TestIgnoresTheFilter(Contract):
    class source(Paged):
        def find_datasets(self, dataset_type, versions, metadata, season_id, **_):
            yield from super().find_datasets(dataset_type, versions, metadata, season_id)


class TestComparesTypes(Contract):
    class source(Paged):
        def find_datasets(self, dataset_type, versions, metadata, season_id, match_id=None, **_):
            for one in super().find_datasets(dataset_type, versions, metadata, season_id, match_id):
                if match_id is None or one.dataset_resource_id["match_id"] == match_id:
                    yield one


class TestIgnoresVersions(Contract):
    class source(Paged):
        def add(self, resource, number, feed, version):
            super().add(resource, number, feed, "v1")


class TestAcceptsAnyFeed(Contract):
    class source(Paged):
        def match(self, number, versions):
            resource = super().match(number, versions)
            for feed in versions:
                if feed not in ("default", "events", "lineups"):
                    resource.add_file(None, feed, json_content=[])
            return resource

        def find_datasets(self, dataset_type, versions, metadata, season_id, match_id=None, **_):
            for number in (11, 12, 13):
                yield self.match(number, versions)


class TestSharesState(Contract):
    class source(Paged):
        def find_datasets(self, dataset_type, versions, metadata, season_id, match_id=None, **_):
            self.season = season_id
            self.get("seasons")
            yield from super().find_datasets(dataset_type, versions, metadata, self.season, match_id)


class TestTwoProviders(Contract):
    class source(Paged):
        def match(self, number, versions):
            resource = super().match(number, versions)
            resource.provider = "another"
            return resource


def download(file_resource, current_file, url, headers):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
        return DraftFile.from_input(answer.read(), file_resource.data_feed_key, data_serialization_format="json")


class TestOwnDownloads(Contract):
    class source(Paged):
        def add(self, resource, number, feed, version):
            arguments = {"url": f"{self.base_url}/{number}/{feed}", "headers": self.headers}
            resource.add_file(None, feed, version, file_loader=download, loader_kwargs=arguments)


class TestReadsHalfFiles(Contract):
    class source(Paged):
        def add(self, resource, number, feed, version):
            arguments = {"url": f"{self.base_url}/{number}/{feed}", "headers": self.headers}
            resource.add_file(None, feed, version, file_loader=careless, loader_kwargs=arguments)


def careless(file_resource, current_file, url, headers):
    host, _, path = url.removeprefix("http://").partition("/")
    with socket.create_connection((host.partition(":")[0], int(host.partition(":")[2]))) as sock:
        lines = [f"GET /{path} HTTP/1.0", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        sock.sendall("\r\n".join(lines).encode())
        data = b"".join(iter(lambda: sock.recv(65536), b""))
    return DraftFile.from_input(data.partition(b"\r\n\r\n")[2], file_resource.data_feed_key)


class TestCallsHome(Contract):
    class source(Paged):
        def discover_selectors(self, dataset_type):
            try:
                socket.create_connection(("telemetry.example.com", 443), timeout=1).close()
            except Exception:
                logger.debug("never mind")
            return super().discover_selectors(dataset_type)


class TestTokenInUrl(Contract):
    class source(Paged):
        def add(self, resource, number, feed, version):
            url = f"{self.base_url}/{number}/{feed}?key={self.configuration['token']}"
            resource.add_file(None, feed, version, url=url, http_options=self.options)


class TestTokenInLog(Contract):
    class source(Paged):
        def discover_selectors(self, dataset_type):
            logger.debug("asking with %s", self.headers)
            return super().discover_selectors(dataset_type)


class TestTokenInRepr(Contract):
    class source(Paged):
        def __repr__(self):
            return f"Paged({self.configuration})"


class TestTokenInError(Contract):
    class source(Paged):
        def get(self, path):
            try:
                return super().get(path)
            except Exception as error:
                raise RuntimeError(f"not with {self.headers}") from error


class TestSaysNothingOfItsToken(Contract):
    uses_secret = False


class TestSwallowsRefusals(Contract):
    class source(Paged):
        def get(self, path):
            try:
                return super().get(path)
            except Exception:
                return {"matches": [], "next": None}


class TestTriesRefusalsAgain(Contract):
    class source(Paged):
        def get(self, path):
            for _ in range(4):
                try:
                    return super().get(path)
                except Exception as error:
                    last = error
            raise last


class TestAsksForFilesWhileDiscovering(Contract):
    class source(Paged):
        def find_datasets(self, *arguments, **keywords):
            for one in super().find_datasets(*arguments, **keywords):
                for file in one.files.values():
                    self.http.get(file.url, headers=self.headers)
                yield one
