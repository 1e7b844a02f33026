"""A Prometheus of the test's own, what it may scrape besides programs, and the names that queries use."""

import http.client
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import urlencode

from .processes import free_port, spawn
from .servers import Server

SCRAPE_S = 1
NAME = re.compile(r"\b(?:taskledger|process)_[a-z0-9_]+")
DESCRIBED = re.compile(r"^# TYPE (\S+) (\S+)$", re.MULTILINE)


class Prometheus(Server):
    """Scrapes jobs (name → address) every second; rules is a file of them, evaluated as often."""

    def __init__(self, folder, jobs, rules=None):
        super().__init__(folder)
        self.port = free_port()
        configuration = {
            "global": {"scrape_interval": f"{SCRAPE_S}s", "evaluation_interval": f"{SCRAPE_S}s"},
            "rule_files": [str(rules)] if rules else [],
            "scrape_configs": [
                {"job_name": name, "static_configs": [{"targets": [address]}]} for name, address in jobs.items()
            ],
        }
        (self.folder / "prometheus.yaml").write_text(json.dumps(configuration))

    def _spawn(self):
        return spawn(
            [
                "prometheus",
                f"--config.file={self.folder / 'prometheus.yaml'}",
                f"--storage.tsdb.path={self.folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
            ],
            self.log,
            cwd=self.folder,
        )

    def _answers(self):
        try:
            return self._get("/-/ready").status == 200
        except OSError:
            return False

    def _get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", path)
        return connection.getresponse()

    def ask(self, path, **parameters):
        """What the API answers under "data"; a refusal fails the test."""
        answer = json.loads(self._get(f"/api/v1/{path}?{urlencode(parameters)}").read())
        assert answer["status"] == "success", f"{parameters}: {answer.get('error')}"
        return answer["data"]

    def query(self, expression):
        """[(labels, number)] of an instant query."""
        found = self.ask("query", query=expression)["result"]
        return [(each["metric"], float(each["value"][1])) for each in found]


class Page:
    """Serves .text to whoever asks, as node_exporter's textfile collector would."""

    def __init__(self):
        self.text = ""
        page = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(page.text.encode())

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = "127.0.0.1:%d" % self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def described(text):
    """name → type of what a page in the text format describes."""
    return dict(DESCRIBED.findall(text))


def names(expression):
    """Of the metrics in an expression, those of a histogram by its own name."""
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in NAME.findall(expression)}
