"""The operator that fills a lake."""

from __future__ import annotations

import datetime as dt
import hashlib
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from ingestify.errors import ConfigurationError
from ingestify.orchestrators.airflow.assets import lake_asset

if TYPE_CHECKING:
    from airflow.sdk import Asset, Context

    from ingestify.orchestrators.event_log import AssetChange, LogPosition
    from ingestify.orchestrators.running import LakeRun

__all__ = ["IngestifyRunOperator"]

_MOST_NAMED = 20
"""How many problems, changed datasets and partitions are named in an XCom and in an asset event."""

_MOST_OF_A_REASON = 300


class IngestifyRunOperator(BaseOperator):  # type: ignore[misc] # airflow is not there
    """Brings a lake up to date, as `ingestify run` does.

    When a DAG is parsed, nothing is opened, read or requested: the worker opens the lake. It returns a small dict, as
    XCom: `state` (OK or WARNING), `counters`, `problems`, `changes`, `position` and more.

    - Each asset that changed gets an asset event, with the same dict in its `extra`. An asset of which nothing changed
      gets none, so a DAG that is scheduled on it does not run. The task succeeds in both cases.
    - Some datasets failed or are in quarantine (exit code 3 of the command): the task succeeds, and its log has a
      warning for each; with `fail_on_warning`, it fails.
    - The run failed: the task fails. Where only a person can help (wrong settings, refused credentials), it is not
      retried.
    - A retry asks the provider only for what the try before did not finish. What a failed try changed is announced by
      the next one that succeeds.
    - The task is killed or has its time-out: the run begins nothing new, and keeps what is complete.

    Args:
        config: The absolute path of the config.yaml on the worker's machine, which also has the secrets. A template.
        lake: The name of the lake in the URIs of its assets, `main.name` in the config.yaml.
        provider: Only plans of this provider; None: any.
        dataset_type: Only plans of this dataset type; None: any.
        assets: Provider and dataset type of each asset that the task may change. None: those of `provider` and
            `dataset_type`, which have to be given then.
        bucket: The part of the lake, in the URIs of its assets.
        source: Only plans of the source with this name; None: any. A template.
        selector: Filters, such as `{"competition_id": 11}`, or a partition key, such as
            `competition_id=11/season_id=90`; None: everything. A template.
        accept_missing: Mark datasets that sources no longer list as MISSING at once, however many they are.
        deadline: How long the run may take; None: no limit.
        partitioned: Make an asset event for each partition that changed, with its partition key, for DAGs with a
            partitioned schedule; others do not run on such events.
        fail_on_warning: Fail also if only some datasets have a problem. Nothing is announced then.
        outlets: Further assets.
        **kwargs: Of `BaseOperator`.

    Raises:
        ValueError: It is not said which assets it may change.
    """

    template_fields: Sequence[str] = ("config", "source", "selector")

    def __init__(
        self,
        *,
        config: str,
        lake: str,
        provider: str | None = None,
        dataset_type: str | None = None,
        assets: Iterable[tuple[str, str]] | None = None,
        bucket: str = "main",
        source: str | None = None,
        selector: Mapping[str, object] | str | None = None,
        accept_missing: bool = False,
        deadline: dt.timedelta | None = None,
        partitioned: bool = False,
        fail_on_warning: bool = False,
        outlets: Sequence[Any] = (),
        **kwargs: Any,
    ) -> None:
        if assets is None:
            if provider is None or dataset_type is None:
                raise ValueError(
                    "IngestifyRunOperator: give provider and dataset_type, or assets=[(provider, dataset_type), …], as "
                    "Airflow has to know the assets of a task before it runs."
                )
            assets = [(provider, dataset_type)]
        named = {(one[0], one[1]): lake_asset(lake, *one, bucket=bucket) for one in assets}
        # A mapped task is given its assets a second time, as Airflow makes the task itself only when it runs.
        super().__init__(outlets=[*named.values(), *(one for one in outlets if one not in named.values())], **kwargs)
        self.config = str(config)
        self.lake = lake
        self.provider = provider
        self.dataset_type = dataset_type
        self.source = source
        self.selector = selector
        self.accept_missing = accept_missing
        self.deadline = deadline
        self.partitioned = partitioned
        self.fail_on_warning = fail_on_warning
        self._assets = named
        self._is_running = False

    def execute(self, context: Context) -> dict[str, Any]:
        """Run, and announce what changed. Airflow calls it in the worker."""
        announced = _Announced(context, self._assets.values(), self.source, self.selector)
        outcome = self._run(announced)
        for problem in outcome.problems:
            self.log.warning("%s", problem)
        if outcome.state == "WARNING" and self.fail_on_warning:
            raise AirflowException(f"fail_on_warning: {outcome.summary}")
        changes: dict[tuple[str, str], list[AssetChange]] = {}
        for change in outcome.changes:
            changes.setdefault((change.provider, change.dataset_type), []).append(change)
        for name, asset in self._assets.items():
            if name in changes:
                self._announce(context, asset, changes[name], _document(outcome, changes[name]))
        unchanged = [asset for name, asset in self._assets.items() if name not in changes]
        # Airflow makes an asset event for each outlet that the task has at its end.
        self.outlets = [one for one in context["task"].outlets if one not in unchanged]
        announced.keep(outcome.position_after)
        return _document(outcome, outcome.changes)

    def on_kill(self) -> None:
        """Let the run end as after Ctrl-C. Airflow calls it in the thread that runs."""
        if self._is_running:
            raise KeyboardInterrupt

    def _run(self, announced: _Announced) -> LakeRun:
        from ingestify.orchestrators.running import RunFailed, run_lake  # it takes a second, and only a worker needs it

        self._is_running = True
        try:
            self._check_assets()
            return run_lake(
                self.config,
                provider=self.provider,
                source=self.source,
                dataset_type=self.dataset_type,
                selector=self.selector,
                accept_missing=self.accept_missing,
                deadline=self.deadline,
                since=announced.find_position(self.config),
            )
        except ConfigurationError as error:
            raise AirflowFailException(str(error)) from error
        except RunFailed as error:
            for problem in () if error.outcome is None else error.outcome.problems:
                self.log.error("%s", problem)
            wait = "" if error.retry_at is None else f" It can help from {error.retry_at:%Y-%m-%d %H:%M} UTC on."
            raise (AirflowException if error.may_help else AirflowFailException)(f"{error}{wait}") from error
        except KeyboardInterrupt:
            raise AirflowException("The run was stopped. What was complete is in the lake.") from None
        finally:
            self._is_running = False

    def _check_assets(self) -> None:
        """Refuse assets that the config.yaml does not have: their changes would never be announced.

        Raises:
            ConfigurationError: There is one, or its URI is another one.
        """
        from ingestify.orchestrators.assets import lake_assets

        known = {(one.provider, one.dataset_type): one for one in lake_assets(self.config)}
        for name, asset in self._assets.items():
            one = known.get(name)
            if one is None:
                raise ConfigurationError(
                    f"The task {self.task_id} has the asset {'/'.join(name)}, and no enabled ingestion plan in "
                    f"{self.config} brings it; they bring: {', '.join(other.name for other in known.values())}."
                )
            if one.lake and one.uri != asset.uri:
                raise ConfigurationError(
                    f"The task {self.task_id} has the asset {asset.uri}, and by main.name and main.default_bucket of "
                    f"{self.config} it is {one.uri}: correct lake= or bucket= of the task."
                )

    def _announce(
        self, context: Context, asset: Asset, changes: Sequence[AssetChange], document: dict[str, Any]
    ) -> None:
        event = context["outlet_events"][asset]
        event.extra = document
        partitions = [change.partition_key for change in changes if change.partition_key]
        if self.partitioned and partitions:
            event.add_partitions(partitions)


class _Announced:
    """Up to where in the event log the changes of a task were announced. The state stores of its assets keep it.

    A task may fail after it has run, where its XCom cannot be stored. So a try announces again what an earlier try of
    the same DAG run announced. Each source and selector that a template gives has its own position, as a run announces
    nothing of the others.
    """

    def __init__(
        self, context: Context, assets: Iterable[Asset], source: str | None, selector: Mapping[str, object] | str | None
    ) -> None:
        ti = context["ti"]
        self._key = f"ingestify announced {ti.dag_id}.{ti.task_id}.{ti.map_index}"
        if source is not None or selector is not None:
            self._key += f".{hashlib.sha256(repr((source, selector)).encode()).hexdigest()[:16]}"
        self._dag_run = ti.run_id
        self._stores = [context["asset_state_store"][asset] for asset in assets]
        self._since = ""

    def find_position(self, config: str) -> LogPosition | None:
        """Return the position; None: the task has no assets."""
        from ingestify.orchestrators.event_log import LogPosition, find_log_end

        kept = [found for one in self._stores if (found := one.get(self._key)) is not None]
        since = [LogPosition.parse(one["since" if one["dag_run"] == self._dag_run else "until"]) for one in kept]
        position = min(since, default=None) or (find_log_end(config) if self._stores else None)
        self._since = str(position)
        if not kept and position is not None:
            self.keep(position)  # so that the next try announces what this one changes, should it fail
        return position

    def keep(self, position: LogPosition) -> None:
        """Keep that everything up to a position is announced, if this try succeeds."""
        for one in self._stores:
            one.set(self._key, {"dag_run": self._dag_run, "since": self._since, "until": str(position)})


def _document(outcome: LakeRun, changes: Sequence[AssetChange]) -> dict[str, Any]:
    """Return what Airflow shows of a run, in JSON values. It is small whatever the run did."""
    moment = outcome.last_modified_at
    return {
        "state": str(outcome.state),
        "summary": textwrap.shorten(outcome.summary, _MOST_OF_A_REASON, placeholder=" …"),
        "run_id": outcome.run_id,
        "position": str(outcome.position_after),
        "counters": dict(outcome.counters),
        "changed": sum(change.count for change in changes),
        "changes": [
            {
                "asset": f"{change.provider}/{change.dataset_type}",
                "partition": change.partition_key,
                "count": change.count,
                "datasets": [one.name or one.identifier for one in change.datasets[:_MOST_NAMED]],
            }
            for change in changes[-_MOST_NAMED:]
        ],
        "problem_count": outcome.problem_count,
        "problems": [
            textwrap.shorten(str(one), _MOST_OF_A_REASON, placeholder=" …") for one in outcome.problems[:_MOST_NAMED]
        ],
        "quarantined": outcome.quarantined_count,
        "last_modified_at": None if moment is None else moment.isoformat(),
        "terms": {name: dict(terms) for name, terms in outcome.terms.items()},
    }
