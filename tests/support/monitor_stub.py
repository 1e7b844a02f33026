"""What taskledger-monitor answers, without a ledger: the page of the tree, tasks that a test makes up, and a feed.

It is for what servers do wrong on command: vanish, forget, refuse the feed, hold back. Whether the real one answers like
this is the business of its own tests."""

import json
import queue
import socket
import threading
import time
import urllib.parse
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from .processes import free_port

PAGE = Path(__file__).parents[2] / "replay/web/page"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
PRODUCER = "01935d3c-0000-7000-8000-0000000000aa"
FINAL = ("SUCCESS", "PARTIAL_FAILURE", "FAILURE", "CANCELLED")
STATUSES = ("PENDING", "QUEUED", "RUNNING", "RETRY", *FINAL)
WHOLE = ("status", "attempt", "step", "progress", "message", "worker", "queue", "error_type", "error_message")
HEARTBEAT_S = 15
HELD_S = 60
PIECES_APART_S = 0.06


def text_of(moment):
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def now():
    return datetime.now(timezone.utc)


class MonitorStub:
    """start() listens on a port of the loopback; say() is a worker's word. `stop` and `start` again keep what was said."""

    def __init__(self):
        self.port = free_port()  # which it finds again when it is started again
        self.epoch = "e1"
        self.refuses_feed = False
        self.retry_after_s = None  # what it says when it refuses the feed
        self.piece = 0  # bytes that are sent of it at once; 0: as many as there are
        self.wants_token = False
        self.refuses = set()
        self.tasks = {}
        self.events = []
        self.asked = []
        self.extra = {"stuck": [], "rejected": [], "losses": [], "producers": []}
        self.empty_pages = 0  # that these lists begin with: what is in them was looked for elsewhere first
        self.stats = {}
        self.page = 0  # rows of these lists, and of a history, in one answer; 0: all of them
        self._held = {}
        self._clients = set()
        self._lines = set()
        self._lock = threading.RLock()

    def start(self):
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), type("Answer", (Answer,), {"stub": self}))
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    @property
    def viewers(self):
        """How many feeds there are."""
        return len(self._clients)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/"

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
        self.cut()
        for line in list(self._lines):
            try:
                line.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        """Ends every feed without a word."""
        with self._lock:
            for client in self._clients:
                client.put(None)

    def hold(self, path):
        """The next answer to this path is made and not sent before what is returned is set."""
        self._held[path] = threading.Event()
        return self._held[path]

    def reset(self, reason):
        """Another stream from here on: no place in the old one means anything."""
        with self._lock:
            self.epoch += "x"
            for client in self._clients:
                client.put(("reset", None, {"reason": reason, "message": "made so by the test"}))
                client.put(None)

    def say(self, task_id, status, at=None, is_told=True, **fields):
        """An event; `is_told` False: the feed keeps silent of it."""
        with self._lock:
            event = {name: None for name in WHOLE} | {"task_name": None, "parent_task_id": None} | fields
            event |= {"task_id": task_id, "status": status, "attempt": fields.get("attempt", 1), "producer_id": PRODUCER}
            event |= {"occurred_at": text_of(at or now()), "sequence": len(self.events) + 1}
            self.events.append(event)
            self._fold(event)
            if is_told:
                for client in self._clients:
                    client.put(("task", self.position(), event))

    def _fold(self, event):
        task = self.tasks.setdefault(event["task_id"], {"event_count": 0, "first_at": event["occurred_at"],
            "queued_at": None, "started_at": None, "attempt": 0})  # fmt: skip
        if event["attempt"] > task["attempt"]:
            task |= {"queued_at": None, "started_at": None}
        task |= event
        task["event_count"] += 1
        when = {"PENDING": "queued_at", "QUEUED": "queued_at", "RUNNING": "started_at"}.get(event["status"])
        if when and task[when] is None:
            task[when] = event["occurred_at"]
        task["finished_at"] = event["occurred_at"] if event["status"] in FINAL else None
        task["updated_at"] = event["occurred_at"]
        if event["status"] == "SUCCESS" and task["step"] is None:
            task["step"] = "completed"

    def position(self):
        return f"{self.epoch}.{len(self.events)}-0"

    # ---- answers ----

    def listed(self, query):
        with self._lock:
            limit, offset = int(query.get("limit", ["100"])[0]), int(query.get("cursor", ["0"])[0])
            statuses, name = query.get("status"), query.get("name", [None])[0]
            found = [
                task
                for task in sorted(self.tasks.values(), key=lambda t: (t["first_at"], t["task_id"]), reverse=True)
                if (not statuses or task["status"] in statuses)
                and (name is None or task["task_name"] == name)
                and task["first_at"] >= query.get("since", [""])[0]
            ]
            is_more = offset + limit < len(found)
            position = self.position() if offset == 0 and not self.refuses_feed else None
            return {"tasks": found[offset : offset + limit], "cursor": str(offset + limit) if is_more else None,
                    "position": position}  # fmt: skip

    def extra_page(self, key, name, at):
        if at < self.empty_pages:
            return {name: [], "cursor": str(at + 1)}
        rows, size = self.extra[key], self.page or len(self.extra[key])
        begin = (at - self.empty_pages) * size
        return {name: rows[begin : begin + size], "cursor": str(at + 1) if begin + size < len(rows) else None}

    def history(self, task_id, begin=0):
        events = [e for e in self.events if e["task_id"] == task_id]
        more = {"after_us": None, "delay_us": 1500, "archived": True, "mark": None, "duplicate": False, "contested": False,
                "redacted": None, "error_traceback": None, "data": None, "traceparent": None}  # fmt: skip
        attempts = [attempt_of(events, number) for number in sorted({e["attempt"] for e in events})]
        end = begin + (self.page or len(events))
        return {"task": self.tasks[task_id] | {"data": None}, "attempts": attempts,
                "cursor": str(end) if end < len(events) else None,
                "events": [more | e | {"recorded_at": e["occurred_at"]} for e in events[begin:end]]}  # fmt: skip

    def counted(self):
        counts = dict.fromkeys(STATUSES, 0)
        with self._lock:
            for task in self.tasks.values():
                counts[task["status"]] += 1
        series = {name: [i % 7 * scale for i in range(120)] for name, scale in
                  (("events", 12), ("started", 2), ("finished", 2), ("failed", 0.2), ("lag", 30))}  # fmt: skip
        return {
            "version": "stub", "group": "taskledger", "shards": 1, "counted_at": text_of(now()), "tasks": counts,
            "rates": {"window_s": 60, "events": 84.2, "started": 8.1, "finished": 8.0, "failed": 0.3},
            "series": {"step_s": 10, "until": text_of(now()), **series},
            "lag": {"entries": 12, "pending": 3, "oldest_s": 0.4, "length": 51234, "bytes": 31457280},
            "consumers": [{"name": "c-1", "pending": 3, "idle_s": 0.1, "held": True}],
            "producers": {"open": 4, "closed": 9, "silent": 0}, "losses": {"open": 0, "total": 1},
            "stuck": {"count": len(self.extra["stuck"]), "older_s": 300},
            "rejected": {"open": len(self.extra["rejected"]), "total": 5},
            "servers": {"redis": {"up": True, "message": None}, "postgresql": {"up": True, "message": None}},
        } | self.stats  # fmt: skip

    def join(self, place):
        """The queue of a feed from this place: (event, position, data); None is its end."""
        client = queue.Queue()
        with self._lock:
            epoch, _, number = place.partition(".")
            if epoch != self.epoch:
                client.put(("reset", None, {"reason": "epoch", "message": "another stream"}))
                client.put(None)
                return client
            client.put(("hello", place, {"now": text_of(now()), "epoch": epoch, "resumed": True}))
            for at in range(int(number.partition("-")[0]), len(self.events)):
                client.put(("task", f"{epoch}.{at + 1}-0", self.events[at]))
            self._clients.add(client)
        return client

    def leave(self, client):
        with self._lock:
            self._clients.discard(client)


def attempt_of(events, number):
    own = [e for e in events if e["attempt"] == number]
    at = {name: datetime.fromisoformat(own[index]["occurred_at"].replace("Z", "+00:00")) for name, index in (("a", 0), ("z", -1))}
    running = [e["occurred_at"] for e in own if e["status"] in ("RUNNING", "RETRY")]
    moved = datetime.fromisoformat(running[0].replace("Z", "+00:00")) if running else None
    ended = own[-1]["status"] in FINAL or number < max(e["attempt"] for e in events)
    end = at["z"] if ended else now()
    micro = timedelta(microseconds=1)
    return {"attempt": number, "status": own[-1]["status"], "events": len(own), "began_at": own[0]["occurred_at"],
            "ended_at": text_of(end) if ended else None, "waiting_us": (moved - at["a"]) // micro if moved and moved > at["a"] else None,
            "active_us": (end - moved) // micro if moved else None, "backoff_us": None}  # fmt: skip


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stub = None

    def setup(self):
        super().setup()
        self.stub._lines.add(self.connection)

    def finish(self):
        self.stub._lines.discard(self.connection)
        try:
            super().finish()
        except OSError:
            pass

    def log_message(self, *_):
        pass

    def do_GET(self):
        path, _, query = self.path.partition("?")
        query = urllib.parse.parse_qs(query)
        self.stub.asked.append(self.path)
        try:
            if path == "/" or path.startswith("/page/"):
                return self._file(PAGE / (path[6:] or "index.html"))
            if self.stub.wants_token:
                return self._json({"error": {"kind": "unauthorized", "message": "sign in"}}, 401)
            if path in self.stub.refuses:
                error = {"kind": "unavailable", "message": "PostgreSQL cannot be asked now", "retry_after_s": 2}
                return self._json({"error": error}, 503)
            if path == "/api/events":
                return self._feed(self.headers.get("last-event-id") or query["last_event_id"][0])
            return self._api(path, query)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _api(self, path, query):
        parts = path.split("/")[2:]
        if parts == ["tasks"]:
            return self._json(self.stub.listed(query))
        if parts == ["stats"]:
            return self._json(self.stub.counted())
        if parts[0] in self.stub.extra:
            name = "tasks" if parts[0] == "stuck" else parts[0]
            at = int(query.get("cursor", ["0"])[0])
            return self._json(self.stub.extra_page(parts[0], name, at))
        task_id = query["id"][0] if "id" in query else urllib.parse.unquote(parts[1])
        if task_id not in self.stub.tasks:
            return self._json({"error": {"kind": "not_found", "message": "no such task"}}, 404)
        if parts[2:] != ["history"]:
            return self._json({"task": self.stub.tasks[task_id]})
        return self._json(self.stub.history(task_id, int(query.get("cursor", ["0"])[0])))

    def _json(self, body, status=200):
        answer = json.dumps({"now": text_of(now()), **body}).encode()
        held = self.stub._held.pop(self.path.partition("?")[0], None)
        if held is not None:
            held.wait(HELD_S)
        self._send(status, "application/json", answer)

    def _file(self, path):
        if path.parent != PAGE or not path.is_file():
            return self._send(404, "text/plain", b"")
        self._send(200, TYPES[path.suffix], path.read_bytes())

    def _send(self, status, kind, body, headers=None):
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8" if kind.startswith("text/") else kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", POLICY)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _feed(self, place):
        if self.stub.refuses_feed:
            wait = self.stub.retry_after_s
            return self._send(503, "text/plain", b"", {"Retry-After": str(wait)} if wait is not None else {})
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        client = self.stub.join(place)
        try:
            while (word := self._next(client)) is not None:
                name, position, data = word
                place = f"id: {position}\n" if position else ""
                self._write(f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n{place}\n".encode())
        finally:
            self.stub.leave(client)

    def _write(self, text):
        size = self.stub.piece
        for at in range(0, len(text), size or len(text)):
            self.wfile.write(text[at : at + (size or len(text))])
            self.wfile.flush()
            time.sleep(PIECES_APART_S if size else 0)

    def _next(self, client):
        try:
            return client.get(timeout=HEARTBEAT_S)
        except queue.Empty:
            return "beat", None, {"now": text_of(now())}
