"""Dashboard and alerts ask for what the programs really tell: each name is exported, and each query of the dashboard,
asked of a real Prometheus that scrapes the real programs, has an answer."""

import json
import math
import re

import pytest
import yaml

from conftest import ROOT
from support.events import Producer, Stream
from support.http import answers, ask
from support.leases import permit_key
from support.monitor import start as start_monitor
from support.prometheus import Page, Prometheus, described, names
from support.waiting import wait_until
from support.worker import Worker

CONSUMER, EMIT, MONITOR = "taskledger-consumer", "taskledger-emit", "taskledger-monitor"
RULES = ROOT / "deploy/prometheus/alerts.yaml"
DASHBOARD = json.loads((ROOT / "deploy/grafana/taskledger.json").read_text())
SPANS = {"$__rate_interval": "30s", "$__range": "5m"}
HOUR_MS = 3_600_000


def panels():
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def targets():
    return [(panel["title"], target) for panel in panels() for target in panel["targets"]]


def variables():
    """name → (metric, label) of those that are asked of Prometheus."""
    found = {each["name"]: each["query"] for each in DASHBOARD["templating"]["list"] if each["type"] == "query"}
    return {name: re.fullmatch(r"label_values\((\w+), (\w+)\)", query).groups() for name, query in found.items()}


def alerts():
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def as_asked(expression):
    for word, value in SPANS.items():
        expression = expression.replace(word, value)
    for name in variables():
        expression = expression.replace(f"${name}", ".+")
    assert "$" not in expression, expression
    return expression


class Scene:
    """A consumer and a monitor with everything that a panel may show: tasks, refused entries, a turn that failed,
    permits, a worker whose Redis is away, somebody who looks on."""

    def __init__(self, redis, postgres, programs, worker, event_pb2):
        self.redis, self.postgres, self.programs = redis.client(), postgres, programs
        self.consumer = programs.use(redis, postgres).start(CONSUMER)
        self.consumer.wait_for_log('"event":"ready"')
        self.page = Page()
        self.stream, self.producer, self.number = Stream(self.redis), Producer(event_pb2), 0
        self.monitor = None
        self.worker = worker
        self.worker.emit(10)
        self.hold_permits()
        self.fail_a_turn()
        self.monitor = start_monitor(programs)
        self.guest = self.monitor.begin_events()

    def hold_permits(self):
        seconds, _ = self.redis.time()
        self.redis.zadd(permit_key("speech"), {"t": seconds * 1000 + HOUR_MS})
        self.redis.hset(permit_key("speech", ":holders"), "t", "w:1")

    def fail_a_turn(self):
        self.postgres.stop()
        self.go_on()
        wait_until(lambda: answers(self.consumer.listen, "/readyz", 503), 60, "PostgreSQL is missed")
        self.postgres.start()
        wait_until(lambda: answers(self.consumer.listen, "/readyz", 200), 60, "it is ready again")

    def go_on(self):
        """More of everything that is seen as a rate; and the pages are of now."""
        self.number += 1
        for end in "SUCCESS", "FAILURE":
            self.stream.send(self.producer.life(f"{end}-{self.number}", end=end))
        self.stream.send_fields({"something": b"else"})
        if self.monitor is not None:
            self.monitor.ask("/api/tasks")
        self.page.text = self.told()

    def told(self):
        stats = self.programs.run(EMIT, "stats", "--format", "prometheus", "--spool-dir", self.worker.spool).stdout
        return stats + self.programs.run(EMIT, "permits", "list", "--format", "prometheus").stdout

    def close(self):
        self.guest.close()
        self.page.close()


@pytest.fixture
def scene(build, scratch, make_redis, postgres, programs, event_pb2):
    redis = make_redis("redis", maxmemory="256mb")
    with redis.proxy() as proxy:
        proxy.refuse()
        worker = Worker(build, scratch, proxy, spool="always")
        scene = Scene(redis, postgres, programs, worker, event_pb2)
        yield scene
        scene.close()
        worker.kill()


@pytest.fixture
def prometheus(scratch, scene):
    jobs = {CONSUMER: scene.consumer.listen, MONITOR: scene.monitor.address, "node": scene.page.address}
    server = Prometheus(scratch / "prometheus", jobs, RULES).start()
    yield server
    server.kill()


def exported(scene):
    scene.go_on()
    pages = ask(scene.consumer.listen, "/metrics").text, ask(scene.monitor.address, "/metrics").text, scene.told()
    return {name: kind for page in pages for name, kind in described(page).items()}


def test_each_name_in_alerts_and_dashboard_is_exported_and_counters_are_read_as_such(scene):
    asked = [rule["expr"] for rule in alerts()] + [target["expr"] for _, target in targets()]
    told = {}
    wanted = {name for expression in asked for name in names(expression)}
    wait_until(lambda: told.update(exported(scene)) or wanted <= told.keys(), 60, lambda: f"told: {wanted - told.keys()}")
    for expression in asked:
        assert names(expression) <= set(told), expression
        for name in re.findall(r"(?:rate|increase)\((\w+)", expression):
            kind = told[re.sub(r"_bucket$", "", name)]
            assert kind in ("counter", "histogram"), expression
    assert {metric for metric, _ in variables().values()} <= set(told)


def test_each_query_of_the_dashboard_has_an_answer(scene, prometheus):
    def unanswered():
        scene.go_on()
        return [f"{title}: {target['expr']}" for title, target in targets() if not has_answer(prometheus, target)]

    left = []
    wait_until(lambda: not left.__setitem__(slice(None), unanswered()) and not left, 120, lambda: "\n".join(left))
    for metric, label in variables().values():
        assert all(label in labels for labels, _ in prometheus.query(metric))


def has_answer(prometheus, target):
    """Numbers, with every label that the legend names."""
    found = prometheus.query(as_asked(target["expr"]))
    legend = re.findall(r"{{(\w+)}}", target["legendFormat"])
    return any(math.isfinite(number) and all(label in labels for label in legend) for labels, number in found)


def test_prometheus_evaluates_each_alert_and_says_which_are_due(scene, prometheus):
    def evaluated():
        scene.go_on()
        rules = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
        return rules if rules and all(rule["lastEvaluation"] > "0002" for rule in rules) else None

    rules = wait_until(evaluated, 60, "each is evaluated")
    assert len(rules) == len(alerts())
    assert [(rule["name"], rule["lastError"]) for rule in rules if rule["health"] != "ok"] == []


def test_an_alert_says_where_the_runbook_tells_of_it(scene, prometheus):
    def rejected():
        scene.go_on()
        found = [alert for alert in prometheus.ask("alerts")["alerts"] if alert["state"] == "firing"]
        return next((alert for alert in found if alert["labels"]["alertname"] == "TaskledgerRejected"), None)

    annotations = wait_until(rejected, 120, "something was set aside, and that is told")["annotations"]
    assert annotations["runbook_url"] == "deploy/README.md#:~:text=TaskledgerRejected"
    assert annotations["summary"] == "Entries were set aside (malformed_entry)"


def test_the_dashboard_is_laid_out_and_can_be_put_anywhere():
    places = [(panel["gridPos"], panel["title"]) for panel in DASHBOARD["panels"]]
    for at, (a, title) in enumerate(places):
        assert 0 <= a["x"] and a["x"] + a["w"] <= 24, title
        for b, other in places[at + 1 :]:
            apart = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
            assert apart or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"], (title, other)
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(places)
    sources = {panel["datasource"]["uid"] for panel in panels()}
    assert sources | {target["datasource"]["uid"] for _, target in targets()} == {"${datasource}"}
