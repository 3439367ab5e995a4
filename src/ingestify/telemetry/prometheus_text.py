"""Prometheus' text format (version 0.0.4): https://prometheus.io/docs/instrumenting/exposition_formats/."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping

from ingestify.telemetry.measures import Samples
from ingestify.telemetry.table import METRICS, Metric

__all__ = ["CONTENT_TYPE", "read_constant", "read_samples", "write_samples"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_BY_NAME = {metric.prometheus_name: metric for metric in METRICS}
_SAMPLE = re.compile(r"([a-z_]+)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'([a-zA-Z0-9_]+)="((?:[^"\\]|\\.)*)"')
_ESCAPES = {"\\": r"\\", '"': r"\"", "\n": r"\n"}
_UNESCAPED = {escape: character for character, escape in _ESCAPES.items()}


def write_samples(samples: Samples, constant: Mapping[str, str]) -> str:
    """Return samples as text: metrics in the order of the table, and their labels sorted.

    Args:
        samples: The values.
        constant: Labels that each sample has.
    """
    lines: list[str] = []
    of_metric: dict[Metric, list[tuple[tuple[str, ...], float]]] = {}
    for (metric, labels), value in sorted(samples.items(), key=lambda sample: sample[0][1]):
        of_metric.setdefault(metric, []).append((labels, value))
    for metric in METRICS:
        if metric not in of_metric:
            continue
        name = metric.prometheus_name
        lines += [f"# HELP {name} {metric.help}", f"# TYPE {name} {metric.kind}"]
        for labels, value in of_metric[metric]:
            named = {**constant, **dict(zip(metric.labels, labels, strict=True))}
            text = ",".join(f'{key}="{_escaped(one)}"' for key, one in named.items())
            lines.append(f"{name}{{{text}}} {_number(value)}" if text else f"{name} {_number(value)}")
    return "".join(f"{line}\n" for line in lines)


def read_samples(text: str) -> Samples:
    """Return the samples of a text that `write_samples` made; lines of others, and constant labels, are left out."""
    samples: dict[tuple[Metric, tuple[str, ...]], float] = {}
    for metric, named, number in _lines(text):
        try:
            value = float(number)
        except ValueError:
            continue
        if math.isfinite(value) and all(label in named for label in metric.labels):
            samples[metric, tuple(named[label] for label in metric.labels)] = value
    return samples


def read_constant(text: str) -> dict[str, str]:
    """Return the labels that each sample of such a text has."""
    for metric, named, _ in _lines(text):
        return {name: value for name, value in named.items() if name not in metric.labels}
    return {}


def _lines(text: str) -> Iterator[tuple[Metric, dict[str, str], str]]:
    """Iterate over the metric, the labels and the value of each sample, as far as the metric is known."""
    for line in text.split("\n"):
        found = _SAMPLE.fullmatch(line)
        metric = None if found is None else _BY_NAME.get(found[1])
        if found is not None and metric is not None:
            yield metric, {key: _read(value) for key, value in _LABEL.findall(found[2] or "")}, found[3]


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _escaped(value: str) -> str:
    return "".join(_ESCAPES.get(character, character) for character in value)


def _read(value: str) -> str:
    return re.sub(r"\\.", lambda found: _UNESCAPED.get(found[0], found[0]), value)
