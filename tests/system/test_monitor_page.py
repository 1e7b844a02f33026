"""The live page of the real monitor, in a real browser, with a real worker, Redis and PostgreSQL behind it."""

import json

import pytest

from support.chromium import Chromium
from support.monitor import TOKEN, open_monitor, reopen_monitor  # noqa: F401

MANY = 100_000
HOSTILE = ["<img src=x onerror=\"window.broken='img'\">", "..", "a/b?c=d#e%2Ff"]


@pytest.fixture
def browser(tmp_path):
    browser = Chromium(tmp_path / "chromium").start()
    browser.window(1280, 800)
    yield browser
    browser.stop()


@pytest.fixture
def worker(programs, redis, postgres):
    """Says what a task does, by the program for shells; a consumer puts it into the ledger."""
    programs.use(redis, postgres).start("taskledger-consumer").wait_for_log('"event":"ready"')

    def say(task_id, status, *arguments):
        programs.run("taskledger-emit", "status", *arguments, "--", task_id, status)

    return say


def see(browser, task_id, words, deadline_s=60):
    key = json.dumps(f".rows .row[data-key={json.dumps(task_id, ensure_ascii=False)}]")
    browser.wait(f"(document.querySelector({key})?.innerText ?? '').includes({json.dumps(words)})", deadline_s)


def come_in(browser, monitor):
    browser.open(f"http://{monitor.address}/")
    browser.wait("document.body?.dataset.state === 'live'", 60)


def test_a_task_appears_and_moves_without_a_reload(browser, worker, open_monitor):  # noqa: F811
    worker("early", "SUCCESS", "--name", "report")
    come_in(browser, open_monitor().wait_until_ready())
    see(browser, "early", "Succeeded")
    worker("video-17", "QUEUED", "--name", "video.render")
    see(browser, "video-17", "Queued")
    worker("video-17", "RUNNING", "--step", "encode", "--progress", "0.42")
    see(browser, "video-17", "42 %")
    worker("video-17", "SUCCESS")
    see(browser, "video-17", "completed")
    assert browser.run("performance.getEntriesByType('navigation').length") == 1
    assert browser.complaints == []


def test_what_was_said_while_the_monitor_was_dead_is_not_missed(browser, worker, reopen_monitor):  # noqa: F811
    monitor = reopen_monitor().wait_until_ready()
    worker("task", "RUNNING", "--step", "one")
    come_in(browser, monitor)
    see(browser, "task", "one")
    monitor.program.kill9()
    browser.wait("document.body?.dataset.state === 'lost'", 60)
    worker("task", "RUNNING", "--step", "two")
    worker("other", "FAILURE", "--error-type", "Boom")
    reopen_monitor()
    see(browser, "task", "two", 60)
    see(browser, "other", "Boom", 60)
    browser.wait("document.body?.dataset.state === 'live'", 60)
    assert browser.run("performance.getEntriesByType('navigation').length") == 1
    assert browser.complaints == []


def test_signing_in_by_the_form_opens_the_page(browser, worker, open_monitor):  # noqa: F811
    worker("secret", "RUNNING", "--name", "report")
    monitor = open_monitor(TASKLEDGER_MONITOR_TOKEN=TOKEN).wait_until_ready()
    address = f"http://{monitor.address}/"
    browser.open(address)
    browser.wait("document.querySelector('#sign-in')?.hidden === false")
    browser.run("document.querySelector('#sign-in input').focus()")
    browser.write("not the token")
    browser.press("Enter", "\r")
    browser.wait("location.search === '?refused' && document.querySelector('#sign-in-refused')?.hidden === false")
    browser.run("document.querySelector('#sign-in input').focus()")
    browser.write(TOKEN)
    browser.press("Enter", "\r")
    browser.wait("location.search === '' && document.body?.dataset.state === 'live'", 60)
    see(browser, "secret", "Running")
    assert TOKEN not in browser.run("document.cookie")


def test_hostile_tasks_do_nothing_in_the_page(browser, worker, open_monitor):  # noqa: F811
    for task_id in HOSTILE:
        worker(task_id, "FAILURE", "--name", task_id, "--message", task_id, "--error-type", task_id)
    come_in(browser, open_monitor().wait_until_ready())
    for task_id in HOSTILE:
        see(browser, task_id, "Failed")
    assert browser.run("window.broken ?? null") is None
    assert browser.complaints == []


def test_after_a_flush_of_redis_the_page_begins_anew(browser, worker, open_monitor, redis):  # noqa: F811
    worker("before", "RUNNING", "--step", "one")
    come_in(browser, open_monitor().wait_until_ready())
    see(browser, "before", "one")
    redis.client().flushall()
    worker("after", "RUNNING")
    see(browser, "after", "Running", 60)
    see(browser, "before", "one")
    worker("before", "SUCCESS")
    see(browser, "before", "completed", 60)
    browser.wait("document.body?.dataset.state === 'live'", 60)
    assert browser.run("performance.getEntriesByType('navigation').length") == 1
    assert browser.complaints == []


def test_without_a_feed_the_page_asks_every_two_seconds(browser, worker, open_monitor):  # noqa: F811
    worker("task", "RUNNING", "--step", "one")
    monitor = open_monitor(REDIS_URL="").wait_until_ready()
    browser.open(f"http://{monitor.address}/")
    browser.wait("document.body?.dataset.state === 'polling'", 60)
    see(browser, "task", "one")
    worker("task", "SUCCESS")
    worker("next", "RUNNING")
    see(browser, "task", "completed")
    see(browser, "next", "Running")
    assert "every 2 seconds" in browser.text("#banner")
    assert browser.complaints == []


def test_while_postgresql_is_away_what_happens_is_still_told(browser, worker, open_monitor, postgres):  # noqa: F811
    worker("task", "RUNNING", "--step", "one")
    come_in(browser, open_monitor().wait_until_ready())
    see(browser, "task", "one")
    browser.wait("document.querySelector('.tile[data-status=RUNNING] .value').innerText === '1'")
    postgres.kill()
    browser.wait("document.querySelector('#tiles-note').innerText.includes('PostgreSQL is away')", 60)
    worker("task", "RUNNING", "--step", "two")
    see(browser, "task", "two")
    browser.run("location.hash = '#/health'")
    browser.wait("document.querySelector('#health .card[data-tone=bad]')?.innerText.includes('PostgreSQL')")
    postgres.start()
    browser.wait("document.querySelector('#tiles-note').hidden", 60)
    browser.run("location.hash = '#/tasks'")
    worker("task", "SUCCESS")
    see(browser, "task", "completed")


def test_a_monitor_that_stands_still_is_noticed(browser, worker, open_monitor):  # noqa: F811
    """Its lines stay open, and say nothing: it takes as long as heartbeats may be missing."""
    worker("task", "RUNNING", "--step", "one")
    monitor = open_monitor().wait_until_ready()
    come_in(browser, monitor)
    see(browser, "task", "one")
    monitor.program.pause()
    worker("task", "RUNNING", "--step", "two")
    browser.wait("document.body.dataset.state === 'lost'", 90)
    monitor.program.resume()
    see(browser, "task", "two", 60)
    browser.wait("document.body.dataset.state === 'live'", 60)


def test_a_hundred_thousand_tasks_are_a_list_like_any_other(browser, worker, open_monitor, postgres):  # noqa: F811
    postgres.rows("INSERT INTO taskledger.task (task_id, status, attempt, task_name, worker, first_at, occurred_at, finished_at,"
                  " producer_id, sequence, event_count) SELECT 'task-' || lpad(n::text, 6, '0'), 'SUCCESS', 1, 'kind-' || n % 7,"
                  " 'w-' || n % 40, at, at, at, '01935d3c-0000-7000-8000-0000000000aa', n + 1, 1"
                  f" FROM generate_series(0, {MANY - 1}) AS n, LATERAL (SELECT now() - interval '30 hours' + n * interval '1 s') AS t (at)"
                  " RETURNING 1")  # fmt: skip
    come_in(browser, open_monitor("--requests-each=0").wait_until_ready())
    browser.wait("(() => { const grid = document.querySelector('#grid'); grid.scrollTop = grid.scrollHeight;"
                 f" return grid.getAttribute('aria-rowcount') === '{MANY + 1}'; }})()", 120)  # fmt: skip
    browser.run("document.querySelector('#grid').scrollTop = 1e9")
    see(browser, "task-000000", "Succeeded")
    worker("task-000000", "RUNNING", "--attempt", "2")
    see(browser, "task-000000", "Running")
    browser.wait(f"document.querySelector('.tile[data-status=SUCCESS] .value').innerText.replace(/\\D/g, '') === '{MANY - 1}'", 60)
    assert browser.run("document.querySelectorAll('.rows .row').length") < 80
    assert browser.complaints == []
