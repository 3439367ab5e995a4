"""Traces in the API of OpenTelemetry: spans of runs, jobs, datasets and requests. Only imported if they are wanted.

Attributes of requests are those of the semantic conventions for HTTP clients
(https://opentelemetry.io/docs/specs/semconv/http/http-spans/). Whether a span is kept is decided by the SDK.
"""

from __future__ import annotations

import time
import urllib.parse
from collections.abc import Mapping
from contextvars import Token
from typing import Any, cast

from opentelemetry import context, trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.util.types import AttributeValue

from ingestify._version import __version__
from ingestify.domain.identifier import Identifier
from ingestify.domain.ports import SentRequest
from ingestify.domain.run import Counters, JobSummary, RunReport, RunState, TaskSummary
from ingestify.masking import mask_text, mask_url

__all__ = ["Trace", "begin_trace"]


def begin_trace(run_id: str) -> Trace:
    """Begin the span of a run, below the current span of the caller."""
    tracer = trace.get_tracer("ingestify", __version__)
    return Trace(tracer, tracer.start_span("ingestify.run", attributes={"ingestify.run.id": run_id}))


class Trace:
    """A span, and what goes on below it. Any thread may call it."""

    __slots__ = ("_context", "_received_bytes", "_span", "_tracer")

    def __init__(self, tracer: Tracer, span: Span) -> None:
        self._tracer = tracer
        self._span = span
        self._context = trace.set_span_in_context(span)
        self._received_bytes = 0

    def _begin(self, name: str, attributes: Mapping[str, AttributeValue]) -> Trace:
        return Trace(self._tracer, self._tracer.start_span(name, context=self._context, attributes=attributes))

    def begin_job(self, job: JobSummary) -> Trace:
        """Begin the span of a job."""
        return self._begin(
            "ingestify.job",
            {
                "ingestify.job.id": job.job_id,
                "ingestify.source": job.source,
                "ingestify.provider": job.provider,
                "ingestify.dataset_type": job.dataset_type,
                "ingestify.selector": job.selector_name,
            },
        )

    def begin_dataset(self, provider: str, dataset_type: str, identifier: Identifier) -> Trace:
        """Begin the span of a dataset."""
        return self._begin(
            "ingestify.dataset",
            {
                "ingestify.provider": provider,
                "ingestify.dataset_type": dataset_type,
                "ingestify.dataset.identifier": str(identifier),
            },
        )

    def sent(self, request: SentRequest) -> None:
        """Add the span of a request that has ended."""
        self._received_bytes += request.received_bytes
        parts = urllib.parse.urlsplit(request.url)
        attributes: dict[str, AttributeValue] = {
            "http.request.method": request.method,
            "url.full": mask_url(request.url).partition("?")[0],  # a query may have what nobody knows to be a secret
            "server.address": parts.hostname or "",
            "server.port": parts.port or (443 if parts.scheme == "https" else 80),
            "http.response.body.size": request.received_bytes,
            "ingestify.wait_seconds": request.waited_seconds + request.paused_seconds,
        }
        if request.tries > 1:
            attributes["http.request.resend_count"] = request.tries - 1
        if request.status is not None:
            attributes["http.response.status_code"] = request.status
        error = request.error
        if request.status is not None and request.status >= 400:
            error = str(request.status)
        ended = time.time_ns()
        span = self._tracer.start_span(
            request.method,
            context=self._context,
            kind=SpanKind.CLIENT,
            attributes={**attributes, "error.type": error} if error else attributes,
            start_time=ended - int(request.seconds * 1e9),
        )
        if error:
            span.set_status(StatusCode.ERROR)
        span.end(ended)

    def attach(self) -> object:
        """Make this the current span of the thread, so that spans of a source or loader are below it."""
        return context.attach(self._context)

    def detach(self, token: object) -> None:
        """End that."""
        context.detach(cast("Token[context.Context]", token))

    def end_dataset(self, task: TaskSummary | None, dataset_id: str | None, *, is_current: bool) -> None:
        """End the span of a dataset."""
        outcome = "unchanged" if is_current else "not looked at"
        attributes: dict[str, AttributeValue] = {"ingestify.received_bytes": self._received_bytes}
        if dataset_id is not None:
            attributes["ingestify.dataset.id"] = dataset_id
        if task is not None:
            outcome = task.outcome.value
            if task.revision_id is not None:
                attributes["ingestify.dataset.revision"] = task.revision_id
        failed = task is not None and task.state is RunState.FAILED
        self._end({"ingestify.dataset.outcome": outcome, **attributes}, task.error if task and failed else "")

    def end_job(self, job: JobSummary) -> None:
        """End the span of a job."""
        self._end(_counted(job.state, job.counters), job.error if job.state is RunState.FAILED else "")

    def end_run(self, report: RunReport) -> None:
        """End the span of a run."""
        error = report.error
        text = "" if error is None else f"{type(error).__name__}: {mask_text(str(error))}"
        self._end(_counted(report.state, report.totals), text)

    def _end(self, attributes: Mapping[str, AttributeValue], error: str) -> None:
        self._span.set_attributes(dict(attributes))
        if error:
            self._span.set_status(Status(StatusCode.ERROR, error))
            self._span.add_event("exception", {"exception.message": error})
        self._span.end()


def _counted(state: RunState, counters: Counters) -> dict[str, Any]:
    counts = {f"ingestify.{name}": count for name, count in counters.as_dict().items() if count}
    return {"ingestify.state": state.value, **counts}
