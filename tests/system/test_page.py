"""The live page in a real browser: what a reader sees when tasks move, and when servers don't."""

import json
from datetime import timedelta

import pytest

from support.monitor_stub import now
from support.page import browser, come_in, one_browser, row, see, server, wait_in  # noqa: F401

HOSTILE = [
    "<img src=x onerror=\"window.broken='img'\">",
    "<script>window.broken='script'</script>",
    "javascript:window.broken='url'",
    "\"><svg onload=\"window.broken='svg'\">",
    "../../api/tasks",
    "..",
    "a/b?c=d#e%2Ff",
    "nome \u202egnp.exe",
    "{{constructor.constructor('window.broken=1')()}}",
    "界" * 85,
]
MANY = 100_000


def test_a_task_appears_and_moves_without_a_reload(browser, server):  # noqa: F811
    server.say("early", "SUCCESS", task_name="report")
    come_in(browser, server)
    see(browser, "early", "Succeeded")

    server.say("video-17", "QUEUED", task_name="video.render")
    see(browser, "video-17", "Queued")
    server.say("video-17", "RUNNING", step="encode", progress=0.42, worker="w-3")
    see(browser, "video-17", "42 %")
    server.say("video-17", "SUCCESS")
    see(browser, "video-17", "completed")
    assert browser.run("performance.getEntriesByType('navigation').length") == 1
    assert browser.run(f"document.querySelector('.rows .row').dataset.key") == "video-17"


def test_what_was_said_while_the_server_was_away_is_not_missed(browser, server):  # noqa: F811
    server.say("task", "RUNNING", step="one")
    come_in(browser, server)
    server.stop()
    browser.wait("document.body.dataset.state === 'lost'")
    assert "Connection lost since" in browser.text("#banner")
    wait_in(browser, 500)  # the list is painted a frame later
    ages = browser.run("document.querySelector('.rows .last').innerText")

    server.say("task", "RUNNING", step="two")
    server.say("other", "FAILURE", error_type="Boom")
    browser.wait("getComputedStyle(document.querySelector('main')).opacity < 1")
    wait_in(browser, 2500)
    assert browser.run("document.querySelector('.rows .last').innerText") == ages
    server.start()
    see(browser, "task", "two")
    see(browser, "other", "Boom")
    browser.wait("document.body.dataset.state === 'live'")
    assert browser.run("document.querySelector('#banner').hidden")


def test_a_feed_that_is_cut_goes_on_where_it_was(browser, server):  # noqa: F811
    come_in(browser, server)
    server.say("before", "RUNNING")
    see(browser, "before", "Running")
    lists = len([path for path in server.asked if path.startswith("/api/tasks?limit=1000")])
    server.cut()
    server.say("between", "RUNNING")
    see(browser, "between", "Running")
    browser.wait("document.body.dataset.state === 'live'")
    assert f"last_event_id={server.epoch}.1-0" in [p for p in server.asked if p.startswith("/api/events")][-1]
    assert len([path for path in server.asked if path.startswith("/api/tasks?limit=1000")]) - lists <= 1


def test_without_a_feed_the_page_asks_every_two_seconds(browser, server):  # noqa: F811
    server.refuses_feed = True
    server.say("task", "RUNNING")
    browser.open(server.url)
    browser.wait("document.body.dataset.state === 'polling'")
    assert "every 2 seconds" in browser.text("#banner")
    server.say("task", "FAILURE", error_type="Boom")
    see(browser, "task", "Failed")

    server.refuses_feed = False
    browser.wait("document.body.dataset.state === 'live'", 20)


def test_after_a_reset_all_is_loaded_anew(browser, server):  # noqa: F811
    server.say("task", "RUNNING")
    come_in(browser, server)
    see(browser, "task", "Running")
    server.say("task", "SUCCESS", is_told=False)
    server.reset("epoch")
    see(browser, "task", "Succeeded")
    server.say("next", "RUNNING")
    see(browser, "next", "Running")


def test_what_tasks_are_called_is_only_ever_text(browser, server):  # noqa: F811
    for at, name in enumerate(HOSTILE):
        server.say(name, "FAILURE", task_name=name, step=name, worker=name, message=name, error_type=name,
                   error_message=name, at=now() - timedelta(seconds=at))  # fmt: skip
    come_in(browser, server)
    browser.wait(f"document.querySelectorAll('.rows .row').length === {len(HOSTILE)}")
    for name in HOSTILE:
        browser.click(row(name))
        browser.wait("document.querySelectorAll('.events li').length === 1")
        browser.wait("document.querySelector('svg.timeline') !== null")
        assert "\\u202e" in browser.text("#detail-title") or browser.run(
            "document.querySelector('#detail-title').textContent"
        ) == name
        browser.press("Escape")
        browser.wait("document.querySelector('#detail').hidden")
    assert browser.run("window.broken") is None
    assert browser.run("document.querySelectorAll('main img, aside img, main script, aside script').length") == 0
    assert not any("Refused to" in text or "Content Security" in text for text in browser.refused)


def test_a_hundred_thousand_tasks_are_a_list_like_any_other(browser, server):  # noqa: F811
    begin = now() - timedelta(hours=30)
    for at in range(MANY):
        server.say(f"task-{at:06}", "SUCCESS" if at % 9 else "FAILURE", at=begin + timedelta(seconds=at),
                   task_name=f"kind-{at % 7}", worker=f"w-{at % 40}")  # fmt: skip
    come_in(browser, server)
    browser.wait("(() => { const grid = document.querySelector('#grid'); grid.scrollTop = grid.scrollHeight;"
                 f" return grid.getAttribute('aria-rowcount') === '{MANY + 1}'; }})()", 300)  # fmt: skip
    browser.run("document.querySelector('#grid').scrollTop = 1e9")
    see(browser, "task-000000", "Failed")
    assert browser.run("document.querySelectorAll('.rows .row').length") < 80

    server.say("task-000000", "RUNNING", attempt=2)
    see(browser, "task-000000", "Running")
    took_ms = browser.run(
        "(async () => { const began = performance.now(); location.hash = '#/tasks?text=task-07777';"
        " while (document.querySelector('.rows .row')?.dataset.key !== 'task-077779')"
        " await new Promise(requestAnimationFrame); return performance.now() - began; })()"
    )
    assert took_ms < 5000


def test_who_reads_further_down_keeps_his_place(browser, server):  # noqa: F811
    for at in range(300):
        server.say(f"task-{at:03}", "SUCCESS", at=now() - timedelta(seconds=at + 1))
    come_in(browser, server)
    see(browser, "task-000", "Succeeded")
    browser.run("document.querySelector('#grid').scrollTop = 4000")
    browser.wait(f"document.querySelector({json.dumps(row('task-105'))}) !== null")
    place = f"document.querySelector({json.dumps(row('task-105'))})?.getBoundingClientRect().top"
    before = browser.run(place)
    for at in range(20):
        server.say(f"newer-{at}", "RUNNING")
    browser.wait("document.querySelector('#grid').getAttribute('aria-rowcount') === '321'")
    assert browser.run(place) == before
    browser.run("document.querySelector('#grid').scrollTop = 0")
    see(browser, "newer-19", "Running")


def test_the_list_can_be_used_without_a_mouse(browser, server):  # noqa: F811
    for at in range(5):
        server.say(f"task-{at}", "RUNNING", at=now() - timedelta(seconds=at))
    come_in(browser, server)
    see(browser, "task-4", "Running")
    for _ in range(40):
        if browser.run("document.activeElement.closest('.rows') !== null"):
            break
        browser.press("Tab")
        assert browser.run("document.activeElement === document.body || getComputedStyle(document.activeElement)"
                           ".outlineStyle !== 'none'"), "a focus that can be seen"  # fmt: skip
    browser.press("ArrowDown")
    assert browser.run("document.activeElement.dataset.key") == "task-1"
    server.say("newer", "RUNNING")
    see(browser, "newer", "Running")
    assert browser.run("document.activeElement.dataset.key") == "task-1"
    browser.press("Enter", "\r")
    browser.wait("document.activeElement.id === 'detail-title'")
    browser.press("Escape")
    browser.wait("document.activeElement.dataset.key === 'task-1'")


def test_a_screen_reader_meets_landmarks_and_is_not_talked_at(browser, server):  # noqa: F811
    server.say("task", "RUNNING", progress=0.5)
    come_in(browser, server)
    see(browser, "task", "Running")
    spoken = browser.spoken()
    roles = {role for role, _ in spoken}
    assert {"banner", "main", "navigation", "search", "grid", "columnheader"} <= roles
    assert ("grid", "Tasks, newest first") in spoken
    wait_in(browser, 1500)  # what there was to say of the connection is said
    before = browser.text("#voice")
    for at in range(20):
        server.say("task", "RUNNING", progress=at / 20)
    see(browser, "task", "95 %")
    wait_in(browser, 1500)
    assert browser.text("#voice") == before
    assert browser.run("document.querySelectorAll('[aria-live=polite], [aria-live=assertive]').length") == 0


@pytest.mark.parametrize("page", ["", "#/stuck", "#/rejected", "#/health", "#/task/task-3"])
@pytest.mark.parametrize("is_dark", [False, True])
def test_it_fits_a_phone(browser, server, page, is_dark):  # noqa: F811
    for at in range(30):
        server.say(f"task-{at}", "RUNNING", step="a-step-of-some-length", progress=at / 30, task_name="a.name.of.some.length")
    browser.window(375, 740, dark=is_dark, is_phone=True)
    come_in(browser, server, page)
    browser.wait("document.documentElement.scrollWidth <= innerWidth")


def test_a_life_is_drawn_to_scale(browser, server):  # noqa: F811
    begin = now() - timedelta(minutes=5)
    for after, status, attempt in ((0, "QUEUED", 1), (20, "RUNNING", 1), (120, "FAILURE", 1), (180, "RUNNING", 2), (240, "SUCCESS", 2)):
        server.say("task", status, at=begin + timedelta(seconds=after), attempt=attempt, step=f"s{after}")
    come_in(browser, server, "#/task/task")
    browser.wait("document.querySelectorAll('.timeline .phase').length === 3")
    widths = browser.run("[...document.querySelectorAll('.timeline .phase')].map((bar) => bar.getBBox().width)")
    assert widths[1] / widths[0] == pytest.approx(5, rel=0.05)
    assert widths[2] / widths[0] == pytest.approx(3, rel=0.05)
    assert "2 attempts in 4 min" in browser.run("document.querySelector('.timeline').getAttribute('aria-label')")


def test_filters_stand_in_the_address(browser, server):  # noqa: F811
    server.say("good", "SUCCESS", task_name="report")
    server.say("bad", "FAILURE", task_name="report")
    come_in(browser, server, "#/tasks?status=FAILURE")
    see(browser, "bad", "Failed")
    browser.wait("document.querySelectorAll('.rows .row').length === 1")
    browser.click(".tile[data-status=FAILURE]")
    see(browser, "good", "Succeeded")
    assert browser.run("location.hash") == "#/tasks"


def test_rows_that_another_filter_has_loaded_leave_no_gaps(browser, server):  # noqa: F811
    begin = now() - timedelta(hours=3)
    for at in range(3000):
        server.say(f"task-{at:04}", "FAILURE" if at % 3 == 0 else "SUCCESS", at=begin + timedelta(seconds=at))
    come_in(browser, server, "#/tasks?status=FAILURE")
    browser.wait("document.querySelector('#grid').getAttribute('aria-rowcount') === '1001'")
    browser.run("location.hash = '#/tasks'")
    browser.wait("document.querySelector('#grid').getAttribute('aria-rowcount') === '1001'"
                 " && document.querySelector('#summary').innerText.startsWith('1,000 tasks, older ones')")  # fmt: skip
    browser.run("document.querySelector('#grid').scrollTop = 1e9")
    browser.wait("document.querySelector('#grid').getAttribute('aria-rowcount') === '2001'")
    browser.run("document.querySelector('#grid').scrollTop = 1e9")
    browser.wait("document.querySelector('#grid').getAttribute('aria-rowcount') === '3001'")
    browser.run("document.querySelector('#grid').scrollTop = 1e9")
    see(browser, "task-0001", "Succeeded")
    assert "that is all" in browser.text("#summary")


def test_numbers_and_lists_that_can_not_be_had_are_said_to_be_old(browser, server):  # noqa: F811
    server.extra["rejected"] = [{"id": 1, "reason": "undecodable", "detail": "made by the test"}]
    server.say("task", "RUNNING")
    come_in(browser, server, "#/rejected")
    browser.wait("document.querySelector('#rejected tbody tr') !== null")
    server.refuses = {"/api/stats", "/api/rejected"}
    browser.wait("document.querySelector('#rejected').innerText.includes('This is as of')", 20)
    assert "undecodable" in browser.text("#rejected tbody")
    browser.run("location.hash = '#/tasks'")
    browser.wait("document.querySelector('#tiles-note').innerText.includes('PostgreSQL cannot be asked now')")
    assert browser.run("getComputedStyle(document.querySelector('#tiles')).opacity < 1")
    assert browser.run("document.body.dataset.state") == "live"

    server.refuses = set()
    browser.wait("document.querySelector('#tiles-note').hidden", 20)
    assert browser.run("getComputedStyle(document.querySelector('#tiles')).opacity") == "1"


def test_who_has_no_token_is_asked_for_it(browser, server):  # noqa: F811
    server.wants_token = True
    browser.open(server.url)
    browser.wait("document.querySelector('#sign-in').hidden === false")


def test_a_paused_list_stands_still(browser, server):  # noqa: F811
    server.say("one", "RUNNING")
    come_in(browser, server)
    see(browser, "one", "Running")
    browser.click("#pause")
    server.say("two", "RUNNING")
    server.say("detour", "RUNNING")
    browser.wait("document.querySelector('#pause').getAttribute('aria-pressed') === 'true'")
    wait_in(browser, 1500)
    assert browser.run("document.querySelectorAll('.rows .row').length") == 1
    browser.click("#pause")
    see(browser, "two", "Running")


def test_the_choice_of_colours_is_remembered(browser, server):  # noqa: F811
    come_in(browser, server)
    light = browser.run("getComputedStyle(document.body).backgroundColor")
    browser.run("(() => { const choice = document.querySelector('#theme'); choice.value = 'dark';"
                " choice.dispatchEvent(new Event('change')); })()")  # fmt: skip
    assert browser.run("getComputedStyle(document.body).backgroundColor") != light
    come_in(browser, server, "?again")
    assert browser.run("document.documentElement.dataset.theme") == "dark"
    browser.run("localStorage.clear()")


def test_a_list_whose_first_pages_are_empty_is_gone_on_with(browser, server):  # noqa: F811
    server.empty_pages = 3
    server.extra["stuck"] = [{"task_id": "silent", "status": "RUNNING", "producer_pid": 4711, "silent_us": 400e6}]
    come_in(browser, server, "#/stuck")
    browser.wait("document.querySelector('#stuck td a')?.innerText === 'silent'")
    assert "No task is stuck" not in browser.text("#stuck")


def test_a_task_opened_from_another_list_leads_back_to_it(browser, server):  # noqa: F811
    server.say("silent", "RUNNING")
    server.extra["stuck"] = [{"task_id": "silent", "status": "RUNNING", "producer_pid": 4711, "silent_us": 400e6}]
    come_in(browser, server, "#/stuck")
    browser.wait("document.querySelector('#stuck td a')?.innerText === 'silent'")
    assert "4711" in browser.text("#stuck tbody")
    browser.click("#stuck td a")
    browser.wait("document.activeElement.id === 'detail-title'")
    browser.press("Escape")
    browser.wait("document.querySelector('#detail').hidden && location.hash === '#/stuck'")
