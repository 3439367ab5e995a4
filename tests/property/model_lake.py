"""A lake that is filled from a model provider, looked at after each commit and after each run, and held against it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from ingestify import BundleType, DatasetResource, DatasetState, IngestionEngine, IngestionPlan, Source, clock
from ingestify.catalogue.catalogue import SqlCatalogue
from ingestify.domain.resource import UnreadableEntry
from ingestify.domain.subscriber import Subscriber
from ingestify.events.dispatcher import Dispatcher
from ingestify.fetch.http import HttpClient, HttpOptions
from ingestify.sources.rest.source import RestSource
from ingestify.storage.memory import MemoryStorage
from ingestify.store.dataset_store import DatasetStore

from .model_provider import BASE_URL, FEEDS, Change, During, Listing, ModelProvider, Traits, _short

__all__ = ["PLANS", "Run", "Scenario", "Step", "Wait", "play"]

PLANS: dict[str, dict[str, str]] = {
    "all": {"default": "v1"},
    "narrow": {"events": "v1"},
    "other": {"events": "v1", "frames": "v2"},
    "frames": {"frames": "v1"},
}
"""What is asked for: every feed, one of them only, one in another version, and one that is not always there."""

QUARANTINES_WHAT_ANSWERS_404 = True
"""Whether a feed that was there, and is announced and answers 404, may bring a bundle into quarantine, until a person
accepts that; it does when other files changed too. Said in the index, that it is gone is no question."""

MATCH = BundleType("match", requires=("events",), optional=("match", "lineups", "frames"))
ORDINARY, NOTHING_WRONG = Traits(), Listing()
MINUTE, DAYS = 90.0, 40 * 86_400.0


@dataclasses.dataclass(frozen=True)
class Wait:
    """Time passes."""

    seconds: float

    def __repr__(self) -> str:
        return f"Wait({self.seconds})"


@dataclasses.dataclass(frozen=True)
class Run:
    """The lake is brought up to date with a plan.

    Attributes:
        during: What the provider changes meanwhile.
    """

    plan: str = "all"
    listing: Listing = NOTHING_WRONG
    during: tuple[During, ...] = ()

    def __repr__(self) -> str:
        return _short(self)


Step = Wait | Run | Change


@dataclasses.dataclass(frozen=True)
class Scenario:
    """A provider, and what happens until it changes no more."""

    traits: Traits = ORDINARY
    matches: int = 2
    steps: tuple[Step, ...] = ()

    def __repr__(self) -> str:
        steps = "".join(f"\n    {step!r}," for step in self.steps)
        return f"Scenario({self.traits!r}, {self.matches}, ({steps}\n))"


# ---- sources -------------------------------------------------------------------------------------------


class ModelSource(Source):
    """Reads the model's index, as somebody's own source would."""

    concurrent_discovery = True
    lists_everything = True
    provider = "model"
    bundle_types = (MATCH,)

    def __init__(self, traits: Traits) -> None:
        super().__init__("model")
        self._traits = traits

    def discover_selectors(self, dataset_type: str) -> list[dict[str, Any]]:
        if self._traits.season_time == "none":
            return [{"season_id": 1}]
        (season,) = self.http.get_json(f"{BASE_URL}/seasons.json")
        return [{"season_id": season["season_id"], "_last_modified": _moment(season["changed"])}]

    def find_datasets(
        self, dataset_type: str, data_spec_versions: Any, dataset_collection_metadata: Any, *, season_id: int, **_: Any
    ) -> Iterator[list[Any]]:
        for page in range(1, self._traits.pages + 1):
            entries = self.http.get_json(f"{BASE_URL}/matches.json", params={"page": page})
            yield [self._resource(entry, data_spec_versions) for entry in entries]

    def _resource(self, entry: dict[str, Any], versions: Any) -> Any:
        if entry["id"] is None:
            return UnreadableEntry(f"the entry of {entry['name']}", "it has no id")
        resource = DatasetResource(
            {"match_id": entry["id"]}, "match", name=entry["name"], metadata={"score": entry["score"]}
        )
        for feed in FEEDS:
            for spec in versions.versions_of(feed) if entry[feed]["is_there"] else ():
                resource.add_file(
                    _moment(entry[feed]["changed"]),
                    feed,
                    spec,
                    url=f"{BASE_URL}/{feed}/{spec}/{entry['id']}.json",
                    http_options={"ignore_not_found": self._traits.absent_by == "404" and feed != "events"},
                    data_serialization_format="json",
                )
        if self._traits.entry_is_a_feed:
            for spec in versions.versions_of("match"):
                resource.add_file(_moment(entry["events"]["changed"]), "match", spec, json_content=entry)
        return resource


def _moment(text: str | None) -> dt.datetime | None:
    return None if text is None else dt.datetime.fromisoformat(text)


def _rest_source(traits: Traits) -> RestSource:
    """Return the same without code."""
    assert traits.pages == 1, "only the source with code reads a number of pages that it knows"
    feeds: dict[str, Any] = {}
    if traits.entry_is_a_feed:
        feeds["match"] = {"content": "$", "optional": True}
        if traits.times != "none":  # without one of its own, the match and all its files would be due in each run
            feeds["match"]["last_modified"] = "events.changed"
    for feed in FEEDS:
        feeds[feed] = {"url": f"/{feed}/{{data_spec_version}}/{{match_id}}.json", "when": f"{feed}.is_there == True"}
        if traits.times != "none":
            feeds[feed]["last_modified"] = f"{feed}.changed"
        if feed != "events":
            feeds[feed]["optional"] = True
            feeds[feed]["ignore_not_found"] = traits.absent_by == "404"
    selectors: Any = [{"season_id": 1}]
    if traits.season_time != "none":
        selectors = {"endpoint": "/seasons.json", "values": {"season_id": "season_id"}, "last_modified": "changed"}
    described = {
        "selectors": selectors,
        "index": {"endpoint": "/matches.json"},
        "identity": {"match_id": "id"},
        "name": "{name}",
        "metadata": {"score": "score"},
        "feeds": feeds,
    }
    return RestSource("model", provider="model", base_url=BASE_URL, dataset_types={"match": described})


# ---- the lake ------------------------------------------------------------------------------------------

_numbers = itertools.count(1)


@functools.cache
def _lake() -> tuple[SqlCatalogue, MemoryStorage]:
    """Return the lake of all models, each in a bucket of its own: making its tables takes longer than a run."""
    return SqlCatalogue.open("sqlite:///:memory:"), MemoryStorage()


class _Watcher(Subscriber):
    """Looks at each bundle the moment it is committed."""

    def __init__(self, lake: ModelLake) -> None:
        super().__init__(lake.store)
        self._lake = lake

    def on_dataset_created(self, event: Any) -> None:
        self._lake.events.append(event.event_type)

    def on_revision_rejected(self, event: Any) -> None:
        self._lake.events.append(event.event_type)

    def on_revision_added(self, event: Any) -> None:
        self._lake.events.append(event.event_type)
        self._lake.look_at(event.dataset, f"at the commit ({event.event_type})")

    on_metadata_updated = on_revision_added


@dataclasses.dataclass(frozen=True)
class _Seen:
    """A dataset of the lake, as readers see it; `files` are file id to JSON content."""

    name: str
    score: object
    state: DatasetState
    files: dict[str, Any]


class ModelLake:
    """A lake in memory.

    Attributes:
        events: The types of the domain events of the run, but for those that say that nothing was done.
        problems: What was wrong at a commit; what a subscriber raises would only be logged.
        seen: The datasets as readers saw them after the last run, by match.
    """

    def __init__(self, provider: ModelProvider) -> None:
        self.provider = provider
        self.events: list[str] = []
        self.problems: list[str] = []
        self.seen: dict[int, _Seen] = {}
        self._doubted: set[int] = set()
        """The matches that the last listing lacked."""
        self.store = DatasetStore(*_lake(), Dispatcher(), bucket=f"model-{next(_numbers)}")
        self.store.publisher.add_subscriber(_Watcher(self))

    def _engine(self, plan: str) -> IngestionEngine:
        """Return a new engine with a new source, as a new process has."""
        traits = self.provider.traits
        source = ModelSource(traits) if traits.source == "code" else _rest_source(traits)
        options = HttpOptions(attempts=1, backoff_base_seconds=0)
        return IngestionEngine(
            self.store,
            make_fetcher=lambda one: HttpClient(one.name, options, transport=self.provider),  # type: ignore[arg-type]
            plans=[IngestionPlan(source, "match", PLANS[plan])],
            concurrency=1,  # so that the same thing happens each time
        )

    def run(self, run: Run) -> None:
        """Bring the lake up to date, and hold what it shows then against what the provider ever had."""
        provider = self.provider
        before = self.seen
        provider.begin_run(run.listing, run.during)
        self.events.clear()
        provider.in_lake = {number for number, seen in before.items() if seen.files}
        provider.log.append(f"{provider.now:%d %H:%M:%S} {run}")
        with clock.reading(provider.lake_time):
            self._fill(run.plan)
        provider.during, provider.listing = (), Listing()
        provider.log.append(f"  events: {', '.join(self.events) or 'none'}")
        after = self.seen = self._read()
        provider.log += [f"  lake: match {number}: {_described(seen)}" for number, seen in after.items()]
        self.assert_that(not self.problems, "; ".join(self.problems))
        for number, seen in after.items():
            self._find_moment(number, seen, "after the run")
        for number, was in before.items():
            lost = {one for one in was.files if one.startswith("events")} - set(after[number].files)
            self.assert_that(not lost, f"match {number} lost {', '.join(lost)}, which a complete one needs")
        self._check_absences(run, before, after)

    def look_at(self, dataset: Any, when: str) -> None:
        """Keep what is wrong with a bundle that was just committed."""
        try:
            self._find_moment(dataset.identifier["match_id"], self._see(dataset), when)
        except AssertionError as error:
            self.problems.append(str(error))

    def _fill(self, plan: str) -> None:
        report = self._engine(plan).run_report()
        for task in report.failed_tasks + report.quarantined_tasks:
            self.provider.log.append(f"  {task.outcome}: {task.name}: {task.error}")
        if report.error is not None:
            self.provider.log.append(f"  the run ended with {type(report.error).__name__}: {report.error}")

    def _quarantined(self) -> set[Any]:
        return {entry.identifier["match_id"] for entry in self.store.quarantine.list_entries()}

    def _read(self) -> dict[int, _Seen]:
        datasets = self.store.get_dataset_collection()
        return {dataset.identifier["match_id"]: self._see(dataset) for dataset in datasets}

    def _see(self, dataset: Any) -> _Seen:
        files = {file.file_id: file.json() for file in self.store.load_files(dataset)}
        return _Seen(dataset.name, dataset.metadata.get("score"), dataset.state, files)

    # ---- what must hold --------------------------------------------------------------------------------

    def assert_that(self, holds: bool, what: str) -> None:
        assert holds, what

    def _find_moment(self, number: int, seen: _Seen, when: str) -> None:
        """Each bundle was the provider's at one moment: name, score and files."""
        moments = self.provider.matches[number].history
        differences = [one.differs_from(seen.name, seen.score, seen.files) for one in moments]
        if all(differences):
            closest = min(differences, key=len)
            raise AssertionError(
                f"{when}, match {number} is a mix: {_described(seen)}; closest is a moment of which "
                f"{', '.join(closest)}"
            )

    def _check_absences(self, run: Run, before: dict[int, _Seen], after: dict[int, _Seen]) -> None:
        """What one listing lacks that failed, was empty or could not be read in part is not missing."""
        fault, provider = run.listing.fault, self.provider
        if fault in ("none", "unreadable", "twice"):
            fault = "unreadable" if provider.had_unreadable else "none"
        for number, seen in after.items():
            was = before.get(number)
            is_new = seen.state is DatasetState.MISSING and (was is None or was.state is not DatasetState.MISSING)
            is_shown = fault == "empty" and number in self._doubted
            self.assert_that(
                fault not in ("fails", "unreadable", "empty") or not is_new or is_shown,
                f"match {number} is MISSING by one listing ({fault})",
            )
        if fault in ("fails", "unreadable") or not any("matches" in request for request in provider.requests):
            return
        lacked = set(provider.matches) - set(provider.listed) | {one.change.match for one in run.during}
        if fault == "empty":
            lacked = set(provider.matches)
        elif fault == "lacks":
            lacked.add(run.listing.match)
        self._doubted = lacked

    def check_current(self, plan: str) -> None:
        """Every readable dataset equals the provider."""
        found, quarantined = self.seen, self._quarantined()
        wanted = {feed: PLANS[plan].get(feed, PLANS[plan].get("default")) for feed in FEEDS}
        for number, match in self.provider.matches.items():
            seen = found.get(number)
            unreadable = self.provider.traits.unreadable
            if number == unreadable:
                continue  # what became of it nobody can read; that it is not MISSING is looked at after each run
            if not match.is_listed and unreadable in self.provider.listed:
                continue  # the listing is not whole: it may be the one that cannot be read
            if not match.is_listed:
                self.assert_that(
                    seen is None or seen.state is DatasetState.MISSING,
                    f"match {number} is listed no more, and not MISSING",
                )
                continue
            lost = [feed for feed in FEEDS if feed not in match.contents]
            if (
                QUARANTINES_WHAT_ANSWERS_404
                and self.provider.traits.absent_by == "404"
                and lost
                and number in quarantined
            ):
                continue
            self.assert_that(
                number not in quarantined, f"match {number} is in quarantine, and nothing is wrong with it"
            )
            self.assert_that(seen is not None, f"match {number} is not in the lake")
            assert seen is not None
            asked = {file_id: content for file_id, content in seen.files.items() if _is_asked(file_id, plan)}
            # What the plan does not ask for is asked for along with what changed. Where no time is that of the match,
            # nothing that it does ask for shows that another file changed, and whoever asks for less asks for less.
            is_shown = self.provider.traits.times_of == "match" and self.provider.traits.times != "none"
            shown = seen.files if is_shown else asked
            differences = match.moment.differs_from(seen.name, seen.score, shown)
            self.assert_that(not differences, f"match {number} is stale: {', '.join(differences)}")
            asks_for_what_it_needs = wanted["events"] or any(_feed_of(file_id) == "events" for file_id in seen.files)
            self.assert_that(
                seen.state is DatasetState.COMPLETE or not asks_for_what_it_needs,
                f"match {number} is {seen.state.value}, and listed with all it needs",
            )
            lacks = [
                feed
                for feed, spec in wanted.items()
                if spec and feed in match.contents and f"{feed}__{spec}" not in seen.files
            ]
            self.assert_that(not lacks, f"match {number} lacks {', '.join(lacks)}")


def _feed_of(file_id: str) -> str:
    return file_id.rpartition("__")[0]


def _is_asked(file_id: str, plan: str) -> bool:
    feed, _, version = file_id.rpartition("__")
    return PLANS[plan].get(feed, PLANS[plan].get("default")) == version


def _described(seen: _Seen) -> str:
    files = ", ".join(
        f"{file_id} of {content.get('version', content.get('score'))}" for file_id, content in seen.files.items()
    )
    return f"'{seen.name}' {seen.score} {seen.state.value}: {files or 'no files'}"


# ---- playing -------------------------------------------------------------------------------------------


def play(scenario: Scenario, make_lake: Callable[[ModelProvider], ModelLake] = ModelLake) -> None:
    """Let a scenario happen, and hold the lake against the provider: sound at all times, then current, then quiet.

    Raises:
        AssertionError: It is not; the message tells what happened, step by step.
    """
    provider = ModelProvider(scenario.traits, scenario.matches)
    lake = make_lake(provider)
    try:
        for step in scenario.steps:
            if isinstance(step, Wait):
                provider.wait(step.seconds)
            elif isinstance(step, Change):
                provider.apply(step)
            else:
                lake.run(step)
        plan = next((step.plan for step in reversed(scenario.steps) if isinstance(step, Run)), "all")
        _check_the_end(provider, lake, plan)
    except AssertionError as error:
        story = "\n".join(provider.log)
        raise AssertionError(f"{error}\n\n{scenario!r}\n\n{story}") from None


def _check_the_end(provider: ModelProvider, lake: ModelLake, plan: str) -> None:
    provider.log.append("the provider changes no more")
    for _ in range(2):
        provider.wait(MINUTE)
        lake.run(Run(plan))
    lake.check_current(plan)
    traits = provider.traits
    # Other bytes each time may be taken as they are each time, as long as something speaks for asking.
    is_quiet = not traits.body_changes
    provider.wait(DAYS)  # by then every time but one in the future is settled, by any clock
    lake.run(Run(plan))
    lake.assert_that(not is_quiet or not lake.events, "a run in which nothing changed wrote events")
    lake.check_current(plan)
    provider.wait(MINUTE)
    lake.run(Run(plan))
    # A feed that answers 404 is asked for each time, and with it the others of its match.
    asks_for_absent = traits.absent_by == "404" and any(
        feed not in match.contents for match in provider.listed.values() for feed in FEEDS
    )
    is_settled = traits.times != "none" and not provider.announced_2062 and not asks_for_absent
    lake.assert_that(
        not (is_quiet or is_settled) or not lake.events, "a run in which nothing changed wrote events, days later"
    )
    if traits.names_versions or is_settled:
        lake.assert_that(provider.bodies == 0, f"a run in which nothing changed fetched {provider.bodies} files")
