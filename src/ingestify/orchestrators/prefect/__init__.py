"""The lake in Prefect: `from ingestify.orchestrators.prefect import ingestify_flow`. Needs the extra `prefect`.

flows    a flow that runs ingestify, and one that tells of what others changed
tasks    the task that both the flow and flows of your own call
shown    the table artifacts, and the events for automations
"""

from __future__ import annotations

from ingestify.errors import MissingExtraError

try:
    import prefect as _prefect  # noqa: F401 - whether it is there
except ModuleNotFoundError as error:
    raise MissingExtraError("prefect", "ingestify.orchestrators.prefect") from error

from ingestify.orchestrators.prefect.flows import ingestify_events_flow, ingestify_flow
from ingestify.orchestrators.prefect.shown import emit_changes, show_outcome
from ingestify.orchestrators.prefect.tasks import WITH_WARNINGS, ingestify_run

__all__ = [
    "WITH_WARNINGS",
    "emit_changes",
    "ingestify_events_flow",
    "ingestify_flow",
    "ingestify_run",
    "show_outcome",
]
