"""Where the metrics of runs and of the lake go."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from ingestify.config.field_types import Name
from ingestify.typed_section import Section, wrong

__all__ = ["MetricsSettings", "PushGatewaySettings"]

_LABEL_NAME = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*\Z")

_TAKEN = frozenset(
    {"lake", "bucket", "source", "provider", "dataset_type", "outcome", "problem", "state", "host", "status", "reason"}
    | {"competition", "reader", "kind", "job"}
)
"""The labels of metrics, and that of a push."""


def _check_labels(labels: dict[str, str]) -> dict[str, str]:
    for name in labels:
        if not _LABEL_NAME.match(name):
            raise wrong(f"has '{name}', which is no name of a label: write letters, digits and _, such as team.")
        if name in _TAKEN:
            raise wrong(f"has '{name}', which is a label of the metrics themselves; take another name.")
    return labels


Labels = Annotated[dict[str, str], AfterValidator(_check_labels)]


class PushGatewaySettings(Section):
    """A Prometheus Pushgateway that gets the metrics after each run."""

    url: str = Field(pattern=r"^https?://", description="Its address, such as http://pushgateway:9091.", repr=False)
    job: Name = Field(default="ingestify", description="The job of the pushed metrics.")
    timeout_seconds: float = Field(
        default=5.0, gt=0, le=60, description="How long it may take to answer. A run does not fail without it."
    )


class MetricsSettings(Section):
    """Where the metrics of runs and of the lake go (docs/metrics.md)."""

    file: Name | None = Field(
        default=None,
        description="A file for the textfile collector of Prometheus' node_exporter, such as "
        "/var/lib/node_exporter/ingestify.prom. Each run replaces it. Its folder must exist; a relative path is below "
        "the folder of the config file.",
    )
    push_gateway: PushGatewaySettings | None = Field(
        default=None, description="A Prometheus Pushgateway that gets the metrics after each run."
    )
    labels: Labels = Field(
        default_factory=dict, description="Labels that each metric has besides its own, such as {team: analysis}."
    )
