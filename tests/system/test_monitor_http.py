"""Who may look at the monitor, how often, and what it says of itself."""

import http.client
import json
import re
import socket

import pytest

from support.http import SAMPLE
from support.monitor import MONITOR, TOKEN, open_monitor  # noqa: F401
from support.waiting import wait_until

COOKIE = re.compile(r"(taskledger_monitor=[0-9a-f]{64}); Path=/; Max-Age=\d+; HttpOnly; SameSite=Strict(; Secure)?")


@pytest.fixture
def servers(programs, redis, postgres):
    programs.use(redis, postgres)
    programs.run("taskledger-consumer", "migrate")


def form(monitor, path, body="", **headers):
    headers = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    return monitor.ask(path, "POST", body, **headers)


# ---- the page


def test_the_page_is_there_for_everybody_and_may_load_nothing_from_elsewhere(servers, open_monitor):  # noqa: F811
    monitor = open_monitor(TASKLEDGER_MONITOR_TOKEN=TOKEN)
    page = monitor.ask("/")
    assert page.status == 200 and page.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src 'self'" in policy and "unsafe" not in policy
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert monitor.ask("/?refused").body == page.body
    for path in re.findall(rb'(?:src|href)="(/page/[^"]+)"', page.body):
        assert monitor.ask(path.decode()).status == 200, path
    for path in ["/page/", "/page/none.js", "/page/..%2Fmain.c", "/page/../main.c", "/index.html", "/page"]:
        assert monitor.ask(path).status in (401, 404), path


def test_a_file_of_the_page_is_sent_once(servers, open_monitor):  # noqa: F811
    monitor = open_monitor()
    first = monitor.ask("/page/main.js")
    assert (first.status, first.headers["Cache-Control"]) == (200, "no-cache")
    etag = first.headers["ETag"]
    for known in [etag, f"W/{etag}", f'"other", {etag}', "*"]:
        again = monitor.ask("/page/main.js", **{"If-None-Match": known})
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", etag)
    assert monitor.ask("/page/main.js", **{"If-None-Match": '"other"'}).body == first.body


def test_head_is_answered_without_a_body(servers, open_monitor):  # noqa: F811
    monitor = open_monitor().wait_until_ready()
    for path in ["/", "/page/main.js", "/livez", "/readyz", "/metrics", "/api/tasks/none"]:
        whole, head = monitor.ask(path), monitor.ask(path, "HEAD")
        assert head.body == b"", path
        if path not in ("/metrics", "/readyz"):
            assert (head.status, head.headers["Content-Length"]) == (whole.status, whole.headers["Content-Length"]), path
    assert monitor.ask("/api/events", "HEAD").headers["Content-Type"] == "text/event-stream"


# ---- signing in


def test_signing_in_gives_a_cookie_that_opens(servers, open_monitor):  # noqa: F811
    monitor = open_monitor(TASKLEDGER_MONITOR_TOKEN=TOKEN)
    assert monitor.ask("/api/tasks/x").status == 401
    answer = form(monitor, "/login", f"token={TOKEN}")
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    cookie, secure = COOKIE.fullmatch(answer.headers["Set-Cookie"]).groups()
    assert secure is None and TOKEN not in cookie
    assert monitor.ask("/api/tasks/x", Cookie=cookie).status == 404
    assert monitor.ask("/api/tasks/x", Cookie=f"a=b; {cookie}; c=d").status == 404
    assert monitor.ask("/api/tasks/x", Cookie=cookie[:-1] + "x").status == 401

    behind_tls = form(monitor, "/login", f"token={TOKEN}", Origin=f"https://{monitor.address}")
    assert COOKIE.fullmatch(behind_tls.headers["Set-Cookie"])[2] == "; Secure"
    gone = form(monitor, "/logout", Cookie=cookie)
    assert (gone.status, gone.headers["Location"]) == (303, "/") and "Max-Age=0" in gone.headers["Set-Cookie"]


def test_a_form_of_another_page_signs_nobody_in(servers, open_monitor):  # noqa: F811
    monitor = open_monitor(TASKLEDGER_MONITOR_TOKEN=TOKEN)
    for origin in ["http://evil.example", "null", f"http://{monitor.address}.evil.example"]:
        answer = form(monitor, "/login", f"token={TOKEN}", Origin=origin)
        assert (answer.status, answer.body["error"]["kind"], answer.headers["Set-Cookie"]) == (403, "forbidden", None)
        assert form(monitor, "/logout", Origin=origin).status == 403
    assert form(monitor, "/login", f"token={TOKEN}", Origin=f"http://{monitor.address}").status == 303


def test_wrong_tokens_are_slowed_down_and_counted(servers, open_monitor):  # noqa: F811
    monitor = open_monitor(TASKLEDGER_MONITOR_TOKEN=TOKEN)
    for body in ["token=wrong", "", "token=", f"token={TOKEN}%00", f"notoken={TOKEN}"]:
        answer = form(monitor, "/login", body)
        assert (answer.status, answer.headers["Location"], answer.headers["Set-Cookie"]) == (303, "/?refused", None)
    refused = 5

    def slowed_down():
        """After so many tries that there is none left, though one comes back every few seconds."""
        nonlocal refused
        if form(monitor, "/login", "token=wrong").status == 303:
            refused += 1
            return None
        answer = form(monitor, "/login", f"token={TOKEN}")
        return answer if answer.status == 429 else None

    answer = wait_until(slowed_down, 60, "the right token has to wait, too")
    assert answer.body["error"]["kind"] == "too_many"
    assert 1 <= int(answer.headers["Retry-After"]) <= 5 and answer.body["error"]["retry_after_s"] >= 1
    known = {"Authorization": f"Bearer {TOKEN}"}
    assert monitor.ask("/api/tasks/x", **known).status == 404
    assert monitor.metrics(**known)["taskledger_monitor_sign_ins_refused_total"] == refused
    wait_until(lambda: form(monitor, "/login", f"token={TOKEN}").headers["Location"] == "/", 60, "it may be tried again")


def test_a_form_is_bounded(servers, open_monitor):  # noqa: F811
    monitor = open_monitor(TASKLEDGER_MONITOR_TOKEN=TOKEN)
    assert form(monitor, "/login", "token=" + 8192 * "x").status == 413
    assert monitor.ask("/login").status == 405 and monitor.ask("/login").headers["Allow"] == "POST"
    assert monitor.ask("/", "POST").headers["Allow"] == "GET, HEAD"


def test_who_a_proxy_signed_in_may_look(servers, open_monitor):  # noqa: F811
    monitor = open_monitor("--proxy-header=X-User")
    assert monitor.ask("/api/tasks/x").status == 401
    assert monitor.ask("/api/tasks/x", **{"X-User": "alice"}).status == 404
    assert monitor.ask("/api/tasks/x", **{"X-Other": "alice"}).status == 401


def test_another_name_is_refused_wherever_it_asks(servers, open_monitor):  # noqa: F811
    monitor = open_monitor()
    for path in ["/", "/page/main.js", "/api/tasks/x", "/api/events", "/metrics", "/livez"]:
        assert monitor.ask(path, Host="evil.example").status == 421, path
        assert monitor.ask(path, "HEAD", Host="localhost.evil.example:9465").status == 421, path
    assert form(monitor, "/login", "token=x", Host="evil.example").status == 421


def test_who_may_not_look_is_not_told_what_there_is(servers, open_monitor):  # noqa: F811
    monitor = open_monitor(TASKLEDGER_MONITOR_TOKEN=TOKEN)
    for path in ["/api/tasks/x", "/api/tasks/x?limit=99999", "/api/nothing", "/metrics", "/api/events"]:
        assert monitor.ask(path).status == 401, path
        assert monitor.ask(path, "DELETE").status == 401, path


# ---- limits


def test_one_client_may_ask_only_so_often(servers, open_monitor):  # noqa: F811
    monitor = open_monitor("--requests-each=2", "--proxy-header=X-User")
    mine = {"X-User": "alice"}
    assert [monitor.ask("/api/tasks/x", **mine).status for _ in range(8)] == 8 * [404]

    def refused():
        answer = monitor.ask("/api/tasks/x", **mine)
        return answer if answer.status == 429 else None

    answer = wait_until(refused, 60, "it asked too often")
    assert answer.headers["Retry-After"] == str(answer.body["error"]["retry_after_s"]) == "1"
    assert monitor.ask("/api/tasks/x", **{"X-User": "bob"}).status == 404
    assert monitor.ask("/livez").status == monitor.ask("/page/main.js").status == 200
    wait_until(lambda: monitor.ask("/api/tasks/x", **mine).status == 404, 60, "it may ask again")


def test_who_has_no_token_takes_nothing_from_those_who_have_it(servers, open_monitor):  # noqa: F811
    monitor = open_monitor("--requests-each=2", TASKLEDGER_MONITOR_TOKEN=TOKEN)
    others = [monitor.ask("/api/tasks/x", Authorization="Bearer wrong").status for _ in range(30)]
    assert others[:8] == 8 * [401] and 429 in others
    known = {"Authorization": f"Bearer {TOKEN}"}
    assert [monitor.ask("/api/tasks/x", **known).status for _ in range(8)] == 8 * [404]
    assert form(monitor, "/login", f"token={TOKEN}").headers["Location"] == "/"


def test_a_query_is_checked(servers, open_monitor):  # noqa: F811
    monitor = open_monitor()
    for path, words in {
        "/api/tasks/x?limit=5": 'there is no parameter "limit" here',
        "/api/events?statu=RUNNING": 'there is no parameter "statu" here',
        "/api/events?status=DONE": 'there is no status "DONE"',
        "/api/events?task=": "task: expected 1 to 255 bytes",
        "/api/events?last_event_id=a&last_event_id=b": "given more than once",
        "/api/tasks/%FF": "expected 1 to 255 bytes of UTF-8",
    }.items():
        answer = monitor.ask(path)
        assert (answer.status, answer.body["error"]["kind"]) == (400, "bad_request"), path
        assert words in answer.body["error"]["message"], path


def test_what_is_not_http_is_refused_and_costs_nothing(servers, open_monitor):  # noqa: F811
    monitor = open_monitor()
    host, port = monitor.address.split(":")
    for said in [b"\0\1\2\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET " + 20000 * b"x" + b" HTTP/1.1\r\n\r\n",
                 b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + 20000 * b"y" + b"\r\n\r\n"]:  # fmt: skip
        with socket.create_connection((host, int(port)), timeout=30) as line:
            line.sendall(said)
            answer = line.recv(4096)
            assert answer == b"" or answer.split(b" ")[1][:1] in (b"4", b"5"), said[:30]
    assert monitor.ask("/livez").status == 200


def test_there_are_only_so_many_connections(servers, open_monitor):  # noqa: F811
    monitor = open_monitor("--connections=8")
    lines = [http.client.HTTPConnection(monitor.address, timeout=30) for _ in range(8)]
    for line in lines:
        line.request("GET", "/livez")
        assert line.getresponse().read() == b"live\n"
    one_more = http.client.HTTPConnection(monitor.address, timeout=1)
    one_more.request("GET", "/livez")
    with pytest.raises(TimeoutError):
        one_more.getresponse()
    one_more.close()
    for line in lines:
        line.close()
    assert monitor.ask("/livez").body == b"live\n"


def test_files_are_allowed_for_as_many_connections_as_there_may_be(servers, open_monitor):  # noqa: F811
    monitor = open_monitor("--connections=9000")
    limits = open(f"/proc/{monitor.pid}/limits").read()
    assert int(re.search(r"Max open files\s+(\d+)", limits)[1]) > 9000


# ---- of itself


def test_it_is_ready_while_its_servers_are_there(servers, open_monitor, redis, postgres):  # noqa: F811
    monitor = open_monitor().wait_until_ready()
    assert monitor.ask("/readyz").body == {"ready": True, "reasons": []}
    redis.kill()
    wait_until(lambda: monitor.ask("/readyz").body["reasons"] == ["redis_away"], 60, "it says so")
    assert monitor.ask("/livez").body == b"live\n" and monitor.ask("/readyz").status == 503
    postgres.kill()
    wait_until(
        lambda: monitor.ask("/readyz").body["reasons"] == ["postgresql_away", "redis_away"], 60, "and so of the other"
    )
    wait_until(lambda: monitor.metrics()["taskledger_monitor_postgresql_up"] == 0, 60, "it is told")
    redis.start()
    postgres.start()
    monitor.wait_until_ready()
    for server in ("redis", "postgresql"):
        monitor.program.wait_for_log(f'"event":"{server}_back"')
    said = [json.loads(line)["event"] for line in monitor.program.stderr().splitlines()]
    assert said.count("redis_away") == said.count("redis_back") == 1
    assert said.count("postgresql_away") == said.count("postgresql_back") == 1


def test_a_ledger_that_is_missing_or_too_old_is_no_server_that_is_away(programs, redis, postgres, open_monitor):  # noqa: F811
    programs.use(redis, postgres)
    monitor = open_monitor()

    def is_not_migrated():
        return monitor.ask("/readyz").body == {"ready": False, "reasons": ["not_migrated"]}

    wait_until(is_not_migrated, 60, "there is no ledger")
    monitor.program.wait_for_log('"not_migrated"')
    programs.run("taskledger-consumer", "migrate")
    monitor.wait_until_ready()
    postgres.rows("DELETE FROM taskledger.migration WHERE version = (SELECT max(version) FROM taskledger.migration)")
    wait_until(is_not_migrated, 60, "the ledger is too old")
    assert monitor.ask("/readyz").status == 503


def test_what_it_counts_is_what_happened(servers, open_monitor):  # noqa: F811
    monitor = open_monitor().wait_until_ready()
    before = monitor.metrics()
    for path in ["/api/tasks/x", "/api/tasks/y", "/nothing", "/"]:
        monitor.ask(path)
    with monitor.begin_events():
        counted = monitor.metrics()
        assert counted["taskledger_monitor_streams"] == 1
        assert counted["taskledger_monitor_connections"] >= 2
    status = 'taskledger_monitor_requests_total{{status="{}"}}'.format
    assert counted[status(404)] - before[status(404)] == 3
    assert counted["taskledger_monitor_questions_answered_total"] - before["taskledger_monitor_questions_answered_total"] == 2
    assert counted["taskledger_monitor_feed_reading"] == counted["taskledger_monitor_redis_up"] == 1
    wait_until(lambda: monitor.metrics().get("taskledger_monitor_group_lag") == 0, 60, "the lag is known")
    wait_until(lambda: monitor.metrics()["taskledger_monitor_streams"] == 0, 60, "its end is counted")


def test_health_asks_the_one_that_runs_here(servers, open_monitor, programs):  # noqa: F811
    monitor = open_monitor().wait_until_ready()
    assert "true" in programs.run(MONITOR, "health", f"--listen={monitor.address}").stdout
    assert "live" in programs.run(MONITOR, "health", "--live", f"--listen={monitor.address}").stdout
    assert monitor.program.term() == 0
    programs.run(MONITOR, "health", f"--listen={monitor.address}", expect=1)


def test_a_role_that_can_write_is_warned_of(servers, open_monitor, postgres, programs):  # noqa: F811
    monitor = open_monitor().wait_until_ready()
    monitor.program.wait_for_log('"role_can_write"')
    assert monitor.program.stderr().count('"role_can_write"') == 1
    postgres.rows("DO $$BEGIN CREATE ROLE looker LOGIN; GRANT taskledger_reader TO looker; END$$; SELECT 1")
    url = postgres.url.replace("user=postgres", "user=looker")
    monitor = open_monitor(DATABASE_URL=url).wait_until_ready()
    assert monitor.ask("/api/tasks/x").status == 404
    assert '"role_can_write"' not in monitor.program.stderr()


def test_every_sample_is_well_formed(servers, open_monitor):  # noqa: F811
    lines = open_monitor().ask("/metrics").body.decode().splitlines()
    assert all(line.startswith("# ") or SAMPLE.match(line) for line in lines)
