"""The alerts in deploy/prometheus: well-formed, and raised by what they are for and by nothing else."""

import subprocess

import pytest
import yaml

from conftest import ROOT

PROMETHEUS = ROOT / "deploy/prometheus"
URL = '{{ or $externalLabels.runbook "deploy/README.md" }}#:~:text=%s'
SERIES = ROOT / "tests/prometheus/alerts.yaml"


def promtool(*arguments):
    result = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=240)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def alerts():
    groups = yaml.safe_load((PROMETHEUS / "alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_prometheus_reads_the_rules_and_the_configuration():
    assert f"{len(alerts())} rules found" in promtool("check", "rules", PROMETHEUS / "alerts.yaml")
    promtool("check", "config", PROMETHEUS / "prometheus.yaml")


def test_series_raise_the_alerts_that_they_should_and_no_others():
    promtool("test", "rules", SERIES)


def test_each_alert_is_raised_by_some_series():
    raised = SERIES.read_text()
    assert [rule["alert"] for rule in alerts() if f'alertname="{rule["alert"]}"' not in raised] == []


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_each_alert_tells_what_it_means_and_how_bad_it_is(rule):
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == URL % rule["alert"]
