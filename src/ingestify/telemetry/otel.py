"""Whether somebody wants OpenTelemetry, and its SDK for a command.

Without that, nothing of the package is imported: it takes as long as half of ingestify.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator

from ingestify.errors import MissingExtraError
from ingestify.masking import mask_text

__all__ = ["FLUSH_SECONDS", "exported", "is_wanted"]

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 5.0
"""How long a command waits at its end for what it has not exported."""

_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_SIGNALS = ("TRACES", "METRICS")


def is_wanted() -> bool:
    """Whether this process has OpenTelemetry: its program has imported it, as every one that sets up an SDK has."""
    is_there = "opentelemetry.trace" in sys.modules or "opentelemetry.metrics" in sys.modules
    return is_there and not _is_disabled()


def _is_disabled() -> bool:
    return os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"


@contextlib.contextmanager
def exported() -> Iterator[None]:
    """Export what the block does, if the environment names an endpoint and nobody has set up an SDK.

    It is OTLP over HTTP, with the settings of OpenTelemetry's own environment variables. At the end, what was not
    exported has `FLUSH_SECONDS`; an endpoint that is away costs no more than that.
    """
    wanted = [signal for signal in _SIGNALS if _is_exported(signal)]
    if not wanted or is_wanted() or _is_disabled():
        yield
        return
    shutdowns = [shutdown for signal in wanted if (shutdown := _try_to_set_up(signal)) is not None]
    try:
        yield
    finally:
        _within(FLUSH_SECONDS, shutdowns)


def _try_to_set_up(signal: str) -> Callable[[], object] | None:
    """Do as `_set_up`. If it cannot be done, that is logged, and fails nothing."""
    try:
        return _set_up(signal)
    except ImportError:
        why = str(MissingExtraError("otlp", "that"))
    except Exception as error:  # noqa: BLE001 - the edge to the SDK, which refuses some of its variables
        why = f"the SDK refuses the environment's settings: {mask_text(' '.join(str(error).split()))}"
    logger.warning(
        "The environment names an endpoint of OpenTelemetry, but %s are not exported, as %s", signal.lower(), why
    )
    return None


def _is_exported(signal: str) -> bool:
    has_endpoint = any(os.environ.get(name) for name in (_ENDPOINT, f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"))
    protocol = os.environ.get(f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL") or os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    exporter = os.environ.get(f"OTEL_{signal}_EXPORTER") or "otlp"
    if has_endpoint and (exporter not in ("otlp", "none") or protocol not in (None, "", "http/protobuf")):
        logger.warning(
            "%s are not exported: ingestify itself does that by OTLP over HTTP (http/protobuf) only; start it with "
            "opentelemetry-instrument for another exporter or protocol.",
            signal.capitalize(),
        )
        return False
    return has_endpoint and exporter == "otlp"


def _set_up(signal: str) -> Callable[[], object]:
    """Set up the SDK for traces or metrics. Returns what exports the rest and ends it."""
    from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource

    named = OTELResourceDetector().detect().attributes.get(SERVICE_NAME)
    resource = Resource.create({SERVICE_NAME: str(named or "ingestify")})
    if signal == "TRACES":
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
        tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        trace.set_tracer_provider(tracers)
        return tracers.shutdown
    from opentelemetry import metrics
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    reader = PeriodicExportingMetricReader(OTLPMetricExporter())
    meters = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
    metrics.set_meter_provider(meters)
    return functools.partial(meters.shutdown, timeout_millis=FLUSH_SECONDS * 1000)


def _within(seconds: float, calls: list[Callable[[], object]]) -> None:
    """Call functions side by side, and wait no longer than that for them."""
    threads = [threading.Thread(target=call, name="ingestify-export", daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    until = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    if any(thread.is_alive() for thread in threads):
        logger.warning("Not everything could be exported to OpenTelemetry within %.0f seconds.", seconds)
