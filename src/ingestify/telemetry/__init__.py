"""Metrics of runs and of the lake, and traces of runs.

- `table`: the metrics, by name: one table for Prometheus, OpenTelemetry and docs/metrics.md.
- `measures`: the values of metrics in this process.
- `recorder`: observes the runs of an engine, and counts what they do.
- `lake_state`: the metrics of the lake, read from its catalogue.
- `prometheus_text`: Prometheus' text format, written and read.
- `textfile`: a file for the textfile collector, in which counters go on from run to run.
- `instruments`, `tracing`: the same in the API of OpenTelemetry, which only these two import, and only if it is wanted.
- `otel`: whether it is wanted, and the SDK of a command.
"""
