"""examples/monitoring: each expression names metrics and labels that exist, and Prometheus' own tools accept it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from ingestify.config.settings import MetricsSettings
from ingestify.telemetry.table import METRICS

ROOT = Path(__file__).parent.parent.parent
MONITORING = ROOT / "examples" / "monitoring"
RULES = yaml.safe_load((MONITORING / "alerts.yaml").read_text(encoding="utf-8"))
DASHBOARD = json.loads((MONITORING / "dashboard.json").read_text(encoding="utf-8"))

LABELS = {metric.prometheus_name: {"lake", "bucket", *metric.labels} for metric in METRICS}
_METRIC = re.compile(r"\b(ingestify_[a-z_]+)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'([a-z_]+)\s*(?:=~|!~|!=|=)\s*"[^"]*"')
_GROUPING = re.compile(r"\bby \(([^)]*)\)")
_SHOWN = re.compile(r"\{\{\s*(?:\$labels\.)?([a-z_]+)\s*(?:\||\}\})")


def rules() -> list[dict[str, Any]]:
    return [rule for group in RULES["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[tuple[str, str, str]]:
    """Where it is, the expression, and what is shown of its labels."""
    for rule in rules():
        shown = " ".join(rule["annotations"].values()).replace("{{ $value", "")
        yield rule["alert"], rule["expr"], shown
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"], target["legendFormat"]


def check(where: str, expression: str, shown: str) -> None:
    found = _METRIC.findall(expression)
    assert found, f"{where} names no metric"
    for name, matchers in found:
        assert name in LABELS, f"{where}: there is no metric {name}"
        assert set(_MATCHER.findall(matchers)) <= LABELS[name], f"{where}: {name} has no such label: {matchers}"
        assert _MATCHER.sub("", matchers).strip(", ") == "", f"{where}: {matchers} is not understood"
        labels = {label.strip() for group in _GROUPING.findall(expression) for label in group.split(",")}
        assert labels <= LABELS[name], f"{where}: {name} has not all of {labels}"
        kept = labels or LABELS[name]
        assert set(_SHOWN.findall(shown)) <= kept, f"{where}: not all of {_SHOWN.findall(shown)} is there"


@pytest.mark.parametrize(("where", "expression", "shown"), list(expressions()))
def test_an_expression_names_only_what_exists(where: str, expression: str, shown: str) -> None:
    check(where, expression, shown)


@pytest.mark.parametrize(
    ("expression", "shown"),
    [
        ("ingestify_nothing > 1", ""),
        ('ingestify_runs_total{host="a"} > 1', ""),
        ("sum by (host) (ingestify_runs_total)", ""),
        ("sum by (state) (ingestify_runs_total)", "{{ $labels.lake }}"),
        ("up == 0", ""),
    ],
)
def test_an_expression_that_is_wrong_is_found(expression: str, shown: str) -> None:
    with pytest.raises(AssertionError):
        check("here", expression, shown)


def test_the_rules_have_the_shape_of_alert_rules() -> None:
    assert RULES.keys() == {"groups"}
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    for rule in rules():
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in {"info", "warning", "critical"}
        assert rule["annotations"].keys() == {"summary", "description"}
        assert re.fullmatch(r"\d+[mhd]", rule.get("for", "1m"))
    text = " ".join(rule["expr"] for rule in rules())
    for watched in ("last_success", 'state="FAILED"', "quarantine", "quota_left", "event_reader_lag"):
        assert watched in text


def test_the_dashboard_has_the_shape_of_a_dashboard() -> None:
    assert DASHBOARD["schemaVersion"] >= 36
    variables = {one["name"] for one in DASHBOARD["templating"]["list"]}
    assert set(re.findall(r"\$\{?(\w+)", json.dumps(DASHBOARD))) - {"__all"} <= variables
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, f"{panel['title']} lies over another panel"
        taken |= cells
    for panel in panels():
        assert panel["description"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_each_metric_of_runs_and_of_the_lake_that_a_person_watches_is_shown() -> None:
    shown = {name for _, expression, _ in expressions() for name, _ in _METRIC.findall(expression)}
    assert set(LABELS) - shown == {
        *("ingestify_runs_total", "ingestify_jobs_total", "ingestify_datasets_total"),
        *("ingestify_http_retries_total", "ingestify_http_request_time_seconds_total"),
        *("ingestify_last_run_requests", "ingestify_last_run_received_bytes"),
    }


def test_the_labels_of_the_metrics_are_no_labels_of_the_settings() -> None:
    for label in {label for labels in LABELS.values() for label in labels} | {"job"}:
        with pytest.raises(ValidationError, match="which is a label of the metrics themselves"):
            MetricsSettings(labels={label: "x"})


def promtool(*arguments: str, folder: Path = MONITORING) -> str:
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool, of Prometheus, is not installed")
    ran = subprocess.run([tool, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_promtool_accepts_the_rules_and_their_tests() -> None:
    assert f"{len(rules())} rules found" in promtool("check", "rules", "alerts.yaml")
    assert "SUCCESS" in promtool("test", "rules", "alerts.test.yaml")


def test_promtool_accepts_the_expressions_of_the_dashboard(tmp_path: Path) -> None:
    recorded = [
        {"record": f"one:{number}", "expr": re.sub(r"\$lake|\$bucket", ".*", target["expr"])}
        for number, target in enumerate(target for panel in panels() for target in panel["targets"])
    ]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": recorded}]}))
    assert f"{len(recorded)} rules found" in promtool("check", "rules", "rules.yaml", folder=tmp_path)
