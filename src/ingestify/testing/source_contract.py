"""The contract of sources: a test suite to subclass, for pytest.

    class TestMySource(SourceContract):
        def make_provider(self):
            return DocumentProvider({"matches.json": [...], ...}, token=self.secret)

        def make_source(self, provider):
            return MySource("mine", base_url=provider.base_url, token=self.secret)

`make_provider` returns a simulated provider on loopback: a `DocumentProvider`, a `Simulator`, or a server of your own
with a `base_url`. It must have two datasets or more of the dataset type, and be the same each time. A `Relay` between
the provider and the source counts the requests and injects faults.

It needs pytest, which the extra `test` brings; nothing else in `ingestify.testing` imports it.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import inspect
import json
import logging
import threading
import traceback
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import pytest

from ingestify.domain.feeds import DataSpecVersionCollection
from ingestify.domain.run import RunState
from ingestify.domain.source import Source
from ingestify.errors import IngestifyError
from ingestify.masking import is_secret_key
from ingestify.testing.loopback import SERVING
from ingestify.testing.network_guard import NetworkGuard
from ingestify.testing.relay import Relay
from ingestify.testing.source_facts import SourceFacts, find_facts
from ingestify.testing.source_trial import SourceTrial, problems_of
from ingestify.testing.watched_provider import Fault, Request

__all__ = ["SourceContract"]

_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_SCALARS = (str, int, float, bool)


class SourceContract:
    """The suite. Override `make_provider` and `make_source`.

    Attributes:
        dataset_type: The dataset type to test.
        data_spec_versions: The feeds and versions; None: each feed, as v1.
        selector: The selector to test; None: the first that the source discovers.
        dataset_key: The identifier key that differs between the datasets of a selector.
        requests_before_first: The most index requests before the first dataset.
        hosts: Hosts that the source may connect to besides the provider's; `*.example.com` for all hosts below it.
        uses_secret: Whether `make_provider` and `make_source` use `secret`; True if the provider needs credentials.
        secret: The value of each password, token or key. A source or run that shows it fails the test.
    """

    dataset_type: str = "match"
    data_spec_versions: Mapping[str, Any] | None = None
    selector: Mapping[str, Any] | None = None
    dataset_key: str = "match_id"
    requests_before_first: int = 1
    hosts: Sequence[str] = ()
    uses_secret: bool = False
    secret: str = "s3cret-canary-8841"  # noqa: S105 - nobody's

    _facts_of: ClassVar[dict[type, SourceFacts]] = {}

    def make_provider(self) -> AbstractContextManager[Any]:
        """Return the simulated provider, not open yet."""
        raise NotImplementedError("a subclass has make_provider, which returns the simulated provider")

    def make_source(self, provider: Relay) -> Source:
        """Return a new source of `provider.base_url`; `provider.upstream` is the result of `make_provider`."""
        raise NotImplementedError("a subclass has make_source, which returns the source")

    # ---- fixtures --------------------------------------------------------------------------------------

    @pytest.fixture
    def provider(self) -> Iterator[Relay]:
        """The simulated provider, behind a relay."""
        with self.make_provider() as upstream, Relay(upstream) as relay:
            yield relay

    @pytest.fixture(autouse=True)
    def network_guard(self, provider: Relay, monkeypatch: pytest.MonkeyPatch) -> Iterator[NetworkGuard]:
        """Fails the test if it connects to a host that is not declared."""
        for name in _PROXIES:
            monkeypatch.delenv(name, raising=False)
        own = urllib.parse.urlsplit(provider.base_url).hostname or ""
        with NetworkGuard((own, *self.hosts)) as guard:
            yield guard
        assert not guard.attempts, (
            f"it connected to {', '.join(sorted(set(guard.attempts)))}: request only the provider of the "
            f"configuration, or declare the host in `hosts`"
        )

    @pytest.fixture
    def trial(self, provider: Relay) -> Iterator[SourceTrial]:
        """The source, with an empty lake."""
        made = self._new_trial(provider)
        yield made
        made.close()

    @pytest.fixture
    def part(self, trial: SourceTrial) -> dict[str, Any]:
        """The selector to test, without hints."""
        if self.selector is not None:
            return _without_hints(self.selector)
        selectors = trial.discover_selectors()
        assert selectors, "it discovered no selector: give the simulated provider one, or give `selector`"
        return _without_hints(selectors[0])

    @pytest.fixture
    def facts(self, provider: Relay, part: dict[str, Any]) -> SourceFacts:
        """The results of a run without faults; found once for a class."""
        if type(self) not in self._facts_of:
            self._facts_of[type(self)] = find_facts(lambda: self._new_trial(provider), provider, part, self.dataset_key)
        provider.clear_requests()
        return self._facts_of[type(self)]

    def _new_trial(self, provider: Relay) -> SourceTrial:
        return SourceTrial(lambda: self.make_source(provider), provider, self.dataset_type, self.data_spec_versions)

    # ---- what it declares ------------------------------------------------------------------------------

    def test_its_provider_is_one_name(self, trial: SourceTrial, part: dict[str, Any]) -> None:
        sources = [trial.new_source(), trial.new_source()]
        assert isinstance(sources[0].provider, str), f"provider is {sources[0].provider!r}; it must be a name"
        assert sources[0].provider, "provider is empty"
        before = sources[0].provider
        resources = trial.discover(part, source=sources[0]).resources
        assert {source.provider for source in sources} == {before}, "each source of a class has the same provider"
        named = {resource.provider for resource in resources} - {None, before}
        assert not named, f"its datasets are of {', '.join(map(str, named))}; the source's provider is {before}"

    def test_selectors_are_dicts_of_single_values(self, trial: SourceTrial) -> None:
        source = trial.new_source()
        if type(source).discover_selectors is Source.discover_selectors:
            assert self.selector is not None, "it discovers no selectors, so the suite needs one: give `selector`"
            return
        selectors = trial.discover_selectors(source)
        assert selectors, "it discovered no selector"
        for selector in selectors:
            assert isinstance(selector, dict), f"{selector!r} is no dict"
            for key, value in selector.items():
                assert isinstance(key, str), f"{selector}: the key {key!r} is no text"
                if key == "_last_modified":
                    aware = value is None or (isinstance(value, dt.datetime) and value.tzinfo is not None)
                    assert aware, f"{selector}: _last_modified must be a datetime with a zone, such as UTC"
                elif not key.startswith("_"):
                    assert isinstance(value, _SCALARS), (
                        f"{selector}: {key} is a {type(value).__name__}, no single value"
                    )
        own = [tuple(sorted((k, str(v)) for k, v in one.items() if not k.startswith("_"))) for one in selectors]
        assert len(set(own)) == len(own), "two selectors are the same"
        again = trial.discover_selectors()
        assert again == selectors, "a second discovery found other selectors"

    def test_a_second_discovery_finds_the_same_datasets(self, trial: SourceTrial, part: dict[str, Any]) -> None:
        found = [trial.discover(part).announced() for _ in range(2)]
        assert found[0], f"{part} has no datasets"
        assert found[0] == found[1], "the second discovery found something else, although the provider is the same"

    def test_what_identifies_and_describes_a_dataset_is_json(self, trial: SourceTrial, part: dict[str, Any]) -> None:
        found = trial.discover(part)
        for identifier, resource in zip(found.identifiers, found.resources, strict=True):
            for key, value in resource.dataset_resource_id.items():
                is_plain = key.startswith("_") or isinstance(value, _SCALARS)
                assert is_plain, f"{resource}: {key} is a {type(value).__name__}; use text or a number"
            assert json.loads(json.dumps(dict(identifier))) == dict(identifier), f"{identifier} changes as JSON"
            assert json.loads(json.dumps(resource.metadata)) == resource.metadata, f"{resource}: metadata is not JSON"
            assert resource.name, f"{resource} has no name for people"
        assert len(set(found.identifiers)) == len(found.identifiers), "two datasets have the same identity"

    def test_it_declares_the_keys_that_identify_its_datasets(self, trial: SourceTrial, part: dict[str, Any]) -> None:
        declared = trial.new_source().identifier_keys_of(self.dataset_type)
        for identifier in trial.discover(part).identifiers if declared else ():
            surplus = sorted(set(identifier) - {*declared, *part})
            assert not surplus, (
                f"{identifier} has the key {surplus[0]}, and identifier_keys of its class are {', '.join(declared)}: a "
                f"filter on it would be refused"
            )

    # ---- how it discovers ------------------------------------------------------------------------------

    def test_the_first_dataset_is_there_before_the_last_request(self, trial: SourceTrial, part: dict[str, Any]) -> None:
        found = trial.discover(part)
        most = self.requests_before_first
        assert found.requests_before_first <= most, (
            f"the first dataset was there after {found.requests_before_first} of {len(found.requests)} index requests: "
            f"yield what a request brought before the next one is made (`requests_before_first` is {most})"
        )

    def test_it_asks_for_nothing_more_once_it_is_closed(
        self, trial: SourceTrial, provider: Relay, part: dict[str, Any]
    ) -> None:
        source = trial.new_source()
        whole = len(trial.discover(part, source=source).requests)
        threads = set(threading.enumerate())
        provider.clear_requests()
        found = iter(trial.find(part, source))
        next(found)
        if hasattr(found, "close"):
            found.close()
        own = [one for one in threading.enumerate() if one not in threads and not _serves(one)]
        for thread in own:
            thread.join(timeout=10)
        assert not any(thread.is_alive() for thread in own), "its threads go on although its generator was closed"
        asked = len(provider.requests)
        assert asked <= self.requests_before_first, f"{asked} of {whole} requests were made for the first dataset alone"

    def test_one_dataset_costs_one_datasets_requests(
        self, trial: SourceTrial, facts: SourceFacts, part: dict[str, Any]
    ) -> None:
        value, identifier = facts.first_value, facts.first
        whole = trial.discover(part)
        narrowed = trial.discover(part, {self.dataset_key: value})
        assert len(narrowed.requests) <= len(whole.requests), "finding one dataset costs more than finding all"
        if len(whole.requests) >= self.requests_before_first + len(whole.identifiers) - 1:
            # Each dataset costs index requests of its own.
            assert len(narrowed.requests) < len(whole.requests) or not whole.requests[self.requests_before_first :], (
                f"finding {self.dataset_key}={value} requested the index of other datasets: let find_datasets take "
                f"{self.dataset_key}, and stop where it is found"
            )
        report, requests = trial.run(part, {self.dataset_key: value})
        assert list(trial.contents()) == [identifier], f"{problems_of(report)}"
        others = facts.of_second - facts.of_first
        asked = sorted({request.path for request in requests} & others)
        assert not asked, f"{self.dataset_key}={value} requested files of another dataset: {', '.join(asked)}"

    def test_a_filter_may_be_text(self, trial: SourceTrial, facts: SourceFacts, part: dict[str, Any]) -> None:
        value, identifier = facts.first_value, facts.first
        found = [str(one) for one in trial.discover(part, {self.dataset_key: str(value)}).identifiers]
        assert identifier in found, f'{self.dataset_key}="{value}" finds nothing: 12 and "12" are the same'

    def test_several_datasets_are_found_at_once_where_it_says_so(
        self, trial: SourceTrial, part: dict[str, Any]
    ) -> None:
        if self.dataset_key not in trial.new_source().multi_value_keys_of(self.dataset_type):
            return
        whole = trial.discover(part)
        wanted = whole.identifiers[:2]
        found = trial.discover(part, {self.dataset_key: [one[self.dataset_key] for one in wanted]})
        assert set(found.identifiers) == set(wanted), (
            f"{self.dataset_key} is one of its multi_value_keys: a list of two values finds these two datasets"
        )
        assert len(found.requests) <= len(whole.requests), "finding two datasets costs more than finding all"

    def test_the_versions_that_are_asked_for_are_those_announced(
        self, trial: SourceTrial, facts: SourceFacts, part: dict[str, Any]
    ) -> None:
        announced = {tuple(name.rsplit("__", 1)) for files in facts.announced.values() for name in files}
        asked = DataSpecVersionCollection(self.data_spec_versions)
        for feed, version in sorted(announced):
            other = f"{version}1"
            try:
                found = trial.discover(part, versions={**dict(asked.items()), feed: other}).resources
            except IngestifyError:
                continue  # the source or the provider refuses the version
            versions = {
                file.data_spec_version for one in found for file in one.files.values() if file.data_feed_key == feed
            }
            assert versions <= {other}, f"data_spec_versions names {feed}: {other}, and it announced {versions}"
            assert versions, f"data_spec_versions names {feed}: {other}, and it neither announced nor refused it"
        try:
            found = trial.discover(part, versions={"default": "v1", "no-such-feed": "v1"}).resources
        except IngestifyError:
            return
        feeds = {file.data_feed_key for resource in found for file in resource.files.values()}
        assert "no-such-feed" not in feeds, "it announced a feed that it cannot have"

    def test_selectors_are_discovered_side_by_side(self, trial: SourceTrial, part: dict[str, Any]) -> None:
        parts = [part]
        if type(trial.new_source()).discover_selectors is not Source.discover_selectors:
            found = [_without_hints(one) for one in trial.discover_selectors()]
            parts += [one for one in found if one != part][:1]
        alone = [trial.discover(one).announced() for one in parts] * 2
        source = trial.new_source()
        together: list[Any] = [None] * len(alone)
        gate = threading.Barrier(len(alone))

        def discover(place: int) -> None:
            gate.wait(timeout=30)
            try:
                together[place] = trial.discover(parts[place % len(parts)], source=source).announced()
            except Exception as error:  # noqa: BLE001 - it is for the test's thread
                together[place] = error

        threads = [threading.Thread(target=discover, args=(place,)) for place in range(len(alone))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert together == alone, "discoveries side by side found something else than one after the other"

    # ---- what a run of it costs ------------------------------------------------------------------------

    def test_a_run_brings_every_dataset(self, trial: SourceTrial, facts: SourceFacts, part: dict[str, Any]) -> None:
        report, _ = trial.run(part)
        assert report.state is RunState.FINISHED, f"the run is {report.state}: {problems_of(report)}"
        assert trial.contents() == facts.contents, "two first runs brought different files"
        assert set(facts.contents) == set(facts.announced), "not every dataset that it announces came into the lake"

    def test_a_second_run_asks_for_its_index_only(
        self, trial: SourceTrial, facts: SourceFacts, part: dict[str, Any]
    ) -> None:
        trial.run(part)
        _, index = trial.run(part, dry=True)
        paths = {request.path.partition("?")[0] for request in index}
        report, requests = trial.run(part)
        assert report.totals.unchanged == len(facts.announced), f"of {len(facts.announced)}: {report.totals}"
        again = sorted({one.path for one in requests if one.path.partition("?")[0] not in paths and not _is_cheap(one)})
        assert not again, (
            f"the second run fetched again: {', '.join(again)}. Give last_modified where the provider says when a file "
            f"changed; else announce it by url=, so that it is requested conditionally, and not by a loader of your own"
        )

    # ---- what it must not show -------------------------------------------------------------------------

    def test_its_secrets_are_not_shown(
        self,
        trial: SourceTrial,
        provider: Relay,
        facts: SourceFacts,
        part: dict[str, Any],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        if not self.uses_secret:
            options = [name for name in inspect.signature(type(trial.new_source())).parameters if is_secret_key(name)]
            assert not options, f"it takes {' and '.join(options)}: say uses_secret = True, and let it be self.secret"
            return
        caplog.set_level(logging.DEBUG)
        source = trial.new_source()
        if type(source).discover_selectors is not Source.discover_selectors:
            trial.discover_selectors(source)
        found = trial.discover(part, source=source)
        assert provider.was_sent(self.secret), "no request had the secret: let make_source use self.secret"
        files = [file for resource in found.resources for file in resource.files.values()]
        shown = {"repr(source)": f"{source!r} {source}", "a dataset": f"{found.resources} {found.announced()}"}
        shown["a file"] = f"{files}"
        shown["metadata"] = "".join(f"{one.metadata} {one.name}" for one in found.resources)
        reports = {"a run": trial.run(part)[0]}
        for what, path, fault in (
            ("a run without a file", facts.own_file or "*", Fault(kind="not_found")),
            ("a run with wrong credentials", "*", Fault(status=401)),
        ):
            provider.add_fault(dataclasses.replace(fault, path=path if path == "*" else Relay.exactly(path)))
            again = self._new_trial(provider)
            reports[what] = again.run(part)[0]
            again.close()
            provider.clear_faults()
        for what, report in reports.items():
            shown[f"the report of {what}"] = f"{report!r} {problems_of(report)}"
            if report.error is not None:
                shown[f"the error of {what}"] = "".join(traceback.format_exception(report.error))
        formatter = logging.Formatter()
        shown["the log"] = "\n".join(formatter.format(record) for record in caplog.records)
        for secret in {self.secret, *provider.credentials}:
            places = [what for what, text in shown.items() if secret in text]
            assert not places, (
                f"{'the secret' if secret == self.secret else 'a credential'} is shown in {' and '.join(places)}: it "
                f"belongs into http_options (auth, headers, params), and not into a URL, a name or a message"
            )

    # ---- what it does when something goes wrong --------------------------------------------------------

    def test_refused_credentials_end_the_run_with_a_clear_error(
        self, trial: SourceTrial, provider: Relay, facts: SourceFacts, part: dict[str, Any]
    ) -> None:
        if not (facts.of_first or trial.discover(part).requests):
            pytest.skip("the source makes no requests")
        provider.clear_requests()
        provider.add_fault(Fault(status=401))
        report, requests = trial.run(part)
        assert trial.contents() == {}, "something came into the lake although each request was refused"
        is_said = isinstance(report.error, IngestifyError) or report.totals.failed == len(facts.announced)
        assert is_said, f"{report.error!r}, {report.totals.failed} of {len(facts.announced)} datasets failed"
        problems = problems_of(report)
        assert any("401" in text for text in problems), f"no error says 401: {problems}"
        most = max(sum(one.path == path for one in requests) for path in {one.path for one in requests})
        assert most <= 2, f"a refused request was made {most} times"

    def test_a_file_that_is_not_there_hurts_no_other_dataset_and_may_come_later(
        self, trial: SourceTrial, provider: Relay, facts: SourceFacts, part: dict[str, Any]
    ) -> None:
        victim, identifier = self._own_file(facts)
        provider.add_fault(Fault(Relay.exactly(victim), "not_found"))
        report, _ = trial.run(part)
        assert report.error is None, f"a 404 for {victim} ended the run: {report.error}"
        there = trial.contents()
        others = {name: files for name, files in there.items() if name != identifier}
        assert others == facts.of_others, "other datasets are not as they were"
        assert there.get(identifier) != facts.contents[identifier], (
            f"{identifier} is whole, although {victim} is not there"
        )
        failed = {task.identifier for task in report.failed_tasks}
        assert identifier in there or identifier in failed, f"{identifier} is neither in the lake nor reported"
        provider.clear_faults()
        if not facts.is_believed_missing:
            trial.run(part)
            assert trial.contents() == facts.contents, "the run after it came did not bring it"

    def test_an_error_that_passes_changes_nothing(
        self, trial: SourceTrial, provider: Relay, facts: SourceFacts, part: dict[str, Any]
    ) -> None:
        victim, _ = self._own_file(facts)
        provider.add_fault(Fault(Relay.exactly(victim), "status", status=500, times=1))
        report, requests = trial.run(part)
        assert not problems_of(report), f"a 500 that passes was not tried again: {problems_of(report)}"
        assert trial.contents() == facts.contents, "a file is not what it is without the 500"
        assert [one.status for one in requests if one.path == victim][:1] == [500], f"{victim} was not requested"

    def test_a_file_that_is_cut_off_is_fetched_whole(
        self, trial: SourceTrial, provider: Relay, facts: SourceFacts, part: dict[str, Any]
    ) -> None:
        victim, _ = self._own_file(facts)
        provider.add_fault(Fault(Relay.exactly(victim), "truncate", times=1))
        report, requests = trial.run(part)
        assert not problems_of(report), f"a file that was cut off was not fetched again: {problems_of(report)}"
        assert trial.contents() == facts.contents, "a file that was cut off is in the lake"
        assert sum(one.path == victim for one in requests) >= 2, f"{victim} was requested once"

    def test_a_slow_provider_is_waited_for(
        self, trial: SourceTrial, provider: Relay, facts: SourceFacts, part: dict[str, Any]
    ) -> None:
        provider.pause_seconds = 0.03
        report, _ = trial.run(part)
        assert not problems_of(report), f"a provider that takes its time: {problems_of(report)}"
        assert trial.contents() == facts.contents, "a file is not what it is without the pause"

    def _own_file(self, facts: SourceFacts) -> tuple[str, str]:
        if facts.own_file is None:
            pytest.skip("each file of its datasets comes with the index, or belongs to several")
        return facts.own_file, facts.first


def _is_cheap(request: Request) -> bool:
    """Return whether a response had no file: unchanged, or missing."""
    return request.status == 304 or request.status == 404


def _serves(thread: threading.Thread) -> bool:
    """Return whether a thread belongs to the simulated provider, and lives as long as its connection."""
    return thread.name == SERVING or "process_request_thread" in thread.name  # socketserver calls its own so


def _without_hints(selector: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in selector.items() if not key.startswith("_")}
