"""When each plan and each selector is looked at next, and why: from the jobs and the matches of the lake."""

from __future__ import annotations

import collections
import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ingestify.domain.change_notice import TellsOfChanges
from ingestify.domain.identifier import Identifier, canonical_text
from ingestify.domain.plan import IngestionPlan, ParseExpression, SelectorExpression
from ingestify.domain.ports import RequestBudgetBook
from ingestify.domain.run import FINDING_SELECTORS, JobSummary, RunReport, RunState
from ingestify.domain.schedule import Due
from ingestify.domain.selector import Selector, Several, identifier_matches
from ingestify.engine.report.health import GIVEN_UP_AFTER, WatchedPlan, WatchedSelector, watch
from ingestify.engine.watching.near_matches import NearMatches
from ingestify.errors import ConfigurationError, LakeNotFound
from ingestify.store.dataset_store import DatasetStore

__all__ = ["Agenda", "Look"]

_WHOLE = ""


class Look(NamedTuple):
    """A look at a plan, or at one of its selectors.

    Attributes:
        plan: The plan.
        selector: The selector; None: the whole plan, with a search for new selectors.
        due: When, and why.
        told: The notices that it answers; see `Told`.
    """

    plan: IngestionPlan
    selector: Selector | None
    due: Due
    told: tuple[Any, ...] = ()

    @property
    def name(self) -> str:
        """The name of what is looked at, for people: `statsbomb: Serie A 2026/2027`."""
        what = f"all of {self.plan.dataset_type}" if self.selector is None else self.selector.name
        return f"{self.plan.source.name}: {what}"


class Agenda:
    """Knows what has to be looked at, and when. What it needs after a restart is in the catalogue.

    Args:
        store: The lake.
        plans: What is watched.
        parse_expression: Parses a rule of a plan that is an expression.
        budgets: How many requests sources have; None: any number.
    """

    def __init__(
        self,
        store: DatasetStore,
        plans: Sequence[IngestionPlan],
        parse_expression: ParseExpression | None,
        budgets: RequestBudgetBook | None = None,
    ) -> None:
        self._store = store
        self._budgets = budgets
        self._plans = [(plan, _mark_of(store.bucket, plan)) for plan in plans]
        self._parse_expression = parse_expression
        self._matches = NearMatches(store)
        self._failures: collections.Counter[tuple[str, str]] = collections.Counter()
        self._tried_at: dict[tuple[str, str], dt.datetime] = {}

    def read(self, moment: dt.datetime) -> list[Look]:
        """Return the next look at each plan, and at each selector that has a reason of its own; the next one first.

        Args:
            moment: Now, in UTC.

        Raises:
            StoreError: The catalogue cannot be read.
        """
        try:
            self._matches.refresh()
            marks = self._store.catalogue.watch_marks.find()
            jobs = self._load_jobs(moment)
            looks = [look for plan, mark in self._plans for look in self._of_plan(plan, mark, marks, jobs, moment)]
            looks = self._within_budgets(looks)
        except LakeNotFound:
            looks = [Look(plan, None, plan.schedule.next_whole_look(None, moment)) for plan, _ in self._plans]
        return sorted(looks, key=lambda look: (look.due.at, look.selector is None))

    def find_selectors(self, plan: IngestionPlan, filters: Mapping[str, Any], moment: dt.datetime) -> list[Selector]:
        """Return the selectors that have the datasets with these values; none: the lake does not know.

        Of a source whose only selector has no attributes, that one is narrowed to these values.

        Args:
            plan: Their plan.
            filters: Keys of identifiers and their values.
            moment: Now, in UTC.

        Raises:
            StoreError: The catalogue cannot be read.
        """
        store = self._store
        wanted = {**filters, "provider": plan.source.provider, "dataset_type": plan.dataset_type}
        try:
            found = store.catalogue.datasets.iter_descriptions(store.dataset_filter(**wanted))
            identifiers = [Identifier(dict(one.identifier)) for one in found] or [Identifier(dict(filters))]
            known = watch(lambda _: self._load_jobs(moment), [WatchedPlan.of(plan)], self._parse, moment)
        except LakeNotFound:
            return []
        if [dict(one.selector) for one in known] == [{}]:
            keys = plan.source.identifier_keys_of(plan.dataset_type)
            # With the same name, it is known as a part of the whole.
            return [Selector({**filters, "_name": known[0].name})] if filters.keys() <= set(keys) else []
        selectors = [_selector_of(one) for one in known]
        return [
            _as_planned(plan, one)
            for one in selectors
            if any(
                one.attributes.keys() <= key.keys() and identifier_matches(key, one.attributes) for key in identifiers
            )
        ]

    def note(self, looks: Sequence[Look], report: RunReport, began: dt.datetime) -> None:
        """Remember how looks went.

        Args:
            looks: What one run looked at.
            report: The report of the run.
            began: When it began, in UTC.

        Raises:
            StoreError: The catalogue cannot be written.
        """
        marks = {id(plan): mark for plan, mark in self._plans}
        for look in looks:
            mark = marks[id(look.plan)]
            jobs = {_selector_of(job).canonical: job for job in report.jobs if _is_of(job, look.plan)}
            if look.selector is not None:
                canonical = look.selector.canonical
                self._note((mark, canonical), began, has_failed=canonical not in jobs or _failed(jobs[canonical]))
                continue
            for canonical, job in jobs.items():
                self._note((mark, canonical), began, has_failed=_failed(job))
            is_to_repeat = _found_nothing_out(report)
            self._note((mark, _WHOLE), began, has_failed=is_to_repeat and not report.goes_on_at)
            if not is_to_repeat:
                self._store.catalogue.watch_marks.save(mark, began)

    def failures_of(self, look: Look) -> int:
        """Return how often in a row a look has failed, as far as `note` has seen it."""
        mark = next(mark for plan, mark in self._plans if plan is look.plan)
        return self._failures[(mark, _WHOLE if look.selector is None else look.selector.canonical)]

    def _note(self, key: tuple[str, str], began: dt.datetime, *, has_failed: bool) -> None:
        self._tried_at[key] = began
        if has_failed:
            self._failures[key] += 1
        else:
            self._failures.pop(key, None)

    def _within_budgets(self, looks: Sequence[Look]) -> list[Look]:
        """Put off the looks at sources whose budget is used up."""
        states = () if self._budgets is None else self._budgets.states()
        goes_on = {state.source: state.goes_on_at for state in states if state.left.per_day == 0}
        found = []
        for look in looks:
            at = goes_on.get(look.plan.source.name)
            if at is not None and look.due.at < at:
                why = f"the budget of {look.plan.source.name} is used up until {at:%H:%M} UTC"
                look = look._replace(due=Due(at, why))
            found.append(look)
        return found

    # ---- one plan --------------------------------------------------------------------------------------

    def _of_plan(
        self,
        plan: IngestionPlan,
        mark: str,
        marks: Mapping[str, dt.datetime],
        jobs: Sequence[JobSummary],
        moment: dt.datetime,
    ) -> Iterator[Look]:
        whole = self._whole_look(plan, mark, marks, moment)
        yield Look(plan, None, whole)
        if mark not in marks:
            return  # what there is of the plan is only known after a first look
        for known in watch(lambda _: jobs, [WatchedPlan.of(plan)], self._parse, moment):
            if known.began_at is None:
                continue
            due = self._near_look(plan, mark, known, known.began_at, moment)
            if due is not None and due.at < whole.at:
                yield Look(plan, _as_planned(plan, _selector_of(known)), due)

    def _whole_look(self, plan: IngestionPlan, mark: str, marks: Mapping[str, dt.datetime], moment: dt.datetime) -> Due:
        key = (mark, _WHOLE)
        if failures := self._failures[key]:
            return plan.schedule.next_retry(failures, min(self._tried_at[key], moment))
        due = plan.schedule.next_whole_look(marks.get(mark), moment)
        why = due.why
        if plan.schedule.cron is None and mark in marks and not self._matches.have_times(plan, moment):
            why += f", as the {plan.dataset_type} datasets have no kick-off"
        if isinstance(plan.source, TellsOfChanges) and (listening := plan.source.describe_listening()):
            why += f"; {listening}"
        return due._replace(why=why)

    def _near_look(
        self, plan: IngestionPlan, mark: str, known: WatchedSelector, began_at: dt.datetime, moment: dt.datetime
    ) -> Due | None:
        selector = _selector_of(known)
        key = (mark, selector.canonical)
        last = max(began_at, self._tried_at.get(key, began_at))
        due = plan.schedule.next_near_look(self._matches.of(plan, selector, moment), last, moment)
        failures = max(self._failures[key], int(known.has_failed))
        if not failures or plan.schedule.cron is not None:
            return due
        retry = plan.schedule.next_retry(failures, min(last, moment))
        return retry if due is None or due.at < retry.at else due

    def _load_jobs(self, moment: dt.datetime) -> Sequence[JobSummary]:
        """Return the jobs that may say when a selector was looked at last, newest first."""
        limit, since = 1000, moment - GIVEN_UP_AFTER
        while True:
            jobs = self._store.catalogue.jobs.load(limit, with_tasks=False)
            if len(jobs) < limit or jobs[-1].started_at < since:
                return jobs
            limit *= 4

    def _parse(self, rule: str) -> SelectorExpression:
        if self._parse_expression is None:
            raise ConfigurationError(f"The selector '{rule}' is an expression, and this engine has no parser for them.")
        return self._parse_expression(rule)


def _mark_of(bucket: str, plan: IngestionPlan) -> str:
    """Return the name of the mark that says when a plan was last looked at as a whole."""
    what = canonical_text(
        {
            "bucket": bucket,
            "source": plan.source.name,
            "dataset_type": plan.dataset_type,
            "rules": json.dumps(WatchedPlan.of(plan).rules, sort_keys=True, default=str),
            "versions": json.dumps({key: sorted(value) for key, value in plan.data_spec_versions.items()}),
        }
    )
    return f"plan {hashlib.sha256(what.encode()).hexdigest()}"


def _selector_of(job: JobSummary | WatchedSelector) -> Selector:
    name = job.selector_name if isinstance(job, JobSummary) else job.name
    values = {key: Several(value) if isinstance(value, (list, tuple)) else value for key, value in job.selector.items()}
    return Selector({**values, "_name": name})


def _as_planned(plan: IngestionPlan, selector: Selector) -> Selector:
    """Return the plan's own selector with these attributes, which may have feeds of its own; else the selector."""
    own = (rule for rule in plan.selectors if isinstance(rule, Selector) and rule.canonical == selector.canonical)
    return next(own, selector)


def _is_of(job: JobSummary, plan: IngestionPlan) -> bool:
    return (job.source, job.dataset_type) == (plan.source.name, plan.dataset_type)


def _failed(job: JobSummary) -> bool:
    """Whether a job failed, or was cut short for another reason than a budget, which says when it goes on."""
    return job.state in (RunState.FAILED, RunState.ABORTED) and job.goes_on_at is None


def _found_nothing_out(report: RunReport) -> bool:
    """Whether a look at a whole plan has to be repeated: it was stopped, or no selector of it could be looked at."""
    is_cut = bool(report.not_begun) or any(
        job.state is RunState.ABORTED or (job.selector_name == FINDING_SELECTORS and _failed(job))
        for job in report.jobs
    )
    return is_cut or (bool(report.jobs) and all(_failed(job) for job in report.jobs))
